//! Echo, noise, level and rumble: how much goes and what stays.

mod voice;

use std::f64::consts::TAU;

use lk_dsp::{AudioProcessor, Error, Stages};
use voice::{level, mixed, noise, pcm, room, scaled, speech};

const NOTHING: Stages = Stages {
    echo_canceller: false,
    gain_controller: false,
    high_pass_filter: false,
    noise_suppression: false,
};

/// What comes out for a microphone's and a loudspeaker's sound, block by block.
fn cleaned(
    stages: Stages,
    rate: u32,
    channels: u32,
    heard: &[i16],
    played: Option<&[i16]>,
) -> Vec<i16> {
    let mut processor = AudioProcessor::new(stages);
    let block = (rate / 100 * channels) as usize;
    let mut out = heard.to_vec();
    for (number, heard) in out.chunks_exact_mut(block).enumerate() {
        if let Some(played) = played {
            let played = &played[number * block..(number + 1) * block];
            processor.process_render(played, rate, channels).unwrap();
            processor.set_stream_delay_ms(40).unwrap();
        }
        processor.process_capture(heard, rate, channels).unwrap();
    }
    out
}

/// The last `seconds` of interleaved sound.
fn last(part: &[i16], rate: u32, channels: u32, seconds: f64) -> &[i16] {
    let samples = (f64::from(rate) * seconds) as usize * channels as usize;
    &part[part.len() - samples..]
}

#[test]
fn echo_is_reduced_by_30_db() {
    let stages = Stages {
        echo_canceller: true,
        ..NOTHING
    };
    for (rate, channels, delay_ms) in [
        (16_000, 1, 40),
        (48_000, 1, 40),
        (48_000, 2, 90),
        (32_000, 1, 200),
    ] {
        let far = scaled(&speech(rate, 16.0, 1), 0.5);
        let echo = room(&far, rate, delay_ms, 0.4, 2);
        let heard = mixed(&[&echo, &noise(echo.len(), -80.0, 3)]);
        let (played, heard) = (pcm(&far, channels as usize), pcm(&heard, channels as usize));
        let out = cleaned(stages, rate, channels, &heard, Some(&played));
        let before = level(last(&heard, rate, channels, 8.0));
        let after = level(last(&out, rate, channels, 8.0));
        assert!(
            before - after >= 30.0,
            "{rate} Hz, {channels} channels, {delay_ms} ms: {before:.1} to {after:.1} dB"
        );
    }
}

#[test]
fn who_speaks_is_heard_while_nothing_is_played() {
    let stages = Stages {
        echo_canceller: true,
        ..NOTHING
    };
    let rate = 48_000;
    let near = pcm(&scaled(&speech(rate, 8.0, 7), 0.3), 1);
    let out = cleaned(stages, rate, 1, &near, Some(&vec![0; near.len()]));
    let (before, after) = (
        level(last(&near, rate, 1, 6.0)),
        level(last(&out, rate, 1, 6.0)),
    );
    assert!((before - after).abs() < 2.0, "{before:.1} to {after:.1} dB");
}

#[test]
fn who_speaks_is_heard_while_others_are_played() {
    let stages = Stages {
        echo_canceller: true,
        ..NOTHING
    };
    let rate = 16_000;
    let far = scaled(&speech(rate, 16.0, 1), 0.5);
    let echo = room(&far, rate, 40, 0.4, 2);
    // Alone for the first half, so that the canceller knows the room.
    let mut near = scaled(&speech(rate, 16.0, 11), 0.4);
    let half = near.len() / 2;
    near[..half].fill(0.0);
    let heard = pcm(&mixed(&[&echo, &near]), 1);
    let out = cleaned(stages, rate, 1, &heard, Some(&pcm(&far, 1)));
    let (spoken, left) = (
        level(last(&pcm(&near, 1), rate, 1, 7.0)),
        level(last(&out, rate, 1, 7.0)),
    );
    assert!((spoken - left).abs() < 6.0, "{spoken:.1} to {left:.1} dB");
}

#[test]
fn steady_noise_is_reduced_and_speech_stays() {
    let stages = Stages {
        noise_suppression: true,
        ..NOTHING
    };
    for rate in [16_000, 48_000] {
        let hiss = pcm(&noise(rate as usize * 10, -35.0, 5), 1);
        let out = cleaned(stages, rate, 1, &hiss, None);
        let (before, after) = (
            level(last(&hiss, rate, 1, 5.0)),
            level(last(&out, rate, 1, 5.0)),
        );
        assert!(before - after > 9.0, "{rate}: {before:.1} to {after:.1} dB");
        let voice = pcm(&scaled(&speech(rate, 10.0, 6), 0.5), 1);
        let out = cleaned(stages, rate, 1, &voice, None);
        let (before, after) = (
            level(last(&voice, rate, 1, 5.0)),
            level(last(&out, rate, 1, 5.0)),
        );
        assert!(
            (before - after).abs() < 3.0,
            "{rate}: {before:.1} to {after:.1} dB"
        );
    }
}

#[test]
fn quiet_speech_is_raised_and_loud_speech_does_not_clip() {
    let stages = Stages {
        gain_controller: true,
        ..NOTHING
    };
    let rate = 48_000;
    let voice = speech(rate, 30.0, 8);
    let mut levels = Vec::new();
    for gain in [0.02, 0.1, 0.9] {
        let heard = pcm(&scaled(&voice, gain), 1);
        let out = cleaned(stages, rate, 1, &heard, None);
        let (before, after) = (
            level(last(&heard, rate, 1, 8.0)),
            level(last(&out, rate, 1, 8.0)),
        );
        levels.push((before, after));
        let clipped = out
            .iter()
            .filter(|&&s| s == i16::MAX || s == i16::MIN)
            .count();
        // The limiter meets full scale, and touches it where a syllable begins.
        assert!(clipped * 10_000 < out.len(), "{clipped} samples clipped");
    }
    let (quiet, raised) = levels[0];
    assert!(raised - quiet > 15.0, "{levels:?}");
    // What comes in 33 dB apart leaves much nearer to each other.
    let spread = (levels[2].1 - levels[0].1).abs();
    assert!(spread < 12.0, "{levels:?}");
}

#[test]
fn rumble_goes_and_the_voice_stays() {
    let stages = Stages {
        high_pass_filter: true,
        ..NOTHING
    };
    for rate in [8_000, 16_000, 44_100, 48_000] {
        let change = |hz: f64| {
            let sine: Vec<f64> = (0..rate as usize * 2)
                .map(|n| 0.3 * (TAU * hz * n as f64 / f64::from(rate)).sin())
                .collect();
            let heard = pcm(&sine, 1);
            let out = cleaned(stages, rate, 1, &heard, None);
            level(last(&out, rate, 1, 1.0)) - level(last(&heard, rate, 1, 1.0))
        };
        assert!(change(20.0) < -25.0, "{rate}: 20 Hz {:.1} dB", change(20.0));
        assert!(
            change(300.0).abs() < 1.0,
            "{rate}: 300 Hz {:.1} dB",
            change(300.0)
        );
        assert!(
            change(1_000.0).abs() < 0.5,
            "{rate}: 1 kHz {:.1} dB",
            change(1_000.0)
        );
    }
}

#[test]
fn every_rate_and_channel_count_is_taken_and_may_change() {
    let all = Stages {
        echo_canceller: true,
        gain_controller: true,
        high_pass_filter: true,
        noise_suppression: true,
    };
    let mut processor = AudioProcessor::new(all);
    for rate in [
        8_000, 11_100, 16_000, 22_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
    ] {
        for channels in [1, 2, 3, 8] {
            let mut block = vec![500; (rate / 100 * channels) as usize];
            // Loudspeaker and microphone need not have the same format.
            processor.process_render(&[300; 320], 16_000, 2).unwrap();
            processor
                .process_capture(&mut block, rate, channels)
                .unwrap();
        }
    }
}

#[test]
fn without_stages_sound_is_left_alone() {
    let heard = pcm(&speech(48_000, 0.5, 9), 1);
    assert!(cleaned(NOTHING, 48_000, 1, &heard, Some(&heard)) == heard);
}

#[test]
fn what_cannot_be_processed_is_refused_untouched() {
    let mut processor = AudioProcessor::new(Stages {
        noise_suppression: true,
        ..NOTHING
    });
    let mut data = [7_i16; 480];
    for (rate, channels) in [
        (0, 1),
        (7_900, 1),
        (192_100, 1),
        (48_000, 0),
        (48_000, 9),
        (48_050, 1),
        (16_000, 2_000),
    ] {
        assert!(
            processor
                .process_capture(&mut data, rate, channels)
                .is_err(),
            "{rate}, {channels}"
        );
        assert!(
            processor.process_render(&data, rate, channels).is_err(),
            "{rate}, {channels}"
        );
    }
    assert_eq!(
        processor.process_capture(&mut data[..479], 48_000, 1),
        Err(Error::NoWholeBlocks {
            samples: 479,
            sample_rate: 48_000,
            channels: 1
        })
    );
    assert!(processor.process_capture(&mut [], 48_000, 1).is_err());
    assert_eq!(data, [7; 480]);
    for delay_ms in [-1, 501, i32::MIN, i32::MAX] {
        assert_eq!(
            processor.set_stream_delay_ms(delay_ms),
            Err(Error::StreamDelay { delay_ms })
        );
    }
}
