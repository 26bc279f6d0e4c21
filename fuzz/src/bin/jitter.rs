//! The jitter buffer over the real Opus decoder: packets in any order, late, doubled and damaged, and pulls between.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use livekit_ffi_fuzz::Random;
use lk_codecs::opus::{Decoder, Encoder, EncoderConfig, duration_48k, has_fec};
use lk_media::audio::{AudioDecoder, AudioPacket, DecodeError, JitterBuffer, JitterConfig};
use lk_types::Ssrc;

struct Opus(Decoder);

fn failed(
    operation: &'static str,
    payload_len: usize,
    error: &lk_codecs::opus::Error,
) -> DecodeError {
    DecodeError {
        operation,
        payload_len,
        reason: error.to_string(),
    }
}

impl AudioDecoder for Opus {
    fn channels(&self) -> usize {
        self.0.channels() as usize
    }

    fn packet_duration(&self, payload: &[u8]) -> Option<u32> {
        duration_48k(payload).ok()
    }

    fn has_fec(&self, payload: &[u8]) -> bool {
        has_fec(payload)
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.0
            .decode(payload, pcm)
            .map_err(|error| failed("decode", payload.len(), &error))
    }

    fn decode_fec(
        &mut self,
        next: &[u8],
        frames: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        self.0
            .decode_fec(next, frames, pcm)
            .map_err(|error| failed("decode_fec", next.len(), &error))
    }

    fn conceal(&mut self, frames: usize, pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.0
            .conceal(frames, pcm)
            .map_err(|error| failed("conceal", 0, &error))
    }

    fn reset(&mut self) {
        self.0
            .reset()
            .expect("libopus resets a decoder that it made");
    }
}

fn packets() -> Vec<Vec<u8>> {
    let mut encoder =
        Encoder::new(EncoderConfig::new(48000, 1)).expect("48 kHz mono is within Opus");
    let mut out = vec![0; 1500];
    let mut random = Random::new(7);
    (0..64)
        .map(|_| {
            let pcm: Vec<i16> = (0..encoder.frame_len())
                .map(|_| random.number() as i16 / 4)
                .collect();
            encoder
                .encode(&pcm, &mut out)
                .expect("a frame of noise can be encoded");
            out.clone()
        })
        .collect()
}

fn main() -> ExitCode {
    let packets = packets();
    livekit_ffi_fuzz::run("jitter", &[], |input| {
        let decoder = Opus(Decoder::new(48000, 1).expect("48 kHz mono is within Opus"));
        let mut buffer = JitterBuffer::new(decoder, JitterConfig::default());
        let mut pcm = Vec::new();
        let mut now = Instant::now();
        // Four bytes are one step: what to do, and two numbers for it.
        for step in input.chunks_exact(4).take(400) {
            let (what, number, extra) = (step[0], u16::from_be_bytes([step[1], step[2]]), step[3]);
            let kept = &packets[usize::from(extra) % packets.len()];
            match what % 4 {
                0 | 1 => {
                    let payload = if what & 0x40 == 0 { &kept[..] } else { input };
                    let packet = AudioPacket {
                        ssrc: Ssrc(u32::from(what >> 7)),
                        sequence: number,
                        timestamp: u32::from(number)
                            .wrapping_mul(960)
                            .wrapping_add(u32::from(extra)),
                        arrival: now,
                        marker: what & 0x20 != 0,
                        payload,
                    };
                    if what % 4 == 0 {
                        buffer.insert(&packet);
                    } else {
                        let _damaged = buffer.insert_red(&packet);
                    }
                }
                2 => {
                    now += Duration::from_millis(10);
                    pcm.clear();
                    buffer.pull_into(now, &mut pcm);
                    assert_eq!(pcm.len(), 480 * buffer.channels(), "a pull is 10 ms");
                }
                _ => now += Duration::from_millis(u64::from(number)),
            }
        }
    })
}
