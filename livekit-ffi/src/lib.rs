//! LiveKit's real-time audio, video and data client behind one C entry point.
//!
//! From top to bottom, each part using only what stands below it: `cabi` (the
//! five exported functions), [`dispatch`], handlers, events, [`server`],
//! conversions, [`hostmem`], [`proto`] and [`error`]. `unsafe` is allowed in
//! `cabi` and `hostmem` alone.

#![deny(unsafe_code)]

pub mod dispatch;
pub mod error;
#[expect(unsafe_code, reason = "turns the host's addresses into slices")]
pub mod hostmem;
pub mod proto;
pub mod server;
