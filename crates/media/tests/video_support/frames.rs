//! Frames that are no pictures but look like them to packetisers, and tell what they refer to.

use lk_media::video::annexb;
use lk_testkit::Rng;
use lk_types::{Codec, EncodedVideo, LayerFrame, ScalabilityMode};

/// A frame and its number in the stream.
#[derive(Clone, Debug)]
pub struct Frame {
    pub number: u64,
    pub picture: u64,
    pub video: EncodedVideo,
}

/// Makes the frames of a stream.
pub struct Encoder {
    pub codec: Codec,
    pub mode: ScalabilityMode,
    rng: Rng,
    next_frame: u64,
    next_picture: u64,
    since_key: u64,
    /// Numbers of the last frame of each temporal layer.
    last: [Option<u64>; 3],
    pub key_bytes: usize,
    pub delta_bytes: usize,
}

impl Encoder {
    pub fn new(codec: Codec, mode: ScalabilityMode, seed: u64) -> Self {
        Self {
            codec,
            mode,
            rng: Rng::new(seed),
            next_frame: 0,
            next_picture: 0,
            since_key: 0,
            last: [None; 3],
            key_bytes: 12_000,
            delta_bytes: 4_000,
        }
    }

    /// The frames of the next picture.
    pub fn picture(&mut self, key: bool) -> Vec<Frame> {
        let key = key || self.next_picture == 0;
        if key {
            self.since_key = 0;
            self.last = [None; 3];
        }
        let layers = self.mode.temporal_layers;
        let position = self.since_key;
        let temporal = match layers {
            1 => 0,
            2 => (position % 2) as u8,
            _ => [0, 2, 1, 2][position as usize % 4],
        };
        let number = self.next_frame;
        // The newest frame of a lower layer or, for the lowest, its own.
        let reference = if temporal == 0 {
            self.last[0]
        } else {
            self.last[..usize::from(temporal)]
                .iter()
                .flatten()
                .copied()
                .max()
        };
        let layer = LayerFrame {
            spatial: 0,
            temporal,
            discardable: layers > 1 && temporal + 1 == layers,
            switching_up: temporal > 0 && reference == self.last[0],
            inter_layer: false,
            references: if key {
                Vec::new()
            } else {
                reference
                    .map(|frame| (number - frame) as u16)
                    .into_iter()
                    .collect()
            },
        };
        self.last[usize::from(temporal)] = Some(number);
        self.next_frame += 1;
        self.next_picture += 1;
        self.since_key += 1;
        let size = if key {
            self.key_bytes
        } else {
            self.delta_bytes
        };
        let size = 40 + self.rng.below(2 * size as u64) as usize;
        let payload = self.payload(key, number, &layer.references, size);
        vec![Frame {
            number,
            picture: self.next_picture - 1,
            video: EncodedVideo {
                codec: self.codec,
                payload,
                keyframe: key,
                width: 640,
                height: 360,
                end_of_picture: true,
                layer,
                qp: None,
            },
        }]
    }

    fn payload(&mut self, key: bool, number: u64, references: &[u16], size: usize) -> Vec<u8> {
        let mut body = tag(number, references);
        let mut noise = vec![0; size];
        self.rng.fill(&mut noise);
        // No start code arises.
        noise.iter_mut().for_each(|byte| *byte |= 0x10);
        body.extend_from_slice(&noise);
        let mut out = Vec::new();
        match self.codec {
            Codec::Vp8 => {
                if key {
                    out.extend_from_slice(&[0x10, 0, 0, 0x9d, 1, 0x2a, 0x80, 0x02, 0x68, 0x01]);
                } else {
                    out.push(0x11);
                }
                out.extend_from_slice(&body);
            }
            _ => {
                if key {
                    annexb::append(&SPS, &mut out);
                    annexb::append(&[0x68, 0xce, 0x3c, 0x80], &mut out);
                }
                // Two slices, so that a frame is not one unit.
                let (first, second) = body.split_at(body.len() / 2);
                let header = if key { 0x65 } else { 0x41 };
                annexb::append(&[&[header, 0x88], first].concat(), &mut out);
                annexb::append(&[&[header, 0x44], second].concat(), &mut out);
            }
        }
        out
    }
}

/// A parameter set of 640 × 360.
pub const SPS: [u8; 15] = [
    0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc, 0xb0, 0x0f, 0x08, 0x84, 0x6a,
];

const MARK: [u8; 4] = [0xfa, 0xce, 0xb0, 0x0c];

/// Number and references, in bytes that never look like a start code.
fn tag(number: u64, references: &[u16]) -> Vec<u8> {
    let mut out = MARK.to_vec();
    out.extend((0..8).map(|nibble| 0x10 | (number >> (4 * nibble) & 0xf) as u8));
    out.push(0x10 | references.len() as u8);
    for reference in references {
        out.extend((0..4).map(|nibble| 0x10 | (reference >> (4 * nibble) & 0xf) as u8));
    }
    out
}

/// Reads what [`tag`] wrote: all frames that the payload holds.
pub fn tags(payload: &[u8]) -> Vec<(u64, Vec<u64>)> {
    let mut found = Vec::new();
    for (at, window) in payload.windows(4).enumerate() {
        if window != MARK {
            continue;
        }
        let nibbles = |from: usize, count: usize| {
            (0..count).fold(0_u64, |sum, nibble| {
                sum | u64::from(payload[from + nibble] & 0xf) << (4 * nibble)
            })
        };
        let number = nibbles(at + 4, 8);
        let count = (payload[at + 12] & 0xf) as usize;
        let references = (0..count)
            .map(|index| number - nibbles(at + 13 + 4 * index, 4))
            .collect();
        found.push((number, references));
    }
    found
}
