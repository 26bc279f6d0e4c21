//! LiveKit's real-time audio, video and data client behind one C entry point.
//!
//! From top to bottom, each part using only what stands below it: `cabi` (the
//! five exported functions), [`dispatch`], handlers, events, [`server`],
//! conversions, [`hostmem`], [`proto`] and [`error`]. `unsafe` is allowed in
//! `cabi` and `hostmem` alone.

#![deny(unsafe_code)]

#[expect(unsafe_code, reason = "the C boundary")]
pub mod cabi;
mod convert;
pub mod dispatch;
pub mod error;
mod events;
#[cfg(any(test, feature = "fault-injection"))]
mod fault;
mod handlers;
#[expect(unsafe_code, reason = "turns the host's addresses into slices")]
pub mod hostmem;
pub mod proto;
pub mod server;
