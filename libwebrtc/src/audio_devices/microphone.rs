//! What the microphone hears: one source for all tracks of it.

use std::sync::OnceLock;

use lk_devices::{DeviceError, MICROPHONE_CHANNELS, SAMPLE_RATE, Stream};

use super::{again, processing, settle_later};
use crate::{pipeline::audio_source::AudioSource, session::runtime};

/// Samples that are processed at a time: 10 ms.
const BLOCK: usize = (SAMPLE_RATE / 100 * MICROPHONE_CHANNELS) as usize;
/// Blocks without a listener after which somebody looks whether the microphone is still needed: a second.
const UNHEARD: u32 = 100;

static SOURCE: OnceLock<AudioSource> = OnceLock::new();

/// The source of all tracks of the microphone.
///
/// # Errors
/// Where no runtime can be started.
pub(crate) fn source() -> Result<AudioSource, String> {
    if let Some(source) = SOURCE.get() {
        return Ok(source.clone());
    }
    let runtime = runtime::current().map_err(|error| error.message)?;
    // Without a queue: the device keeps time.
    let source = AudioSource::new(runtime, SAMPLE_RATE, MICROPHONE_CHANNELS, 0)
        .map_err(|error| error.to_string())?;
    Ok(SOURCE.get_or_init(|| source).clone())
}

/// Whether anybody sends or hears a track of it.
pub(super) fn is_needed() -> bool {
    SOURCE.get().is_some_and(AudioSource::is_heard)
}

pub(super) fn open(device: Option<&str>) -> Result<Stream, DeviceError> {
    let mut pending: Vec<i16> = Vec::with_capacity(2 * BLOCK);
    let mut unheard = 0;
    let hear = move |samples: &[i16]| {
        pending.extend_from_slice(samples);
        let whole = pending.len() / BLOCK * BLOCK;
        processing::capture(&mut pending[..whole]);
        if let Some(source) = SOURCE.get() {
            for block in pending[..whole].chunks_exact(BLOCK) {
                source.deliver_now(block);
            }
        }
        pending.drain(..whole);
        if is_needed() {
            unheard = 0;
        } else {
            unheard += (whole / BLOCK) as u32;
            if unheard >= UNHEARD {
                unheard = 0;
                settle_later();
            }
        }
    };
    lk_devices::record(device, hear, again::later)
}
