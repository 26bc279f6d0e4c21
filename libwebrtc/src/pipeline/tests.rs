//! The pipelines on virtual time, with the real Opus.

mod link;
mod loopback;
mod sending;
mod source;

use std::f64::consts::TAU;

/// Interleaved sine at half of full scale, the same in every channel, from sample `from` on.
fn tone(
    sample_rate: u32,
    channels: u32,
    hz: f64,
    from: usize,
    samples_per_channel: usize,
) -> Vec<i16> {
    (from..from + samples_per_channel)
        .flat_map(|n| {
            let value = 16_384.0 * (TAU * hz * n as f64 / f64::from(sample_rate)).sin();
            std::iter::repeat_n(value as i16, channels as usize)
        })
        .collect()
}

/// Amplitude of `hz` in one channel's samples.
fn amplitude(samples: &[i16], sample_rate: u32, hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let phase = TAU * hz * n as f64 / f64::from(sample_rate);
        re += f64::from(sample) * phase.cos();
        im += f64::from(sample) * phase.sin();
    }
    2.0 * f64::hypot(re, im) / samples.len() as f64
}
