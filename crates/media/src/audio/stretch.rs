//! Playing faster or slower without changing the pitch: whole periods are left out or repeated, and the seam is a
//! cross-fade between two places that look alike (waveform-similarity overlap-add).

use super::correlate::{HALF, best_lag};
use super::ms;
use super::output::{HISTORY, Output};

/// Shortest period that is left out or repeated: 400 Hz.
const MIN_LAG: usize = ms(2) as usize + 24;

/// Longest: 66 Hz, the deepest voice.
const MAX_LAG: usize = ms(15) as usize;

/// Likeness that a seam needs at first.
const STRICT: f64 = 0.9;

/// Likeness lost with each attempt in a row that found none (one every 20 ms or so).
const IMPATIENCE: f64 = 0.01;

/// Shortest time between two seams, unless it is urgent.
const REST: i64 = ms(60);

/// When to stretch, and how well it must match.
#[derive(Debug, Default)]
pub(super) struct Stretcher {
    attempts: u32,
    rest: i64,
}

impl Stretcher {
    /// `frames` of sound have been appended.
    pub(super) fn advance(&mut self, frames: i64) {
        self.rest = (self.rest - frames).max(0);
    }

    /// The delay is where it should be: nothing to do.
    pub(super) fn content(&mut self) {
        self.attempts = 0;
    }

    /// Tries to leave out up to `longest` frames of what is pending and returns how many it did. Where it is `urgent`,
    /// seams may follow one another and be less alike.
    pub(super) fn accelerate(&mut self, output: &mut Output, longest: i64, urgent: bool) -> usize {
        if self.rest > 0 && !urgent {
            return 0;
        }
        let (read, channels, pending) = (output.read(), output.channels(), output.pending());
        let longest = usize::try_from(longest)
            .unwrap_or(0)
            .min(MAX_LAG)
            .min(pending.saturating_sub(HALF));
        // The window straddles the seam: what was just played must go on as well as what follows.
        let found = best_lag(
            output.pcm(),
            channels,
            read - HALF,
            2 * HALF,
            MIN_LAG..=longest,
            false,
        );
        let threshold = self.threshold(if urgent { 0.5 } else { STRICT });
        let Some(found) = found.filter(|found| found.score >= threshold) else {
            self.attempts += 1;
            return 0;
        };
        let fade = found.lag.min(pending - found.lag);
        cross_fade(output.pcm_mut(), channels, read, read + found.lag, fade);
        output.remove(read + fade, found.lag);
        self.done();
        found.lag
    }

    /// Tries to make what is pending longer by up to `longest` frames and returns by how many it did.
    pub(super) fn decelerate(&mut self, output: &mut Output, longest: i64) -> usize {
        if self.rest > 0 {
            return 0;
        }
        let (read, channels, pending) = (output.read(), output.channels(), output.pending());
        if pending < HALF {
            return 0;
        }
        let longest = usize::try_from(longest)
            .unwrap_or(0)
            .min(MAX_LAG)
            .min(HISTORY - HALF);
        let found = best_lag(
            output.pcm(),
            channels,
            read - HALF,
            2 * HALF,
            MIN_LAG..=longest,
            true,
        );
        let threshold = self.threshold(STRICT);
        let Some(found) = found.filter(|found| found.score >= threshold) else {
            self.attempts += 1;
            return 0;
        };
        // After the repeat, the sound as it would have gone on lies `lag` later: fade from it into the repetition.
        let fade = found.lag.min(pending);
        output.repeat(found.lag);
        let read = output.read();
        fade_from(output.pcm_mut(), channels, read, read + found.lag, fade);
        self.done();
        found.lag
    }

    fn threshold(&self, start: f64) -> f64 {
        start - IMPATIENCE * f64::from(self.attempts)
    }

    fn done(&mut self) {
        self.attempts = 0;
        self.rest = REST;
    }
}

/// `fade` frames at `to` go over into those at `from`.
fn cross_fade(pcm: &mut [i16], channels: usize, to: usize, from: usize, fade: usize) {
    for frame in 0..fade {
        for channel in 0..channels {
            let (here, there) = (
                (to + frame) * channels + channel,
                (from + frame) * channels + channel,
            );
            pcm[here] = mix(pcm[here], pcm[there], frame, fade);
        }
    }
}

/// The frames at `to` start as those at `from` and become themselves within `fade`.
fn fade_from(pcm: &mut [i16], channels: usize, to: usize, from: usize, fade: usize) {
    for frame in 0..fade {
        for channel in 0..channels {
            let (here, there) = (
                (to + frame) * channels + channel,
                (from + frame) * channels + channel,
            );
            pcm[here] = mix(pcm[there], pcm[here], frame, fade);
        }
    }
}

/// A point on the line from `first` to `second`, at `step + ½` of `steps`.
pub(super) fn mix(first: i16, second: i16, step: usize, steps: usize) -> i16 {
    let weight = (step as f32 + 0.5) / steps as f32;
    (f32::from(first) * (1.0 - weight) + f32::from(second) * weight).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(frames: usize) -> Vec<i16> {
        (0..frames)
            .map(|n| {
                let phase = std::f64::consts::TAU * 150.0 * n as f64 / 48_000.0;
                ((phase.sin() + 0.5 * (2.0 * phase).sin() + 0.25 * (3.0 * phase).cos()) * 6_000.0)
                    as i16
            })
            .collect()
    }

    fn steepest(pcm: &[i16]) -> i32 {
        pcm.windows(2)
            .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
            .max()
            .unwrap_or(0)
    }

    fn started() -> (Output, Vec<i16>) {
        let mut output = Output::new(1);
        output.append(&voice(3_000));
        let mut out = Vec::new();
        for _ in 0..3 {
            output.pull(&mut out);
        }
        (output, out)
    }

    #[test]
    fn leaving_out_a_period_leaves_no_seam() {
        let (mut output, _) = started();
        let before = output.pending();
        let removed = Stretcher::default().accelerate(&mut output, ms(10), false);
        assert_eq!(removed % 320, 0, "whole periods of 150 Hz");
        assert!(removed > 0);
        assert_eq!(output.pending(), before - removed);
        assert!(steepest(&output.pcm()[output.read() - 480..]) <= steepest(&voice(3_000)) + 2);
    }

    #[test]
    fn repeating_a_period_leaves_no_seam() {
        let (mut output, _) = started();
        let before = output.pending();
        let added = Stretcher::default().decelerate(&mut output, ms(10));
        assert_eq!(added % 320, 0);
        assert!(added > 0);
        assert_eq!(output.pending(), before + added);
        assert!(steepest(&output.pcm()[output.read() - 480..]) <= steepest(&voice(3_000)) + 2);
    }

    #[test]
    fn noise_is_left_alone_at_first_and_not_for_ever() {
        let mut state = 1_u32;
        let noise: Vec<i16> = (0..3_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16
            })
            .collect();
        let mut output = Output::new(1);
        output.append(&noise);
        let mut stretcher = Stretcher::default();
        assert_eq!(stretcher.accelerate(&mut output, ms(10), false), 0);
        let tries = (0..200)
            .take_while(|_| stretcher.accelerate(&mut output, ms(10), false) == 0)
            .count();
        assert!(tries < 120, "{tries}");
    }

    #[test]
    fn two_seams_keep_a_distance() {
        let (mut output, _) = started();
        let mut stretcher = Stretcher::default();
        assert!(stretcher.decelerate(&mut output, ms(10)) > 0);
        assert_eq!(stretcher.decelerate(&mut output, ms(10)), 0);
        stretcher.advance(REST);
        assert!(stretcher.decelerate(&mut output, ms(10)) > 0);
    }
}
