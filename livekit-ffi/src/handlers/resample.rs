//! Changing rate and channels of the host's own sound.

use std::sync::Arc;

use livekit::webrtc::native::audio_resampler::AudioResampler;
use parking_lot::Mutex;

use super::audio_source::{frame_of_any_rate, limits};
use crate::{
    error::FfiError,
    events::given::owned,
    hostmem::HostMemory,
    proto,
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// A resampler with its memory of the sound before.
struct ResamplerObject(Mutex<AudioResampler>);

impl Resource for ResamplerObject {
    const KIND: &'static str = "audio resampler";
}

/// Sound that we made for the host, which reads it where it lies.
struct Resampled(#[expect(dead_code, reason = "keeps the host's view alive")] Vec<i16>);

impl Resource for Resampled {
    const KIND: &'static str = "audio frame";
}

/// Makes a resampler; one per stream of sound.
pub(crate) fn create(server: &Server) -> proto::NewAudioResamplerResponse {
    let object = Arc::new(ResamplerObject(Mutex::new(AudioResampler::default())));
    let handle = server.handles().insert(object, Ownership::HOST);
    proto::NewAudioResamplerResponse {
        resampler: proto::OwnedAudioResampler {
            handle: owned(handle),
            info: proto::AudioResamplerInfo {},
        },
    }
}

/// Converts one frame.
pub(crate) fn remix_and_resample(
    server: &Server,
    memory: &HostMemory,
    request: &proto::RemixAndResampleRequest,
) -> Result<proto::RemixAndResampleResponse, FfiError> {
    let object = server
        .handles()
        .get::<ResamplerObject>(request.resampler_handle)?;
    let num_channels = limits::channels("num_channels", request.num_channels)?;
    let sample_rate = limits::any_sample_rate("sample_rate", request.sample_rate)?;
    let input = frame_of_any_rate(memory, &request.buffer)?;
    let data = object
        .0
        .lock()
        .remix_and_resample(
            &input.data,
            input.samples_per_channel,
            input.num_channels,
            input.sample_rate,
            num_channels,
            sample_rate,
        )
        .to_vec();
    let samples_per_channel = u32::try_from(data.len()).unwrap_or(u32::MAX) / num_channels;
    let info = proto::AudioFrameBufferInfo {
        data_ptr: data.as_ptr().expose_provenance() as u64,
        num_channels,
        sample_rate,
        samples_per_channel,
    };
    let handle = server
        .handles()
        .insert(Arc::new(Resampled(data)), Ownership::HOST);
    Ok(proto::RemixAndResampleResponse {
        buffer: proto::OwnedAudioFrameBuffer {
            handle: owned(handle),
            info,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{ServerConfig, events::EventSink};

    struct Deaf;
    impl EventSink for Deaf {
        fn deliver(&self, _: &[u8]) {}
    }

    fn request(handle: u64, data: &[i16], channels: u32) -> proto::RemixAndResampleRequest {
        proto::RemixAndResampleRequest {
            resampler_handle: handle,
            buffer: proto::AudioFrameBufferInfo {
                data_ptr: data.as_ptr().expose_provenance() as u64,
                num_channels: channels,
                sample_rate: 48_000,
                samples_per_channel: data.len() as u32 / channels,
            },
            num_channels: 1,
            sample_rate: 48_000,
        }
    }

    #[test]
    fn every_channel_pair_and_the_rates_of_files_are_served() {
        let server = Server::with_sink(ServerConfig::default(), Arc::new(Deaf)).unwrap();
        let memory = HostMemory::for_tests();
        for from in 1..=8 {
            for to in 1..=8 {
                for (in_rate, out_rate) in [(48_000, 48_000), (22_050, 16_000), (48_000, 11_025)] {
                    let handle = create(&server).resampler.handle.id;
                    // The left side alone, for a tenth of a second.
                    let data: Vec<i16> = (0..in_rate / 10 * from)
                        .map(|at| if at % from == 0 { 8_000 } else { 0 })
                        .collect();
                    let mut asked = request(handle, &data, from);
                    asked.buffer.sample_rate = in_rate;
                    (asked.num_channels, asked.sample_rate) = (to, out_rate);
                    let given = remix_and_resample(&server, &memory, &asked).unwrap().buffer;
                    let info = given.info;
                    assert_eq!((info.num_channels, info.sample_rate), (to, out_rate));
                    assert_eq!(
                        info.samples_per_channel,
                        (out_rate / 10).max(1) + u32::from(out_rate % 10 != 0)
                    );
                    let samples = u64::from(info.samples_per_channel * to);
                    let out = memory.samples("data_ptr", info.data_ptr, samples).unwrap();
                    let middle = &out[out.len() / 2 / to as usize * to as usize..][..to as usize];
                    assert!(middle[0] > 800, "{from} to {to}: {middle:?}");
                    if from > 1 && to > 1 {
                        assert_eq!(middle[1], 0, "{from} to {to}: {middle:?}");
                    }
                    assert!(server.handles().drop_handle(handle));
                }
            }
        }
        server.dispose();
    }

    #[test]
    fn sound_that_cannot_be_is_refused_by_name() {
        let server = Server::with_sink(ServerConfig::default(), Arc::new(Deaf)).unwrap();
        let memory = HostMemory::for_tests();
        let data = [0_i16; 960];
        let handle = create(&server).resampler.handle.id;
        type Spoil = fn(&mut proto::RemixAndResampleRequest);
        let cases: [(&str, Spoil); 10] = [
            ("audio resampler", |bad| bad.resampler_handle = 0),
            ("buffer.data_ptr", |bad| bad.buffer.data_ptr = 0),
            ("buffer.data_ptr", |bad| bad.buffer.data_ptr += 1),
            ("buffer.data_ptr", |bad| {
                bad.buffer.data_ptr = u64::MAX - 1;
            }),
            ("buffer.num_channels", |bad| bad.buffer.num_channels = 0),
            ("buffer.num_channels", |bad| bad.buffer.num_channels = 9),
            ("buffer.sample_rate", |bad| bad.buffer.sample_rate = 7_999),
            ("num_channels", |bad| bad.num_channels = u32::MAX),
            ("sample_rate", |bad| bad.sample_rate = 0),
            ("sample_rate", |bad| bad.sample_rate = u32::MAX),
        ];
        for (field, spoil) in cases {
            let mut bad = request(handle, &data, 2);
            spoil(&mut bad);
            let error = remix_and_resample(&server, &memory, &bad)
                .unwrap_err()
                .to_string();
            assert!(error.contains(field), "{field}: {error}");
        }
        server.dispose();
    }
}
