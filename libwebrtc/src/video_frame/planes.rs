//! Storage and geometry of planar pictures.

/// One plane: rows of `width` samples, `stride` samples apart.
#[derive(Clone)]
pub(crate) struct Plane<T> {
    /// `stride * height` samples.
    pub(crate) data: Vec<T>,
    /// Samples that carry picture in each row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// Samples from one row's start to the next, at least `width`.
    pub(crate) stride: u32,
}

impl<T: Copy + Default> Plane<T> {
    /// A plane of `fill`. A stride below the width is raised to it.
    pub(crate) fn new(width: u32, height: u32, stride: u32, fill: T) -> Self {
        let stride = stride.max(width);
        Self {
            data: vec![fill; stride as usize * height as usize],
            width,
            height,
            stride,
        }
    }

    /// The samples of one row, without the padding; empty past the last row.
    pub(crate) fn row(&self, row: u32) -> &[T] {
        let start = row as usize * self.stride as usize;
        self.data
            .get(start..start + self.width as usize)
            .unwrap_or_default()
    }

    /// The samples of one row, to be written; empty past the last row.
    pub(crate) fn row_mut(&mut self, row: u32) -> &mut [T] {
        let start = row as usize * self.stride as usize;
        self.data
            .get_mut(start..start + self.width as usize)
            .unwrap_or_default()
    }
}

/// Samples whose mean can be taken.
pub(crate) trait Sample: Copy + Default {
    /// For sums of many samples.
    fn widen(self) -> u64;
    /// From a mean, which is in range.
    fn narrow(value: u64) -> Self;
}

impl Sample for u8 {
    fn widen(self) -> u64 {
        u64::from(self)
    }

    fn narrow(value: u64) -> Self {
        u8::try_from(value).unwrap_or(u8::MAX)
    }
}

impl Sample for u16 {
    fn widen(self) -> u64 {
        u64::from(self)
    }

    fn narrow(value: u64) -> Self {
        u16::try_from(value).unwrap_or(u16::MAX)
    }
}

/// Half of a size, rounded up, as chroma planes are.
pub(crate) fn half(size: u32) -> u32 {
    size.div_ceil(2)
}

/// The plane in another size; `step` samples belong to one pixel (2 for interleaved chroma). Each new sample
/// is the mean of those it covers.
pub(crate) fn scale<T: Sample>(source: &Plane<T>, width: u32, height: u32, step: u32) -> Plane<T> {
    let mut scaled = Plane::new(width, height, width, T::default());
    let (source_pixels, pixels) = (source.width / step, width / step);
    if source_pixels == 0 || source.height == 0 || pixels == 0 {
        return scaled;
    }
    for y in 0..height {
        let rows = covered(y, height, source.height);
        for x in 0..pixels {
            let columns = covered(x, pixels, source_pixels);
            for part in 0..step {
                let mut sum = 0;
                for row in rows.clone() {
                    let row = source.row(row);
                    sum += columns
                        .clone()
                        .map(|column| row[(column * step + part) as usize].widen())
                        .sum::<u64>();
                }
                let count =
                    u64::from(rows.end - rows.start) * u64::from(columns.end - columns.start);
                scaled.row_mut(y)[(x * step + part) as usize] =
                    T::narrow((sum + count / 2) / count);
            }
        }
    }
    scaled
}

/// Positions among `from` that position `at` among `to` covers: at least one.
fn covered(at: u32, to: u32, from: u32) -> std::ops::Range<u32> {
    let edge = |position: u32| (u64::from(position) * u64::from(from) / u64::from(to)) as u32;
    let start = edge(at).min(from - 1);
    start..edge(at + 1).max(start + 1).min(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stride_is_never_below_the_width() {
        let plane = Plane::<u8>::new(5, 2, 3, 0);
        assert_eq!((plane.stride, plane.data.len()), (5, 10));
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let mut plane = Plane::<u8>::new(2, 2, 4, 0);
        plane.row_mut(0).copy_from_slice(&[10, 20]);
        plane.row_mut(1).copy_from_slice(&[30, 40]);
        assert_eq!(scale(&plane, 1, 1, 1).data, [25]);
    }

    #[test]
    fn enlarging_repeats_samples() {
        let mut plane = Plane::<u8>::new(2, 1, 2, 0);
        plane.row_mut(0).copy_from_slice(&[1, 9]);
        assert_eq!(scale(&plane, 4, 2, 1).data, [1, 1, 9, 9, 1, 1, 9, 9]);
    }

    #[test]
    fn interleaved_chroma_stays_apart() {
        let mut plane = Plane::<u8>::new(4, 1, 4, 0);
        plane.row_mut(0).copy_from_slice(&[10, 100, 20, 200]);
        assert_eq!(scale(&plane, 2, 1, 2).data, [15, 150]);
    }
}
