//! Video between encoded frames and RTP packets.
//!
//! [`Packetizer`] cuts the frames of a stream into payloads, [`FrameBuffer`] puts received ones in order and together
//! again and gives those that a decoder can take. [`descriptor`] reads and writes the dependency descriptor. Beside
//! them: [`allocation`] and [`degradation`] say how to use a bitrate, [`remb_estimator`] what the path to us carries,
//! [`probe`] what a foreign frame is.
//!
//! Sequence numbers, retransmission, pacing and transport-wide feedback are the engine's.

pub mod allocation;
pub mod annexb;
pub mod av1;
mod av1_sequence;
mod bits;
pub mod degradation;
pub mod descriptor;
mod error;
pub mod h264;
mod h264_sps;
pub mod h265;
mod h265_sps;
mod nal;
mod packetize;
mod payloads;
mod probe;
mod receive;
pub mod remb_estimator;
mod trailer;
pub mod vp8;
pub mod vp9;

pub use error::{PacketizeError, PayloadError};
pub use packetize::{LEAST_PAYLOAD, Packetizer, PacketizerConfig, RtpPayload};
pub use probe::{FrameFacts, probe};
pub use receive::{AssembledFrame, FrameBuffer, FrameBufferConfig, RtpPacket, VideoReceiveStats};
pub use trailer::FrameTrailer;
