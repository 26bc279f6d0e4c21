//! What the jitter buffer needs of a decoder.

use thiserror::Error;

/// A decoder could not do what it was asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("audio decoder failed in {operation} on {payload_len} bytes: {reason}")]
pub struct DecodeError {
    /// `decode`, `decode_fec` or `conceal`.
    pub operation: &'static str,
    /// Length of the payload that was given; 0 for `conceal`.
    pub payload_len: usize,
    /// The codec's own words.
    pub reason: String,
}

/// A stateful decoder of one stream, with packets of at most [`MAX_PACKET_FRAMES`](super::MAX_PACKET_FRAMES).
///
/// Output is interleaved PCM at 48 kHz. Each call that writes returns *frames*, that is samples in each channel;
/// `pcm` always has room for the longest packet. A payload comes from the network and may hold anything: a method
/// must answer with an error or `None`, never panic.
pub trait AudioDecoder {
    /// Channels of the output, 1 to 8; constant over the life of the decoder.
    fn channels(&self) -> usize;

    /// Frames at 48 kHz that the packet covers, read from its header; `None` where that cannot be told.
    fn packet_duration(&self, payload: &[u8]) -> Option<u32>;

    /// Whether the packet carries in-band redundancy for the packet before it (Opus LBRR, RFC 6716 §2.1.7).
    fn has_fec(&self, payload: &[u8]) -> bool;

    /// Whether the encoder said with this packet that it goes quiet (Opus DTX: header only, RFC 6716 §2.1.9).
    fn is_dtx(&self, payload: &[u8]) -> bool {
        payload.len() <= 2
    }

    /// Decodes the next packet and returns its frames.
    ///
    /// # Errors
    /// Where the payload is damaged; the buffer then conceals it.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError>;

    /// Decodes, from the packet *after* the lost one, the redundant copy of the lost one: `frames` long.
    ///
    /// # Errors
    /// Where there is no usable copy; the buffer then conceals.
    fn decode_fec(
        &mut self,
        next_payload: &[u8],
        frames: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError>;

    /// Continues the sound without a packet for `frames`, a multiple of 2.5 ms and at most 10 ms.
    /// After a DTX packet this is comfort noise.
    ///
    /// # Errors
    /// Where the codec cannot; the buffer then puts silence.
    fn conceal(&mut self, frames: usize, pcm: &mut [i16]) -> Result<usize, DecodeError>;

    /// Forgets all state: the next packet belongs to another stream.
    fn reset(&mut self);
}
