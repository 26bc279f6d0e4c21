//! Received audio: from RTP packets to an even flow of PCM, and the redundancy format of RFC 2198.
//!
//! [`JitterBuffer`] takes packets as the network delivers them and gives 10 ms of PCM whenever it is asked.
//! [`red`] packs and unpacks the payloads of `audio/red`.
//!
//! All time inside is counted in frames of 48 kHz (RFC 7587 §4.1: Opus' RTP clock), as `i64`, so that media time,
//! arrival time and play-out time can be subtracted from one another.

pub mod red;

mod arrivals;
mod clock;
mod correlate;
mod decoder;
mod jitter;
mod output;
mod packets;
mod splice;
mod stats;
mod stretch;
mod target;
mod unwrap;

pub use decoder::{AudioDecoder, DecodeError};
pub use jitter::{AudioPacket, JitterBuffer, JitterConfig, PullKind, Pulled};
pub use stats::AudioStats;

/// RTP clock and PCM rate of everything in this module, in Hz.
pub const SAMPLE_RATE: u32 = 48_000;

/// Frames (samples in each channel) that one pull returns: 10 ms.
pub const PULL_FRAMES: usize = 480;

/// Longest packet that Opus knows: 120 ms (RFC 6716 §3.2.5), in frames.
pub const MAX_PACKET_FRAMES: usize = 5_760;

/// Frames in a number of milliseconds.
const fn ms(milliseconds: i64) -> i64 {
    milliseconds * SAMPLE_RATE as i64 / 1_000
}
