//! Frames that are no pictures but look like them to packetisers, and tell what they refer to.

use lk_media::video::annexb;
use lk_testkit::Rng;
use lk_types::{Codec, EncodedVideo, InterLayer, LayerFrame, ScalabilityMode};

/// Makes the frames of a stream.
pub(crate) struct Encoder {
    codec: Codec,
    pub(crate) mode: ScalabilityMode,
    rng: Rng,
    next_frame: u64,
    next_picture: u64,
    since_key: u64,
    /// Numbers of the last frame of each layer: spatial, temporal.
    last: [[Option<u64>; 3]; 3],
    key_bytes: usize,
    delta_bytes: usize,
}

impl Encoder {
    pub(crate) fn new(codec: Codec, mode: ScalabilityMode, seed: u64) -> Self {
        Self {
            codec,
            mode,
            rng: Rng::new(seed),
            next_frame: 0,
            next_picture: 0,
            since_key: 0,
            last: [[None; 3]; 3],
            key_bytes: 12_000,
            delta_bytes: 4_000,
        }
    }

    /// The frames of the next picture.
    pub(crate) fn picture(&mut self, key: bool) -> Vec<EncodedVideo> {
        let key = key || self.next_picture == 0;
        if key {
            self.since_key = 0;
            self.last = [[None; 3]; 3];
        }
        let temporal = match self.mode.temporal_layers {
            1 => 0,
            2 => (self.since_key % 2) as u8,
            _ => [0, 2, 1, 2][self.since_key as usize % 4],
        };
        let layers = self.mode.spatial_layers;
        let frames = (0..layers)
            .map(|spatial| self.frame(key, spatial, temporal))
            .collect();
        self.next_picture += 1;
        self.since_key += 1;
        frames
    }

    fn frame(&mut self, key: bool, spatial: u8, temporal: u8) -> EncodedVideo {
        let number = self.next_frame;
        self.next_frame += 1;
        let own = self.last[usize::from(spatial)];
        // The newest frame of a lower temporal layer or, for the lowest, its own.
        let reference = own[..usize::from(temporal).max(1)]
            .iter()
            .flatten()
            .copied()
            .max();
        let inter_layer = spatial > 0
            && match self.mode.inter_layer {
                InterLayer::Always => true,
                InterLayer::KeyOnly => key,
                InterLayer::Never => false,
            };
        let mut references = Vec::new();
        references.extend(inter_layer.then_some(1));
        references.extend(
            reference
                .filter(|_| !key)
                .map(|frame| (number - frame) as u16),
        );
        let top = spatial + 1 == self.mode.spatial_layers;
        let layer = LayerFrame {
            spatial,
            temporal,
            discardable: temporal > 0
                && temporal + 1 == self.mode.temporal_layers
                && (top || self.mode.inter_layer != InterLayer::Always),
            switching_up: temporal > 0 && reference == own[0],
            inter_layer,
            references,
        };
        self.last[usize::from(spatial)][usize::from(temporal)] = Some(number);
        let size = if key {
            self.key_bytes
        } else {
            self.delta_bytes
        };
        let size = 40 + self.rng.below(2 * size as u64) as usize;
        let below = self.mode.spatial_layers - 1 - spatial;
        EncodedVideo {
            codec: self.codec,
            payload: self.payload(key, number, &layer, size),
            keyframe: key,
            width: 640 >> below,
            height: 360 >> below,
            end_of_picture: top,
            layer,
            qp: None,
        }
    }

    fn payload(&mut self, key: bool, number: u64, layer: &LayerFrame, size: usize) -> Vec<u8> {
        let mut body = tag(number, &layer.references);
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
            Codec::Vp9 => {
                out.push(if key { 0x82 } else { 0x86 });
                out.extend_from_slice(&body);
            }
            Codec::Av1 => {
                if key && layer.spatial == 0 {
                    append_obu(1, None, &sequence_header(), &mut out);
                }
                let layered = self.mode != ScalabilityMode::L1T1;
                let extension = layered.then_some(layer.temporal << 5 | layer.spatial << 3);
                // A metadata OBU and a frame in two tile groups.
                let (first, second) = body.split_at(body.len() / 3);
                append_obu(5, extension, &[4, 2, 0x80], &mut out);
                append_obu(3, extension, first, &mut out);
                append_obu(4, extension, second, &mut out);
            }
            Codec::H265 => {
                if key {
                    annexb::append(&[0x40, 1, 0x0c, 1, 0xff], &mut out);
                    annexb::append(&H265_SPS, &mut out);
                    annexb::append(&[0x44, 1, 0xc1, 0x72, 0xb4], &mut out);
                }
                let header = if key { 19 << 1 } else { 1 << 1 };
                let (first, second) = body.split_at(body.len() / 2);
                annexb::append(&[&[header, 1, 0x88], first].concat(), &mut out);
                annexb::append(&[&[header, 1, 0x44], second].concat(), &mut out);
            }
            _ => {
                if key {
                    annexb::append(&H264_SPS, &mut out);
                    annexb::append(&[0x68, 0xce, 0x3c, 0x80], &mut out);
                }
                // Two slices, so that a frame is not one unit.
                let (first, second) = body.split_at(body.len() / 2);
                let header = match (key, layer.discardable) {
                    (true, _) => 0x65,
                    (false, false) => 0x41,
                    (false, true) => 0x01,
                };
                annexb::append(&[&[header, 0x88], first].concat(), &mut out);
                annexb::append(&[&[header, 0x44], second].concat(), &mut out);
            }
        }
        out
    }
}

/// A parameter set of 640 × 360.
const H264_SPS: [u8; 15] = [
    0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc, 0xb0, 0x0f, 0x08, 0x84, 0x6a,
];

/// A parameter set of 1280 × 720.
const H265_SPS: [u8; 28] = [
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x5d, 0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93,
];

/// An AV1 sequence header of 640 × 360.
fn sequence_header() -> Vec<u8> {
    let fields = [
        // Profile, still picture, reduced; timing, display delay; operating points, the one's idc and level.
        (0_u32, 3),
        (0, 2),
        (0, 2),
        (0, 5),
        (0, 12),
        (4, 5),
        // Bits of width and height, and they themselves.
        (9, 4),
        (8, 4),
        (639, 10),
        (359, 9),
        (1, 1),
    ];
    let bits: Vec<u8> = fields
        .iter()
        .flat_map(|(value, count)| (0..*count).rev().map(move |bit| (value >> bit & 1) as u8))
        .collect();
    bits.chunks(8)
        .map(|byte| {
            byte.iter()
                .enumerate()
                .fold(0, |sum, (at, bit)| sum | bit << (7 - at))
        })
        .collect()
}

fn append_obu(kind: u8, extension: Option<u8>, payload: &[u8], out: &mut Vec<u8>) {
    out.push(kind << 3 | u8::from(extension.is_some()) << 2 | 2);
    out.extend(extension);
    let mut size = payload.len();
    while size >= 0x80 {
        out.push(size as u8 | 0x80);
        size >>= 7;
    }
    out.push(size as u8);
    out.extend_from_slice(payload);
}

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

/// Reads what [`tag`] wrote: number and references of all frames that the payload holds.
pub(crate) fn tags(payload: &[u8]) -> Vec<(u64, Vec<u64>)> {
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
