//! Storage and geometry of planar pictures.

use std::sync::Arc;

use lk_dsp::video::{self, VideoError};

/// One plane: rows of `width` samples, `stride` samples apart. Clones share the samples until one is written.
#[derive(Clone)]
pub(crate) struct Plane<T> {
    /// `stride * height` samples.
    pub(crate) data: Arc<Vec<T>>,
    /// Samples that carry picture in each row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// Samples from one row's start to the next, at least `width`.
    pub(crate) stride: u32,
}

impl<T: Copy> Plane<T> {
    /// A plane of `fill`. A stride below the width is raised to it.
    pub(crate) fn new(width: u32, height: u32, stride: u32, fill: T) -> Self {
        let stride = stride.max(width);
        Self {
            data: Arc::new(vec![fill; stride as usize * height as usize]),
            width,
            height,
            stride,
        }
    }

    /// The samples, to be written; copied first where clones share them.
    pub(crate) fn samples_mut(&mut self) -> &mut [T] {
        Arc::make_mut(&mut self.data).as_mut_slice()
    }
}

impl Plane<u8> {
    /// As the conversions take it.
    pub(crate) fn view(&self) -> video::Plane<'_> {
        video::Plane {
            data: &self.data,
            stride: self.stride as usize,
        }
    }

    /// As the conversions take it, to be written.
    pub(crate) fn view_mut(&mut self) -> video::PlaneMut<'_> {
        let stride = self.stride as usize;
        video::PlaneMut {
            data: self.samples_mut(),
            stride,
        }
    }

    /// The plane in another size, without padding.
    pub(crate) fn scale(&self, width: u32, height: u32) -> Result<Self, VideoError> {
        let mut data = Vec::new();
        let size = (self.width, self.height);
        video::scale_plane(self.view(), size, &mut data, (width, height))?;
        Ok(Self {
            data: Arc::new(data),
            width,
            height,
            stride: width,
        })
    }
}

impl Plane<u16> {
    /// As the conversions take it.
    pub(crate) fn view(&self) -> video::Plane<'_> {
        video::Plane {
            data: video::sample_bytes(&self.data),
            stride: self.stride as usize * size_of::<u16>(),
        }
    }

    /// The plane in another size, without padding: each new sample is the mean of those it covers. Nothing
    /// scales ten-bit pictures often enough for more.
    pub(crate) fn scale(&self, width: u32, height: u32) -> Result<Self, VideoError> {
        if [self.width, self.height, width, height].contains(&0) {
            return Err(VideoError::Size { width, height });
        }
        let mut data = Vec::with_capacity(width as usize * height as usize);
        for y in 0..height {
            let rows = covered(y, height, self.height);
            for x in 0..width {
                let columns = covered(x, width, self.width);
                let mut sum = 0;
                for row in rows.clone() {
                    let row = &self.data[row * self.stride as usize..];
                    sum += row[columns.clone()]
                        .iter()
                        .copied()
                        .map(u64::from)
                        .sum::<u64>();
                }
                let count = (rows.len() * columns.len()) as u64;
                data.push(u16::try_from((sum + count / 2) / count).unwrap_or(u16::MAX));
            }
        }
        Ok(Self {
            data: Arc::new(data),
            width,
            height,
            stride: width,
        })
    }
}

/// Half of a size, rounded up, as chroma planes are.
pub(crate) fn half(size: u32) -> u32 {
    size.div_ceil(2)
}

/// Positions among `from` that position `at` among `to` covers: at least one.
fn covered(at: u32, to: u32, from: u32) -> std::ops::Range<usize> {
    let edge = |position: u32| (u64::from(position) * u64::from(from) / u64::from(to)) as usize;
    let start = edge(at).min(from as usize - 1);
    start..edge(at + 1).max(start + 1).min(from as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane<T: Copy>(width: u32, stride: u32, data: &[T]) -> Plane<T> {
        Plane {
            width,
            height: data.len() as u32 / stride,
            stride,
            data: Arc::new(data.to_vec()),
        }
    }

    #[test]
    fn a_stride_is_never_below_the_width() {
        let plane = Plane::<u8>::new(5, 2, 3, 0);
        assert_eq!((plane.stride, plane.data.len()), (5, 10));
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let bytes = plane(2, 3, &[10_u8, 20, 0, 30, 40, 0]);
        assert_eq!(*bytes.scale(1, 1).unwrap().data, [25]);
        let words = plane(2, 3, &[100_u16, 200, 0, 300, 400, 0]);
        assert_eq!(*words.scale(1, 1).unwrap().data, [250]);
    }

    #[test]
    fn enlarging_ten_bits_repeats_samples() {
        let words = plane(2, 2, &[1_u16, 900]);
        assert_eq!(
            *words.scale(4, 2).unwrap().data,
            [1, 1, 900, 900, 1, 1, 900, 900]
        );
    }

    #[test]
    fn a_written_clone_leaves_the_other_alone() {
        let first = Plane::<u8>::new(2, 1, 2, 7);
        let mut second = first.clone();
        assert!(Arc::ptr_eq(&first.data, &second.data));
        second.samples_mut()[0] = 1;
        assert_eq!((first.data[0], second.data[0]), (7, 1));
    }
}
