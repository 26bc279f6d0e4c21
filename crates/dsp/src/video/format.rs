//! The pixel formats and how their planes lie in memory.

/// A pixel format; packed ones are named after the order of their bytes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Four bytes for each pixel: red, green, blue, alpha.
    Rgba,
    /// Alpha, blue, green, red.
    Abgr,
    /// Alpha, red, green, blue.
    Argb,
    /// Blue, green, red, alpha.
    Bgra,
    /// Three bytes for each pixel: red, green, blue.
    Rgb24,
    /// Planes Y, U, V; chroma halved both ways, rounded up.
    I420,
    /// [`PixelFormat::I420`] and a plane of alpha in full size.
    I420a,
    /// Planes Y, U, V; chroma halved horizontally.
    I422,
    /// Planes Y, U, V in full size.
    I444,
    /// [`PixelFormat::I420`] with ten bits in the low end of 16-bit samples, native byte order.
    I010,
    /// Planes Y and interleaved UV; chroma halved both ways.
    Nv12,
}

use super::VideoError;

/// Whether `rows` rows of `row` bytes, `stride` apart, fit into `len` bytes; the last row needs no padding.
pub(super) fn check_plane(
    format: PixelFormat,
    plane: usize,
    len: usize,
    stride: usize,
    row: usize,
    rows: usize,
) -> Result<(), VideoError> {
    let needed = rows
        .checked_sub(1)
        .and_then(|gaps| gaps.checked_mul(stride))
        .and_then(|bytes| bytes.checked_add(row));
    if stride >= row && needed.is_some_and(|needed| needed <= len) {
        Ok(())
    } else {
        Err(VideoError::Plane {
            format,
            plane,
            rows,
            row,
            stride,
            len,
        })
    }
}
