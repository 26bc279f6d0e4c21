//! Sounds to send.

use std::f64::consts::TAU;

use super::Random;

/// A steady tone.
pub(crate) fn tone(hertz: f64, amplitude: f64, frames: usize) -> Vec<i16> {
    (0..frames)
        .map(|n| ((TAU * hertz * n as f64 / 48_000.0).sin() * amplitude) as i16)
        .collect()
}

/// Something like speech: a gliding pitch with formants, syllables at 4 Hz, hissing in between.
pub(crate) fn speech(seed: u64, frames: usize) -> Vec<i16> {
    let mut random = Random::new(seed);
    let mut phase = 0.0_f64;
    let mut hiss = 0.0_f64;
    (0..frames)
        .map(|n| {
            let t = n as f64 / 48_000.0;
            let pitch = 130.0 + 25.0 * (TAU * 0.7 * t).sin() + 8.0 * (TAU * 2.3 * t).sin();
            phase = (phase + pitch / 48_000.0).fract();
            let mut voice = 0.0;
            for harmonic in 1..=20 {
                let at = pitch * f64::from(harmonic);
                let first = 500.0 + 200.0 * (TAU * 1.1 * t).sin();
                let second = 1_500.0 + 400.0 * (TAU * 0.6 * t).cos();
                let formant =
                    |centre: f64, width: f64| 1.0 / (1.0 + ((at - centre) / width).powi(2));
                let gain = formant(first, 120.0) + 0.5 * formant(second, 200.0) + 0.05;
                voice += gain * (TAU * phase * f64::from(harmonic)).sin();
            }
            let syllable = (0.5 - 0.5 * (TAU * 4.0 * t).cos()).powf(0.7);
            hiss = 0.6 * hiss + random.unit() - 0.5;
            let noise = hiss * (1.0 - syllable) * 600.0;
            (voice * syllable * 4_000.0 + noise) as i16
        })
        .collect()
}
