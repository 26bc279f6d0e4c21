//! The planar buffer types.

use std::fmt;
use std::sync::Arc;

use lk_dsp::video::{self, Picture, PictureMut, PixelFormat, PlaneMut, VideoError};
use lk_types::{I420Picture, I420View};

use super::internal::BufferSealed;
use super::planes::{Plane, half};
use super::{VideoBuffer, VideoBufferType, VideoFormatType};

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

/// `to_i420` of the types that are converted for it.
macro_rules! to_i420 {
    ($format:ident, $($plane:ident),+) => {
        fn to_i420(&self) -> I420Buffer {
            let mut i420 = I420Buffer::new(self.width, self.height);
            let planes = [$(self.$plane.view()),+];
            let converted = Picture::new(PixelFormat::$format, self.width, self.height, planes)
                .and_then(|source| video::convert(&source, &mut i420.picture_mut()?, false));
            if let Err(error) = converted {
                log::debug!("a picture stays black: {error}");
            }
            i420
        }
    };
}

/// `to_argb` of every type.
macro_rules! to_argb {
    ($format:ident, $($plane:ident),+) => {
        fn to_argb(
            &self,
            format: VideoFormatType,
            dst: &mut [u8],
            dst_stride: u32,
            dst_width: i32,
            dst_height: i32,
        ) {
            let target = Target::new((self.width, self.height), dst.len(), dst_stride, (dst_width, dst_height));
            let planes = [$(self.$plane.view()),+];
            let converted = Picture::new(PixelFormat::$format, target.width, target.height, planes)
                .and_then(|source| target.paint(&source, format, dst));
            if let Err(error) = converted {
                log::debug!("a picture is not painted: {error}");
            }
        }
    };
}

/// The part of a picture that is painted: never more than it has, nor more than the destination takes.
struct Target {
    width: u32,
    height: u32,
    stride: u32,
    flip_y: bool,
}

impl Target {
    fn new(size: (u32, u32), len: usize, stride: u32, (width, height): (i32, i32)) -> Self {
        let rows = len.checked_div(stride as usize).unwrap_or(0);
        Self {
            width: self::size(width).min(size.0).min(stride / 4),
            height: height
                .unsigned_abs()
                .min(size.1)
                .min(u32::try_from(rows).unwrap_or(u32::MAX)),
            stride,
            flip_y: height < 0,
        }
    }

    fn paint(
        &self,
        source: &Picture<'_>,
        format: VideoFormatType,
        data: &mut [u8],
    ) -> Result<(), VideoError> {
        let plane = PlaneMut {
            data,
            stride: self.stride as usize,
        };
        let mut target = PictureMut::new(format.in_memory(), self.width, self.height, [plane])?;
        video::convert(source, &mut target, self.flip_y)
    }
}

impl VideoFormatType {
    /// The format by its bytes in memory.
    fn in_memory(self) -> PixelFormat {
        match self {
            Self::ARGB => PixelFormat::Bgra,
            Self::BGRA => PixelFormat::Argb,
            Self::ABGR => PixelFormat::Rgba,
            Self::RGBA => PixelFormat::Abgr,
        }
    }
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
                (
                    self.y.samples_mut(),
                    self.u.samples_mut(),
                    self.v.samples_mut(),
                )
            }

            /// The picture in another size; a negative one counts as 0.
            #[must_use]
            pub fn scale(&mut self, scaled_width: i32, scaled_height: i32) -> $name {
                let (width, height) = (size(scaled_width), size(scaled_height));
                let (chroma_width, chroma_height) = ($chroma_width(width), $chroma_height(height));
                let scaled = || {
                    Ok::<_, VideoError>(Self {
                        width,
                        height,
                        y: self.y.scale(width, height)?,
                        u: self.u.scale(chroma_width, chroma_height)?,
                        v: self.v.scale(chroma_width, chroma_height)?,
                    })
                };
                scaled().unwrap_or_else(|_| Self::new(width, height))
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

impl I420Buffer {
    /// A black picture (Y 0, U and V 128).
    #[must_use]
    pub fn new_black(width: u32, height: u32) -> I420Buffer {
        let mut buffer = Self::new(width, height);
        buffer.u.samples_mut().fill(NO_CHROMA);
        buffer.v.samples_mut().fill(NO_CHROMA);
        buffer
    }

    /// Takes the planes of a decoded or scaled picture, whose planes must hold what its strides say.
    pub(crate) fn from_picture(picture: I420Picture) -> Self {
        let (width, height) = (picture.width, picture.height);
        let plane = |data: Vec<u8>, stride: usize, width, height| Plane {
            data: Arc::new(data),
            width,
            height,
            stride: u32::try_from(stride).unwrap_or(u32::MAX),
        };
        let (chroma_width, chroma_height) = (half(width), half(height));
        Self {
            width,
            height,
            y: plane(picture.y, picture.stride_y, width, height),
            u: plane(picture.u, picture.stride_u, chroma_width, chroma_height),
            v: plane(picture.v, picture.stride_v, chroma_width, chroma_height),
        }
    }

    /// The planes, moved out where no clone shares them.
    pub(crate) fn into_picture(self) -> I420Picture {
        I420Picture {
            width: self.width,
            height: self.height,
            stride_y: self.y.stride as usize,
            stride_u: self.u.stride as usize,
            stride_v: self.v.stride as usize,
            y: Arc::unwrap_or_clone(self.y.data),
            u: Arc::unwrap_or_clone(self.u.data),
            v: Arc::unwrap_or_clone(self.v.data),
        }
    }

    /// As the conversions take it, to be written.
    fn picture_mut(&mut self) -> Result<PictureMut<'_>, VideoError> {
        let planes = [&mut self.y, &mut self.u, &mut self.v].map(Plane::<u8>::view_mut);
        PictureMut::new(PixelFormat::I420, self.width, self.height, planes)
    }

    /// As encoders and scalers take it.
    pub(crate) fn view(&self) -> I420View<'_> {
        I420View {
            width: self.width,
            height: self.height,
            y: &self.y.data,
            u: &self.u.data,
            v: &self.v.data,
            stride_y: self.y.stride as usize,
            stride_u: self.u.stride as usize,
            stride_v: self.v.stride as usize,
        }
    }
}

impl BufferSealed for I420Buffer {
    /// Shares the planes.
    fn to_i420(&self) -> I420Buffer {
        Self {
            width: self.width,
            height: self.height,
            y: self.y.clone(),
            u: self.u.clone(),
            v: self.v.clone(),
        }
    }

    to_argb!(I420, y, u, v);
}

impl BufferSealed for I422Buffer {
    to_i420!(I422, y, u, v);
    to_argb!(I422, y, u, v);
}

impl BufferSealed for I444Buffer {
    to_i420!(I444, y, u, v);
    to_argb!(I444, y, u, v);
}

impl BufferSealed for I010Buffer {
    to_i420!(I010, y, u, v);
    to_argb!(I010, y, u, v);
}

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
            self.y.samples_mut(),
            self.u.samples_mut(),
            self.v.samples_mut(),
            Some(self.a.samples_mut()),
        )
    }

    /// The picture in another size; a negative one counts as 0.
    #[must_use]
    pub fn scale(&mut self, scaled_width: i32, scaled_height: i32) -> I420ABuffer {
        let (width, height) = (size(scaled_width), size(scaled_height));
        let scaled = || {
            Ok::<_, VideoError>(Self {
                width,
                height,
                y: self.y.scale(width, height)?,
                u: self.u.scale(half(width), half(height))?,
                v: self.v.scale(half(width), half(height))?,
                a: self.a.scale(width, height)?,
            })
        };
        scaled().unwrap_or_else(|_| Self::from_i420(I420Buffer::new(width, height)))
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

    to_argb!(I420a, y, u, v, a);
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
        (self.y.samples_mut(), self.uv.samples_mut())
    }

    /// The picture in another size; a negative one counts as 0.
    #[must_use]
    pub fn scale(&mut self, scaled_width: i32, scaled_height: i32) -> NV12Buffer {
        let scaled = BufferSealed::to_i420(self).scale(scaled_width, scaled_height);
        let mut nv12 = Self::new(scaled.width, scaled.height);
        let planes = [nv12.y.view_mut(), nv12.uv.view_mut()];
        let converted = Picture::try_from(scaled.view()).and_then(|source| {
            let target = PictureMut::new(PixelFormat::Nv12, scaled.width, scaled.height, planes);
            video::convert(&source, &mut target?, false)
        });
        if let Err(error) = converted {
            log::debug!("a picture stays black: {error}");
        }
        nv12
    }
}

impl BufferSealed for NV12Buffer {
    to_i420!(Nv12, y, uv);
    to_argb!(Nv12, y, uv);
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
        assert_eq!(I444Buffer::new(0, 0).scale(3, 3).data().0.len(), 9);
    }

    #[test]
    fn a_picture_moves_in_and_out_without_a_copy() {
        let picture = I420Picture::black(6, 4);
        let address = picture.y.as_ptr();
        let buffer = I420Buffer::from_picture(picture.clone());
        assert_eq!(buffer.view().y, &picture.y[..]);
        let buffer = I420Buffer::from_picture(picture);
        let shared = BufferSealed::to_i420(&buffer);
        assert_eq!(shared.data().0.as_ptr(), address);
        drop(shared);
        let back = buffer.into_picture();
        assert_eq!(back.y.as_ptr(), address);
        assert_eq!(back, I420Picture::black(6, 4));
    }

    #[test]
    fn a_buffer_without_pixels_converts_to_none() {
        let empty = NV12Buffer::new(0, 0);
        assert_eq!(BufferSealed::to_i420(&empty).data().0.len(), 0);
        BufferSealed::to_argb(&empty, VideoFormatType::ABGR, &mut [0; 16], 8, 2, 2);
    }

    #[test]
    fn alpha_reaches_the_packed_picture() {
        let mut buffer = I420ABuffer::from_i420(I420Buffer::new_black(2, 2));
        if let (.., Some(alpha)) = buffer.data_mut() {
            alpha.fill(9);
        }
        let mut dst = [0; 16];
        buffer.to_argb(VideoFormatType::ABGR, &mut dst, 8, 2, 2);
        assert!(dst.chunks(4).all(|pixel| pixel == [0, 0, 0, 9]), "{dst:?}");
    }
}
