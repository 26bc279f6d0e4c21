//! Audio processing: echo, gain, noise, high-pass.

use lk_dsp::{AudioProcessor, Error, Stages};

use crate::{RtcError, RtcErrorType};

/// Cleans a capture signal, given what the loudspeaker plays.
#[derive(Debug)]
pub struct AudioProcessingModule {
    processor: AudioProcessor,
}

impl AudioProcessingModule {
    /// A module with the given stages.
    #[must_use]
    pub fn new(
        echo_canceller_enabled: bool,
        gain_controller_enabled: bool,
        high_pass_filter_enabled: bool,
        noise_suppression_enabled: bool,
    ) -> Self {
        Self {
            processor: AudioProcessor::new(Stages {
                echo_canceller: echo_canceller_enabled,
                gain_controller: gain_controller_enabled,
                high_pass_filter: high_pass_filter_enabled,
                noise_suppression: noise_suppression_enabled,
            }),
        }
    }

    /// Processes captured samples in place: interleaved, a multiple of 10 ms.
    ///
    /// # Errors
    /// `InvalidState` where the rate, Hz, or the channels are out of bounds, or the samples are not whole 10 ms
    /// blocks; they stay as they are then.
    pub fn process_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: i32,
        num_channels: i32,
    ) -> Result<(), RtcError> {
        let (sample_rate, num_channels) = (positive(sample_rate), positive(num_channels));
        self.processor
            .process_capture(data, sample_rate, num_channels)
            .map_err(invalid)
    }

    /// Takes note of samples that are about to be played: interleaved, a multiple of 10 ms. They stay as they are.
    ///
    /// # Errors
    /// As for [`process_stream`](Self::process_stream).
    pub fn process_reverse_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: i32,
        num_channels: i32,
    ) -> Result<(), RtcError> {
        let (sample_rate, num_channels) = (positive(sample_rate), positive(num_channels));
        self.processor
            .process_render(data, sample_rate, num_channels)
            .map_err(invalid)
    }

    /// Milliseconds from a sample's playing to its capture.
    ///
    /// # Errors
    /// `InvalidState` outside 0 to 500.
    pub fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), RtcError> {
        self.processor
            .set_stream_delay_ms(delay_ms)
            .map_err(invalid)
    }
}

/// Zero, which is refused by name, for what is negative.
fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn invalid(error: Error) -> RtcError {
    RtcError {
        error_type: RtcErrorType::InvalidState,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_stages_the_signal_passes_unchanged() {
        let mut module = AudioProcessingModule::new(false, false, false, false);
        let mut samples = [3; 960];
        module
            .process_stream(&mut samples, 48_000, 2)
            .expect("nothing to do");
        assert_eq!(samples, [3; 960]);
    }

    #[test]
    fn what_is_played_stays_and_what_is_heard_is_cleaned() {
        let mut module = AudioProcessingModule::new(true, false, true, true);
        // A constant is all that a high-pass filter takes out.
        let mut heard = [2_000; 48_000];
        let mut played = [2_000; 48_000];
        module
            .process_reverse_stream(&mut played, 48_000, 1)
            .expect("whole blocks");
        module
            .process_stream(&mut heard, 48_000, 1)
            .expect("whole blocks");
        assert_eq!(played, [2_000; 48_000]);
        assert!(heard[24_000..].iter().all(|sample| sample.abs() < 20));
    }

    #[test]
    fn blocks_that_are_not_10_ms_are_refused() {
        let mut module = AudioProcessingModule::new(false, false, false, false);
        assert!(module.process_stream(&mut [0; 481], 48_000, 1).is_err());
        assert!(module.process_stream(&mut [], 48_000, 1).is_err());
        assert!(module.process_reverse_stream(&mut [0; 10], 0, 1).is_err());
        assert!(module.process_stream(&mut [0; 10], 48_000, -1).is_err());
        assert!(module.set_stream_delay_ms(-1).is_err());
        assert!(module.set_stream_delay_ms(80).is_ok());
    }
}
