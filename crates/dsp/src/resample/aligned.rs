//! Resampling of whole pieces of sound: any two rates, a choice of quality, and no delay in what comes out.
//!
//! [`Resampler`](super::Resampler) serves sound that is heard as it comes, and is short for that. This one waits for
//! the samples that its filter needs, so the first output lies where the first input lies, and after
//! [`flush`](AlignedResampler::flush) the output is as long as the input, to half a sample. That is how the SoX
//! resampler behaves.

use super::filter::{Bank, Design, dot};

/// Lowest rate, Hz.
pub const MIN_RATE: f64 = 1_000.0;
/// Highest rate, Hz.
pub const MAX_RATE: f64 = 768_000.0;
/// Most by which one rate may be above the other: the filter grows by as much.
pub const MAX_RATIO: f64 = 256.0;

/// Parts of a Hz in which rates are counted where they are no whole numbers.
const PARTS: f64 = 1e6;
/// Frames taken in at a time, so that a large block needs no large memory.
const STEP: usize = 4_096;

/// How much of the sound below the lower rate's Nyquist frequency comes through, and how little from above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quality {
    /// 0.6 of the band, 55 dB: for speech that nobody keeps.
    Quick,
    /// 0.676 of the band, 96 dB.
    Low,
    /// 0.915 of the band, 96 dB: as good as 16 bits.
    Medium,
    /// 0.9136 of the band, 120 dB: as good as 20 bits.
    High,
    /// 0.93 of the band, 132 dB: what single-precision samples can hold.
    VeryHigh,
}

impl Quality {
    /// The pass band's edge over the lower rate's Nyquist frequency, the attenuation in dB, and the phases between
    /// which interpolation adds nothing worse than that.
    fn numbers(self) -> (f64, f64, f64) {
        match self {
            Self::Quick => (0.6, 55.0, 64.0),
            Self::Low => (0.676, 96.0, 1_024.0),
            Self::Medium => (0.915, 96.0, 1_024.0),
            Self::High => (0.913_6, 120.0, 2_048.0),
            Self::VeryHigh => (0.93, 132.0, 4_096.0),
        }
    }
}

/// Rates or channels that cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Not a number, or outside [`MIN_RATE`] to [`MAX_RATE`].
    #[error("{name} {rate} Hz is not within {MIN_RATE} to {MAX_RATE}")]
    Rate {
        /// `input_rate` or `output_rate`.
        name: &'static str,
        /// The rate asked for, Hz.
        rate: f64,
    },
    /// One rate is too far above the other.
    #[error(
        "input_rate {input_rate} Hz and output_rate {output_rate} Hz differ by more than {MAX_RATIO} times"
    )]
    Ratio {
        /// Hz.
        input_rate: f64,
        /// Hz.
        output_rate: f64,
    },
    /// Zero, or more than [`MAX_CHANNELS`](crate::MAX_CHANNELS).
    #[error(transparent)]
    Channels(crate::Error),
}

/// What a sample may be.
pub trait Sample: Copy + Default {
    /// As the filter has it; the scale is the caller's.
    fn to_f32(self) -> f32;
    /// From the filter: rounded and saturated where the type needs it.
    fn from_f32(value: f32) -> Self;
}

impl Sample for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Sample for i16 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn from_f32(value: f32) -> Self {
        // The cast cuts towards zero, and saturates where the filter overshoots.
        (value + 0.5_f32.copysign(value)) as i16
    }
}

/// Sound on its way from one rate to another, in planes (each channel apart).
///
/// However the input is cut into calls, the output is the same.
pub struct AlignedResampler {
    /// `None` where both rates are the same: samples pass through untouched.
    bank: Option<Bank>,
    /// Per channel: the samples that outputs to come still need.
    history: Vec<Vec<f32>>,
    /// Instant of the next output, in input frames from the start of the history: whole part …
    index: usize,
    /// … and numerator of the fraction, over `up`.
    fraction: u64,
    /// Ratio of the rates in lowest terms: `up` outputs for `down` inputs.
    up: u64,
    down: u64,
    frames_in: u64,
    frames_out: u64,
}

impl std::fmt::Debug for AlignedResampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedResampler")
            .field("up", &self.up)
            .field("down", &self.down)
            .field("channels", &self.history.len())
            .finish_non_exhaustive()
    }
}

impl AlignedResampler {
    /// A resampler from `input_rate` to `output_rate` Hz, which may have fractions down to a millionth. With
    /// `early_rolloff` the pass band ends 3 % earlier, and the filter is shorter for it.
    ///
    /// # Errors
    /// [`RateError`].
    pub fn new(
        input_rate: f64,
        output_rate: f64,
        channels: u32,
        quality: Quality,
        early_rolloff: bool,
    ) -> Result<Self, RateError> {
        for (name, rate) in [("input_rate", input_rate), ("output_rate", output_rate)] {
            // Not a number is in no range.
            if !(MIN_RATE..=MAX_RATE).contains(&rate) {
                return Err(RateError::Rate { name, rate });
            }
        }
        crate::error::check_channels(channels).map_err(RateError::Channels)?;
        if input_rate / output_rate > MAX_RATIO || output_rate / input_rate > MAX_RATIO {
            return Err(RateError::Ratio {
                input_rate,
                output_rate,
            });
        }
        let (up, down) = ratio(input_rate, output_rate);
        let bank = (up != down).then(|| {
            let (pass, attenuation, coarse) = quality.numbers();
            let pass = if early_rolloff { 0.97 * pass } else { pass };
            let stretch = (down as f64 / up as f64).max(1.0);
            let design = Design::stopping_at_nyquist(pass, attenuation, stretch, coarse);
            Bank::new(up, down, &design)
        });
        let mut resampler = Self {
            bank,
            history: vec![Vec::new(); channels as usize],
            index: 0,
            fraction: 0,
            up,
            down,
            frames_in: 0,
            frames_out: 0,
        };
        resampler.reset();
        Ok(resampler)
    }

    /// Channels, each of which has a plane in every call.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.history.len()
    }

    /// Takes in `frames` samples of each channel, which `input` gives by channel and place, and appends to the
    /// planes of `output` what can be told by now.
    ///
    /// # Panics
    /// If `output` has not one plane for each channel.
    pub fn process<S: Sample>(
        &mut self,
        frames: usize,
        input: impl Fn(usize, usize) -> S,
        output: &mut [Vec<S>],
    ) {
        assert_eq!(
            output.len(),
            self.history.len(),
            "one plane for each channel"
        );
        self.frames_in += frames as u64;
        if self.bank.is_none() {
            self.frames_out += frames as u64;
            for (channel, plane) in output.iter_mut().enumerate() {
                plane.extend((0..frames).map(|place| input(channel, place)));
            }
            return;
        }
        for start in (0..frames).step_by(STEP) {
            let end = frames.min(start + STEP);
            for (channel, history) in self.history.iter_mut().enumerate() {
                history.extend((start..end).map(|place| input(channel, place).to_f32()));
            }
            self.emit(u64::MAX, output);
        }
    }

    /// Appends what is still to come of the samples that were taken in, and starts afresh.
    ///
    /// In all, `n` frames in have then given ⌊n · out / in + ½⌋ frames.
    ///
    /// # Panics
    /// As [`process`](Self::process).
    pub fn flush<S: Sample>(&mut self, output: &mut [Vec<S>]) {
        assert_eq!(
            output.len(),
            self.history.len(),
            "one plane for each channel"
        );
        if let Some(bank) = &self.bank {
            let (up, down) = (u128::from(self.up), u128::from(self.down));
            let total = (2 * u128::from(self.frames_in) * up + down) / (2 * down);
            let missing = u64::try_from(total)
                .unwrap_or(u64::MAX)
                .saturating_sub(self.frames_out);
            // As if silence followed: half a sample of output may lie past the last input.
            let silence = bank.taps() + (down / up) as usize;
            for history in &mut self.history {
                history.resize(history.len() + silence, 0.0);
            }
            self.emit(missing, output);
        }
        self.reset();
    }

    /// Forgets all input.
    fn reset(&mut self) {
        let before = self
            .bank
            .as_ref()
            .map_or(0, |bank| bank.taps() - 1 - bank.delay());
        for history in &mut self.history {
            history.clear();
            // As if silence went before.
            history.resize(before, 0.0);
        }
        (self.index, self.fraction) = (0, 0);
        (self.frames_in, self.frames_out) = (0, 0);
    }

    /// Appends the outputs for which all samples are there, `most` of them at most, and drops what no more output
    /// needs.
    fn emit<S: Sample>(&mut self, most: u64, output: &mut [Vec<S>]) {
        let Some(bank) = &self.bank else { return };
        let there = self.history.first().map_or(0, Vec::len);
        // Outputs whose window ends inside the history: its start is at most `there - taps`.
        let starts = (there + 1).saturating_sub(bank.taps()) as u64 * self.up;
        let at = self.index as u64 * self.up + self.fraction;
        let count = starts.saturating_sub(at).div_ceil(self.down).min(most) as usize;
        for (history, plane) in self.history.iter().zip(output) {
            let (mut index, mut fraction) = (self.index, self.fraction);
            plane.reserve(count);
            for _ in 0..count {
                let window = &history[index..index + bank.taps()];
                let value = match bank.phase(fraction) {
                    (taps, None) => dot(taps, window),
                    (before, Some((after, weight))) => {
                        let before = dot(before, window);
                        before + (dot(after, window) - before) * weight
                    }
                };
                plane.push(S::from_f32(value));
                fraction += self.down;
                if fraction >= self.up {
                    index += (fraction / self.up) as usize;
                    fraction %= self.up;
                }
            }
        }
        let at = at + count as u64 * self.down;
        // Going far down, the next output may lie past what is there.
        let gone = there.min((at / self.up) as usize);
        (self.index, self.fraction) = ((at / self.up) as usize - gone, at % self.up);
        for history in &mut self.history {
            history.drain(..gone);
        }
        self.frames_out += count as u64;
    }
}

/// Outputs for inputs in lowest terms.
fn ratio(input_rate: f64, output_rate: f64) -> (u64, u64) {
    let parts = if input_rate.fract() == 0.0 && output_rate.fract() == 0.0 {
        1.0
    } else {
        PARTS
    };
    let (up, down) = (
        (output_rate * parts).round() as u64,
        (input_rate * parts).round() as u64,
    );
    let divisor = gcd(up, down);
    (up / divisor, down / divisor)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
