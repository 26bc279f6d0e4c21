//! Pictures: scaling, and conversion between the pixel formats of the protocol.
//!
//! Colour is BT.601, limited range. Everything works on borrowed planes with strides in bytes; sizes and strides
//! are checked once at the entry, the loops behind it cannot fail.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod convert;
mod error;
mod format;
mod planes;
mod rotate;
mod rows;
mod scale;
mod sys;

pub use convert::convert;
pub use error::VideoError;
pub use format::{MAX_PLANES, Picture, PictureMut, PixelFormat, Plane, PlaneMut};
pub use rotate::rotate_i420;
pub use scale::{scale_i420, scale_plane};
pub use sys::sample_bytes;

/// Longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_384;

fn check_size(width: u32, height: u32) -> Result<(), VideoError> {
    let sides = 1..=MAX_SIDE;
    if sides.contains(&width) && sides.contains(&height) {
        Ok(())
    } else {
        Err(VideoError::Size { width, height })
    }
}
