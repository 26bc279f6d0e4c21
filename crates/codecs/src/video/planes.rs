//! From the planes that a decoder shows to a picture of ours.

use lk_types::{Codec, I420Picture, I420View};

use super::{MAX_PIXELS, VideoCodecError};

/// A decoder's picture, in the decoder's own memory.
pub(crate) struct DecodedPlanes<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// With strides in bytes; chroma is empty if monochrome.
    pub(crate) planes: [(&'a [u8], usize); 3],
    pub(crate) is_420: bool,
    /// Each sample stands in two bytes, the machine's order.
    pub(crate) two_bytes: bool,
    pub(crate) bit_depth: u32,
    pub(crate) monochrome: bool,
    /// Where the library tells it.
    pub(crate) quantizer: Option<u32>,
}

impl DecodedPlanes<'_> {
    /// Bytes in a row and rows, for each plane of a 4:2:0 picture.
    pub(crate) fn plane_sizes(&self) -> [(usize, usize); 3] {
        let sample = if self.two_bytes { 2 } else { 1 };
        let (width, height) = (self.width as usize, self.height as usize);
        let chroma = (width.div_ceil(2) * sample, height.div_ceil(2));
        [(width * sample, height), chroma, chroma]
    }

    /// Copies, once; more than 8 bits are rounded to 8, a missing chroma is grey.
    pub(crate) fn copy_to(
        &self,
        codec: Codec,
        picture: &mut I420Picture,
    ) -> Result<(), VideoCodecError> {
        if !self.is_420 || self.bit_depth < 8 || self.bit_depth > 16 {
            return Err(VideoCodecError::PixelFormat { codec });
        }
        let [y, u, v] = self.planes;
        if !self.two_bytes && !self.monochrome {
            picture.copy_from(&I420View {
                width: self.width,
                height: self.height,
                y: y.0,
                u: u.0,
                v: v.0,
                stride_y: y.1,
                stride_u: u.1,
                stride_v: v.1,
            });
            return Ok(());
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        self.narrow(&mut picture.y, y, width, height);
        for (to, from) in [(&mut picture.u, u), (&mut picture.v, v)] {
            if self.monochrome {
                to.clear();
                to.resize(chroma_width * chroma_height, 128);
            } else {
                self.narrow(to, from, chroma_width, chroma_height);
            }
        }
        (picture.width, picture.height) = (self.width, self.height);
        picture.stride_y = width;
        (picture.stride_u, picture.stride_v) = (chroma_width, chroma_width);
        Ok(())
    }

    fn narrow(
        &self,
        to: &mut Vec<u8>,
        (from, stride): (&[u8], usize),
        width: usize,
        height: usize,
    ) {
        to.clear();
        to.reserve_exact(width * height);
        let shift = self.bit_depth - 8;
        let half = (1_u32 << shift) >> 1;
        for row in 0..height {
            let row = &from[row * stride..];
            if self.two_bytes {
                let samples = row[..width * 2].chunks_exact(2);
                to.extend(samples.map(|two| {
                    let sample = u32::from(u16::from_ne_bytes([two[0], two[1]]));
                    ((sample + half) >> shift).min(255) as u8
                }));
            } else {
                to.extend_from_slice(&row[..width]);
            }
        }
    }
}

/// Refuses data that would make a library allocate for a picture of absurd size.
pub(crate) fn check_announced((width, height): (u32, u32)) -> Result<(), VideoCodecError> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(VideoCodecError::TooLarge { width, height });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten_bits(samples: &[u16]) -> Vec<u8> {
        samples.iter().flat_map(|one| one.to_ne_bytes()).collect()
    }

    #[test]
    fn ten_bits_are_rounded_to_eight() {
        // Rows of three samples and one of padding.
        let y = ten_bits(&[0, 2, 4, 9999, 1023, 1021, 513, 9999]);
        let chroma = ten_bits(&[512, 510]);
        let planes = DecodedPlanes {
            width: 3,
            height: 2,
            planes: [(&y, 8), (&chroma, 4), (&chroma, 4)],
            is_420: true,
            two_bytes: true,
            bit_depth: 10,
            monochrome: false,
            quantizer: None,
        };
        let mut out = I420Picture::default();
        planes.copy_to(Codec::Vp9, &mut out).unwrap();
        assert_eq!(out.y, [0, 1, 1, 255, 255, 128]);
        assert_eq!(out.u, [128, 128]);
        assert!(out.view().is_consistent());
    }

    #[test]
    fn a_picture_without_chroma_is_grey_and_one_with_more_of_it_is_refused() {
        let y = [1, 2, 3, 4];
        let mut planes = DecodedPlanes {
            width: 2,
            height: 2,
            planes: [(&y, 2), (&[], 0), (&[], 0)],
            is_420: true,
            two_bytes: false,
            bit_depth: 8,
            monochrome: true,
            quantizer: None,
        };
        let mut out = I420Picture::default();
        planes.copy_to(Codec::Av1, &mut out).unwrap();
        assert_eq!(
            (&out.y[..], &out.u[..], &out.v[..]),
            (&y[..], &[128][..], &[128][..])
        );
        planes.is_420 = false;
        assert_eq!(
            planes.copy_to(Codec::Av1, &mut out),
            Err(VideoCodecError::PixelFormat { codec: Codec::Av1 })
        );
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert!(check_announced((8192, 4320)).is_ok());
        assert!(check_announced((65536, 65536)).is_err());
    }
}
