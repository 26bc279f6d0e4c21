//! What the resampler does to signals: noise, pitch, length, and independence of how the input is cut.

use std::f64::consts::TAU;

use lk_dsp::{AudioFormat, Converter, Error, Resampler};

/// The pairs that calls meet.
const PAIRS: [(u32, u32); 12] = [
    (48_000, 16_000),
    (16_000, 48_000),
    (48_000, 24_000),
    (24_000, 48_000),
    (44_100, 48_000),
    (48_000, 44_100),
    (48_000, 8_000),
    (8_000, 48_000),
    (32_000, 48_000),
    (48_000, 32_000),
    (22_050, 48_000),
    (96_000, 48_000),
];

fn sine(rate: u32, frames: usize, hz: f64) -> Vec<i16> {
    (0..frames)
        .map(|n| (30_000.0 * (TAU * hz * n as f64 / f64::from(rate)).sin()).round() as i16)
        .collect()
}

/// Least-squares fit of a sine of `hz`: its energy over the remainder's, dB, and its amplitude.
fn fit(pcm: &[i16], rate: u32, hz: f64) -> (f64, f64) {
    // Normal equations of a·sin + b·cos, solved exactly, so that no whole number of periods is needed.
    let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let (s, c) = (TAU * hz * n as f64 / f64::from(rate)).sin_cos();
        let y = f64::from(sample);
        (ss, sc, cc, ys, yc) = (ss + s * s, sc + s * c, cc + c * c, ys + y * s, yc + y * c);
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = (
        (ys * cc - yc * sc) / determinant,
        (yc * ss - ys * sc) / determinant,
    );
    let (mut signal, mut noise) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let (s, c) = (TAU * hz * n as f64 / f64::from(rate)).sin_cos();
        let fitted = a * s + b * c;
        signal += fitted * fitted;
        noise += (f64::from(sample) - fitted).powi(2);
    }
    (10.0 * (signal / noise).log10(), a.hypot(b))
}

fn resampled(from: u32, to: u32, pcm: &[i16]) -> Vec<i16> {
    let mut out = Vec::new();
    Resampler::new(from, to, 1)
        .unwrap()
        .process(pcm, &mut out)
        .unwrap();
    out
}

#[test]
fn sines_through_the_pass_band_keep_level_and_90_db() {
    for (from, to) in PAIRS {
        let nyquist = f64::from(from.min(to)) / 2.0;
        let mut worst = f64::MAX;
        for part in [0.013, 0.11, 0.23, 0.37, 0.5, 0.61, 0.72, 0.81, 0.86] {
            let hz = nyquist * part;
            let out = resampled(from, to, &sine(from, from as usize / 8, hz));
            let settled = &out[out.len() / 10..];
            let (snr, level) = fit(settled, to, hz);
            worst = worst.min(snr);
            assert!(
                (29_900.0..30_100.0).contains(&level),
                "{from} to {to}, {hz:.0} Hz: level {level:.1}"
            );
        }
        assert!(worst > 90.0, "{from} to {to}: {worst:.1} dB");
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_gone() {
    for (from, to) in PAIRS.into_iter().filter(|(from, to)| to < from) {
        for part in [1.06, 1.3, 1.7, f64::from(from) / f64::from(to) * 0.975] {
            let hz = f64::from(to) / 2.0 * part;
            if hz > f64::from(from) * 0.49 {
                continue;
            }
            let out = resampled(from, to, &sine(from, from as usize / 8, hz));
            let peak = out[out.len() / 10..]
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max();
            // 30,000 at −90 dB is one unit of 16 bits.
            assert!(
                peak <= Some(1),
                "{from} to {to}, {hz:.0} Hz leaves {peak:?}"
            );
        }
    }
}

#[test]
fn a_pair_without_a_common_divisor_is_as_clean() {
    for (from, to) in [(44_101, 48_000), (47_999, 16_001), (8_000, 191_999)] {
        let hz = f64::from(from.min(to)) * 0.3;
        let out = resampled(from, to, &sine(from, from as usize / 8, hz));
        let (snr, _) = fit(&out[out.len() / 10..], to, hz);
        assert!(snr > 90.0, "{from} to {to}: {snr:.1} dB");
    }
}

#[test]
fn equal_rates_pass_untouched() {
    let pcm = sine(48_000, 1_000, 440.0);
    assert_eq!(resampled(48_000, 48_000, &pcm), pcm);
    let resampler = Resampler::new(48_000, 48_000, 2).unwrap();
    assert_eq!(resampler.delay(), 0);
}

#[test]
fn ten_milliseconds_in_are_ten_milliseconds_out_for_good() {
    for (from, to) in [(48_000, 16_000), (44_100, 48_000), (8_000, 44_100)] {
        let mut resampler = Resampler::new(from, to, 1).unwrap();
        let input = vec![0; from as usize / 100];
        let mut out = Vec::new();
        for _ in 0..1_000 {
            out.clear();
            assert_eq!(
                resampler.process(&input, &mut out),
                Ok(to as usize / 100),
                "{from} to {to}"
            );
        }
    }
}

#[test]
fn rates_without_whole_ten_milliseconds_do_not_drift() {
    let mut resampler = Resampler::new(11_025, 48_000, 1).unwrap();
    let (mut taken, mut given) = (0_u64, 0_u64);
    let mut out = Vec::new();
    for call in 0..1_000 {
        let block = 110 + call % 2;
        out.clear();
        given += resampler.process(&vec![0; block], &mut out).unwrap() as u64;
        taken += block as u64;
        assert_eq!(given, (taken * 48_000).div_ceil(11_025));
    }
}

#[test]
fn the_output_does_not_depend_on_how_the_input_is_cut() {
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..8_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        })
        .collect();
    for (from, to) in [
        (48_000, 16_000),
        (16_000, 48_000),
        (44_100, 48_000),
        (47_999, 48_000),
    ] {
        let mut whole = Vec::new();
        let mut resampler = Resampler::new(from, to, 2).unwrap();
        resampler.process(&noise, &mut whole).unwrap();
        resampler.flush(&mut whole);
        for size in [1, 7, 1_001] {
            let mut parts = Vec::new();
            let mut resampler = Resampler::new(from, to, 2).unwrap();
            for block in noise.chunks(size * 2) {
                resampler.process(block, &mut parts).unwrap();
            }
            resampler.flush(&mut parts);
            assert!(parts == whole, "{from} to {to} in blocks of {size}");
        }
    }
}

#[test]
fn a_click_arrives_after_the_delay_and_flush_brings_its_tail() {
    for (from, to) in [(48_000, 16_000), (16_000, 48_000), (44_100, 48_000)] {
        let mut resampler = Resampler::new(from, to, 1).unwrap();
        let mut out = Vec::new();
        resampler.process(&[20_000], &mut out).unwrap();
        resampler.flush(&mut out);
        let peak = out
            .iter()
            .enumerate()
            .max_by_key(|(_, sample)| sample.unsigned_abs())
            .unwrap()
            .0;
        assert!(
            peak.abs_diff(resampler.delay()) <= 1,
            "{from} to {to}: at {peak}, delay {}",
            resampler.delay()
        );
        assert!(resampler.delay() * 1_000 / to as usize <= 3, "at most 3 ms");
        // After a flush nothing is left of it.
        out.clear();
        resampler
            .process(&vec![0; from as usize / 10], &mut out)
            .unwrap();
        assert!(out.iter().all(|&sample| sample == 0));
    }
}

#[test]
fn full_scale_does_not_wrap() {
    let square: Vec<i16> = (0..4_800)
        .map(|n| if n / 50 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let out = resampled(48_000, 44_100, &square);
    // A wrapped overshoot would turn up as a jump of the whole range inside a half-wave.
    for (n, pair) in out.windows(2).enumerate() {
        let jump = (i32::from(pair[0]) - i32::from(pair[1])).abs();
        assert!(jump < 64_000, "jump of {jump} at {n}");
    }
}

#[test]
fn a_converter_changes_rate_and_channels_at_once() {
    let format = |sample_rate, channels| AudioFormat::new(sample_rate, channels).unwrap();
    let tone = sine(48_000, 24_000, 440.0);
    for (from, to) in [(1, 1), (1, 2), (2, 1), (2, 2), (1, 6), (4, 2), (6, 6)] {
        let input: Vec<i16> = tone
            .iter()
            .flat_map(|&sample| std::iter::repeat_n(sample, from as usize))
            .collect();
        let mut converter = Converter::new(format(48_000, from), format(16_000, to)).unwrap();
        let mut out = Vec::new();
        assert_eq!(converter.process(&input, &mut out), Ok(8_000));
        assert_eq!(out.len(), 8_000 * to as usize);
        for channel in 0..to as usize {
            let one: Vec<i16> = out
                .iter()
                .copied()
                .skip(channel)
                .step_by(to as usize)
                .collect();
            let (snr, level) = fit(&one[800..], 16_000, 440.0);
            assert!(
                snr > 90.0 && (29_900.0..30_100.0).contains(&level),
                "{from} to {to}: {snr:.1} dB, {level:.0}"
            );
        }
        let frames = converter.flush(&mut out);
        assert_eq!(out.len(), (8_000 + frames) * to as usize);
    }
}

#[test]
fn nonsense_is_refused_with_its_value() {
    assert_eq!(
        Resampler::new(0, 48_000, 1).unwrap_err(),
        Error::SampleRate { sample_rate: 0 }
    );
    assert_eq!(
        Resampler::new(48_000, 200_000, 1).unwrap_err(),
        Error::SampleRate {
            sample_rate: 200_000
        }
    );
    assert_eq!(
        Resampler::new(48_000, 16_000, 0).unwrap_err(),
        Error::Channels { channels: 0 }
    );
    let error = Resampler::new(48_000, 16_000, 2)
        .unwrap()
        .process(&[1; 3], &mut Vec::new())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "samples 3 is not a multiple of channels 2"
    );
    let format = AudioFormat::new(48_000, 2).unwrap();
    assert_eq!(format.check_ten_ms(960), Ok(()));
    assert_eq!(
        format.check_ten_ms(958),
        Err(Error::NotTenMilliseconds {
            samples_per_channel: 479,
            sample_rate: 48_000
        })
    );
    assert_eq!(
        AudioFormat::new(7_999, 1),
        Err(Error::SampleRate { sample_rate: 7_999 })
    );
}
