//! Sound of the host's on its way in: sources, and frames captured into them.

use std::{borrow::Cow, sync::Arc, time::Duration};

use livekit::webrtc::{
    audio_frame::AudioFrame,
    audio_source::{AudioSourceOptions, RtcAudioSource, native::NativeAudioSource},
};
use tokio::{sync::mpsc, time::timeout};

use super::platform_audio;
use crate::{
    convert::enum_field,
    error::FfiError,
    events::given::owned,
    hostmem::HostMemory,
    proto::{self, ffi_event::Message},
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// What a source is made of if the host does not say: as the stock library has it.
const DEFAULT_SAMPLE_RATE: u32 = 48_000;
const DEFAULT_CHANNELS: u32 = 1;
const DEFAULT_QUEUE_MS: u32 = 1_000;

/// The queue counts in frames of this length.
const QUEUE_STEP_MS: u32 = 10;

/// Queues longer than this are mistakes: nobody talks a minute ahead.
const MAX_QUEUE_MS: u32 = 60_000;

/// Frames that wait for the one before them. A host that awaits its callbacks has one.
const WAITING_FRAMES: usize = 1_024;

/// What accepting a frame may take beyond the time that the sound itself takes.
const CAPTURE_SLACK: Duration = Duration::from_secs(10);

/// Rates and channel counts that sound may have in either direction.
pub(super) mod limits {
    use crate::error::FfiError;

    const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
    const CHANNELS: std::ops::RangeInclusive<u32> = 1..=8;

    /// Refuses rates that cannot be cut into frames of 10 ms, and those out of all bounds.
    pub(in crate::handlers) fn sample_rate(
        field: &'static str,
        rate: u32,
    ) -> Result<u32, FfiError> {
        if RATES.contains(&rate) && rate.is_multiple_of(100) {
            Ok(rate)
        } else {
            Err(FfiError::field(
                field,
                rate,
                "must be 8000 to 192000 Hz, a multiple of 100",
            ))
        }
    }

    /// Refuses rates out of all bounds; frames of 10 ms need not be whole.
    pub(in crate::handlers) fn any_sample_rate(
        field: &'static str,
        rate: u32,
    ) -> Result<u32, FfiError> {
        if RATES.contains(&rate) {
            Ok(rate)
        } else {
            Err(FfiError::field(field, rate, "must be 8000 to 192000 Hz"))
        }
    }

    /// Refuses channel counts of 0 and those out of all bounds.
    pub(in crate::handlers) fn channels(
        field: &'static str,
        channels: u32,
    ) -> Result<u32, FfiError> {
        if CHANNELS.contains(&channels) {
            Ok(channels)
        } else {
            Err(FfiError::field(field, channels, "must be 1 to 8"))
        }
    }
}

/// A source of sound.
pub(crate) enum AudioSourceObject {
    /// The host feeds it. Frames are accepted one after the other.
    Host(HostSource),
    /// The platform's microphone.
    Microphone,
}

/// A source that the host feeds.
pub(crate) struct HostSource {
    source: NativeAudioSource,
    frames: mpsc::Sender<Capture>,
}

impl AudioSourceObject {
    /// As a track takes it.
    pub(super) fn source(&self) -> RtcAudioSource {
        match self {
            Self::Host(host) => RtcAudioSource::Native(host.source.clone()),
            Self::Microphone => RtcAudioSource::Device,
        }
    }

    /// What a frame goes to.
    fn host(&self, handle: u64) -> Result<&HostSource, FfiError> {
        match self {
            Self::Host(host) => Ok(host),
            Self::Microphone => Err(FfiError::field(
                "source_handle",
                handle,
                "the platform's microphone, which takes no frames",
            )),
        }
    }
}

impl Resource for AudioSourceObject {
    const KIND: &'static str = "audio source";
}

/// A frame that waits for the source.
pub(crate) struct Capture {
    frame: AudioFrame<'static>,
    async_id: u64,
}

/// Makes a source.
pub(crate) fn create(
    server: &Arc<Server>,
    request: &proto::NewAudioSourceRequest,
) -> Result<proto::NewAudioSourceResponse, FfiError> {
    let kind = enum_field::<proto::AudioSourceType>("type", request.r#type)?;
    let options = request.options.as_ref().map(|options| AudioSourceOptions {
        echo_cancellation: options.echo_cancellation,
        noise_suppression: options.noise_suppression,
        auto_gain_control: options.auto_gain_control,
    });
    if kind == proto::AudioSourceType::AudioSourcePlatform {
        // Rate, channels and queue are the device's own.
        platform_audio::prepare_microphone(server, request.platform_audio_handle, options)?;
        return Ok(own(server, kind, AudioSourceObject::Microphone));
    }
    let sample_rate = limits::sample_rate(
        "sample_rate",
        request.sample_rate.unwrap_or(DEFAULT_SAMPLE_RATE),
    )?;
    let num_channels = limits::channels(
        "num_channels",
        request.num_channels.unwrap_or(DEFAULT_CHANNELS),
    )?;
    let queue_ms = queue_size(request.queue_size_ms.unwrap_or(DEFAULT_QUEUE_MS))?;
    let runtime = server.runtime()?;
    let inside = runtime.enter();
    let source = NativeAudioSource::new(
        options.unwrap_or_default(),
        sample_rate,
        num_channels,
        queue_ms,
    );
    drop(inside);
    let (frames, waiting) = mpsc::channel(WAITING_FRAMES);
    let limit = Duration::from_millis(queue_ms.into()) + CAPTURE_SLACK;
    server.spawn(
        "capture_audio_frame",
        accept(Arc::clone(server), source.clone(), waiting, limit),
    )?;
    Ok(own(
        server,
        kind,
        AudioSourceObject::Host(HostSource { source, frames }),
    ))
}

/// Gives the host a source.
fn own(
    server: &Server,
    kind: proto::AudioSourceType,
    object: AudioSourceObject,
) -> proto::NewAudioSourceResponse {
    let handle = server.handles().insert(Arc::new(object), Ownership::HOST);
    proto::NewAudioSourceResponse {
        source: proto::OwnedAudioSource {
            handle: owned(handle),
            info: proto::AudioSourceInfo {
                r#type: kind.into(),
            },
        },
    }
}

/// Copies a frame and hands it to its source; the callback comes when the source has taken it.
pub(crate) fn capture(
    server: &Arc<Server>,
    memory: &HostMemory,
    request: &proto::CaptureAudioFrameRequest,
) -> proto::CaptureAudioFrameResponse {
    let async_id = server.async_id(request.request_async_id);
    if let Err(error) = enqueue(server, memory, request, async_id) {
        server.send(callback(async_id, Some(error.to_string())));
    }
    proto::CaptureAudioFrameResponse { async_id }
}

/// Throws away what waits to be sent.
pub(crate) fn clear(
    server: &Server,
    request: &proto::ClearAudioBufferRequest,
) -> Result<proto::ClearAudioBufferResponse, FfiError> {
    let object = server
        .handles()
        .get::<AudioSourceObject>(request.source_handle)?;
    match &*object {
        AudioSourceObject::Host(host) => host.source.clear_buffer(),
        // A device holds nothing back.
        AudioSourceObject::Microphone => {}
    }
    Ok(proto::ClearAudioBufferResponse {})
}

/// Reads a frame of the host's.
pub(super) fn frame(
    memory: &HostMemory,
    info: &proto::AudioFrameBufferInfo,
) -> Result<AudioFrame<'static>, FfiError> {
    limits::sample_rate("buffer.sample_rate", info.sample_rate)?;
    frame_of_any_rate(memory, info)
}

/// As [`frame`], also of rates that cannot be cut into frames of 10 ms.
pub(super) fn frame_of_any_rate(
    memory: &HostMemory,
    info: &proto::AudioFrameBufferInfo,
) -> Result<AudioFrame<'static>, FfiError> {
    limits::any_sample_rate("buffer.sample_rate", info.sample_rate)?;
    limits::channels("buffer.num_channels", info.num_channels)?;
    let samples = u64::from(info.num_channels) * u64::from(info.samples_per_channel);
    let data = memory
        .samples("buffer.data_ptr", info.data_ptr, samples)?
        .to_vec();
    Ok(AudioFrame {
        data: Cow::Owned(data),
        sample_rate: info.sample_rate,
        num_channels: info.num_channels,
        samples_per_channel: info.samples_per_channel,
    })
}

fn enqueue(
    server: &Server,
    memory: &HostMemory,
    request: &proto::CaptureAudioFrameRequest,
    async_id: u64,
) -> Result<(), FfiError> {
    let object = server
        .handles()
        .get::<AudioSourceObject>(request.source_handle)?;
    let host = object.host(request.source_handle)?;
    if request.buffer.samples_per_channel == 0 {
        return Err(FfiError::field(
            "buffer.samples_per_channel",
            0,
            "a frame holds samples",
        ));
    }
    let frame = frame(memory, &request.buffer)?;
    host.frames
        .try_send(Capture { frame, async_id })
        .map_err(|_| {
            FfiError::operation(
                "capture_audio_frame",
                format_args!("{WAITING_FRAMES} frames wait already: await the callbacks"),
            )
        })
}

/// Feeds the source until its handle is dropped and what was captured before is taken.
async fn accept(
    server: Arc<Server>,
    source: NativeAudioSource,
    mut waiting: mpsc::Receiver<Capture>,
    limit: Duration,
) {
    while let Some(Capture { frame, async_id }) = waiting.recv().await {
        let limit = limit + duration(&frame);
        let error = match timeout(limit, source.capture_frame(&frame)).await {
            Ok(outcome) => outcome.err().map(|error| error.to_string()),
            Err(_) => Some(
                FfiError::operation("capture_audio_frame", "the source takes no frames")
                    .to_string(),
            ),
        };
        server.send(callback(async_id, error));
    }
}

fn duration(frame: &AudioFrame<'_>) -> Duration {
    Duration::from_secs_f64(f64::from(frame.samples_per_channel) / f64::from(frame.sample_rate))
}

fn callback(async_id: u64, error: Option<String>) -> Message {
    Message::CaptureAudioFrame(proto::CaptureAudioFrameCallback { async_id, error })
}

fn queue_size(queue_ms: u32) -> Result<u32, FfiError> {
    if queue_ms > MAX_QUEUE_MS || !queue_ms.is_multiple_of(QUEUE_STEP_MS) {
        return Err(FfiError::field(
            "queue_size_ms",
            queue_ms,
            "must be a multiple of 10, at most 60000",
        ));
    }
    Ok(queue_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_queue_sizes_are_refused_by_name() {
        assert_eq!(queue_size(0).unwrap(), 0);
        assert_eq!(queue_size(1_000).unwrap(), 1_000);
        for bad in [55, 60_010, u32::MAX] {
            let error = queue_size(bad).unwrap_err().to_string();
            assert!(
                error.contains("queue_size_ms") && error.contains(&bad.to_string()),
                "{error}"
            );
        }
    }

    #[test]
    fn impossible_sound_is_refused_by_name() {
        assert_eq!(limits::sample_rate("sample_rate", 44_100).unwrap(), 44_100);
        for bad in [0, 7_999, 22_051, u32::MAX] {
            let error = limits::sample_rate("sample_rate", bad)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("sample_rate") && error.contains(&bad.to_string()),
                "{error}"
            );
        }
        assert_eq!(limits::channels("num_channels", 2).unwrap(), 2);
        for bad in [0, 9, u32::MAX] {
            let error = limits::channels("num_channels", bad)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("num_channels") && error.contains(&bad.to_string()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_frame_lasts_as_long_as_its_sound() {
        let frame = AudioFrame {
            data: Cow::Owned(vec![0; 960]),
            sample_rate: 48_000,
            num_channels: 2,
            samples_per_channel: 480,
        };
        assert_eq!(duration(&frame), Duration::from_millis(10));
    }
}
