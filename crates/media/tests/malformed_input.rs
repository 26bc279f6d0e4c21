//! Anything at all may come from the network, and a decoder may fail in any way: nothing panics, nothing grows.

mod support;

use std::time::Duration;

use lk_media::audio::{AudioDecoder, AudioPacket, DecodeError, JitterBuffer, JitterConfig, red};
use lk_types::Ssrc;
use support::opus_decoder::OpusDecoder;
use support::sender::{SendConfig, encode};
use support::{Random, epoch, signal};

/// Answers at random, within what its trait allows and beyond.
struct Erratic {
    random: std::cell::RefCell<Random>,
    channels: usize,
}

impl Erratic {
    fn answer(&self, room: usize) -> Result<usize, DecodeError> {
        let mut random = self.random.borrow_mut();
        match random.below(8) {
            0 => Err(DecodeError {
                operation: "decode",
                payload_len: 0,
                reason: "no reason".into(),
            }),
            1 => Ok(0),
            2 => Ok(random.below(1_000_000)),
            3 => Ok(random.below(room + 1)),
            4 => Ok(1),
            _ => Ok(room.min(960)),
        }
    }
}

impl AudioDecoder for Erratic {
    fn channels(&self) -> usize {
        self.channels
    }

    fn packet_duration(&self, _: &[u8]) -> Option<u32> {
        let mut random = self.random.borrow_mut();
        match random.below(6) {
            0 => None,
            1 => Some(0),
            2 => Some(random.next() as u32),
            3 => Some(random.below(5_761) as u32),
            _ => Some(960),
        }
    }

    fn has_fec(&self, _: &[u8]) -> bool {
        self.random.borrow_mut().below(2) == 0
    }

    fn is_dtx(&self, _: &[u8]) -> bool {
        self.random.borrow_mut().below(10) == 0
    }

    fn decode(&mut self, _: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let value = self.random.borrow_mut().next() as i16;
        pcm.fill(value);
        self.answer(pcm.len() / self.channels)
    }

    fn decode_fec(
        &mut self,
        _: &[u8],
        frames: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        pcm[..frames * self.channels].fill(i16::MIN);
        self.answer(frames)
    }

    fn conceal(&mut self, frames: usize, pcm: &mut [i16]) -> Result<usize, DecodeError> {
        pcm[..frames * self.channels].fill(i16::MAX);
        self.answer(frames)
    }

    fn reset(&mut self) {}
}

/// Drives a buffer with operations of which each is off in some way; `wild` times in a hundred, entirely.
fn drive<D: AudioDecoder>(decoder: D, seed: u64, wild: usize, payloads: &[Vec<u8>]) {
    let mut random = Random::new(seed);
    let config = JitterConfig {
        max_packets: 1 + random.below(60),
        max_bytes: 1 + random.below(20_000),
        min_delay: Duration::from_millis(random.next() % 700),
        max_delay: Duration::from_millis(random.next() % 700),
    };
    let mut buffer = JitterBuffer::new(decoder, config);
    let channels = buffer.channels();
    let start = epoch() + Duration::from_secs(100_000);
    let (mut now, mut sequence, mut timestamp, mut ssrc) =
        (0_i64, random.next() as u16, random.next() as u32, 1);
    let mut out = Vec::new();
    let mut largest = 0;
    for _ in 0..2_000 {
        now += match random.below(100) {
            roll if roll < wild => random.below(4_000_000) as i64 - 1_000_000,
            _ => random.below(22_000) as i64,
        };
        now = now.max(-90_000_000_000);
        let at = if now >= 0 {
            start + Duration::from_micros(now.unsigned_abs())
        } else {
            start - Duration::from_micros(now.unsigned_abs())
        };
        for _ in 0..random.below(3) {
            let is_wild = random.below(100) < wild;
            let step = if is_wild {
                random.next() as u16
            } else {
                [1, 1, 1, 1, 2, 0, 65_534][random.below(7)]
            };
            sequence = sequence.wrapping_add(step);
            timestamp = match is_wild && random.below(2) == 0 {
                true => random.next() as u32,
                false => timestamp.wrapping_add(u32::from(step as i16 as u16).wrapping_mul(960)),
            };
            ssrc = if is_wild && random.below(20) == 0 {
                random.next() as u32
            } else {
                ssrc
            };
            let mut payload = payloads[random.below(payloads.len())].clone();
            if is_wild {
                payload.truncate(random.below(payload.len() + 1));
                if let Some(byte) = payload.first_mut() {
                    *byte = random.next() as u8;
                }
                if !payload.is_empty() {
                    let at = random.below(payload.len());
                    payload[at] = random.next() as u8;
                }
            }
            largest = largest.max(payload.len());
            let packet = AudioPacket {
                ssrc: Ssrc(ssrc),
                sequence,
                timestamp,
                arrival: at,
                marker: random.below(10) == 0,
                payload: &payload,
            };
            if random.below(2) == 0 {
                // Malformed more often than not, which is the point.
                let _ = buffer.insert_red(&packet);
            } else {
                buffer.insert(&packet);
            }
            let (packets, bytes) = buffer.queued();
            assert!(packets <= config.max_packets, "seed {seed}");
            assert!(bytes <= config.max_bytes.max(largest), "seed {seed}");
        }
        for _ in 0..random.below(4) {
            buffer.pull_into(at, &mut out);
            assert_eq!(out.len(), 480 * channels, "seed {seed}");
        }
        match random.below(500) {
            0 => buffer.reset(),
            1 => buffer.set_min_delay(Duration::from_millis(random.next() % 2_000)),
            2 => {
                buffer.is_idle(at);
            }
            _ => {}
        }
    }
    let stats = buffer.stats();
    assert!(stats.concealed_samples <= stats.total_samples_received + 5_760);
    assert!(stats.silent_concealed_samples <= stats.concealed_samples);
    assert!(stats.jitter_buffer_delay.is_finite() && stats.jitter_buffer_delay >= 0.0);
    assert!((0.0..=1.0).contains(&stats.audio_level));
}

#[test]
fn any_stream_through_an_erratic_decoder() {
    let payloads: Vec<Vec<u8>> = (0..20).map(|len| vec![len as u8; len * 7]).collect();
    for seed in 0..24 {
        let channels = 1 + seed as usize % 3;
        let random = Random::new(seed ^ 0xdec0de);
        drive(
            Erratic {
                random: std::cell::RefCell::new(random),
                channels,
            },
            seed,
            (seed as usize * 17) % 101,
            &payloads,
        );
    }
}

#[test]
fn damaged_opus_through_libopus() {
    let sound = signal::speech(5, 3 * 48_000);
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    for send in [
        SendConfig::default(),
        SendConfig {
            fec: true,
            bitrate: 24_000,
            ..SendConfig::default()
        },
        SendConfig {
            red: 2,
            ..SendConfig::default()
        },
        SendConfig {
            packet: 2_880,
            ..SendConfig::default()
        },
    ] {
        payloads.extend(encode(&sound, send).into_iter().map(|sent| sent.payload));
    }
    for seed in 100..106 {
        drive(
            OpusDecoder::new(1 + seed as usize % 2),
            seed,
            5 + seed as usize % 40,
            &payloads,
        );
    }
}

#[test]
fn red_of_any_bytes_is_an_error_or_lies_within_the_payload() {
    let mut random = Random::new(77);
    let (mut whole, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let mut payload = vec![0; random.below(60)];
        for byte in &mut payload {
            *byte = random.next() as u8 & [0xff, 0x7f, 0x83, 0x03][random.below(4)];
        }
        match red::split(&payload) {
            Ok(blocks) => {
                whole += 1;
                let total: usize = blocks.redundant().map(|block| block.payload.len()).sum();
                assert!(total + blocks.primary().payload.len() < payload.len());
                assert!(
                    blocks
                        .redundant()
                        .all(|block| block.offset <= red::MAX_OFFSET && block.pt < 128)
                );
                let redundant: Vec<_> = blocks
                    .redundant()
                    .filter(|block| block.offset > 0)
                    .collect();
                let mut again = Vec::new();
                let primary = blocks.primary();
                assert_eq!(
                    red::join(primary.pt, primary.payload, &redundant, &mut again),
                    Ok(redundant.len())
                );
                let parsed = red::split(&again).expect("what was written can be read");
                assert_eq!(parsed.primary(), primary);
                assert_eq!(parsed.redundant().collect::<Vec<_>>(), redundant);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(whole > 10_000 && refused > 10_000, "{whole} {refused}");
}
