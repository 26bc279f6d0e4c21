//! Changes rate and channel count.

use lk_dsp::{AudioFormat, Converter, Error};

/// Converts one signal block by block, keeping the filter's state between them. A change of format begins a new
/// signal.
#[derive(Default)]
pub struct AudioResampler {
    converter: Option<Converter>,
    output: Vec<i16>,
}

impl AudioResampler {
    /// Converts interleaved samples; the result is valid until the next call. Blocks of 10 ms give blocks of
    /// 10 ms, behind by the filter's delay. Empty, with a warning in the log, where a rate or channel count cannot
    /// be, or `src` is shorter than it says.
    pub fn remix_and_resample<'a>(
        &'a mut self,
        src: &[i16],
        samples_per_channel: u32,
        num_channels: u32,
        sample_rate: u32,
        dst_num_channels: u32,
        dst_sample_rate: u32,
    ) -> &'a [i16] {
        self.output.clear();
        let length = samples_per_channel as usize * num_channels as usize;
        let Some(src) = src.get(..length) else {
            log::warn!(
                "resampler: {} samples given where {length} were announced",
                src.len()
            );
            return &[];
        };
        if let Err(error) = self.convert(
            src,
            (sample_rate, num_channels),
            (dst_sample_rate, dst_num_channels),
        ) {
            log::warn!("resampler: {error}");
            self.output.clear();
        }
        &self.output
    }

    fn convert(&mut self, src: &[i16], from: (u32, u32), to: (u32, u32)) -> Result<(), Error> {
        let from = AudioFormat::new(from.0, from.1)?;
        let to = AudioFormat::new(to.0, to.1)?;
        let converter = match &mut self.converter {
            Some(converter) if converter.from() == from && converter.to() == to => converter,
            other => other.insert(Converter::new(from, to)?),
        };
        converter.process(src, &mut self.output)?;
        Ok(())
    }
}

impl std::fmt::Debug for AudioResampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioResampler")
            .field("converter", &self.converter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_milliseconds_stay_ten_milliseconds_in_the_long_run() {
        let mut resampler = AudioResampler::default();
        let total: usize = (0..100)
            .map(|_| {
                resampler
                    .remix_and_resample(&[1_000; 960], 480, 2, 48_000, 1, 16_000)
                    .len()
            })
            .sum();
        assert!(
            (15_000..=16_000).contains(&total),
            "{total} samples of a second at 16 kHz"
        );
    }

    #[test]
    fn the_same_format_passes_unchanged() {
        let mut resampler = AudioResampler::default();
        assert_eq!(
            resampler.remix_and_resample(&[1, 2, 3, 4], 2, 2, 48_000, 2, 48_000),
            [1, 2, 3, 4]
        );
    }

    #[test]
    fn impossible_formats_give_nothing() {
        let mut resampler = AudioResampler::default();
        assert!(
            resampler
                .remix_and_resample(&[1; 4], 480, 1, 48_000, 1, 16_000)
                .is_empty()
        );
        assert!(
            resampler
                .remix_and_resample(&[1; 480], 480, 1, 0, 1, 16_000)
                .is_empty()
        );
        assert!(
            resampler
                .remix_and_resample(&[1; 480], 480, 1, 48_000, 0, 16_000)
                .is_empty()
        );
    }
}
