//! The low-pass prototype and its phases.

use std::f64::consts::PI;

/// Taps of each phase in samples of the lower of the two rates. With the attenuation below this puts the pass band's
/// edge at 0.865 and the stop band's at 1.055 of the lower rate's Nyquist frequency.
const TAPS: usize = 64;
/// Middle of the transition band over the lower rate's Nyquist frequency.
const CUTOFF: f64 = 0.96;
/// Kaiser's β for 95 dB: 0.1102 (A − 8.7).
const BETA: f64 = 9.51;
/// Ratios with more phases than this interpolate between [`COARSE`] ones; 640 (11.025 → 48 kHz) is the greatest
/// among the usual rates.
const MOST_PHASES: usize = 1_280;
/// Phases of the interpolated table. The error falls with the square: some −115 dB.
const COARSE: usize = 1_024;
/// Accumulators of the dot product: enough for the compiler to keep four vectors of four busy.
const LANES: usize = 16;

/// All phases of one filter.
pub(super) struct Bank {
    /// `phases` rows (one more where interpolated) of `taps` values, each in the order of the samples in time.
    table: Vec<f32>,
    taps: usize,
    /// Middle of the filter, in input samples before the newest.
    delay: usize,
    up: usize,
    interpolated: bool,
}

impl Bank {
    /// The filter for `up` outputs for each `down` inputs.
    pub(super) fn new(up: usize, down: usize) -> Self {
        // Going down, the filter works on the output's Nyquist frequency and is longer by as much.
        let stretch = (down as f64 / up as f64).max(1.0);
        let length = (TAPS as f64 * stretch).ceil();
        let taps = (length as usize).next_multiple_of(LANES);
        let delay = taps / 2;
        let interpolated = up > MOST_PHASES;
        let rows = if interpolated { COARSE + 1 } else { up };
        let phases = if interpolated { COARSE } else { up };
        let mut table = Vec::with_capacity(rows * taps);
        let mut row = vec![0.0; taps];
        let window = Window::new(length / 2.0);
        for phase in 0..rows {
            let fraction = phase as f64 / phases as f64;
            for (place, value) in row.iter_mut().enumerate() {
                // Row order is oldest first; the newest sample is `taps - 1`.
                let age = (taps - 1 - place) as f64 + fraction;
                let t = age - delay as f64;
                *value = sinc(t, CUTOFF / stretch) * window.at(t);
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
            interpolated,
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
    pub(super) fn phase(&self, fraction: usize) -> (&[f32], Option<(&[f32], f32)>) {
        let row = |index: usize| &self.table[index * self.taps..(index + 1) * self.taps];
        if !self.interpolated {
            return (row(fraction), None);
        }
        let place = fraction * COARSE;
        let weight = (place % self.up) as f32 / self.up as f32;
        (
            row(place / self.up),
            Some((row(place / self.up + 1), weight)),
        )
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
    scale: f64,
}

impl Window {
    fn new(half: f64) -> Self {
        Self {
            half,
            scale: 1.0 / bessel(BETA),
        }
    }

    fn at(&self, t: f64) -> f64 {
        let place = t / self.half;
        if place.abs() >= 1.0 {
            0.0
        } else {
            bessel(BETA * (1.0 - place * place).sqrt()) * self.scale
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

/// The dot product, in lanes of its own so that the compiler may use vectors: it must not reorder a plain sum.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [[0.0_f32; 4]; LANES / 4];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for (vector, sum) in sums.iter_mut().enumerate() {
            for (lane, sum) in sum.iter_mut().enumerate() {
                *sum += a[4 * vector + lane] * b[4 * vector + lane];
            }
        }
    }
    total(&sums)
}

/// The sum of all lanes. Apart from the loop above: together with it, the compiler arranges the loop's vectors for
/// this sum's sake and takes twice as long.
#[inline(never)]
fn total(sums: &[[f32; 4]; LANES / 4]) -> f32 {
    let lane = |lane: usize| (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
    (lane(0) + lane(1)) + (lane(2) + lane(3))
}
