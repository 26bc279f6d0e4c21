//! The planar buffer types.

use std::fmt;

use super::internal::BufferSealed;
use super::planes::{Plane, half, scale};
use super::{VideoBuffer, VideoBufferType, VideoFormatType};
use crate::native::yuv_helper;

/// Black in limited-range YUV has no chroma: the middle of the scale.
const NO_CHROMA: u8 = 128;

macro_rules! buffer_type {
    ($(#[$doc:meta])* $name:ident { $($plane:ident: $sample:ty),+ } $variant:ident, $as:ident) => {
        $(#[$doc])*
        pub struct $name {
            width: u32,
            height: u32,
            $($plane: Plane<$sample>,)+
        }

        impl VideoBuffer for $name {
            fn width(&self) -> u32 {
                self.width
            }

            fn height(&self) -> u32 {
                self.height
            }

            fn buffer_type(&self) -> VideoBufferType {
                VideoBufferType::$variant
            }

            fn $as(&self) -> Option<&$name> {
                Some(self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("width", &self.width)
                    .field("height", &self.height)
                    .finish_non_exhaustive()
            }
        }

        impl AsRef<dyn VideoBuffer> for $name {
            fn as_ref(&self) -> &(dyn VideoBuffer + 'static) {
                self
            }
        }
    };
}

buffer_type! {
    /// Three 8-bit planes, chroma halved both ways.
    I420Buffer { y: u8, u: u8, v: u8 } I420, as_i420
}
buffer_type! {
    /// [`I420Buffer`] with an alpha plane of full size.
    I420ABuffer { y: u8, u: u8, v: u8, a: u8 } I420A, as_i420a
}
buffer_type! {
    /// Three 8-bit planes, chroma halved horizontally.
    I422Buffer { y: u8, u: u8, v: u8 } I422, as_i422
}
buffer_type! {
    /// Three 8-bit planes of full size.
    I444Buffer { y: u8, u: u8, v: u8 } I444, as_i444
}
buffer_type! {
    /// [`I420Buffer`] with ten bits in the low end of each 16-bit sample.
    I010Buffer { y: u16, u: u16, v: u16 } I010, as_i010
}
buffer_type! {
    /// A luma plane, and one of interleaved chroma halved both ways.
    NV12Buffer { y: u8, uv: u8 } NV12, as_nv12
}

/// Methods of the three-plane types; `$chroma_width` and `$chroma_height` give a chroma plane's size.
macro_rules! three_planes {
    ($name:ident, $sample:ty, $chroma_width:expr, $chroma_height:expr) => {
        impl $name {
            /// A buffer of zeros. Strides are in samples; one below its row's width is raised to it.
            #[must_use]
            pub fn with_strides(
                width: u32,
                height: u32,
                stride_y: u32,
                stride_u: u32,
                stride_v: u32,
            ) -> $name {
                let (chroma_width, chroma_height) = ($chroma_width(width), $chroma_height(height));
                Self {
                    width,
                    height,
                    y: Plane::new(width, height, stride_y, 0),
                    u: Plane::new(chroma_width, chroma_height, stride_u, 0),
                    v: Plane::new(chroma_width, chroma_height, stride_v, 0),
                }
            }

            /// A buffer of zeros without padding.
            #[must_use]
            pub fn new(width: u32, height: u32) -> $name {
                Self::with_strides(
                    width,
                    height,
                    width,
                    $chroma_width(width),
                    $chroma_width(width),
                )
            }

            /// Samples in a chroma row.
            #[must_use]
            pub fn chroma_width(&self) -> u32 {
                self.u.width
            }

            /// Rows of a chroma plane.
            #[must_use]
            pub fn chroma_height(&self) -> u32 {
                self.u.height
            }

            /// Strides of Y, U and V in samples.
            #[must_use]
            pub fn strides(&self) -> (u32, u32, u32) {
                (self.y.stride, self.u.stride, self.v.stride)
            }

            /// The planes Y, U and V, padding included.
            #[must_use]
            pub fn data(&self) -> (&[$sample], &[$sample], &[$sample]) {
                (&self.y.data, &self.u.data, &self.v.data)
            }

            /// The planes, to be written.
            #[must_use]
            pub fn data_mut(&mut self) -> (&mut [$sample], &mut [$sample], &mut [$sample]) {
                (&mut self.y.data, &mut self.u.data, &mut self.v.data)
            }

            /// The picture in another size; a negative one counts as 0.
            #[must_use]
            pub fn scale(&mut self, scaled_width: i32, scaled_height: i32) -> $name {
                let (width, height) = (size(scaled_width), size(scaled_height));
                let (chroma_width, chroma_height) = ($chroma_width(width), $chroma_height(height));
                Self {
                    width,
                    height,
                    y: scale(&self.y, width, height, 1),
                    u: scale(&self.u, chroma_width, chroma_height, 1),
                    v: scale(&self.v, chroma_width, chroma_height, 1),
                }
            }
        }
    };
}

three_planes!(I420Buffer, u8, half, half);
three_planes!(I422Buffer, u8, half, std::convert::identity::<u32>);
three_planes!(
    I444Buffer,
    u8,
    std::convert::identity::<u32>,
    std::convert::identity::<u32>
);
three_planes!(I010Buffer, u16, half, half);

fn size(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// A picture's size as the conversions take it.
fn extent(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl I420Buffer {
    /// A black picture (Y 0, U and V 128).
    #[must_use]
    pub fn new_black(width: u32, height: u32) -> I420Buffer {
        let mut buffer = Self::new(width, height);
        buffer.u.data.fill(NO_CHROMA);
        buffer.v.data.fill(NO_CHROMA);
        buffer
    }

    fn copy(&self) -> Self {
        Self {
            width: self.width,
            height: self.height,
            y: self.y.clone(),
            u: self.u.clone(),
            v: self.v.clone(),
        }
    }
}

impl BufferSealed for I420Buffer {
    fn to_i420(&self) -> I420Buffer {
        self.copy()
    }

    fn to_argb(
        &self,
        format: VideoFormatType,
        dst: &mut [u8],
        dst_stride: u32,
        dst_width: i32,
        dst_height: i32,
    ) {
        let convert = match format {
            VideoFormatType::ARGB => yuv_helper::i420_to_argb,
            VideoFormatType::BGRA => yuv_helper::i420_to_bgra,
            VideoFormatType::ABGR => yuv_helper::i420_to_abgr,
            VideoFormatType::RGBA => yuv_helper::i420_to_rgba,
        };
        // Never more than the picture has, nor more rows than the destination can take.
        let rows = dst.len().checked_div(dst_stride as usize).unwrap_or(0);
        let width = dst_width
            .clamp(0, extent(self.width))
            .min(extent(dst_stride / 4));
        let height = dst_height
            .unsigned_abs()
            .min(self.height)
            .min(u32::try_from(rows).unwrap_or(u32::MAX));
        let height = if dst_height < 0 {
            -extent(height)
        } else {
            extent(height)
        };
        convert(
            &self.y.data,
            self.y.stride,
            &self.u.data,
            self.u.stride,
            &self.v.data,
            self.v.stride,
            dst,
            dst_stride,
            width,
            height,
        );
    }
}

/// The other types become RGB by way of I420.
macro_rules! argb_over_i420 {
    () => {
        fn to_argb(
            &self,
            format: VideoFormatType,
            dst: &mut [u8],
            dst_stride: u32,
            dst_width: i32,
            dst_height: i32,
        ) {
            self.to_i420()
                .to_argb(format, dst, dst_stride, dst_width, dst_height);
        }
    };
}

/// Three planes of another type become I420 by one of the helpers.
macro_rules! converted_by {
    ($name:ident, $convert:path) => {
        impl BufferSealed for $name {
            fn to_i420(&self) -> I420Buffer {
                let mut i420 = I420Buffer::new(self.width, self.height);
                $convert(
                    &self.y.data,
                    self.y.stride,
                    &self.u.data,
                    self.u.stride,
                    &self.v.data,
                    self.v.stride,
                    &mut i420.y.data,
                    i420.y.stride,
                    &mut i420.u.data,
                    i420.u.stride,
                    &mut i420.v.data,
                    i420.v.stride,
                    extent(self.width),
                    extent(self.height),
                );
                i420
            }

            argb_over_i420!();
        }
    };
}

converted_by!(I422Buffer, yuv_helper::i422_to_i420);
converted_by!(I444Buffer, yuv_helper::i444_to_i420);
converted_by!(I010Buffer, yuv_helper::i010_to_i420);

impl I420ABuffer {
    /// An opaque picture with these pixels.
    #[must_use]
    pub fn from_i420(buffer: I420Buffer) -> I420ABuffer {
        let I420Buffer {
            width,
            height,
            y,
            u,
            v,
        } = buffer;
        Self {
            width,
            height,
            y,
            u,
            v,
            a: Plane::new(width, height, width, u8::MAX),
        }
    }

    /// Samples in a chroma row.
    #[must_use]
    pub fn chroma_width(&self) -> u32 {
        self.u.width
    }

    /// Rows of a chroma plane.
    #[must_use]
    pub fn chroma_height(&self) -> u32 {
        self.u.height
    }

    /// Strides of Y, U, V and alpha.
    #[must_use]
    pub fn strides(&self) -> (u32, u32, u32, u32) {
        (self.y.stride, self.u.stride, self.v.stride, self.a.stride)
    }

    /// The planes Y, U, V and alpha, padding included.
    #[must_use]
    #[expect(
        clippy::type_complexity,
        reason = "the signature of the crate this one stands in for"
    )]
    pub fn data(&self) -> (&[u8], &[u8], &[u8], Option<&[u8]>) {
        (&self.y.data, &self.u.data, &self.v.data, Some(&self.a.data))
    }

    /// The planes, to be written. Takes the buffer exclusively, which the upstream crate does not.
    #[must_use]
    #[expect(
        clippy::type_complexity,
        reason = "the signature of the crate this one stands in for"
    )]
    pub fn data_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8], Option<&mut [u8]>) {
        (
            &mut self.y.data,
            &mut self.u.data,
            &mut self.v.data,
            Some(&mut self.a.data),
        )
    }

    /// The picture in another size; a negative one counts as 0.
    #[must_use]
    pub fn scale(&mut self, scaled_width: i32, scaled_height: i32) -> I420ABuffer {
        let (width, height) = (size(scaled_width), size(scaled_height));
        Self {
            width,
            height,
            y: scale(&self.y, width, height, 1),
            u: scale(&self.u, half(width), half(height), 1),
            v: scale(&self.v, half(width), half(height), 1),
            a: scale(&self.a, width, height, 1),
        }
    }
}

impl BufferSealed for I420ABuffer {
    fn to_i420(&self) -> I420Buffer {
        I420Buffer {
            width: self.width,
            height: self.height,
            y: self.y.clone(),
            u: self.u.clone(),
            v: self.v.clone(),
        }
    }

    argb_over_i420!();
}

impl NV12Buffer {
    /// A buffer of zeros. A stride below its row's width is raised to it.
    #[must_use]
    pub fn with_strides(width: u32, height: u32, stride_y: u32, stride_uv: u32) -> NV12Buffer {
        Self {
            width,
            height,
            y: Plane::new(width, height, stride_y, 0),
            uv: Plane::new(half(width) * 2, half(height), stride_uv, 0),
        }
    }

    /// A buffer of zeros without padding.
    #[must_use]
    pub fn new(width: u32, height: u32) -> NV12Buffer {
        Self::with_strides(width, height, width, half(width) * 2)
    }

    /// Pairs of chroma samples in a row.
    #[must_use]
    pub fn chroma_width(&self) -> u32 {
        half(self.width)
    }

    /// Rows of the chroma plane.
    #[must_use]
    pub fn chroma_height(&self) -> u32 {
        self.uv.height
    }

    /// Strides of Y and of interleaved chroma, in bytes.
    #[must_use]
    pub fn strides(&self) -> (u32, u32) {
        (self.y.stride, self.uv.stride)
    }

    /// The planes, padding included.
    #[must_use]
    pub fn data(&self) -> (&[u8], &[u8]) {
        (&self.y.data, &self.uv.data)
    }

    /// The planes, to be written.
    #[must_use]
    pub fn data_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.y.data, &mut self.uv.data)
    }

    /// The picture in another size; a negative one counts as 0.
    #[must_use]
    pub fn scale(&mut self, scaled_width: i32, scaled_height: i32) -> NV12Buffer {
        let (width, height) = (size(scaled_width), size(scaled_height));
        Self {
            width,
            height,
            y: scale(&self.y, width, height, 1),
            uv: scale(&self.uv, half(width) * 2, half(height), 2),
        }
    }
}

impl BufferSealed for NV12Buffer {
    fn to_i420(&self) -> I420Buffer {
        let mut i420 = I420Buffer::new(self.width, self.height);
        yuv_helper::nv12_to_i420(
            &self.y.data,
            self.y.stride,
            &self.uv.data,
            self.uv.stride,
            &mut i420.y.data,
            i420.y.stride,
            &mut i420.u.data,
            i420.u.stride,
            &mut i420.v.data,
            i420.v.stride,
            extent(self.width),
            extent(self.height),
        );
        i420
    }

    argb_over_i420!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_black_picture_is_black_in_every_plane() {
        let buffer = I420Buffer::new_black(5, 3);
        let (y, u, v) = buffer.data();
        assert_eq!((y.len(), u.len(), v.len()), (15, 6, 6));
        assert!(y.iter().all(|&sample| sample == 0));
        assert!(u.iter().chain(v).all(|&sample| sample == 128));
    }

    #[test]
    fn strides_and_sizes_of_odd_pictures() {
        let i420 = I420Buffer::with_strides(5, 3, 8, 4, 4);
        assert_eq!(i420.strides(), (8, 4, 4));
        assert_eq!((i420.chroma_width(), i420.chroma_height()), (3, 2));
        assert_eq!(i420.data().0.len(), 24);
        let i422 = I422Buffer::new(5, 3);
        assert_eq!(
            (
                i422.chroma_width(),
                i422.chroma_height(),
                i422.data().1.len()
            ),
            (3, 3, 9)
        );
        let i444 = I444Buffer::new(5, 3);
        assert_eq!(
            (
                i444.chroma_width(),
                i444.chroma_height(),
                i444.data().2.len()
            ),
            (5, 3, 15)
        );
        let i010 = I010Buffer::new(5, 3);
        assert_eq!((i010.data().0.len(), i010.data().1.len()), (15, 6));
        let nv12 = NV12Buffer::new(5, 3);
        assert_eq!(nv12.strides(), (5, 6));
        assert_eq!(
            (
                nv12.chroma_width(),
                nv12.chroma_height(),
                nv12.data().1.len()
            ),
            (3, 2, 12)
        );
    }

    #[test]
    fn every_type_becomes_the_same_i420() {
        let mut i444 = I444Buffer::new(4, 4);
        let (y, u, v) = i444.data_mut();
        y.fill(90);
        u.fill(100);
        v.fill(200);
        let mut i422 = I422Buffer::with_strides(4, 4, 6, 5, 5);
        let (y, u, v) = i422.data_mut();
        y.fill(90);
        u.fill(100);
        v.fill(200);
        let mut i010 = I010Buffer::new(4, 4);
        let (y, u, v) = i010.data_mut();
        y.fill(90 << 2);
        u.fill(100 << 2);
        v.fill(200 << 2);
        let mut nv12 = NV12Buffer::new(4, 4);
        let (y, uv) = nv12.data_mut();
        y.fill(90);
        for pair in uv.chunks_exact_mut(2) {
            pair.copy_from_slice(&[100, 200]);
        }
        let buffers: [Box<dyn VideoBuffer>; 4] = [
            Box::new(i444),
            Box::new(i422),
            Box::new(i010),
            Box::new(nv12),
        ];
        for buffer in buffers {
            let i420 = buffer.to_i420();
            let (y, u, v) = i420.data();
            assert!(
                y.iter().all(|&sample| sample == 90),
                "{:?}",
                buffer.buffer_type()
            );
            assert!(
                u.iter().all(|&sample| sample == 100),
                "{:?}",
                buffer.buffer_type()
            );
            assert!(
                v.iter().all(|&sample| sample == 200),
                "{:?}",
                buffer.buffer_type()
            );
        }
    }

    #[test]
    fn rgb_conversion_of_a_short_destination_writes_only_whole_rows() {
        let buffer = I420Buffer::new_black(4, 4);
        let mut dst = [7; 4 * 4 * 2 + 3];
        buffer.to_argb(VideoFormatType::ARGB, &mut dst, 16, 4, 4);
        assert_eq!(dst[..4], [0, 0, 0, 255]);
        assert_eq!(dst[28..], [0, 0, 0, 255, 7, 7, 7]);
        buffer.to_argb(VideoFormatType::ARGB, &mut [], 0, 4, 4);
    }

    #[test]
    fn scaling_keeps_flat_colours() {
        let mut nv12 = NV12Buffer::new(8, 8);
        let (y, uv) = nv12.data_mut();
        y.fill(50);
        for pair in uv.chunks_exact_mut(2) {
            pair.copy_from_slice(&[10, 20]);
        }
        let scaled = nv12.scale(3, 5);
        assert_eq!((scaled.width(), scaled.height()), (3, 5));
        assert!(scaled.data().0.iter().all(|&sample| sample == 50));
        assert!(scaled.data().1.chunks_exact(2).all(|pair| pair == [10, 20]));
        assert_eq!(nv12.scale(-1, 4).width(), 0);
    }
}
