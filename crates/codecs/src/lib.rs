//! Encoders and decoders, each family behind a cargo feature of its own.
//!
//! A codec here turns one block of samples into one packet and back. It knows neither RTP nor time:
//! sequence numbers, jitter buffers and pacing belong to the callers.
#![forbid(unsafe_code)]

#[cfg(feature = "opus")]
pub mod opus;
