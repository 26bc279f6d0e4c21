//! Joining sound to what went before where the decoder does not do so itself.

use super::correlate::best_lag;
use super::ms;
use super::output::Output;
use super::stretch::mix;

/// Length of a join.
const FADE: usize = ms(5) as usize;

/// Frames over which a step that is left is drawn out.
const STEP: usize = ms(2) as usize;

/// Frames at the end of the old sound that decide how it goes on.
const MATCHED: usize = ms(5) as usize;

/// Steps below this are left alone: they are inaudible and most sounds have them anyway.
const SMALL_STEP: i32 = 64;

/// Appends `pcm` after sound that it does not continue: the old sound is carried on by repeating its last period, and
/// goes over into the new one within 5 ms.
pub(super) fn append_spliced(output: &mut Output, pcm: &[i16]) {
    let channels = output.channels();
    let at = output.append(pcm);
    let fade = FADE.min(pcm.len() / channels);
    if fade == 0 {
        return;
    }
    let old = &output.pcm()[..at * channels];
    let lag = best_lag(
        old,
        channels,
        at - MATCHED,
        MATCHED,
        fade..=ms(15) as usize,
        true,
    )
    .map_or(FADE, |found| found.lag);
    let all = output.pcm_mut();
    for channel in 0..channels {
        let value = |frame: usize| i32::from(all[frame * channels + channel]);
        // The repetition starts where the old sound left off only as well as it matches: draw out the rest.
        let expected = 2 * value(at - 1) - value(at - 2);
        let mut step = expected - value(at - lag);
        let largest = (value(at - 1) - value(at - 2)).abs() + SMALL_STEP;
        if step.abs() > 4 * largest {
            step = value(at - 1) - value(at - lag);
        }
        for frame in 0..fade {
            let drawn = step * (fade - frame) as i32 / fade as i32;
            let carried = i32::from(all[(at - lag + frame) * channels + channel]) + drawn;
            let carried = carried.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            let here = (at + frame) * channels + channel;
            all[here] = mix(carried, all[here], frame, fade);
        }
    }
}

/// Draws out a step between the sound from `at` on and what lies before it, where there is one that is larger than
/// the sound's own slope.
pub(super) fn smooth_step(output: &mut Output, at: usize) {
    let channels = output.channels();
    let frames = output.pcm().len() / channels;
    let length = STEP.min(frames - at);
    let all = output.pcm_mut();
    for channel in 0..channels {
        let value = |frame: usize| i32::from(all[frame * channels + channel]);
        if length < 2 {
            return;
        }
        let step = value(at) - value(at - 1);
        let before = value(at - 1) - value(at - 2);
        let after = value(at + 1) - value(at);
        if step.abs() <= 2 * before.abs().max(after.abs()) + SMALL_STEP {
            continue;
        }
        let surplus = step - (before + after) / 2;
        for frame in 0..length {
            let drawn = surplus * (length - frame) as i32 / length as i32;
            let here = (at + frame) * channels + channel;
            all[here] = (i32::from(all[here]) - drawn)
                .clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
    }
}

/// Loudness of made-up sound: full at first, then down to silence, and up again with the next real sound.
#[derive(Debug)]
pub(super) struct Fader {
    gain: f32,
}

/// Made-up sound that is played at full level: a packet or two.
const FULL: i64 = ms(40);

/// Then it fades over this.
const FADE_OUT: i64 = ms(100);

impl Default for Fader {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Fader {
    /// Nothing is heard.
    pub(super) fn is_silent(&self) -> bool {
        self.gain <= 0.0
    }

    /// Starts from silence.
    pub(super) fn silence(&mut self) {
        self.gain = 0.0;
    }

    /// Applies the fade to made-up sound, `run` frames after real sound ended.
    pub(super) fn conceal(&mut self, pcm: &mut [i16], channels: usize, run: i64) {
        for (index, frame) in pcm.chunks_mut(channels).enumerate() {
            let age = run + index as i64;
            let wanted = 1.0 - ((age - FULL).max(0) as f32 / FADE_OUT as f32);
            // Sound that had not come up again before it was lost stays down.
            self.gain = self.gain.min(wanted.max(0.0));
            scale(frame, self.gain);
        }
    }

    /// Brings real sound, or comfort noise, up from where the fade had got to.
    pub(super) fn restore(&mut self, pcm: &mut [i16], channels: usize) {
        if self.gain >= 1.0 {
            return;
        }
        for frame in pcm.chunks_mut(channels) {
            if self.gain >= 1.0 {
                break;
            }
            scale(frame, self.gain);
            self.gain = (self.gain + 1.0 / FADE as f32).min(1.0);
        }
    }
}

fn scale(frame: &mut [i16], gain: f32) {
    for value in frame {
        *value = (f32::from(*value) * gain) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frames: usize, phase: f64) -> Vec<i16> {
        (0..frames)
            .map(|n| {
                ((std::f64::consts::TAU * 440.0 * n as f64 / 48_000.0 + phase).sin() * 10_000.0)
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

    #[test]
    fn a_join_has_no_step_whatever_the_phase() {
        let natural = steepest(&tone(2_000, 0.0));
        for phase in 0..16 {
            let mut output = Output::new(1);
            output.append(&tone(1_001, 0.0));
            append_spliced(&mut output, &tone(960, f64::from(phase) * 0.4));
            let steep = steepest(output.pcm());
            assert!(
                steep <= natural * 3 / 2,
                "phase {phase}: {steep} against {natural}"
            );
        }
    }

    #[test]
    fn a_step_is_drawn_out_and_a_smooth_join_is_left_alone() {
        let mut output = Output::new(1);
        output.append(&vec![0; 500]);
        let at = output.append(&vec![9_000; 500]);
        smooth_step(&mut output, at);
        assert!(steepest(output.pcm()) < 200);
        let mut smooth = Output::new(1);
        let sound = tone(1_000, 0.0);
        smooth.append(&sound[..480]);
        let at = smooth.append(&sound[480..]);
        smooth_step(&mut smooth, at);
        assert_eq!(&smooth.pcm()[at..], &sound[480..]);
    }

    #[test]
    fn made_up_sound_fades_and_real_sound_returns() {
        let mut fader = Fader::default();
        let mut pcm = vec![10_000; 480];
        fader.conceal(&mut pcm, 1, 0);
        assert_eq!(pcm[479], 10_000);
        let mut run = 480;
        while !fader.is_silent() {
            let mut pcm = vec![10_000; 480];
            fader.conceal(&mut pcm, 1, run);
            assert!(steepest(&pcm) <= 4);
            run += 480;
            assert!(run <= ms(150));
        }
        let mut pcm = vec![10_000; 480];
        fader.restore(&mut pcm, 1);
        assert_eq!((pcm[0], pcm[300]), (0, 10_000));
        assert!(steepest(&pcm) <= 50);
    }
}
