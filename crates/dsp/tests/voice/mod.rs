//! Sound like speech, rooms and noise, the same on every run.

use std::f64::consts::TAU;

/// Numbers from -1 to 1 that repeat from run to run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self) -> f64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// Syllables of a voice with changing pitch and vowels, some of them hisses, and pauses; the loudest samples near 1.
pub(crate) fn speech(rate: u32, seconds: f64, seed: u64) -> Vec<f64> {
    const VOWELS: [[f64; 3]; 5] = [
        [730.0, 1_090.0, 2_440.0],
        [270.0, 2_290.0, 3_010.0],
        [300.0, 870.0, 2_240.0],
        [530.0, 1_840.0, 2_480.0],
        [570.0, 840.0, 2_410.0],
    ];
    let rate = f64::from(rate);
    let total = (rate * seconds) as usize;
    let mut dice = Dice::new(seed);
    let mut out = Vec::with_capacity(total);
    let mut phase = 0.0;
    let mut pitch = 120.0;
    while out.len() < total {
        let length = (rate * (0.18 + 0.08 * dice.roll())) as usize;
        let pick = dice.roll();
        let silent = pick > 0.75;
        let hiss = !silent && pick > 0.55;
        let vowel = VOWELS[((dice.roll() + 1.0) * 2.499) as usize];
        let aim = 120.0 + 40.0 * dice.roll();
        let mut formants = vowel.map(|hz| Resonator::new(hz, 90.0, rate));
        for place in 0..length {
            let envelope = (std::f64::consts::PI * place as f64 / length as f64).sin();
            pitch += (aim - pitch) * 3.0 / rate;
            phase += pitch / rate;
            let pulse = if phase >= 1.0 {
                phase -= 1.0;
                1.0
            } else {
                0.0
            };
            let noise = dice.roll();
            let source = if hiss {
                0.05 * noise
            } else {
                pulse + 0.004 * noise
            };
            let voiced: f64 = formants
                .iter_mut()
                .zip([1.0, 0.6, 0.3])
                .map(|(formant, weight)| weight * formant.run(source))
                .sum();
            out.push(if silent { 0.0 } else { envelope * voiced });
        }
    }
    out.truncate(total);
    let peak = out
        .iter()
        .fold(1e-9_f64, |peak, sample| peak.max(sample.abs()));
    out.iter().map(|sample| sample / peak).collect()
}

struct Resonator {
    b: f64,
    a: [f64; 2],
    y: [f64; 2],
}

impl Resonator {
    fn new(hz: f64, width: f64, rate: f64) -> Self {
        let r = (-std::f64::consts::PI * width / rate).exp();
        Self {
            b: 1.0 - r,
            a: [2.0 * r * (TAU * hz / rate).cos(), -r * r],
            y: [0.0; 2],
        }
    }

    fn run(&mut self, x: f64) -> f64 {
        let y = self.b * x + self.a[0] * self.y[0] + self.a[1] * self.y[1];
        self.y = [y, self.y[0]];
        y
    }
}

/// What a microphone hears of `played` in a small room: `delay_ms` later, with a reverberation of 60 ms, at `gain`.
pub(crate) fn room(played: &[f64], rate: u32, delay_ms: u32, gain: f64, seed: u64) -> Vec<f64> {
    let mut dice = Dice::new(seed);
    let rate = rate as usize;
    // Sparse: one reflection each half millisecond, decaying by 60 dB in 60 ms.
    let step = rate / 2_000;
    let taps: Vec<(usize, f64)> = (0..120)
        .map(|reflection| {
            let weight = if reflection == 0 {
                1.0
            } else {
                0.5 * dice.roll()
            };
            (
                reflection * step,
                weight * 10_f64.powf(-3.0 * reflection as f64 / 120.0),
            )
        })
        .collect();
    let delay = rate * delay_ms as usize / 1_000;
    (0..played.len())
        .map(|n| {
            let heard: f64 = taps
                .iter()
                .filter_map(|(after, weight)| Some(weight * played[n.checked_sub(delay + after)?]))
                .sum();
            gain * heard
        })
        .collect()
}

pub(crate) fn noise(frames: usize, level_db: f64, seed: u64) -> Vec<f64> {
    let mut dice = Dice::new(seed);
    // Evenly spread from -1 to 1 has 1/√3 of the level of full scale.
    let scale = 10_f64.powf(level_db / 20.0) * 3_f64.sqrt();
    (0..frames).map(|_| scale * dice.roll()).collect()
}

pub(crate) fn mixed(parts: &[&[f64]]) -> Vec<f64> {
    let frames = parts.iter().map(|part| part.len()).min().unwrap_or(0);
    (0..frames)
        .map(|n| parts.iter().map(|part| part[n]).sum())
        .collect()
}

pub(crate) fn scaled(part: &[f64], gain: f64) -> Vec<f64> {
    part.iter().map(|sample| gain * sample).collect()
}

/// 16-bit samples, each for `channels` channels.
pub(crate) fn pcm(part: &[f64], channels: usize) -> Vec<i16> {
    part.iter()
        .flat_map(|sample| std::iter::repeat_n((32_767.0 * sample).round() as i16, channels))
        .collect()
}

/// Level in dB below full scale.
pub(crate) fn level(part: &[i16]) -> f64 {
    let energy: f64 = part
        .iter()
        .map(|&s| (f64::from(s) / 32_768.0).powi(2))
        .sum();
    10.0 * (energy / part.len() as f64 + 1e-12).log10()
}
