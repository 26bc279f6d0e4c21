//! From one sample rate to another: a polyphase filter (Crochiere and Rabiner, ch. 4).
//!
//! An FFT resampler needs whole blocks of 10 ms and delays by another 5; this one takes any number of samples at
//! any time, delays by 32 samples of the lower rate (0.7 ms at 48 kHz, 2 ms at 16 kHz).

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod filter;

use crate::Error;
use crate::error::{check_channels, check_frames, check_rate};
pub use aligned::{AlignedResampler, MAX_RATE, MAX_RATIO, MIN_RATE, Quality, RateError, Sample};
use filter::{Bank, Design, dot};

/// A stream of interleaved 16-bit PCM on its way from one rate to another.
///
/// However the input is cut into calls, the output is the same: after `n` frames in, exactly
/// ⌈n · out / in⌉ are out, so that 10 ms give 10 ms.
pub struct Resampler {
    in_rate: u32,
    out_rate: u32,
    channels: u32,
    /// `None` where both rates are the same: samples pass through untouched.
    state: Option<State>,
}

struct State {
    bank: Bank,
    /// Per channel: the last `taps - 1` samples before the current block, then the block.
    history: Vec<Vec<f32>>,
    /// Instant of the next output, in input frames from the start of the current block: whole part …
    index: usize,
    /// … and numerator of the fraction, over `up`.
    fraction: usize,
    /// Ratio of the rates in lowest terms: `up` outputs for `down` inputs.
    up: usize,
    down: usize,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("in_rate", &self.in_rate)
            .field("out_rate", &self.out_rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// A resampler from `in_rate` to `out_rate` Hz, both between [`MIN_SAMPLE_RATE`](crate::MIN_SAMPLE_RATE) and
    /// [`MAX_SAMPLE_RATE`](crate::MAX_SAMPLE_RATE), for `channels` interleaved channels.
    ///
    /// # Errors
    /// [`Error::SampleRate`], [`Error::Channels`].
    pub fn new(in_rate: u32, out_rate: u32, channels: u32) -> Result<Self, Error> {
        check_rate(in_rate)?;
        check_rate(out_rate)?;
        check_channels(channels)?;
        let state = (in_rate != out_rate).then(|| State::new(in_rate, out_rate, channels));
        Ok(Self {
            in_rate,
            out_rate,
            channels,
            state,
        })
    }

    /// Appends what `input` brings forth to `out`, and returns the frames appended.
    ///
    /// # Errors
    /// [`Error::PartialFrame`]; nothing is taken in then.
    pub fn process(&mut self, input: &[i16], out: &mut Vec<i16>) -> Result<usize, Error> {
        check_frames(input.len(), self.channels)?;
        let channels = self.channels as usize;
        match &mut self.state {
            None => {
                out.extend_from_slice(input);
                Ok(input.len() / channels)
            }
            Some(state) => Ok(state.process(input, out)),
        }
    }

    /// Appends what the filter still holds, and starts afresh. Returns the frames appended.
    pub fn flush(&mut self, out: &mut Vec<i16>) -> usize {
        let Some(state) = &mut self.state else {
            return 0;
        };
        let silence = vec![0; state.bank.delay() * self.channels as usize];
        let frames = state.process(&silence, out);
        state.reset();
        frames
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        if let Some(state) = &mut self.state {
            state.reset();
        }
    }

    /// Frames at the output rate by which the signal lags behind.
    #[must_use]
    pub fn delay(&self) -> usize {
        self.state
            .as_ref()
            .map_or(0, |state| state.bank.delay() * state.up / state.down)
    }

    /// Hz of the input.
    #[must_use]
    pub fn in_rate(&self) -> u32 {
        self.in_rate
    }

    /// Hz of the output.
    #[must_use]
    pub fn out_rate(&self) -> u32 {
        self.out_rate
    }

    /// Interleaved channels.
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.channels
    }
}

impl State {
    fn new(in_rate: u32, out_rate: u32, channels: u32) -> Self {
        let divisor = gcd(in_rate, out_rate);
        let (up, down) = ((out_rate / divisor) as usize, (in_rate / divisor) as usize);
        let bank = Bank::new(up as u64, down as u64, &Design::LIVE);
        let history = vec![vec![0.0; bank.taps() - 1]; channels as usize];
        Self {
            bank,
            history,
            index: 0,
            fraction: 0,
            up,
            down,
        }
    }

    fn reset(&mut self) {
        for history in &mut self.history {
            history.clear();
            history.resize(self.bank.taps() - 1, 0.0);
        }
        (self.index, self.fraction) = (0, 0);
    }

    fn process(&mut self, input: &[i16], out: &mut Vec<i16>) -> usize {
        let channels = self.history.len();
        let frames = input.len() / channels;
        if let [history] = &mut self.history[..] {
            history.extend(input.iter().map(|&sample| f32::from(sample)));
        } else {
            for (channel, history) in self.history.iter_mut().enumerate() {
                history.extend(
                    input
                        .chunks_exact(channels)
                        .map(|frame| f32::from(frame[channel])),
                );
            }
        }
        // Outputs whose instant lies before the end of the block.
        let ahead = frames * self.up;
        let at = self.index * self.up + self.fraction;
        let count = ahead.saturating_sub(at).div_ceil(self.down);
        let start = out.len();
        out.resize(start + count * channels, 0);
        for (channel, history) in self.history.iter().enumerate() {
            let (mut index, mut fraction) = (self.index, self.fraction);
            for slot in out[start..].iter_mut().skip(channel).step_by(channels) {
                let window = &history[index..index + self.bank.taps()];
                let value = match self.bank.phase(fraction as u64) {
                    (taps, None) => dot(taps, window),
                    (before, Some((after, weight))) => {
                        let before = dot(before, window);
                        before + (dot(after, window) - before) * weight
                    }
                };
                // The cast cuts towards zero, and saturates where the filter overshoots.
                *slot = (value + 0.5_f32.copysign(value)) as i16;
                (index, fraction) = self.advanced(index, fraction);
            }
        }
        let at = at + count * self.down;
        (self.index, self.fraction) = (at / self.up - frames, at % self.up);
        for history in &mut self.history {
            history.drain(..frames);
        }
        count
    }

    fn advanced(&self, mut index: usize, mut fraction: usize) -> (usize, usize) {
        fraction += self.down;
        // Two comparisons instead of a division where the rates are near each other, as they mostly are.
        if fraction >= self.up {
            index += fraction / self.up;
            fraction %= self.up;
        }
        (index, fraction)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
