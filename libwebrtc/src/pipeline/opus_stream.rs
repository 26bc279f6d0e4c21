//! A received Opus stream, as the jitter buffer wants its decoder.

use lk_codecs::opus::{Decoder, Error, duration_48k, has_fec};
use lk_media::audio::{AudioDecoder, DecodeError, SAMPLE_RATE};

/// libopus behind the jitter buffer's trait.
#[derive(Debug)]
pub(super) struct OpusStream {
    decoder: Decoder,
}

impl OpusStream {
    /// A decoder that gives `channels` (1 or 2), however many a packet has.
    pub(super) fn new(channels: u32) -> Result<Self, Error> {
        Ok(Self {
            decoder: Decoder::new(SAMPLE_RATE, channels)?,
        })
    }
}

impl AudioDecoder for OpusStream {
    fn channels(&self) -> usize {
        self.decoder.channels() as usize
    }

    fn packet_duration(&self, payload: &[u8]) -> Option<u32> {
        duration_48k(payload).ok()
    }

    fn has_fec(&self, payload: &[u8]) -> bool {
        has_fec(payload)
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.decoder
            .decode(payload, pcm)
            .map_err(|error| failed("decode", payload.len(), &error))
    }

    fn decode_fec(
        &mut self,
        next_payload: &[u8],
        frames: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        self.decoder
            .decode_fec(next_payload, frames, pcm)
            .map_err(|error| failed("decode_fec", next_payload.len(), &error))
    }

    fn conceal(&mut self, frames: usize, pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.decoder
            .conceal(frames, pcm)
            .map_err(|error| failed("conceal", 0, &error))
    }

    fn reset(&mut self) {
        // libopus has no reason to refuse; were it to, the next packet would merely start with a wrong memory.
        if let Err(error) = self.decoder.reset() {
            log::debug!("opus decoder: {error}");
        }
    }
}

fn failed(operation: &'static str, payload_len: usize, error: &Error) -> DecodeError {
    DecodeError {
        operation,
        payload_len,
        reason: error.to_string(),
    }
}
