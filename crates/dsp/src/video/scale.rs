//! Pictures in another size.
//!
//! Shrinking averages the area that a new sample covers, enlarging is bilinear. Halving and quartering, which
//! simulcast asks for with every frame, have loops of their own.

use lk_types::{I420Picture, I420View};

use super::sys::{self, Kernel};
use super::{Picture, Plane, VideoError, check_size};

/// Most source samples that one new sample is made of, each way; past that it is made of some that are evenly
/// spread.
const MAX_TAPS: usize = 16;

/// Scales `source` to `width` by `height` into `target`, which keeps its memory where that suffices.
///
/// # Errors
///
/// [`VideoError::Size`] and [`VideoError::Plane`]; the target is then as it was.
pub fn scale_i420(
    source: &I420View<'_>,
    width: u32,
    height: u32,
    target: &mut I420Picture,
) -> Result<(), VideoError> {
    check_size(width, height)?;
    Picture::try_from(*source)?;
    let luma = (width as usize, height as usize);
    let chroma = (luma.0.div_ceil(2), luma.1.div_ceil(2));
    let from_luma = (source.width as usize, source.height as usize);
    let from_chroma = (from_luma.0.div_ceil(2), from_luma.1.div_ceil(2));
    (target.width, target.height) = (width, height);
    (target.stride_y, target.stride_u, target.stride_v) = (luma.0, chroma.0, chroma.0);
    let mut scaler = Scaler::default();
    let [y, u, v] = source.planes();
    for ((data, stride), target, from, to) in [
        (y, &mut target.y, from_luma, luma),
        (u, &mut target.u, from_chroma, chroma),
        (v, &mut target.v, from_chroma, chroma),
    ] {
        target.resize(to.0 * to.1, 0);
        let source = Source {
            data,
            stride,
            width: from.0,
            height: from.1,
        };
        scaler.plane(source, target, to.0, to.1);
    }
    Ok(())
}

/// Scales one plane of 8-bit samples, `size.0` wide and `size.1` high, into `target`, which has no padding then.
///
/// # Errors
///
/// [`VideoError::Size`] and [`VideoError::Plane`]; the target is then as it was.
pub fn scale_plane(
    source: Plane<'_>,
    size: (u32, u32),
    target: &mut Vec<u8>,
    target_size: (u32, u32),
) -> Result<(), VideoError> {
    let (width, height) = target_size;
    check_size(width, height)?;
    super::format::check_rows(source.data.len(), source.stride, size)?;
    let source = Source {
        data: source.data,
        stride: source.stride,
        width: size.0 as usize,
        height: size.1 as usize,
    };
    let (width, height) = (width as usize, height as usize);
    target.resize(width * height, 0);
    Scaler::default().plane(source, target, width, height);
    Ok(())
}

/// One plane to read; it holds what its size and stride say.
#[derive(Clone, Copy)]
struct Source<'a> {
    data: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl<'a> Source<'a> {
    fn row(&self, row: usize) -> &'a [u8] {
        let start = row * self.stride;
        &self.data[start..start + self.width]
    }
}

/// Scales planes and keeps what the next one needs as well.
#[derive(Default)]
struct Scaler {
    /// One row of the target's vertical size, in 256ths.
    tall: Vec<u16>,
    rows: Axis,
    columns: Axis,
}

impl Scaler {
    /// `target` is without padding.
    fn plane(&mut self, source: Source<'_>, target: &mut [u8], width: usize, height: usize) {
        let (across, down) = (source.width, source.height);
        let rows = target.chunks_exact_mut(width).enumerate();
        if (across, down) == (width, height) {
            for (at, target) in rows {
                target.copy_from_slice(source.row(at));
            }
        } else if (across, down) == (width * 2, height * 2) {
            for (at, target) in rows {
                let rows = [source.row(at * 2), source.row(at * 2 + 1)];
                sys::run(Halve { rows, target });
            }
        } else if (across, down) == (width * 4, height * 4) {
            for (at, target) in rows {
                let rows = [0, 1, 2, 3].map(|row| source.row(at * 4 + row));
                sys::run(Quarter { rows, target });
            }
        } else if (across, down) == (width * 3, height * 3) {
            self.area::<3>(source, target, width);
        } else if (across, down) == (width * 6, height * 6) {
            self.area::<6>(source, target, width);
        } else {
            self.rows.set(down, height);
            self.columns.set(across, width);
            self.tall.resize(across, 0);
            for (at, target) in rows {
                let (first, weights) = self.rows.taps(at);
                let mut tall = Tall {
                    into: &mut self.tall,
                    from: source,
                    first,
                    step: self.rows.step,
                    weights,
                };
                sys::run(&mut tall);
                let from = &self.tall[..];
                if across * 2 == width * 3 {
                    sys::run(TwoOfThree { from, target });
                } else if across * 3 == width * 4 {
                    sys::run(ThreeOfFour { from, target });
                } else {
                    sys::run(Wide {
                        from,
                        into: target,
                        columns: &self.columns,
                    });
                }
            }
        }
    }

    /// `N * N` samples to one.
    fn area<const N: usize>(&mut self, source: Source<'_>, target: &mut [u8], width: usize) {
        self.tall.resize(source.width, 0);
        for (at, target) in target.chunks_exact_mut(width).enumerate() {
            let rows: [&[u8]; N] = std::array::from_fn(|row| source.row(at * N + row));
            sys::run(Area {
                rows,
                tall: &mut self.tall,
                target,
            });
        }
    }
}

/// Of which samples along one axis each new one is made, and with which weights (256 in all).
#[derive(Default)]
struct Axis {
    sizes: (usize, usize),
    /// Weights for each new sample.
    taps: usize,
    /// Distance of the samples that are used.
    step: usize,
    first: Vec<u32>,
    weights: Vec<i16>,
}

impl Axis {
    fn set(&mut self, from: usize, to: usize) {
        if self.sizes == (from, to) {
            return;
        }
        self.sizes = (from, to);
        self.first.clear();
        self.weights.clear();
        let ratio = from as f64 / to as f64;
        // A span of `ratio` samples touches one more than it is long, and one more again if it starts inside one.
        let span = if ratio > 1.0 {
            ratio.ceil() as usize + 1
        } else {
            2
        };
        self.step = span.div_ceil(MAX_TAPS);
        // Four or eight, some of which may weigh nothing, are added up faster than other numbers.
        let taps = match span.div_ceil(self.step) {
            taps @ ..=4 => taps.max(4),
            taps @ 5..=8 => taps.max(8),
            taps => taps,
        };
        self.taps = taps.min(from.div_ceil(self.step));
        let last_start = from - ((self.taps - 1) * self.step + 1);
        for at in 0..to {
            let (start, end) = if ratio > 1.0 {
                (at as f64 * ratio, (at + 1) as f64 * ratio)
            } else {
                // Bilinear: one sample's width around the new sample's middle.
                let middle = (at as f64 + 0.5) * ratio;
                (middle - 0.5, middle + 0.5)
            };
            let first = (start.floor().max(0.0) as usize).min(last_start);
            let shares: [f64; MAX_TAPS] = std::array::from_fn(|tap| {
                if tap >= self.taps {
                    return 0.0;
                }
                let sample = first + tap * self.step;
                if self.step > 1 {
                    return if (sample as f64) < end { 1.0 } else { 0.0 };
                }
                // The outermost samples go on past the edges.
                let low = if sample == 0 { f64::MIN } else { sample as f64 };
                let high = if sample + 1 == from {
                    f64::MAX
                } else {
                    (sample + 1) as f64
                };
                (end.min(high) - start.max(low)).max(0.0)
            });
            self.first.push(u32::try_from(first).unwrap_or(u32::MAX));
            self.weights.extend_from_slice(&whole(&shares)[..self.taps]);
        }
    }

    fn taps(&self, at: usize) -> (usize, &[i16]) {
        let weights = &self.weights[at * self.taps..][..self.taps];
        (self.first[at] as usize, weights)
    }
}

/// Shares as whole 256ths that add up to 256. What rounding takes from one the next one gets.
fn whole(shares: &[f64; MAX_TAPS]) -> [i16; MAX_TAPS] {
    let unit = 256.0 / shares.iter().sum::<f64>();
    let (mut exact, mut given) = (0.0, 0);
    shares.map(|share| {
        exact += share * unit;
        let weight = exact.round() as i16 - given;
        given += weight;
        weight
    })
}

/// Four samples to one.
struct Halve<'a> {
    rows: [&'a [u8]; 2],
    target: &'a mut [u8],
}

impl Kernel for Halve<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [upper, lower] = self.rows.map(|row| row.as_chunks::<2>().0);
        for ((target, upper), lower) in self.target.iter_mut().zip(upper).zip(lower) {
            let pairs = [upper, lower].map(|pair| u16::from_le_bytes(*pair));
            let sum: u16 = pairs.iter().map(|pair| (pair & 0xff) + (pair >> 8)).sum();
            *target = ((sum + 2) >> 2) as u8;
        }
    }
}

/// Sixteen samples to one.
struct Quarter<'a> {
    rows: [&'a [u8]; 4],
    target: &'a mut [u8],
}

impl Kernel for Quarter<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        const EVEN: u32 = 0x00ff_00ff;
        let [a, b, c, d] = self.rows.map(|row| row.as_chunks::<4>().0);
        let rows = a.iter().zip(b).zip(c).zip(d);
        for (target, (((a, b), c), d)) in self.target.iter_mut().zip(rows) {
            let words = [a, b, c, d].map(|word| u32::from_le_bytes(*word));
            // Two sums of eight samples side by side.
            let sums: u32 = words
                .iter()
                .map(|word| (word & EVEN) + ((word >> 8) & EVEN))
                .sum();
            *target = (((sums & 0xffff) + (sums >> 16) + 8) >> 4) as u8;
        }
    }
}

/// `N * N` samples to one.
struct Area<'a, const N: usize> {
    rows: [&'a [u8]; N],
    tall: &'a mut [u16],
    target: &'a mut [u8],
}

impl<const N: usize> Kernel for Area<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (first, others) = self.rows.split_at(1);
        for (sum, &sample) in self.tall.iter_mut().zip(first[0]) {
            *sum = u16::from(sample);
        }
        for row in others {
            for (sum, &sample) in self.tall.iter_mut().zip(*row) {
                *sum += u16::from(sample);
            }
        }
        // In 65536ths; off by less than a thousandth of a step.
        let share = ((1 << 16) + N * N / 2) as u32 / (N * N) as u32;
        for (target, sums) in self.target.iter_mut().zip(self.tall.as_chunks::<N>().0) {
            let sum: u16 = sums.iter().sum();
            *target = ((u32::from(sum) * share + (1 << 15)) >> 16) as u8;
        }
    }
}

/// Three sums, in 256ths, to two samples.
struct TwoOfThree<'a> {
    from: &'a [u16],
    target: &'a mut [u8],
}

impl Kernel for TwoOfThree<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let into = self.target.as_chunks_mut::<2>().0;
        for (into, from) in into.iter_mut().zip(self.from.as_chunks::<3>().0) {
            let [a, b, c] = from.map(u32::from);
            into[0] = ((a * 171 + b * 85 + (1 << 15)) >> 16) as u8;
            into[1] = ((b * 85 + c * 171 + (1 << 15)) >> 16) as u8;
        }
    }
}

/// Four sums, in 256ths, to three samples.
struct ThreeOfFour<'a> {
    from: &'a [u16],
    target: &'a mut [u8],
}

impl Kernel for ThreeOfFour<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let into = self.target.as_chunks_mut::<3>().0;
        for (into, from) in into.iter_mut().zip(self.from.as_chunks::<4>().0) {
            let [a, b, c, d] = from.map(u32::from);
            into[0] = ((a * 192 + b * 64 + (1 << 15)) >> 16) as u8;
            into[1] = ((b * 128 + c * 128 + (1 << 15)) >> 16) as u8;
            into[2] = ((c * 64 + d * 192 + (1 << 15)) >> 16) as u8;
        }
    }
}

/// Weighted sum of rows.
struct Tall<'a, 'b> {
    from: Source<'a>,
    into: &'b mut [u16],
    first: usize,
    step: usize,
    weights: &'b [i16],
}

impl Kernel for &mut Tall<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut fresh = true;
        for (tap, &weight) in self.weights.iter().enumerate() {
            if weight == 0 {
                continue;
            }
            let weight = weight as u16;
            let row = self.from.row(self.first + tap * self.step);
            if fresh {
                for (sum, &sample) in self.into.iter_mut().zip(row) {
                    *sum = u16::from(sample) * weight;
                }
                fresh = false;
            } else {
                for (sum, &sample) in self.into.iter_mut().zip(row) {
                    *sum += u16::from(sample) * weight;
                }
            }
        }
    }
}

/// Weighted sums along a row.
struct Wide<'a> {
    from: &'a [u16],
    into: &'a mut [u8],
    columns: &'a Axis,
}

impl Wide<'_> {
    /// `N` neighbouring samples for each new one.
    #[inline(always)]
    fn near<const N: usize>(self) {
        let weights = self.columns.weights.as_chunks::<N>().0;
        let starts = self.columns.first.iter();
        for ((target, &first), weights) in self.into.iter_mut().zip(starts).zip(weights) {
            let Some(samples) = self
                .from
                .get(first as usize..)
                .and_then(<[_]>::first_chunk::<N>)
            else {
                continue;
            };
            // With the lowest bit gone they are signed 16 bits, which processors multiply and add at once.
            let mut sum = 1 << 14;
            for (&sample, &weight) in samples.iter().zip(weights) {
                sum += i32::from((sample >> 1) as i16) * i32::from(weight);
            }
            *target = (sum >> 15) as u8;
        }
    }

    #[inline(always)]
    fn any(self) {
        for (at, target) in self.into.iter_mut().enumerate() {
            let (first, weights) = self.columns.taps(at);
            let samples = self.from[first..].iter().step_by(self.columns.step);
            let sum: u32 = samples
                .zip(weights)
                .map(|(&sample, &weight)| u32::from(sample) * weight as u32)
                .sum();
            *target = ((sum + (1 << 15)) >> 16) as u8;
        }
    }
}

impl Kernel for Wide<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match (self.columns.step, self.columns.taps) {
            (1, 4) => self.near::<4>(),
            (1, 8) => self.near::<8>(),
            _ => self.any(),
        }
    }
}
