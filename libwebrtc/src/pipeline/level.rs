//! How loud a block of PCM is.

/// Level of a block and what the statistics sum up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct AudioLevels {
    /// Loudest sample of the latest 10 ms or so, 0 to 1 of full scale (`audioLevel` as Google's library gives it; W3C
    /// means the root mean square, which is 3 dB less for a tone).
    pub(crate) audio_level: f64,
    /// Sum of the squared level times its duration, s (W3C `totalAudioEnergy`).
    pub(crate) total_audio_energy: f64,
    /// Time that was measured, s (W3C `totalSamplesDuration`).
    pub(crate) total_samples_duration: f64,
}

impl AudioLevels {
    /// Takes another block of `seconds` into account.
    pub(crate) fn add(&mut self, samples: &[i16], seconds: f64) {
        let peak = peak(samples);
        self.audio_level = peak;
        self.total_audio_energy += peak * peak * seconds;
        self.total_samples_duration += seconds;
    }
}

/// Loudest sample over full scale, 0 to 1; 0 for no samples.
fn peak(samples: &[i16]) -> f64 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max();
    (f64::from(peak.unwrap_or(0)) / f64::from(i16::MAX)).min(1.0)
}

/// Root mean square over full scale, 0 to 1; 0 for no samples.
pub(crate) fn rms(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: u64 = samples
        .iter()
        .map(|&sample| u64::from(sample.unsigned_abs()).pow(2))
        .sum();
    (sum as f64 / samples.len() as f64).sqrt() / 32_768.0
}

/// Level in −dBov as the audio-level header extension carries it: 0 loudest, 127 silence (RFC 6464 §3).
pub(crate) fn minus_dbov(rms: f64) -> u8 {
    // 127 dB below full scale is less than a unit of 16 bits; the cast of −∞ saturates there too.
    (-20.0 * rms.log10()).round().clamp(0.0, 127.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_run_from_full_scale_to_silence() {
        assert_eq!(minus_dbov(rms(&[i16::MIN; 480])), 0);
        assert_eq!(minus_dbov(rms(&[3_277, -3_277])), 20);
        assert_eq!(minus_dbov(rms(&[0; 480])), 127);
        assert_eq!(minus_dbov(rms(&[])), 127);
    }

    #[test]
    fn energy_is_level_squared_over_time() {
        let mut levels = AudioLevels::default();
        levels.add(&[16_384, -8_192], 0.5);
        levels.add(&[0; 480], 0.5);
        assert!((levels.total_audio_energy - 0.125).abs() < 1e-4);
        assert!((levels.total_samples_duration - 1.0).abs() < 1e-12);
        assert_eq!(levels.audio_level, 0.0);
    }
}
