//! libopus behind the jitter buffer's trait.

use lk_media::audio::{AudioDecoder, DecodeError};
use opus::{Channels, Decoder, packet};

#[derive(Debug)]
pub(crate) struct OpusDecoder {
    decoder: Decoder,
    channels: usize,
}

impl OpusDecoder {
    pub(crate) fn new(channels: usize) -> Self {
        let layout = if channels == 2 {
            Channels::Stereo
        } else {
            Channels::Mono
        };
        Self {
            decoder: Decoder::new(48_000, layout).expect("libopus takes 48 kHz"),
            channels,
        }
    }

    fn run(
        &mut self,
        operation: &'static str,
        payload: &[u8],
        pcm: &mut [i16],
        fec: bool,
    ) -> Result<usize, DecodeError> {
        self.decoder
            .decode(payload, pcm, fec)
            .map_err(|error| DecodeError {
                operation,
                payload_len: payload.len(),
                reason: error.to_string(),
            })
    }
}

impl AudioDecoder for OpusDecoder {
    fn channels(&self) -> usize {
        self.channels
    }

    fn packet_duration(&self, payload: &[u8]) -> Option<u32> {
        packet::get_nb_samples(payload, 48_000)
            .ok()
            .map(|frames| frames as u32)
    }

    fn has_fec(&self, payload: &[u8]) -> bool {
        // RFC 6716 §4.2.3: in SILK and hybrid frames the VAD flags are followed by one LBRR flag for each channel.
        let [toc, first, ..] = payload else {
            return false;
        };
        if toc & 0x80 != 0 || toc & 3 != 0 {
            return false;
        }
        let config = toc >> 3;
        let vad_flags = match config {
            _ if config >= 12 => 1,
            _ => [1, 1, 2, 3][usize::from(config & 3)],
        };
        let mid = first >> (7 - vad_flags) & 1;
        let side = if toc & 4 != 0 && vad_flags < 4 {
            first >> (7 - 2 * vad_flags - 1) & 1
        } else {
            0
        };
        mid | side != 0
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.run("decode", payload, pcm, false)
    }

    fn decode_fec(
        &mut self,
        next_payload: &[u8],
        frames: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        self.run(
            "decode_fec",
            next_payload,
            &mut pcm[..frames * self.channels],
            true,
        )
    }

    fn conceal(&mut self, frames: usize, pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.run("conceal", &[], &mut pcm[..frames * self.channels], false)
    }

    fn reset(&mut self) {
        // Nothing that could go wrong leaves the decoder unusable.
        let _ = self.decoder.reset_state();
    }
}
