//! Sources that the library reads itself: test pictures, a clock, pipelines of GStreamer.
//!
//! Each feeds a video source that the host publishes as any other; its pictures never cross the C boundary. From start
//! to end a capture has one thread; the end is told once.

mod drawn;
mod gstreamer;
mod pump;

use std::sync::Arc;

use livekit::webrtc::video_source::{VideoResolution, native::NativeVideoSource};

use self::{
    drawn::{Drawing, Drawn},
    pump::{Producer, Pump},
};
use super::{
    answer,
    video_source::{self, MAX_SIDE},
};
use crate::{
    convert::{enum_field, video},
    error::FfiError,
    events::given::owned,
    proto::{
        self, ffi_event::Message, new_capture_source_callback::Message as Outcome,
        new_capture_source_request::Config,
    },
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// More pictures a second than any screen shows.
const MAX_FRAMERATE: u32 = 240;

/// A source with what feeds it. Dropped while it runs, it stops.
pub(crate) struct CaptureObject {
    pump: Pump,
}

impl Resource for CaptureObject {
    const KIND: &'static str = "capture source";
}

/// What a configuration comes to.
struct Source {
    producer: Box<dyn Producer>,
    rtc: NativeVideoSource,
    resolution: VideoResolution,
    /// Of frames that come encoded.
    codec: Option<proto::VideoCodec>,
}

/// Makes a source; the callback brings it, with the video source to publish.
pub(crate) fn create(
    server: &Arc<Server>,
    request: proto::NewCaptureSourceRequest,
) -> Result<proto::NewCaptureSourceResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let to = Arc::clone(server);
    let config = request.config;
    // A pipeline takes its time to start.
    let task = async move {
        let made = tokio::task::spawn_blocking(move || source(config)).await;
        let source = made.map_err(|error| FfiError::operation("new_capture_source", error))??;
        Ok::<_, FfiError>(own(&to, source))
    };
    answer(server, "new_capture_source", Ok(task), move |outcome| {
        Message::NewCaptureSource(proto::NewCaptureSourceCallback {
            async_id,
            message: Some(match outcome {
                Ok(source) => Outcome::Source(source),
                Err(error) => Outcome::Error(error),
            }),
        })
    })?;
    Ok(proto::NewCaptureSourceResponse { async_id })
}

/// Begins to capture.
pub(crate) fn start(
    server: &Arc<Server>,
    request: &proto::StartCaptureRequest,
) -> proto::StartCaptureResponse {
    let handle = request.capture_handle;
    let started = server
        .handles()
        .get::<CaptureObject>(handle)
        .map_err(FfiError::from)
        .and_then(|object| object.pump.start(server, handle));
    proto::StartCaptureResponse {
        error: started.err().map(|error| error.to_string()),
    }
}

/// Ends a capture after the picture in flight; one that is over stays so, and one that was not begun ends when it is.
pub(crate) fn stop(
    server: &Server,
    request: &proto::StopCaptureRequest,
) -> proto::StopCaptureResponse {
    let object = server
        .handles()
        .get::<CaptureObject>(request.capture_handle);
    let error = match object {
        Ok(object) => {
            object.pump.stop();
            None
        }
        Err(error) => Some(FfiError::from(error).to_string()),
    };
    proto::StopCaptureResponse { error }
}

fn source(config: Option<Config>) -> Result<Source, FfiError> {
    match config {
        Some(Config::Pattern(config)) => {
            let drawing = match enum_field::<proto::Pattern>("pattern.pattern", config.pattern)? {
                proto::Pattern::Gradient => Drawing::Gradient,
                proto::Pattern::Logo => Drawing::Logo,
            };
            let fields = [
                "pattern.resolution.width",
                "pattern.resolution.height",
                "pattern.framerate_fps",
            ];
            drawn(drawing, fields, config.resolution, config.framerate_fps)
        }
        Some(Config::Clock(config)) => {
            let fields = [
                "clock.resolution.width",
                "clock.resolution.height",
                "clock.framerate_fps",
            ];
            drawn(
                Drawing::Clock,
                fields,
                config.resolution,
                config.framerate_fps,
            )
        }
        Some(Config::Gstreamer(config)) => gstreamer::source(config),
        None => Err(FfiError::field(
            "config",
            "not set",
            "one of gstreamer, pattern and clock is needed",
        )),
    }
}

fn drawn(
    drawing: Drawing,
    [width, height, framerate]: [&'static str; 3],
    size: proto::VideoSourceResolution,
    framerate_fps: u32,
) -> Result<Source, FfiError> {
    let resolution = video::resolution([width, height], size.width, size.height, MAX_SIDE)?;
    if !(1..=MAX_FRAMERATE).contains(&framerate_fps) {
        return Err(FfiError::field(
            framerate,
            framerate_fps,
            "must be 1 to 240 pictures a second",
        ));
    }
    let rtc = NativeVideoSource::new(resolution.clone(), false);
    let producer = Drawn::new(drawing, rtc.clone(), resolution.clone(), framerate_fps);
    Ok(Source {
        producer: Box::new(producer),
        rtc,
        resolution,
        codec: None,
    })
}

/// Gives the host a source.
fn own(server: &Server, source: Source) -> proto::OwnedCaptureSource {
    let encoded = source.codec.is_some();
    let kind = if encoded {
        proto::CaptureSourceKind::CaptureSourceEncoded
    } else {
        proto::CaptureSourceKind::CaptureSourcePixel
    };
    let recommended_publish_options = proto::TrackPublishOptions {
        video_codec: Some(source.codec.unwrap_or(proto::VideoCodec::Vp8).into()),
        // One stream is all that an encoder out there makes.
        simulcast: Some(!encoded),
        video_encoder: encoded.then(|| proto::VideoEncoderBackend::EncoderBackendPreEncoded.into()),
        ..Default::default()
    };
    let info = proto::CaptureSourceInfo {
        kind: kind.into(),
        resolution: proto::VideoSourceResolution {
            width: source.resolution.width,
            height: source.resolution.height,
        },
        codec: source.codec.map(Into::into),
        recommended_publish_options,
        video_source: video_source::own(server, source.rtc, encoded),
    };
    let object = Arc::new(CaptureObject {
        pump: Pump::new(source.producer),
    });
    proto::OwnedCaptureSource {
        handle: owned(server.handles().insert(object, Ownership::HOST)),
        info,
    }
}
