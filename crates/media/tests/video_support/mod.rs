//! A sender, a network and a receiver of one video stream, on virtual time.

#![expect(dead_code, reason = "each test program uses its part of this")]

pub mod frames;
pub mod session;
