//! Bitstreams from `tests/golden/video` come out of the packets as they went in, H.265 among them, which nothing here
//! decodes.

use std::sync::Arc;
use std::time::Duration;

use lk_media::video::{FrameBuffer, FrameBufferConfig, Packetizer, PacketizerConfig, RtpPacket};
use lk_testkit::ivf;
use lk_types::{Codec, EncodedVideo, LayerFrame};

/// As `tests/python/lkhost/bitstreams.py` makes them.
const KEY_INTERVAL: usize = 12;
const COUNT: usize = 24;
const SIZE: (u32, u32) = (640, 360);

fn frames(name: &str) -> Vec<Vec<u8>> {
    let frames: Vec<_> = ivf(name).into_iter().map(|(_, frame)| frame).collect();
    assert_eq!(frames.len(), COUNT);
    frames
}

/// What must be the same on both sides: NAL units without start codes, OBUs without the delimiter in front of them.
fn content(codec: Codec, payload: &[u8]) -> Vec<Vec<u8>> {
    match codec {
        Codec::H264 | Codec::H265 => {
            let mut units = Vec::new();
            let mut unit = Vec::new();
            for byte in payload {
                unit.push(*byte);
                if unit.ends_with(&[0, 0, 1]) {
                    unit.truncate(unit.len() - 3);
                    units.push(std::mem::take(&mut unit));
                }
            }
            units.push(unit);
            // A fourth byte of a start code, or a trailing zero, is no part of a unit (H.264 B.1).
            for unit in &mut units {
                while unit.last() == Some(&0) {
                    unit.pop();
                }
            }
            units.retain(|unit| !unit.is_empty());
            units
        }
        Codec::Av1 => vec![
            payload
                .strip_prefix(&[0x12, 0x00])
                .unwrap_or(payload)
                .to_vec(),
        ],
        _ => vec![payload.to_vec()],
    }
}

#[test]
fn every_codec_passes_whole_or_in_pieces() {
    for (codec, name) in [
        (Codec::Vp8, "vp8"),
        (Codec::Vp9, "vp9"),
        (Codec::H264, "h264"),
        (Codec::H265, "h265"),
        (Codec::Av1, "av1"),
    ] {
        for max_payload in [1_120, 400] {
            let config = PacketizerConfig {
                max_payload,
                ..PacketizerConfig::default()
            };
            let mut packetizer = Packetizer::new(codec, config).expect("a packetiser");
            let mut buffer =
                FrameBuffer::new(codec, FrameBufferConfig::default()).expect("a buffer");
            let mut now = lk_testkit::start();
            let mut sequence = 1_000;
            for (at, payload) in frames(name).into_iter().enumerate() {
                let keyframe = at % KEY_INTERVAL == 0;
                let frame = EncodedVideo {
                    codec,
                    payload: payload.clone(),
                    keyframe,
                    width: SIZE.0,
                    height: SIZE.1,
                    end_of_picture: true,
                    layer: LayerFrame::default(),
                    qp: None,
                };
                let mut packets = 0;
                packetizer
                    .packetize(&[frame], |packet| {
                        packets += 1;
                        buffer.push(
                            RtpPacket {
                                sequence,
                                timestamp: at as u32 * 3_000,
                                marker: packet.marker,
                                arrival: now,
                                payload: Arc::from(packet.payload),
                                descriptor: packet.descriptor.map(Arc::from),
                            },
                            now,
                        );
                        sequence += 1;
                    })
                    .expect("it fits");
                assert!(packets >= payload.len() / max_payload, "{codec} {at}");
                let given = buffer.poll(now).expect("a picture");
                assert_eq!(given.keyframe, keyframe, "{codec} {at}");
                if keyframe {
                    assert_eq!(given.size, Some(SIZE), "{codec} {at}");
                }
                assert_eq!(
                    content(codec, &given.payload),
                    content(codec, &payload),
                    "{codec} {at}"
                );
                now += Duration::from_millis(33);
            }
        }
    }
}
