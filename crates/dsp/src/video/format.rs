//! The pixel formats, and pictures of them in borrowed memory.

use lk_types::{I420Picture, I420View};

use super::{VideoError, check_size};

/// Most planes that a format has.
pub const MAX_PLANES: usize = 4;

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

/// How a format keeps its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Packed(Packed),
    Planar(Planar),
}

/// Where the components of a packed pixel lie: byte numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// Bytes of a pixel: 3, then without alpha, or 4.
    pub(super) bytes: usize,
    pub(super) red: usize,
    pub(super) green: usize,
    pub(super) blue: usize,
    pub(super) alpha: usize,
}

/// What distinguishes the planar formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planar {
    /// Chroma is halved horizontally.
    pub(super) half_x: bool,
    /// Chroma is halved vertically.
    pub(super) half_y: bool,
    /// U and V share a plane.
    pub(super) interleaved: bool,
    /// Ten bits in 16-bit samples.
    pub(super) ten_bits: bool,
    pub(super) alpha: bool,
}

impl PixelFormat {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::Rgba,
        Self::Abgr,
        Self::Argb,
        Self::Bgra,
        Self::Rgb24,
        Self::I420,
        Self::I420a,
        Self::I422,
        Self::I444,
        Self::I010,
        Self::Nv12,
    ];

    pub(super) const fn kind(self) -> Kind {
        const fn packed(red: usize, green: usize, blue: usize, alpha: usize) -> Kind {
            Kind::Packed(Packed {
                bytes: 4,
                red,
                green,
                blue,
                alpha,
            })
        }
        const I420: Planar = Planar {
            half_x: true,
            half_y: true,
            interleaved: false,
            ten_bits: false,
            alpha: false,
        };
        match self {
            Self::Rgba => packed(0, 1, 2, 3),
            Self::Abgr => packed(3, 2, 1, 0),
            Self::Argb => packed(1, 2, 3, 0),
            Self::Bgra => packed(2, 1, 0, 3),
            Self::Rgb24 => Kind::Packed(Packed {
                bytes: 3,
                red: 0,
                green: 1,
                blue: 2,
                alpha: 3,
            }),
            Self::I420 => Kind::Planar(I420),
            Self::I420a => Kind::Planar(Planar {
                alpha: true,
                ..I420
            }),
            Self::I422 => Kind::Planar(Planar {
                half_y: false,
                ..I420
            }),
            Self::I444 => Kind::Planar(Planar {
                half_x: false,
                half_y: false,
                ..I420
            }),
            Self::I010 => Kind::Planar(Planar {
                ten_bits: true,
                ..I420
            }),
            Self::Nv12 => Kind::Planar(Planar {
                interleaved: true,
                ..I420
            }),
        }
    }

    /// How many planes the format has: 1 to [`MAX_PLANES`].
    #[must_use]
    pub const fn planes(self) -> usize {
        match self.kind() {
            Kind::Packed(_) => 1,
            Kind::Planar(planar) if planar.interleaved => 2,
            Kind::Planar(planar) if planar.alpha => 4,
            Kind::Planar(_) => 3,
        }
    }

    /// Bytes used in each row, and rows, of plane number `plane` in a picture of `width` by `height`. The sides
    /// are at most [`super::MAX_SIDE`], so nothing overflows.
    #[must_use]
    pub const fn plane_size(self, plane: usize, width: u32, height: u32) -> (usize, usize) {
        let (width, height) = (width as usize, height as usize);
        match self.kind() {
            Kind::Packed(packed) => (width * packed.bytes, height),
            Kind::Planar(planar) => {
                let (mut row, mut rows) = (width, height);
                if matches!(plane, 1 | 2) {
                    if planar.half_x {
                        row = row.div_ceil(2);
                    }
                    if planar.half_y {
                        rows = rows.div_ceil(2);
                    }
                    if planar.interleaved {
                        row *= 2;
                    }
                }
                if planar.ten_bits {
                    row *= 2;
                }
                (row, rows)
            }
        }
    }

    /// Bytes of a picture whose planes follow one another without padding.
    ///
    /// # Errors
    ///
    /// [`VideoError::Size`].
    pub fn tight_size(self, width: u32, height: u32) -> Result<usize, VideoError> {
        check_size(width, height)?;
        Ok((0..self.planes())
            .map(|plane| {
                let (row, rows) = self.plane_size(plane, width, height);
                row * rows
            })
            .sum())
    }
}

/// One plane to read.
#[derive(Clone, Copy, Default)]
pub struct Plane<'a> {
    /// Rows of samples; the last one may lack its padding.
    pub data: &'a [u8],
    /// Bytes from one row's start to the next.
    pub stride: usize,
}

/// One plane to write.
#[derive(Default)]
pub struct PlaneMut<'a> {
    /// Rows of samples; the last one may lack its padding.
    pub data: &'a mut [u8],
    /// Bytes from one row's start to the next.
    pub stride: usize,
}

/// A picture to read, its planes checked.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) planes: [Plane<'a>; MAX_PLANES],
}

/// A picture to write, its planes checked.
pub struct PictureMut<'a> {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) planes: [PlaneMut<'a>; MAX_PLANES],
}

impl<'a> Picture<'a> {
    /// A picture of these planes; those that the format does not have are not looked at, missing ones count as
    /// empty.
    ///
    /// # Errors
    ///
    /// [`VideoError::Size`] and [`VideoError::Plane`].
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: impl IntoIterator<Item = Plane<'a>>,
    ) -> Result<Self, VideoError> {
        let mut given = planes.into_iter();
        let planes = std::array::from_fn(|_| given.next().unwrap_or_default());
        let lengths = planes.map(|plane: Plane<'_>| (plane.data.len(), plane.stride));
        check_planes(format, width, height, lengths)?;
        Ok(Self {
            format,
            width,
            height,
            planes,
        })
    }

    /// A picture whose planes follow one another without padding.
    ///
    /// # Errors
    ///
    /// As [`Picture::new`].
    pub fn tight(
        format: PixelFormat,
        width: u32,
        height: u32,
        data: &'a [u8],
    ) -> Result<Self, VideoError> {
        check_size(width, height)?;
        let mut rest = data;
        let planes: [Plane<'_>; MAX_PLANES] = std::array::from_fn(|plane| {
            let (stride, rows) = format.plane_size(plane, width, height);
            let (data, after) = rest.split_at_checked(stride * rows).unwrap_or((rest, &[]));
            rest = after;
            Plane { data, stride }
        });
        Self::new(format, width, height, planes)
    }

    /// Pixels in a row, and rows.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn row(&self, plane: usize, row: usize) -> &'a [u8] {
        let (length, _) = self.format.plane_size(plane, self.width, self.height);
        let Plane { data, stride } = self.planes[plane];
        &data[row * stride..][..length]
    }
}

impl<'a> PictureMut<'a> {
    /// As [`Picture::new`].
    ///
    /// # Errors
    ///
    /// [`VideoError::Size`] and [`VideoError::Plane`].
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: impl IntoIterator<Item = PlaneMut<'a>>,
    ) -> Result<Self, VideoError> {
        let mut given = planes.into_iter();
        let planes: [PlaneMut<'_>; MAX_PLANES] =
            std::array::from_fn(|_| given.next().unwrap_or_default());
        let lengths = planes
            .each_ref()
            .map(|plane| (plane.data.len(), plane.stride));
        check_planes(format, width, height, lengths)?;
        Ok(Self {
            format,
            width,
            height,
            planes,
        })
    }

    /// A picture whose planes follow one another without padding.
    ///
    /// # Errors
    ///
    /// As [`PictureMut::new`].
    pub fn tight(
        format: PixelFormat,
        width: u32,
        height: u32,
        data: &'a mut [u8],
    ) -> Result<Self, VideoError> {
        check_size(width, height)?;
        let mut rest = data;
        let planes: [PlaneMut<'_>; MAX_PLANES] = std::array::from_fn(|plane| {
            let (stride, rows) = format.plane_size(plane, width, height);
            let whole = std::mem::take(&mut rest);
            let length = (stride * rows).min(whole.len());
            let (data, after) = whole.split_at_mut(length);
            rest = after;
            PlaneMut { data, stride }
        });
        Self::new(format, width, height, planes)
    }

    pub(super) fn row(&mut self, plane: usize, row: usize) -> &mut [u8] {
        let (length, _) = self.format.plane_size(plane, self.width, self.height);
        let PlaneMut { data, stride } = &mut self.planes[plane];
        &mut data[row * *stride..][..length]
    }
}

impl<'a> TryFrom<I420View<'a>> for Picture<'a> {
    type Error = VideoError;

    fn try_from(view: I420View<'a>) -> Result<Self, VideoError> {
        let planes = view.planes().map(|(data, stride)| Plane { data, stride });
        Self::new(PixelFormat::I420, view.width, view.height, planes)
    }
}

impl<'a> TryFrom<&'a mut I420Picture> for PictureMut<'a> {
    type Error = VideoError;

    fn try_from(picture: &'a mut I420Picture) -> Result<Self, VideoError> {
        let planes = [
            (&mut picture.y, picture.stride_y),
            (&mut picture.u, picture.stride_u),
            (&mut picture.v, picture.stride_v),
        ];
        let planes = planes.map(|(data, stride)| PlaneMut { data, stride });
        Self::new(PixelFormat::I420, picture.width, picture.height, planes)
    }
}

fn check_planes(
    format: PixelFormat,
    width: u32,
    height: u32,
    planes: [(usize, usize); MAX_PLANES],
) -> Result<(), VideoError> {
    check_size(width, height)?;
    for (plane, memory) in planes.into_iter().enumerate().take(format.planes()) {
        check_plane(
            format,
            plane,
            memory,
            format.plane_size(plane, width, height),
        )?;
    }
    Ok(())
}

/// Checks a single plane of 8-bit samples, which stands for luma.
pub(super) fn check_rows(
    len: usize,
    stride: usize,
    (width, height): (u32, u32),
) -> Result<(), VideoError> {
    check_size(width, height)?;
    check_plane(
        PixelFormat::I444,
        0,
        (len, stride),
        (width as usize, height as usize),
    )
}

fn check_plane(
    format: PixelFormat,
    plane: usize,
    (len, stride): (usize, usize),
    (row, rows): (usize, usize),
) -> Result<(), VideoError> {
    let needed = (rows - 1)
        .checked_mul(stride)
        .and_then(|bytes| bytes.checked_add(row));
    if stride >= row && needed.is_some_and(|needed| needed <= len) {
        return Ok(());
    }
    Err(VideoError::Plane {
        format,
        plane,
        rows,
        row,
        stride,
        len,
    })
}
