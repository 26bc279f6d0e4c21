//! Encoders and decoders, each family behind a cargo feature of its own.
//!
//! A codec here turns one block of samples, or one picture, into one packet and back. It knows neither RTP nor time:
//! sequence numbers, jitter buffers and pacing belong to the callers.
//!
//! `unsafe` is allowed in the modules named `sys` and nowhere else.
#![deny(unsafe_code)]

#[cfg(feature = "aom")]
mod aom;
#[cfg(feature = "dav1d")]
mod dav1d;
#[cfg(feature = "openh264")]
mod openh264;
#[cfg(feature = "opus")]
pub mod opus;
#[cfg(any(feature = "vpx", feature = "aom"))]
mod shim;
pub mod video;
#[cfg(feature = "vpx")]
mod vpx;
