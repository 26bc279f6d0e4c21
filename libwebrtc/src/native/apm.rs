//! Audio processing: echo, gain, noise, high-pass.

use crate::{RtcError, RtcErrorType};

/// Cleans a capture signal, given what the loudspeaker plays.
///
/// The settings are kept; processing itself is not part of this build, and every call that would need it
/// says so instead of passing the signal on unchanged.
#[derive(Debug)]
pub struct AudioProcessingModule {
    echo_canceller: bool,
    gain_controller: bool,
    high_pass_filter: bool,
    noise_suppression: bool,
    stream_delay_ms: i32,
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
            echo_canceller: echo_canceller_enabled,
            gain_controller: gain_controller_enabled,
            high_pass_filter: high_pass_filter_enabled,
            noise_suppression: noise_suppression_enabled,
            stream_delay_ms: 0,
        }
    }

    /// Processes captured samples in place: interleaved, a multiple of 10 ms.
    ///
    /// # Errors
    /// `InvalidState` where the samples are not whole 10 ms blocks; `Internal` where a stage is wanted, for
    /// none is there yet. Without any stage the samples stay as they are.
    pub fn process_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: i32,
        num_channels: i32,
    ) -> Result<(), RtcError> {
        check_blocks(data.len(), sample_rate, num_channels)?;
        self.without_stages("process_stream")
    }

    /// Takes note of samples that are about to be played, in place: interleaved, a multiple of 10 ms.
    ///
    /// # Errors
    /// As for [`process_stream`](Self::process_stream).
    pub fn process_reverse_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: i32,
        num_channels: i32,
    ) -> Result<(), RtcError> {
        check_blocks(data.len(), sample_rate, num_channels)?;
        self.without_stages("process_reverse_stream")
    }

    /// Milliseconds from a sample's playing to its capture.
    ///
    /// # Errors
    /// `InvalidState` outside 0 to 500.
    pub fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), RtcError> {
        if !(0..=500).contains(&delay_ms) {
            return Err(invalid(format!(
                "stream delay {delay_ms} ms is outside 0 to 500 ms"
            )));
        }
        self.stream_delay_ms = delay_ms;
        Ok(())
    }

    fn without_stages(&self, operation: &str) -> Result<(), RtcError> {
        let stages: Vec<&str> = [
            (self.echo_canceller, "echo cancellation"),
            (self.gain_controller, "gain control"),
            (self.high_pass_filter, "high-pass filter"),
            (self.noise_suppression, "noise suppression"),
        ]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect();
        if stages.is_empty() {
            return Ok(());
        }
        Err(RtcError {
            error_type: RtcErrorType::Internal,
            message: format!("{operation}: not supported yet: {}", stages.join(", ")),
        })
    }
}

fn check_blocks(length: usize, sample_rate: i32, num_channels: i32) -> Result<(), RtcError> {
    let block = usize::try_from(sample_rate / 100).unwrap_or(0)
        * usize::try_from(num_channels).unwrap_or(0);
    if block == 0 {
        return Err(invalid(format!(
            "sample rate {sample_rate} Hz with {num_channels} channels cannot be processed"
        )));
    }
    if length == 0 || !length.is_multiple_of(block) {
        return Err(invalid(format!(
            "{length} samples are not a multiple of 10 ms ({block} samples)"
        )));
    }
    Ok(())
}

fn invalid(message: String) -> RtcError {
    RtcError {
        error_type: RtcErrorType::InvalidState,
        message,
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
    fn a_wanted_stage_is_refused_by_name() {
        let mut module = AudioProcessingModule::new(true, false, false, true);
        let error = module
            .process_stream(&mut [0; 480], 48_000, 1)
            .expect_err("no stages yet");
        assert!(
            error
                .message
                .contains("echo cancellation, noise suppression"),
            "{error}"
        );
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
