//! Echo, noise and level of the microphone, given what the loudspeaker plays.

use lk_devices::{LOUDSPEAKER_CHANNELS, MICROPHONE_CHANNELS, SAMPLE_RATE};
use lk_dsp::{AudioProcessor, Stages};
use parking_lot::Mutex;

/// From a sample's mixing to its echo's coming back, ms, where devices are as slow as they were asked to be.
const DELAY_MS: i32 = 60;

struct Processing {
    stages: Stages,
    /// Made by the first sound.
    processor: Option<AudioProcessor>,
}

static PROCESSING: Mutex<Processing> = Mutex::new(Processing {
    stages: Stages {
        echo_canceller: true,
        gain_controller: true,
        high_pass_filter: true,
        noise_suppression: true,
    },
    processor: None,
});

/// What is done from now on.
pub(super) fn set(stages: Stages) {
    let mut processing = PROCESSING.lock();
    if processing.stages != stages {
        processing.stages = stages;
        processing.processor = None;
    }
}

/// Cleans what was heard: whole blocks of 10 ms.
pub(super) fn capture(samples: &mut [i16]) {
    with(|processor| processor.process_capture(samples, SAMPLE_RATE, MICROPHONE_CHANNELS));
}

/// Takes note of what will be played: whole blocks of 10 ms.
pub(super) fn render(samples: &[i16]) {
    with(|processor| processor.process_render(samples, SAMPLE_RATE, LOUDSPEAKER_CHANNELS));
}

fn with(work: impl FnOnce(&mut AudioProcessor) -> Result<(), lk_dsp::Error>) {
    let mut processing = PROCESSING.lock();
    let stages = processing.stages;
    if stages.is_empty() {
        return;
    }
    let processor = processing.processor.get_or_insert_with(|| {
        let mut processor = AudioProcessor::new(stages);
        if let Err(error) = processor.set_stream_delay_ms(DELAY_MS) {
            log::error!("audio processing: {error}");
        }
        processor
    });
    // No sound is no whole block; nothing else can be wrong with it.
    let _ = work(processor);
}
