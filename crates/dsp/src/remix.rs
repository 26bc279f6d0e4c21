//! From one number of channels to another.

use crate::Error;
use crate::error::{check_channels, check_frames};

/// Appends interleaved `input` to `out` with another number of channels.
///
/// - one to many: every channel gets the one;
/// - many to one: the mean;
/// - 5.1 (order FL FR FC LFE RL RR) to stereo: centre and rears at −3 dB, without LFE (ITU-R BS.775), scaled so
///   that nothing clips;
/// - many to fewer: each output is the mean of the channels congruent to it, which keeps the sides of
///   FL FR RL RR apart;
/// - some to more: the ones there are, then silence.
///
/// # Errors
/// [`Error::Channels`], [`Error::PartialFrame`]; nothing is written then.
pub fn remix(input: &[i16], from: u32, to: u32, out: &mut Vec<i16>) -> Result<(), Error> {
    check_channels(from)?;
    check_channels(to)?;
    check_frames(input.len(), from)?;
    let (from, to) = (from as usize, to as usize);
    out.reserve(input.len() / from * to);
    match (from, to) {
        _ if from == to => out.extend_from_slice(input),
        (1, 2) => out.extend(input.iter().flat_map(|&sample| [sample, sample])),
        (1, _) => out.extend(
            input
                .iter()
                .flat_map(|&sample| std::iter::repeat_n(sample, to)),
        ),
        (2, 1) => out.extend(
            input
                .chunks_exact(2)
                .map(|frame| mean(frame.iter().copied())),
        ),
        (6, 2) => out.extend(input.chunks_exact(6).flat_map(surround_to_stereo)),
        _ if to < from => {
            for frame in input.chunks_exact(from) {
                out.extend(
                    (0..to).map(|channel| mean(frame.iter().copied().skip(channel).step_by(to))),
                );
            }
        }
        _ => {
            for frame in input.chunks_exact(from) {
                out.extend_from_slice(frame);
                out.extend(std::iter::repeat_n(0, to - from));
            }
        }
    }
    Ok(())
}

/// The mean, halves rounded upwards, so that equal channels come through unchanged.
fn mean(samples: impl Iterator<Item = i16>) -> i16 {
    let (sum, count) = samples.fold((0_i32, 0_i32), |(sum, count), sample| {
        (sum + i32::from(sample), count + 1)
    });
    i16::try_from((2 * sum + count).div_euclid(2 * count)).expect("a mean lies between its terms")
}

fn surround_to_stereo(frame: &[i16]) -> [i16; 2] {
    const MINUS_3_DB: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const SCALE: f32 = 1.0 / (1.0 + 2.0 * MINUS_3_DB);
    let sample = |channel: usize| f32::from(frame[channel]);
    let side = |front: usize, rear: usize| {
        // A cast from float saturates, and the weights add up to one anyway.
        ((sample(front) + MINUS_3_DB * (sample(2) + sample(rear))) * SCALE).round() as i16
    };
    [side(0, 4), side(1, 5)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remixed(input: &[i16], from: u32, to: u32) -> Vec<i16> {
        let mut out = Vec::new();
        remix(input, from, to, &mut out).unwrap();
        out
    }

    #[test]
    fn mono_goes_everywhere_and_comes_back() {
        assert_eq!(remixed(&[1, -2], 1, 2), [1, 1, -2, -2]);
        assert_eq!(remixed(&[7], 1, 5), [7; 5]);
        assert_eq!(remixed(&[1, 1, -2, -2], 2, 1), [1, -2]);
    }

    #[test]
    fn means_neither_overflow_nor_drift() {
        assert_eq!(
            remixed(&[i16::MAX, i16::MAX, i16::MIN, i16::MIN], 2, 1),
            [i16::MAX, i16::MIN]
        );
        assert_eq!(remixed(&[3, 0, -3, 0], 2, 1), [2, -1]);
        assert_eq!(remixed(&[i16::MIN; 6], 6, 1), [i16::MIN]);
    }

    #[test]
    fn sides_stay_apart() {
        assert_eq!(remixed(&[10, 20, 30, 40], 4, 2), [20, 30]);
        assert_eq!(
            remixed(&[100, -100, 0, 5_000, 0, 0], 6, 2),
            [41, -41],
            "no LFE"
        );
        assert_eq!(
            remixed(&[0, 0, 1_000, 0, 0, 0], 6, 2),
            [293, 293],
            "the centre is on both sides"
        );
        assert_eq!(remixed(&[i16::MAX; 6], 6, 2), [i16::MAX; 2]);
    }

    #[test]
    fn more_channels_than_there_are_stay_silent() {
        assert_eq!(remixed(&[1, 2, 3, 4], 2, 4), [1, 2, 0, 0, 3, 4, 0, 0]);
    }

    #[test]
    fn nonsense_is_refused_untouched() {
        let mut out = vec![9];
        assert_eq!(
            remix(&[1, 2], 0, 1, &mut out),
            Err(Error::Channels { channels: 0 })
        );
        assert_eq!(
            remix(&[1, 2], 2, 0, &mut out),
            Err(Error::Channels { channels: 0 })
        );
        assert_eq!(
            remix(&[1, 2], 2, 25, &mut out),
            Err(Error::Channels { channels: 25 })
        );
        assert_eq!(
            remix(&[1, 2, 3], 2, 1, &mut out),
            Err(Error::PartialFrame {
                samples: 3,
                channels: 2
            })
        );
        assert_eq!(out, [9]);
    }
}
