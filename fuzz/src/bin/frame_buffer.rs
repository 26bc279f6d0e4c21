//! The frame buffer of each codec: packets of a real stream and such that are damaged or made up, in any order, late
//! and doubled, and polls between.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use livekit_ffi_fuzz::Random;
use lk_media::video::{FrameBuffer, FrameBufferConfig, Packetizer, PacketizerConfig, RtpPacket};
use lk_types::{Codec, EncodedVideo, LayerFrame, ScalabilityMode};

const CODECS: [Codec; 5] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];

type Packet = (Arc<[u8]>, Option<Arc<[u8]>>, bool);

/// A frame's bytes as far as packetisers look at them.
fn payload(codec: Codec, keyframe: bool, random: &mut Random) -> Vec<u8> {
    let noise: Vec<u8> = (0..200 + random.below(3_000))
        .map(|_| random.number() as u8 | 0x10)
        .collect();
    let head: &[u8] = match (codec, keyframe) {
        (Codec::Vp8, true) => &[0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1],
        (Codec::Vp8, false) => &[0x11],
        (Codec::H264, true) => &[
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65,
        ],
        (Codec::H264, false) => &[0, 0, 0, 1, 0x41],
        (Codec::H265, true) => &[
            0, 0, 0, 1, 0x40, 1, 1, 0, 0, 1, 0x42, 1, 1, 0, 0, 1, 0x26, 1,
        ],
        (Codec::H265, false) => &[0, 0, 0, 1, 0x02, 1],
        (Codec::Av1, true) => &[0x0a, 3, 0, 0, 0, 0x30],
        (Codec::Av1, false) => &[0x30],
        _ => &[],
    };
    [head, &noise].concat()
}

fn packets(codec: Codec, random: &mut Random) -> Vec<Packet> {
    let mode = match codec {
        Codec::Vp9 | Codec::Av1 => "L2T2_KEY",
        _ => "L1T3",
    };
    let mode = ScalabilityMode::parse(mode).expect("a mode of the table");
    let config = PacketizerConfig {
        max_payload: 600,
        mode,
        descriptor: true,
        first_picture_id: 0x7ffc,
    };
    let mut packetizer = Packetizer::new(codec, config).expect("video, and room enough");
    let mut packets = Vec::new();
    for picture in 0..16_u8 {
        let frames: Vec<EncodedVideo> = (0..mode.spatial_layers)
            .map(|spatial| EncodedVideo {
                codec,
                payload: payload(codec, picture % 8 == 0, random),
                keyframe: picture % 8 == 0,
                width: 640,
                height: 360,
                end_of_picture: spatial + 1 == mode.spatial_layers,
                layer: LayerFrame {
                    spatial,
                    temporal: picture % mode.temporal_layers,
                    ..LayerFrame::default()
                },
                qp: None,
            })
            .collect();
        packetizer
            .packetize(&frames, |packet| {
                packets.push((
                    packet.payload.into(),
                    packet.descriptor.map(Arc::from),
                    packet.marker,
                ));
            })
            .expect("frames like an encoder's");
    }
    packets
}

fn main() -> ExitCode {
    let mut random = Random::new(7);
    let streams = CODECS.map(|codec| packets(codec, &mut random));
    livekit_ffi_fuzz::run("frame_buffer", &[], |input| {
        let Some((choice, steps)) = input.split_first() else {
            return;
        };
        let index = usize::from(*choice) % CODECS.len();
        let config = FrameBufferConfig {
            max_packets: 64,
            max_bytes: 20_000,
            ..FrameBufferConfig::default()
        };
        let mut buffer = FrameBuffer::new(CODECS[index], config).expect("a codec of video");
        let mut now = Instant::now();
        let mut sequence = 65_500_u64;
        let mut at = 0;
        // Four bytes are one step: what to do, and three numbers for it.
        for step in steps.chunks_exact(4).take(600) {
            let [what, number, extra, third] = [step[0], step[1], step[2], step[3]];
            match what % 8 {
                0..=4 => {
                    let (whole, descriptor, marker) = &streams[index][at % streams[index].len()];
                    let mut bytes = whole.to_vec();
                    if what & 0x08 != 0 {
                        let place = usize::from(number) % bytes.len();
                        bytes[place] ^= extra;
                    }
                    if what & 0x10 != 0 {
                        bytes.truncate(usize::from(number));
                    }
                    if what & 0x20 != 0 {
                        bytes = steps[..usize::from(number).min(steps.len())].to_vec();
                    }
                    let descriptor = match third % 8 {
                        0 => None,
                        1 => Some(steps[..usize::from(extra).min(steps.len())].into()),
                        _ => descriptor.clone(),
                    };
                    buffer.push(
                        RtpPacket {
                            sequence,
                            timestamp: (at as u32 / 4).wrapping_mul(3_000) ^ u32::from(third >> 7),
                            marker: *marker ^ (third & 0x40 != 0),
                            arrival: now,
                            payload: bytes.into(),
                            descriptor,
                        },
                        now,
                    );
                    at += 1;
                    sequence += 1;
                }
                // A gap, or back.
                5 if what & 0x80 == 0 => {
                    sequence += u64::from(number % 8);
                    at += usize::from(number % 8);
                }
                5 => sequence = sequence.saturating_sub(u64::from(number)),
                6 if what & 0x80 != 0 => sequence = sequence.wrapping_add(u64::from(number) << 10),
                6 => buffer.set_rtt(Duration::from_millis(u64::from(number) * 8)),
                _ => now += Duration::from_millis(u64::from(number)),
            }
            while let Some(frame) = buffer.poll(now) {
                assert!(!frame.payload.is_empty());
                assert_eq!(frame.layers.iter().sum::<usize>(), frame.payload.len());
            }
            buffer.wants_keyframe(now);
            let (packets, bytes) = buffer.queued();
            assert!(
                packets <= 64 && bytes <= 20_000,
                "{packets} packets, {bytes} bytes"
            );
            if let Some(deadline) = buffer.deadline() {
                assert!(deadline < now + Duration::from_secs(10));
            }
        }
    })
}
