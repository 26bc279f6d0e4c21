//! What happens to media between RTP and the codecs: packet formats and jitter buffers.
//!
//! Everything here is sans-IO: the caller owns sockets, threads and the clock, and passes the time in as an
//! [`std::time::Instant`]. No codec lives here either; a buffer that must decode is given an object that can.
#![forbid(unsafe_code)]

pub mod audio;
pub mod video;
