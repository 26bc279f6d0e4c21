//! Raw video frames and the buffers behind them.

use std::fmt::Debug;

use lk_media::video::FrameTrailer;
use lk_types::Rotation;
use thiserror::Error;

use crate::video_source::VideoResolution;

mod buffers;
pub mod native;
mod planes;

pub use buffers::{I010Buffer, I420ABuffer, I420Buffer, I422Buffer, I444Buffer, NV12Buffer};

/// A frame could not be handed to a sink.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The platform refused it.
    #[error("the platform refused the frame: {0}")]
    Platform(String),
}

/// How far a frame must be turned clockwise before it is shown.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum VideoRotation {
    /// Upright.
    VideoRotation0 = 0,
    /// A quarter turn.
    VideoRotation90 = 90,
    /// Half a turn.
    VideoRotation180 = 180,
    /// Three quarters.
    VideoRotation270 = 270,
}

impl From<Rotation> for VideoRotation {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::None => Self::VideoRotation0,
            Rotation::Quarter => Self::VideoRotation90,
            Rotation::Half => Self::VideoRotation180,
            Rotation::ThreeQuarters => Self::VideoRotation270,
        }
    }
}

impl From<VideoRotation> for Rotation {
    fn from(rotation: VideoRotation) -> Self {
        match rotation {
            VideoRotation::VideoRotation0 => Self::None,
            VideoRotation::VideoRotation90 => Self::Quarter,
            VideoRotation::VideoRotation180 => Self::Half,
            VideoRotation::VideoRotation270 => Self::ThreeQuarters,
        }
    }
}

/// Packed formats of four bytes for each pixel. The names give the bytes of a little-endian word from the
/// highest to the lowest, so that `ARGB` lies in memory as B, G, R, A.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum VideoFormatType {
    /// In memory B, G, R, A.
    ARGB,
    /// In memory A, R, G, B.
    BGRA,
    /// In memory R, G, B, A.
    ABGR,
    /// In memory A, B, G, R.
    RGBA,
}

/// Which buffer stands behind a frame.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoBufferType {
    /// Memory of the platform.
    Native,
    /// Three planes, chroma halved both ways.
    I420,
    /// I420 with an alpha plane.
    I420A,
    /// Three planes, chroma halved horizontally.
    I422,
    /// Three planes of full size.
    I444,
    /// I420 with ten bits in each 16-bit sample.
    I010,
    /// One luma plane, one plane of interleaved chroma halved both ways.
    NV12,
}

/// What a packet trailer carries beside the picture; each field is negotiated on its own.
#[derive(Debug, Clone)]
pub struct FrameMetadata {
    /// When the frame was captured, in microseconds of the program's clock.
    pub user_timestamp: Option<u64>,
    /// A number that grows from frame to frame.
    pub frame_id: Option<u32>,
    /// The program's own bytes; too many for the trailer are left out as a whole.
    pub user_data: Option<Vec<u8>>,
}

impl From<FrameTrailer> for FrameMetadata {
    fn from(trailer: FrameTrailer) -> Self {
        Self {
            user_timestamp: (trailer.user_timestamp != 0).then_some(trailer.user_timestamp),
            frame_id: (trailer.frame_id != 0).then_some(trailer.frame_id),
            user_data: (!trailer.user_data.is_empty()).then_some(trailer.user_data),
        }
    }
}

impl FrameMetadata {
    pub(crate) fn to_trailer(&self) -> FrameTrailer {
        FrameTrailer {
            user_timestamp: self.user_timestamp.unwrap_or(0),
            frame_id: self.frame_id.unwrap_or(0),
            user_data: self.user_data.clone().unwrap_or_default(),
        }
    }
}

/// Codec of a frame that the program encoded itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodedVideoCodec {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// VP8.
    VP8,
    /// VP9.
    VP9,
    /// AV1.
    AV1,
}

/// Whether an encoded frame can be decoded alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedFrameType {
    /// It can.
    Key,
    /// It needs earlier frames.
    Delta,
}

/// One encoded frame that is sent as it is.
#[derive(Debug, Clone)]
pub struct EncodedVideoFrame<'a> {
    /// What it is encoded with.
    pub codec: EncodedVideoCodec,
    /// The whole access unit.
    pub payload: &'a [u8],
    /// When it was captured, in microseconds; 0 means now.
    pub timestamp_us: i64,
    /// Key or delta frame.
    pub frame_type: EncodedFrameType,
    /// Pixels.
    pub resolution: VideoResolution,
    /// Goes into the packet trailer.
    pub frame_metadata: Option<FrameMetadata>,
}

/// A picture with its time.
#[derive(Debug)]
pub struct VideoFrame<T>
where
    T: AsRef<dyn VideoBuffer>,
{
    /// How far to turn it before it is shown.
    pub rotation: VideoRotation,
    /// When it was captured, in microseconds; 0 means now.
    pub timestamp_us: i64,
    /// What the packet trailer carries, where one is in use.
    pub frame_metadata: Option<FrameMetadata>,
    /// The pixels.
    pub buffer: T,
}

impl<T: AsRef<dyn VideoBuffer>> VideoFrame<T> {
    /// A frame that is captured now.
    pub fn new(rotation: VideoRotation, buffer: T) -> Self {
        Self {
            rotation,
            timestamp_us: 0,
            frame_metadata: None,
            buffer,
        }
    }
}

/// A buffer of any type.
pub type BoxVideoBuffer = Box<dyn VideoBuffer>;
/// A frame with a buffer of any type.
pub type BoxVideoFrame = VideoFrame<BoxVideoBuffer>;

pub(crate) mod internal {
    use super::{I420Buffer, VideoFormatType};

    /// Conversions that every buffer has; sealed, so that only this crate's buffers exist.
    pub trait BufferSealed: Send + Sync {
        /// The same picture as I420.
        fn to_i420(&self) -> I420Buffer;

        /// Writes the top left `dst_width * dst_height` pixels as packed RGB (BT.601, limited range). A
        /// negative height turns the picture upside down. Rows that do not fit into `dst` are left out.
        fn to_argb(
            &self,
            format: VideoFormatType,
            dst: &mut [u8],
            dst_stride: u32,
            dst_width: i32,
            dst_height: i32,
        );
    }
}

/// Pixels in memory.
pub trait VideoBuffer: internal::BufferSealed + Debug {
    /// Pixels in a row.
    fn width(&self) -> u32;
    /// Rows.
    fn height(&self) -> u32;
    /// Which of the `as_…` methods answers.
    fn buffer_type(&self) -> VideoBufferType;

    /// Itself, where it is memory of the platform.
    fn as_native(&self) -> Option<&native::NativeBuffer> {
        None
    }

    /// Itself, where it is I420.
    fn as_i420(&self) -> Option<&I420Buffer> {
        None
    }

    /// Itself, where it is I420 with alpha.
    fn as_i420a(&self) -> Option<&I420ABuffer> {
        None
    }

    /// Itself, where it is I422.
    fn as_i422(&self) -> Option<&I422Buffer> {
        None
    }

    /// Itself, where it is I444.
    fn as_i444(&self) -> Option<&I444Buffer> {
        None
    }

    /// Itself, where it is I010.
    fn as_i010(&self) -> Option<&I010Buffer> {
        None
    }

    /// Itself, where it is NV12.
    fn as_nv12(&self) -> Option<&NV12Buffer> {
        None
    }
}
