//! Sound resampled in whole pieces: noise, aliases, place and length of what comes out.

use std::f64::consts::TAU;

use lk_dsp::{AlignedResampler, MAX_RATE, MIN_RATE, Quality, RateError};

/// Pairs of rates that hosts ask for, and some odd ones.
const PAIRS: [(f64, f64); 12] = [
    (48_000.0, 16_000.0),
    (16_000.0, 48_000.0),
    (44_100.0, 48_000.0),
    (48_000.0, 44_100.0),
    (24_000.0, 48_000.0),
    (8_000.0, 48_000.0),
    (48_000.0, 8_000.0),
    (192_000.0, 44_100.0),
    (11_025.0, 16_000.0),
    (22_050.0, 8_000.0),
    (44_099.5, 48_000.25),
    (47_999.0, 16_001.0),
];

fn sine(rate: f64, frames: usize, hz: f64) -> Vec<f32> {
    (0..frames)
        .map(|n| (TAU * hz * n as f64 / rate).sin() as f32)
        .collect()
}

/// All of `input` at once, and what the flush gives.
fn resampled(resampler: &mut AlignedResampler, input: &[f32]) -> Vec<f32> {
    let mut out = [Vec::new()];
    resampler.process(input.len(), |_, place| input[place], &mut out);
    resampler.flush(&mut out);
    let [out] = out;
    out
}

fn new(from: f64, to: f64, quality: Quality) -> AlignedResampler {
    AlignedResampler::new(from, to, 1, quality, false).expect("a pair that is served")
}

/// Energy of a sine of 1 at `hz`, without delay, over the energy of all else, dB. The ends, where the sine was cut
/// off, are left out.
fn snr_without_delay(pcm: &[f32], rate: f64, hz: f64, ends: usize) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate().take(pcm.len() - ends).skip(ends) {
        let ideal = (TAU * hz * n as f64 / rate).sin();
        signal += ideal * ideal;
        noise += (f64::from(sample) - ideal).powi(2);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn sines_in_the_pass_band_come_through_in_place_level_and_purity() {
    for (quality, pass, least) in [
        (Quality::Quick, 0.58, 45.0),
        (Quality::Low, 0.67, 85.0),
        (Quality::Medium, 0.91, 85.0),
        (Quality::High, 0.91, 108.0),
        (Quality::VeryHigh, 0.925, 115.0),
    ] {
        for (from, to) in PAIRS {
            let nyquist = from.min(to) / 2.0;
            // A quarter of a second, and the filter's length at the ends, in output samples.
            let frames = from as usize / 4;
            let ends = (400.0 * (to / from).max(1.0)) as usize;
            for part in [0.011, 0.17, 0.43, 0.71, 0.999] {
                let hz = nyquist * pass * part;
                let out = resampled(&mut new(from, to, quality), &sine(from, frames, hz));
                let snr = snr_without_delay(&out, to, hz, ends);
                assert!(
                    snr > least,
                    "{quality:?}, {from} to {to}, {hz:.0} Hz: {snr:.1} dB"
                );
            }
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_gone() {
    for (quality, at_most) in [
        (Quality::Low, -90.0),
        (Quality::Medium, -90.0),
        (Quality::High, -114.0),
        (Quality::VeryHigh, -120.0),
    ] {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            let lowest = to / 2.0 * 1.005;
            let highest = from / 2.0 * 0.98;
            for hz in [lowest, (lowest + highest) / 2.0, highest] {
                let out = resampled(
                    &mut new(from, to, quality),
                    &sine(from, from as usize / 4, hz),
                );
                let settled = &out[400..out.len() - 400];
                let energy: f64 = settled.iter().map(|&s| f64::from(s).powi(2)).sum();
                let level = 10.0 * (2.0 * energy / settled.len() as f64).log10();
                assert!(
                    level < at_most,
                    "{quality:?}, {from} to {to}, {hz:.0} Hz: {level:.1} dB"
                );
            }
        }
    }
}

#[test]
fn in_all_the_output_is_as_long_as_the_input() {
    for (from, to) in PAIRS {
        let mut resampler = new(from, to, Quality::Medium);
        // The same resampler for all: a flush begins anew.
        for frames in [0, 1, 2, 7, 100, 441, 480, 5_000, 12_345] {
            let out = resampled(&mut resampler, &vec![0.5; frames]);
            let expected = (frames as f64 * to / from + 0.5).floor() as usize;
            assert_eq!(out.len(), expected, "{from} to {to}, {frames} frames");
        }
    }
}

#[test]
fn cuts_of_the_input_leave_no_trace() {
    for (from, to) in [
        (48_000.0, 16_000.0),
        (44_100.0, 48_000.0),
        (44_099.5, 48_000.25),
    ] {
        let input = sine(from, 9_000, 997.0);
        let whole = resampled(&mut new(from, to, Quality::High), &input);
        let mut resampler = new(from, to, Quality::High);
        let mut out = [Vec::new()];
        let (mut at, mut step) = (0, 1);
        while at < input.len() {
            let part = &input[at..input.len().min(at + step)];
            resampler.process(part.len(), |_, place| part[place], &mut out);
            at += part.len();
            step = step * 3 % 701 + 1;
        }
        resampler.flush(&mut out);
        assert!(out[0] == whole, "{from} to {to}");
    }
}

#[test]
fn channels_do_not_mix() {
    let mut resampler =
        AlignedResampler::new(48_000.0, 24_000.0, 2, Quality::Medium, false).unwrap();
    let mut out = [Vec::new(), Vec::new()];
    resampler.process(
        4_800,
        |channel, _| if channel == 0 { 1_000_i16 } else { -7 },
        &mut out,
    );
    resampler.flush(&mut out);
    let [left, right] = out;
    assert_eq!((left.len(), right.len()), (2_400, 2_400));
    assert!(left[200..2_200].iter().all(|&sample| sample == 1_000));
    assert!(right[200..2_200].iter().all(|&sample| sample == -7));
}

#[test]
fn overshoot_saturates() {
    let mut resampler = AlignedResampler::new(16_000.0, 48_000.0, 1, Quality::High, false).unwrap();
    let mut out = [Vec::new()];
    let square = |_, place: usize| {
        if (place / 8).is_multiple_of(2) {
            i16::MAX
        } else {
            i16::MIN
        }
    };
    resampler.process(1_600, square, &mut out);
    resampler.flush(&mut out);
    assert!(out[0].contains(&i16::MAX) && out[0].contains(&i16::MIN));
    // A wrap would turn one extreme into the other from one sample to the next.
    let jump = out[0]
        .windows(2)
        .map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs())
        .max();
    assert!(jump < Some(40_000), "{jump:?}");
}

#[test]
fn equal_rates_pass_sound_untouched() {
    let input = sine(48_000.0, 1_000, 440.0);
    assert!(resampled(&mut new(48_000.0, 48_000.0, Quality::VeryHigh), &input) == input);
}

#[test]
fn the_extremes_work() {
    let steep = resampled(
        &mut new(MAX_RATE, 3_000.0, Quality::VeryHigh),
        &[0.25; 76_800],
    );
    assert_eq!(steep.len(), 300);
    assert!((steep[150] - 0.25).abs() < 1e-5);
    let up = resampled(&mut new(MIN_RATE, 256_000.0, Quality::Quick), &[0.25; 100]);
    assert_eq!(up.len(), 25_600);
    assert!((up[12_800] - 0.25).abs() < 1e-3);
    let odd = resampled(
        &mut new(767_999.9, 3_000.1, Quality::VeryHigh),
        &[0.25; 76_800],
    );
    assert_eq!(odd.len(), 300);
}

#[test]
fn rates_out_of_bounds_are_refused_by_name() {
    let refused = |from, to| AlignedResampler::new(from, to, 1, Quality::High, false).unwrap_err();
    for bad in [0.0, -8_000.0, 999.9, 768_000.1, f64::INFINITY, f64::MAX] {
        assert_eq!(
            refused(bad, 48_000.0),
            RateError::Rate {
                name: "input_rate",
                rate: bad
            }
        );
        assert!(refused(48_000.0, bad).to_string().contains("output_rate"));
    }
    assert!(refused(f64::NAN, 48_000.0).to_string().contains("NaN"));
    assert!(matches!(
        refused(1_000.0, 768_000.0),
        RateError::Ratio { .. }
    ));
    for channels in [0, 25, u32::MAX] {
        let error = AlignedResampler::new(48_000.0, 16_000.0, channels, Quality::High, false)
            .unwrap_err()
            .to_string();
        assert!(error.contains(&channels.to_string()), "{error}");
    }
}

#[test]
fn an_early_rolloff_keeps_the_attenuation() {
    let mut resampler = AlignedResampler::new(48_000.0, 16_000.0, 1, Quality::High, true).unwrap();
    let out = resampled(&mut resampler, &sine(48_000.0, 12_000, 7_000.0));
    assert!(snr_without_delay(&out, 16_000.0, 7_000.0, 300) > 108.0);
    let out = resampled(&mut resampler, &sine(48_000.0, 12_000, 8_050.0));
    assert!(out[300..3_700].iter().all(|sample| sample.abs() < 2e-6));
}
