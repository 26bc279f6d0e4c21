//! From one number of channels to another.

use crate::Error;
use crate::error::{check_channels, check_frames};

/// Appends interleaved `input` to `out` with another number of channels.
///
/// - one to many: every channel gets the one;
/// - two to eight to one to eight: by where the speakers stand. A speaker that the output lacks is heard from those
///   next to it (ITU-R BS.775: the centre at −3 dB from both sides, the rear at −3 dB from its side; the bass channel
///   from none), scaled so that nothing clips; one that the input lacks is silent;
/// - more than eight to fewer: each output is the mean of the channels congruent to it;
/// - some to more than eight: the ones there are, then silence.
///
/// The order of speakers is that of WAVE files: FL FR, FC, LFE, BL BR, SL SR; of three FL FR FC, of four FL FR BL BR,
/// of five FL FR FC BL BR, of seven FL FR FC LFE BC SL SR.
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
        _ => match (layout(from), layout(to)) {
            (Some(from), Some(to)) => by_place(input, from, to, out),
            _ if to < from => {
                for frame in input.chunks_exact(from) {
                    out.extend(
                        (0..to)
                            .map(|channel| mean(frame.iter().copied().skip(channel).step_by(to))),
                    );
                }
            }
            _ => {
                for frame in input.chunks_exact(from) {
                    out.extend_from_slice(frame);
                    out.extend(std::iter::repeat_n(0, to - from));
                }
            }
        },
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

/// Where a speaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    FrontLeft,
    FrontRight,
    FrontCentre,
    Bass,
    BackLeft,
    BackRight,
    BackCentre,
    SideLeft,
    SideRight,
}

/// Most speakers of a known layout.
const MOST: usize = 8;

/// The speakers of so many channels.
fn layout(channels: usize) -> Option<&'static [Speaker]> {
    use Speaker::{
        BackCentre as BC, BackLeft as BL, BackRight as BR, Bass, FrontCentre as FC,
        FrontLeft as FL, FrontRight as FR, SideLeft as SL, SideRight as SR,
    };
    Some(match channels {
        1 => &[FC],
        2 => &[FL, FR],
        3 => &[FL, FR, FC],
        4 => &[FL, FR, BL, BR],
        5 => &[FL, FR, FC, BL, BR],
        6 => &[FL, FR, FC, Bass, BL, BR],
        7 => &[FL, FR, FC, Bass, BC, SL, SR],
        8 => &[FL, FR, FC, Bass, BL, BR, SL, SR],
        _ => return None,
    })
}

/// Who plays for a speaker that is not there: the first of these pairs that is, each with the weight.
fn stand_ins(speaker: Speaker) -> &'static [(&'static [Speaker], f32)] {
    use Speaker::{
        BackCentre as BC, BackLeft as BL, BackRight as BR, Bass, FrontCentre as FC,
        FrontLeft as FL, FrontRight as FR, SideLeft as SL, SideRight as SR,
    };
    const MINUS_3_DB: f32 = std::f32::consts::FRAC_1_SQRT_2;
    match speaker {
        // One speaker alone plays all of a side.
        FL | FR => &[(&[FC], 1.0)],
        FC => &[(&[FL, FR], MINUS_3_DB)],
        Bass => &[],
        BL => &[(&[SL], 1.0), (&[FL], MINUS_3_DB), (&[FC], MINUS_3_DB)],
        BR => &[(&[SR], 1.0), (&[FR], MINUS_3_DB), (&[FC], MINUS_3_DB)],
        SL => &[(&[BL], 1.0), (&[FL], MINUS_3_DB), (&[FC], MINUS_3_DB)],
        SR => &[(&[BR], 1.0), (&[FR], MINUS_3_DB), (&[FC], MINUS_3_DB)],
        BC => &[
            (&[BL, BR], MINUS_3_DB),
            (&[SL, SR], MINUS_3_DB),
            (&[FL, FR], 0.5),
            (&[FC], MINUS_3_DB),
        ],
    }
}

/// What each output takes of each input.
fn weights(from: &[Speaker], to: &[Speaker]) -> [[f32; MOST]; MOST] {
    let mut weights = [[0.0; MOST]; MOST];
    let place = |speaker: Speaker| to.iter().position(|&one| one == speaker);
    for (source, &speaker) in from.iter().enumerate() {
        if let Some(target) = place(speaker) {
            weights[target][source] = 1.0;
            continue;
        }
        let stand_in = stand_ins(speaker)
            .iter()
            .find(|(players, _)| players.iter().all(|&player| place(player).is_some()));
        if let Some((players, weight)) = stand_in {
            for target in players.iter().filter_map(|&player| place(player)) {
                weights[target][source] = *weight;
            }
        }
    }
    // The same for all outputs, or the sides would differ in level.
    let loudest = weights
        .iter()
        .map(|row| row.iter().sum::<f32>())
        .fold(1.0, f32::max);
    for weight in weights.iter_mut().flatten() {
        *weight /= loudest;
    }
    weights
}

fn by_place(input: &[i16], from: &[Speaker], to: &[Speaker], out: &mut Vec<i16>) {
    let weights = weights(from, to);
    for frame in input.chunks_exact(from.len()) {
        out.extend(weights[..to.len()].iter().map(|row| {
            let sum: f32 = row
                .iter()
                .zip(frame)
                .map(|(weight, &sample)| weight * f32::from(sample))
                .sum();
            // A cast from float saturates, and the weights add up to one at most.
            sum.round() as i16
        }));
    }
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
        assert_eq!(remixed(&[1_000, 2_000, 0, 0], 4, 2), [586, 1_172]);
        assert_eq!(remixed(&[0, 0, 1_000, 2_000], 4, 2), [414, 828]);
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
    fn speakers_keep_their_places() {
        // Quad to 5.0 and 5.1, 5.0 to 5.1, 5.1 to 7.1: what is there stays, the rest is silent.
        assert_eq!(remixed(&[1, 2, 3, 4], 4, 5), [1, 2, 0, 3, 4]);
        assert_eq!(remixed(&[1, 2, 3, 4], 4, 6), [1, 2, 0, 0, 3, 4]);
        assert_eq!(remixed(&[1, 2, 3, 4, 5], 5, 6), [1, 2, 3, 0, 4, 5]);
        assert_eq!(remixed(&[1, 2, 3, 4, 5, 6], 6, 8), [1, 2, 3, 4, 5, 6, 0, 0]);
        // 7.1 to 5.1: the sides are heard from the back.
        assert_eq!(
            remixed(&[0, 0, 0, 0, 200, 0, 0, 100], 8, 6),
            [0, 0, 0, 0, 100, 50]
        );
        // A centre is on both sides, however many channels it comes with.
        for (from, centre) in [(3, 2), (5, 2), (6, 2), (7, 2), (8, 2)] {
            let mut frame = vec![0; from];
            frame[centre] = 10_000;
            let out = remixed(&frame, from as u32, 2);
            assert!(out[0] > 1_500 && out[0] == out[1], "{from}: {out:?}");
        }
    }

    #[test]
    fn every_pair_keeps_sides_apart_and_never_clips() {
        for from in 1..=24 {
            for to in 1..=24 {
                for extreme in [i16::MAX, i16::MIN] {
                    let out = remixed(&vec![extreme; from as usize], from, to);
                    assert_eq!(out.len(), to as usize);
                    assert!(
                        out.iter()
                            .all(|&sample| sample == 0 || (sample > 0) == (extreme > 0)),
                        "{from} to {to}: {out:?}"
                    );
                }
                if (2..=8).contains(&from) && (2..=8).contains(&to) {
                    let mut frame = vec![0; from as usize];
                    frame[0] = 10_000;
                    let out = remixed(&frame, from, to);
                    assert!(out[0] > 1_000 && out[1] == 0, "{from} to {to}: {out:?}");
                }
            }
        }
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
