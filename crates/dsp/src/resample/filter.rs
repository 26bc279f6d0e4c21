//! The low-pass prototype and its phases.

use std::f64::consts::PI;

/// What the low-pass is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Design {
    /// Taps of each phase in samples of the lower of the two rates.
    pub(super) taps: usize,
    /// Middle of the transition band over the lower rate's Nyquist frequency.
    pub(super) cutoff: f64,
    /// Kaiser's β.
    pub(super) beta: f64,
    /// Ratios with more phases than this interpolate between `coarse` ones.
    pub(super) most_phases: u64,
    /// Phases of the interpolated table.
    pub(super) coarse: usize,
}

impl Design {
    /// For sound that is heard as it comes: the pass band's edge at 0.865 and the stop band's at 1.055 of the lower
    /// rate's Nyquist frequency, 95 dB. Of the usual rates 640 phases (11.025 → 48 kHz) are the most; between 1,024
    /// of them, the interpolation's error is some −115 dB.
    pub(super) const LIVE: Self = Self {
        taps: 64,
        cutoff: 0.96,
        beta: kaiser_beta(95.0),
        most_phases: 1_280,
        coarse: 1_024,
    };

    /// A filter that passes up to `pass` of the lower rate's Nyquist frequency, and stops above all of it by
    /// `attenuation` dB (more than 50), for rates whose lower one is `stretch` times below the input's. `coarse`
    /// phases of it are interpolated where the table would become too large.
    pub(super) fn stopping_at_nyquist(
        pass: f64,
        attenuation: f64,
        stretch: f64,
        coarse: f64,
    ) -> Self {
        // Kaiser's estimate of the length.
        let taps = ((attenuation - 8.0) / (2.285 * PI * (1.0 - pass))).ceil();
        Self {
            taps: taps as usize,
            cutoff: (1.0 + pass) / 2.0,
            beta: kaiser_beta(attenuation),
            most_phases: (MOST_VALUES / (taps * stretch)) as u64,
            // Where the filter is stretched over more input samples, it changes less from one to the next.
            coarse: (coarse / stretch).ceil().max(16.0) as usize,
        }
    }
}

/// Values of the largest table that is not interpolated: 2 MiB.
const MOST_VALUES: f64 = 524_288.0;

/// Kaiser's β for an attenuation in dB, from 50 on.
const fn kaiser_beta(attenuation: f64) -> f64 {
    0.1102 * (attenuation - 8.7)
}

/// Accumulators of the dot product: enough for the compiler to keep four vectors of eight busy.
pub(super) const LANES: usize = 32;

/// All phases of one filter.
pub(super) struct Bank {
    /// `phases` rows (one more where interpolated) of `taps` values, each in the order of the samples in time.
    table: Vec<f32>,
    taps: usize,
    /// Middle of the filter, in input samples before the newest.
    delay: usize,
    up: u64,
    /// Phases between which is interpolated.
    coarse: Option<u64>,
}

impl Bank {
    /// The filter for `up` outputs for each `down` inputs.
    pub(super) fn new(up: u64, down: u64, design: &Design) -> Self {
        // Going down, the filter works on the output's Nyquist frequency and is longer by as much.
        let stretch = (down as f64 / up as f64).max(1.0);
        let length = (design.taps as f64 * stretch).ceil();
        let taps = (length as usize).next_multiple_of(LANES);
        // The room that is left in the last lanes lies before the oldest sample, so that it delays nothing.
        let delay = (length as usize).div_ceil(2);
        let (rows, phases, coarse) = if up > design.most_phases {
            (design.coarse + 1, design.coarse, Some(design.coarse as u64))
        } else {
            (up as usize, up as usize, None)
        };
        let mut table = Vec::with_capacity(rows * taps);
        let mut row = vec![0.0; taps];
        let window = Window::new(length / 2.0, design.beta);
        for phase in 0..rows {
            let fraction = phase as f64 / phases as f64;
            for (place, value) in row.iter_mut().enumerate() {
                // Row order is oldest first; the newest sample is `taps - 1`.
                let age = (taps - 1 - place) as f64 + fraction;
                let t = age - delay as f64;
                *value = sinc(t, design.cutoff / stretch) * window.at(t);
            }
            // Each phase passes a constant exactly, or the phases' pattern would be heard on one.
            let sum: f64 = row.iter().sum();
            table.extend(row.iter().map(|value| (value / sum) as f32));
        }
        Self {
            table,
            taps,
            delay,
            up,
            coarse,
        }
    }

    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    pub(super) fn delay(&self) -> usize {
        self.delay
    }

    /// The taps for an output `fraction / up` after an input sample; in an interpolated table those before it, and
    /// those after it with their weight.
    pub(super) fn phase(&self, fraction: u64) -> (&[f32], Option<(&[f32], f32)>) {
        let row = |index: usize| &self.table[index * self.taps..(index + 1) * self.taps];
        let Some(coarse) = self.coarse else {
            return (row(fraction as usize), None);
        };
        let place = fraction * coarse;
        let before = (place / self.up) as usize;
        let weight = (place % self.up) as f32 / self.up as f32;
        (row(before), Some((row(before + 1), weight)))
    }
}

/// Impulse response of the ideal low-pass at `t` samples from its middle.
fn sinc(t: f64, cutoff: f64) -> f64 {
    if t == 0.0 {
        cutoff
    } else {
        (PI * t * cutoff).sin() / (PI * t)
    }
}

/// Kaiser's window, zero beyond `half` samples from its middle.
struct Window {
    half: f64,
    beta: f64,
    scale: f64,
}

impl Window {
    fn new(half: f64, beta: f64) -> Self {
        Self {
            half,
            beta,
            scale: 1.0 / bessel(beta),
        }
    }

    fn at(&self, t: f64) -> f64 {
        let place = t / self.half;
        if place.abs() >= 1.0 {
            0.0
        } else {
            bessel(self.beta * (1.0 - place * place).sqrt()) * self.scale
        }
    }
}

/// Modified Bessel function of the first kind and order 0, by its series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// The dot product.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if let Some(sum) = super::avx2::dot(a, b) {
        return sum;
    }
    plain(a, b)
}

/// The dot product, in lanes of its own so that the compiler may use vectors: it must not reorder a plain sum.
pub(super) fn plain(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [[0.0_f32; 8]; LANES / 8];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for (vector, sum) in sums.iter_mut().enumerate() {
            for (lane, sum) in sum.iter_mut().enumerate() {
                *sum += a[8 * vector + lane] * b[8 * vector + lane];
            }
        }
    }
    outlined_total(&sums)
}

/// The sum of all lanes. Apart from the loop above: together with it, the compiler arranges the loop's vectors for
/// this sum's sake and takes twice as long.
#[inline(never)]
fn outlined_total(sums: &[[f32; 8]; LANES / 8]) -> f32 {
    let [first, second, third, fourth] = sums;
    total(std::array::from_fn(|lane| {
        (first[lane] + second[lane]) + (third[lane] + fourth[lane])
    }))
}

/// The sum of eight lanes, in halves.
#[inline]
pub(super) fn total(eight: [f32; 8]) -> f32 {
    let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
