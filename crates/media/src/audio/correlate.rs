//! Finding how far a sound repeats itself.

use super::ms;

/// Half of the window that is compared: 5 ms.
pub(super) const HALF: usize = ms(5) as usize;

/// Frames that one step of the coarse search stands for: 8 kHz.
const STEP: usize = 6;

/// Mean square below which a window counts as silence (RMS of 32, -60 dB).
const SILENT: f64 = 1_024.0;

/// A distance at which the sound resembles itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Match {
    /// Frames.
    pub(super) lag: usize,
    /// Normalised correlation, -1 to 1; 1 where both windows are silent.
    pub(super) score: f64,
}

/// Best distance in `lags` between the window of `len` frames at `reference` and the one `lag` after it, or before
/// it where `back` is set. Positions are frames of `pcm`; all windows must lie within it, or there is no match.
pub(super) fn best_lag(
    pcm: &[i16],
    channels: usize,
    reference: usize,
    len: usize,
    lags: std::ops::RangeInclusive<usize>,
    back: bool,
) -> Option<Match> {
    let (low, high) = (*lags.start(), *lags.end());
    let frames = pcm.len() / channels;
    let high = if back {
        high.min(reference)
    } else {
        high.min(frames.checked_sub(reference + len)?)
    };
    if low > high || reference + len > frames || len == 0 {
        return None;
    }
    let at = |lag: usize| {
        if back {
            reference - lag
        } else {
            reference + lag
        }
    };
    let window = |start: usize| &pcm[start * channels..(start + len) * channels];
    let home = window(reference);
    let home_energy = dot(home, home);
    let quiet = SILENT * home.len() as f64;
    if home_energy < quiet {
        // Nothing to be seen in silence, so any distance is as good: the longest does most. Unless sound lies there.
        let other = window(at(high));
        if dot(other, other) < quiet {
            return Some(Match {
                lag: high,
                score: 1.0,
            });
        }
    }

    let coarse = (low..=high)
        .step_by(STEP)
        .map(|lag| (lag, sparse_score(home, window(at(lag)), channels)))
        .max_by(|left, right| left.1.total_cmp(&right.1))?
        .0;
    (coarse.saturating_sub(STEP).max(low)..=(coarse + STEP).min(high))
        .map(|lag| Match {
            lag,
            score: score(home_energy, home, window(at(lag))),
        })
        .max_by(|left, right| left.score.total_cmp(&right.score))
}

fn score(home_energy: f64, home: &[i16], other: &[i16]) -> f64 {
    normalise(dot(home, other), home_energy, dot(other, other))
}

/// The score over every third frame: what lies above 8 kHz folds down, but equally on both sides.
fn sparse_score(home: &[i16], other: &[i16], channels: usize) -> f64 {
    let stride = 3 * channels;
    let (mut cross, mut left_energy, mut right_energy) = (0_i64, 0_i64, 0_i64);
    for (left, right) in home.chunks(stride).zip(other.chunks(stride)) {
        for (left, right) in left.iter().zip(right).take(channels) {
            let (left, right) = (i64::from(*left), i64::from(*right));
            cross += left * right;
            left_energy += left * left;
            right_energy += right * right;
        }
    }
    normalise(cross as f64, left_energy as f64, right_energy as f64)
}

fn normalise(cross: f64, left_energy: f64, right_energy: f64) -> f64 {
    let energy = (left_energy * right_energy).sqrt();
    if energy > 0.0 { cross / energy } else { 0.0 }
}

fn dot(left: &[i16], right: &[i16]) -> f64 {
    let sum: i64 = left
        .iter()
        .zip(right)
        .map(|(left, right)| i64::from(i32::from(*left) * i32::from(*right)))
        .sum();
    sum as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, frames: usize, channels: usize) -> Vec<i16> {
        (0..frames)
            .flat_map(|n| {
                let phase = std::f64::consts::TAU * hertz * n as f64 / 48_000.0;
                (0..channels).map(move |channel| {
                    ((phase.sin() * 8_000.0) as i16) * if channel == 1 { -1 } else { 1 }
                })
            })
            .collect()
    }

    #[test]
    fn a_tone_repeats_after_whole_periods_also_in_opposed_channels() {
        for channels in [1, 2] {
            let pcm = tone(200.0, 2_400, channels);
            for back in [false, true] {
                let found = best_lag(&pcm, channels, 960, 480, 120..=400, back).unwrap();
                assert_eq!(found.lag, 240);
                assert!(found.score > 0.999);
            }
        }
    }

    #[test]
    fn silence_matches_at_the_longest_distance() {
        let found = best_lag(&[0; 2_000], 1, 500, 480, 120..=720, false).unwrap();
        assert_eq!(
            found,
            Match {
                lag: 720,
                score: 1.0
            }
        );
    }

    #[test]
    fn windows_outside_the_sound_are_no_match() {
        let pcm = tone(200.0, 600, 1);
        assert_eq!(best_lag(&pcm, 1, 200, 480, 120..=720, false), None);
        assert_eq!(best_lag(&pcm, 1, 100, 480, 120..=720, true), None);
        assert_eq!(best_lag(&pcm, 1, 100, 0, 120..=720, false), None);
    }
}
