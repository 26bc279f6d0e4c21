//! Changing rate and channels of the host's own sound.

use std::sync::Arc;

use livekit::webrtc::native::audio_resampler::AudioResampler;
use parking_lot::Mutex;

use super::audio_source::{frame, limits};
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
    let sample_rate = limits::sample_rate("sample_rate", request.sample_rate)?;
    let input = frame(memory, &request.buffer)?;
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
