//! Pictures that make no sense.

use super::PixelFormat;

/// A refused picture or size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// A side is 0, or longer than [`super::MAX_SIDE`].
    #[error(
        "width {width} and height {height} are not within 1..={}",
        super::MAX_SIDE
    )]
    Size {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The rows of a plane overlap, or reach past its bytes.
    #[error(
        "plane {plane} of {format:?}: {rows} rows of {row} bytes, stride {stride}, do not fit {len} bytes"
    )]
    Plane {
        /// What the planes belong to.
        format: PixelFormat,
        /// From 0, in the order of the format's letters.
        plane: usize,
        /// Rows of the plane.
        rows: usize,
        /// Bytes used in each row.
        row: usize,
        /// Bytes from one row to the next.
        stride: usize,
        /// Bytes there are.
        len: usize,
    },
    /// Two pictures that must be of one size are not.
    #[error(
        "the source is {source_width} x {source_height}, the target {target_width} x {target_height}"
    )]
    SizesDiffer {
        /// The source's pixels in a row.
        source_width: u32,
        /// The source's rows.
        source_height: u32,
        /// The target's pixels in a row.
        target_width: u32,
        /// The target's rows.
        target_height: u32,
    },
}
