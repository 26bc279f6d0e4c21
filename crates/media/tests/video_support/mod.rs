//! A sender, a network and a receiver of one video stream, on virtual time.

pub(crate) mod frames;
pub(crate) mod session;
