//! Video between the codecs and RTP.

pub mod annexb;
mod bits;
mod error;
pub mod h264;
mod h264_sps;
mod packetize;
mod payloads;
mod receive;
pub mod vp8;

pub use error::{PacketizeError, PayloadError};
pub use packetize::{LEAST_PAYLOAD, Packetizer, PacketizerConfig, RtpPayload};
pub use receive::{AssembledFrame, FrameBuffer, FrameBufferConfig, RtpPacket, VideoReceiveStats};
