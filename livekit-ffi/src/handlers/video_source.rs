//! Pictures of the host's on their way in: sources, and frames captured into them.

use std::sync::Arc;

use livekit::webrtc::{
    video_frame::{EncodedVideoFrame, I420Buffer, VideoFrame, VideoRotation},
    video_source::native::NativeVideoSource,
};
use lk_dsp::video::{PictureMut, PixelFormat, PlaneMut, convert};

use super::video_buffer::picture;
use crate::{
    convert::{enum_field, video},
    error::FfiError,
    events::given::owned,
    hostmem::HostMemory,
    proto,
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// Longest side of a picture that is sent, in pixels.
pub(super) const MAX_SIDE: u32 = 4_096;

/// Largest encoded frame, in bytes; more than any encoder makes of a picture of [`MAX_SIDE`].
const MAX_ENCODED: u64 = 32 << 20;

/// A source that the host feeds.
pub(crate) struct VideoSourceObject {
    pub(super) source: NativeVideoSource,
    /// It takes frames that the host encoded, and no others.
    encoded: bool,
}

impl Resource for VideoSourceObject {
    const KIND: &'static str = "video source";
}

/// Makes a source.
pub(crate) fn create(
    server: &Arc<Server>,
    request: &proto::NewVideoSourceRequest,
) -> Result<proto::NewVideoSourceResponse, FfiError> {
    let kind = enum_field::<proto::VideoSourceType>("type", request.r#type)?;
    let size = &request.resolution;
    let fields = ["resolution.width", "resolution.height"];
    let resolution = video::resolution(fields, size.width, size.height, MAX_SIDE)?;
    let encoded = kind == proto::VideoSourceType::VideoSourceEncoded;
    let source = if encoded {
        NativeVideoSource::new_encoded(resolution)
    } else {
        NativeVideoSource::new(resolution, request.is_screencast.unwrap_or(false))
    };
    Ok(proto::NewVideoSourceResponse {
        source: own(server, source, encoded),
    })
}

/// Gives the host a source; one of frames that come encoded takes no pictures.
pub(super) fn own(
    server: &Server,
    source: NativeVideoSource,
    encoded: bool,
) -> proto::OwnedVideoSource {
    let kind = if encoded {
        proto::VideoSourceType::VideoSourceEncoded
    } else {
        proto::VideoSourceType::VideoSourceNative
    };
    let object = Arc::new(VideoSourceObject { source, encoded });
    proto::OwnedVideoSource {
        handle: owned(server.handles().insert(object, Ownership::HOST)),
        info: proto::VideoSourceInfo {
            r#type: kind.into(),
        },
    }
}

/// Copies a picture and hands it to its source. Where nobody takes it, it is forgotten.
pub(crate) fn capture(
    server: &Server,
    memory: &HostMemory,
    request: proto::CaptureVideoFrameRequest,
) -> proto::CaptureVideoFrameResponse {
    let outcome = capture_picture(server, memory, request);
    proto::CaptureVideoFrameResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

fn capture_picture(
    server: &Server,
    memory: &HostMemory,
    request: proto::CaptureVideoFrameRequest,
) -> Result<(), FfiError> {
    let object = source(server, request.source_handle, false)?;
    let rotation = enum_field::<proto::VideoRotation>("rotation", request.rotation)?;
    let picture = picture(memory, &request.buffer, MAX_SIDE)?;
    let (width, height) = picture.size();
    let mut buffer = I420Buffer::new(width, height);
    let (stride_y, stride_u, stride_v) = buffer.strides();
    let (y, u, v) = buffer.data_mut();
    let planes = [(y, stride_y), (u, stride_u), (v, stride_v)].map(|(data, stride)| PlaneMut {
        data,
        stride: stride as usize,
    });
    let mut target = PictureMut::new(PixelFormat::I420, width, height, planes)?;
    convert(&picture, &mut target, false)?;
    object.source.capture_picture(VideoFrame {
        rotation: VideoRotation::from(rotation),
        timestamp_us: request.timestamp_us,
        frame_metadata: video::metadata(request.metadata),
        buffer,
    });
    Ok(())
}

/// Hands a frame that the host encoded to its source; says whether it is sent.
pub(crate) fn capture_encoded(
    server: &Server,
    memory: &HostMemory,
    request: proto::CaptureEncodedVideoFrameRequest,
) -> Result<proto::CaptureEncodedVideoFrameResponse, FfiError> {
    let object = source(server, request.source_handle, true)?;
    let codec = enum_field::<proto::VideoCodec>("codec", request.codec)?;
    let frame_type = enum_field::<proto::EncodedFrameType>("frame_type", request.frame_type)?;
    let resolution =
        video::resolution(["width", "height"], request.width, request.height, MAX_SIDE)?;
    let length = request.buffer.data_len;
    if !(1..=MAX_ENCODED).contains(&length) {
        return Err(FfiError::field(
            "buffer.data_len",
            length,
            "an encoded frame has 1 to 33554432 bytes",
        ));
    }
    let payload = memory.bytes("buffer.data_ptr", request.buffer.data_ptr, length)?;
    let wire_codec = codec;
    let codec = codec.into();
    if object
        .source
        .published_codec()
        .is_some_and(|published| published != codec)
    {
        return Err(FfiError::field(
            "codec",
            wire_codec.as_str_name(),
            "the track is published in another codec",
        ));
    }
    let accepted = object.source.capture_encoded_frame(&EncodedVideoFrame {
        codec,
        payload,
        timestamp_us: request.timestamp_us,
        frame_type: frame_type.into(),
        resolution,
        frame_metadata: video::metadata(request.metadata),
    });
    Ok(proto::CaptureEncodedVideoFrameResponse { accepted })
}

/// What was asked of the host's encoder since the last call.
pub(crate) fn take_feedback(
    server: &Server,
    request: &proto::TakeEncodedVideoSourceFeedbackRequest,
) -> Result<proto::TakeEncodedVideoSourceFeedbackResponse, FfiError> {
    let object = source(server, request.source_handle, true)?;
    Ok(proto::TakeEncodedVideoSourceFeedbackResponse {
        keyframe_requested: object.source.take_keyframe_request(),
        rate_control: object
            .source
            .take_rate_control_request()
            .map(proto::EncodedRateControl::from),
    })
}

/// The source behind a handle, which must take the kind of frames that comes.
fn source(server: &Server, handle: u64, encoded: bool) -> Result<Arc<VideoSourceObject>, FfiError> {
    let object = server.handles().get::<VideoSourceObject>(handle)?;
    match (object.encoded, encoded) {
        (true, false) => Err(FfiError::field(
            "source_handle",
            handle,
            "a source of encoded frames; one of pictures is needed",
        )),
        (false, true) => Err(FfiError::field(
            "source_handle",
            handle,
            "a source of pictures; one of encoded frames is needed",
        )),
        _ => Ok(object),
    }
}
