//! VP9 in RTP (RFC 9628).

use super::bits::BitReader;
use super::error::PayloadError;
use super::payloads::{Payloads, Room, even_lengths};

const WHAT: &str = "VP9 descriptor";

/// Most pictures that a frame may refer to.
pub const MAX_REFERENCES: usize = 3;

/// What stands before the VP9 data of a packet (RFC 9628 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// PictureID, 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The picture ID has 15 bits.
    pub long_picture_id: bool,
    /// P: refers to an earlier picture.
    pub inter_picture: bool,
    /// F: references are told by each frame, not by a pattern.
    pub flexible: bool,
    /// B: the layer frame's first packet.
    pub start: bool,
    /// E: the layer frame's last packet.
    pub end: bool,
    /// Z: upper spatial layers do not refer to this frame.
    pub not_for_upper: bool,
    /// The packet tells layers (L).
    pub layered: bool,
    /// TID: temporal layer.
    pub temporal: u8,
    /// U: from here on higher temporal layers do without earlier frames of theirs.
    pub switching_up: bool,
    /// SID: spatial layer.
    pub spatial: u8,
    /// D: refers to the layer below of its picture.
    pub inter_layer: bool,
    /// TL0PICIDX, outside flexible mode.
    pub tl0_picture: Option<u8>,
    /// P_DIFF, distances in pictures, in flexible mode; 0 for none.
    pub references: [u8; MAX_REFERENCES],
    /// V: a scalability structure follows.
    pub has_structure: bool,
}

/// One picture of the pattern that repeats outside flexible mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupPicture {
    /// Temporal layer.
    pub temporal: u8,
    /// As [`Vp9Descriptor::switching_up`].
    pub switching_up: bool,
    /// As [`Vp9Descriptor::references`].
    pub references: [u8; MAX_REFERENCES],
}

/// The scalability structure (RFC 9628 §4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vp9Structure {
    /// Spatial layers, 1 to 8.
    pub spatial_layers: u8,
    /// Width and height of each; empty where not told.
    pub sizes: Vec<(u16, u16)>,
    /// The pattern, beginning at the picture that brings this; empty where not told.
    pub group: Vec<GroupPicture>,
}

impl Vp9Descriptor {
    /// Reads a descriptor; gives it, the structure it brings, and the data behind it.
    ///
    /// # Errors
    /// Where the payload ends within the descriptor or right after it.
    pub fn parse(payload: &[u8]) -> Result<(Self, Option<Vp9Structure>, &[u8]), PayloadError> {
        let mut bits = BitReader::new(payload, WHAT);
        let has_picture_id = bits.flag()?;
        let mut descriptor = Self {
            inter_picture: bits.flag()?,
            layered: bits.flag()?,
            flexible: bits.flag()?,
            start: bits.flag()?,
            end: bits.flag()?,
            has_structure: bits.flag()?,
            not_for_upper: bits.flag()?,
            ..Self::default()
        };
        if has_picture_id {
            descriptor.long_picture_id = bits.flag()?;
            let width = if descriptor.long_picture_id { 15 } else { 7 };
            descriptor.picture_id = Some(bits.bits(width)? as u16);
        }
        if descriptor.layered {
            descriptor.temporal = bits.bits(3)? as u8;
            descriptor.switching_up = bits.flag()?;
            descriptor.spatial = bits.bits(3)? as u8;
            descriptor.inter_layer = bits.flag()?;
            if !descriptor.flexible {
                descriptor.tl0_picture = Some(bits.bits(8)? as u8);
            }
        }
        if descriptor.flexible && descriptor.inter_picture {
            for index in 0.. {
                let distance = bits.bits(7)? as u8;
                let Some(place) = descriptor.references.get_mut(index) else {
                    return Err(PayloadError::Field {
                        field: "P_DIFF count",
                        value: index as u64 + 1,
                        reason: "is above three",
                    });
                };
                *place = distance;
                if !bits.flag()? {
                    break;
                }
            }
        }
        let structure = if descriptor.has_structure {
            Some(Vp9Structure::read(&mut bits)?)
        } else {
            None
        };
        let data = bits.rest();
        if data.is_empty() {
            return Err(PayloadError::Truncated {
                what: WHAT,
                len: payload.len(),
            });
        }
        Ok((descriptor, structure, data))
    }

    /// Appends the descriptor's bytes, with a structure where [`Self::has_structure`] is set.
    pub fn write(&self, structure: &Vp9Structure, out: &mut Vec<u8>) {
        out.push(
            u8::from(self.picture_id.is_some()) << 7
                | u8::from(self.inter_picture) << 6
                | u8::from(self.layered) << 5
                | u8::from(self.flexible) << 4
                | u8::from(self.start) << 3
                | u8::from(self.end) << 2
                | u8::from(self.has_structure) << 1
                | u8::from(self.not_for_upper),
        );
        if let Some(id) = self.picture_id {
            if self.long_picture_id {
                out.push(0x80 | (id >> 8) as u8);
                out.push(id as u8);
            } else {
                out.push(id as u8 & 0x7f);
            }
        }
        if self.layered {
            out.push(
                (self.temporal & 7) << 5
                    | u8::from(self.switching_up) << 4
                    | (self.spatial & 7) << 1
                    | u8::from(self.inter_layer),
            );
            if !self.flexible {
                out.push(self.tl0_picture.unwrap_or(0));
            }
        }
        if self.flexible && self.inter_picture {
            let last = self.references.iter().rposition(|distance| *distance > 0);
            for (index, distance) in self.references.iter().enumerate() {
                let more = last.is_some_and(|last| index < last);
                out.push(distance << 1 | u8::from(more));
                if !more {
                    break;
                }
            }
        }
        if self.has_structure {
            structure.write(out);
        }
    }

    /// Decoding may start at this layer frame.
    #[must_use]
    pub fn is_key(&self) -> bool {
        !self.inter_picture && !self.inter_layer
    }
}

impl Vp9Structure {
    fn read(bits: &mut BitReader<'_>) -> Result<Self, PayloadError> {
        let mut structure = Self {
            spatial_layers: bits.bits(3)? as u8 + 1,
            ..Self::default()
        };
        let has_sizes = bits.flag()?;
        let has_group = bits.flag()?;
        bits.skip(3)?;
        if has_sizes {
            for _ in 0..structure.spatial_layers {
                let width = bits.bits(16)? as u16;
                structure.sizes.push((width, bits.bits(16)? as u16));
            }
        }
        if has_group {
            for _ in 0..bits.bits(8)? {
                let mut picture = GroupPicture {
                    temporal: bits.bits(3)? as u8,
                    switching_up: bits.flag()?,
                    ..GroupPicture::default()
                };
                let references = bits.bits(2)? as usize;
                bits.skip(2)?;
                for distance in &mut picture.references[..references] {
                    *distance = bits.bits(8)? as u8;
                }
                structure.group.push(picture);
            }
        }
        Ok(structure)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (has_sizes, has_group) = (!self.sizes.is_empty(), !self.group.is_empty());
        out.push(
            (self.spatial_layers.wrapping_sub(1) & 7) << 5
                | u8::from(has_sizes) << 4
                | u8::from(has_group) << 3,
        );
        for (width, height) in &self.sizes {
            out.extend_from_slice(&width.to_be_bytes());
            out.extend_from_slice(&height.to_be_bytes());
        }
        if has_group {
            out.push(self.group.len().min(255) as u8);
            for picture in self.group.iter().take(255) {
                let references = picture
                    .references
                    .iter()
                    .take_while(|distance| **distance > 0);
                out.push(
                    (picture.temporal & 7) << 5
                        | u8::from(picture.switching_up) << 4
                        | (references.clone().count() as u8) << 2,
                );
                out.extend(references);
            }
        }
    }
}

/// Writes a layer frame's payloads; `descriptor` without start and end.
pub(super) fn packetize(
    frame: &[u8],
    descriptor: Vp9Descriptor,
    structure: &Vp9Structure,
    room: Room,
    out: &mut Payloads,
    header: &mut Vec<u8>,
) {
    header.clear();
    let plain = Vp9Descriptor {
        has_structure: false,
        ..descriptor
    };
    descriptor.write(structure, header);
    let first = header.len();
    plain.write(structure, header);
    let room = Room {
        first: room.first.saturating_sub(first).max(1),
        rest: room.without(header.len() - first).rest,
    };
    let mut rest = frame;
    let mut start = true;
    for length in even_lengths(frame.len(), room) {
        let (part, behind) = rest.split_at(length);
        rest = behind;
        let bytes = if start {
            &header[..first]
        } else {
            &header[first..]
        };
        let flags = u8::from(start) << 3 | u8::from(rest.is_empty()) << 2;
        out.write(&[bytes[0] | flags]);
        out.write(&bytes[1..]);
        out.write(part);
        out.end();
        start = false;
    }
}

/// What the uncompressed header of a frame says (VP9 bitstream specification §6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FrameHeader {
    keyframe: bool,
    size: Option<(u32, u32)>,
}

fn frame_header(frame: &[u8]) -> Result<FrameHeader, PayloadError> {
    let mut bits = BitReader::new(frame, "VP9 frame header");
    let marker = bits.bits(2)?;
    if marker != 2 {
        return Err(PayloadError::Field {
            field: "VP9 frame_marker",
            value: u64::from(marker),
            reason: "is not 2",
        });
    }
    let profile = bits.bits(1)? | bits.bits(1)? << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    let shows_existing = bits.flag()?;
    if shows_existing || bits.flag()? {
        return Ok(FrameHeader::default());
    }
    bits.skip(2)?;
    let sync = bits.bits(24)?;
    if sync != 0x49_83_42 {
        return Err(PayloadError::Field {
            field: "VP9 sync code",
            value: u64::from(sync),
            reason: "is not 0x498342",
        });
    }
    if profile >= 2 {
        bits.skip(1)?;
    }
    let rgb = bits.bits(3)? == 7;
    let odd_profile = profile == 1 || profile == 3;
    match (rgb, odd_profile) {
        (false, false) => bits.skip(1)?,
        (false, true) => bits.skip(4)?,
        (true, true) => bits.skip(1)?,
        (true, false) => {}
    }
    let width = bits.bits(16)? + 1;
    let height = bits.bits(16)? + 1;
    Ok(FrameHeader {
        keyframe: true,
        size: Some((width, height)),
    })
}

/// Whether a VP9 frame is a key frame.
#[must_use]
pub fn is_keyframe(frame: &[u8]) -> bool {
    frame_header(frame).is_ok_and(|header| header.keyframe)
}

/// Width and height that a key frame declares; `None` for other frames.
#[must_use]
pub fn picture_size(frame: &[u8]) -> Option<(u32, u32)> {
    frame_header(frame).ok()?.size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<(Vec<u8>, Vp9Descriptor, Vp9Structure)> {
        let none = Vp9Structure::default();
        vec![
            // Flexible mode, 15-bit picture ID 0x1234, layers T2 U S1 D, references 1 and 3 back.
            (
                vec![0b1111_1000, 0x92, 0x34, 0b0101_0011, 0b11, 0b110],
                Vp9Descriptor {
                    picture_id: Some(0x1234),
                    long_picture_id: true,
                    inter_picture: true,
                    flexible: true,
                    start: true,
                    layered: true,
                    temporal: 2,
                    switching_up: true,
                    spatial: 1,
                    inter_layer: true,
                    references: [1, 3, 0],
                    ..Vp9Descriptor::default()
                },
                none.clone(),
            ),
            // A key frame outside flexible mode: 7-bit ID, TL0PICIDX 9, two spatial layers with sizes, and the group
            // of pictures of three temporal layers.
            (
                vec![
                    0b1010_1110,
                    0x05,
                    0b0000_0000,
                    9,
                    0b0011_1000,
                    0x01,
                    0x40,
                    0x00,
                    0xb4,
                    0x02,
                    0x80,
                    0x01,
                    0x68,
                    4,
                    0b0001_0100,
                    4,
                    0b0101_0100,
                    1,
                    0b0011_0100,
                    2,
                    0b0100_1000,
                    1,
                    2,
                ],
                Vp9Descriptor {
                    picture_id: Some(5),
                    start: true,
                    end: true,
                    layered: true,
                    tl0_picture: Some(9),
                    has_structure: true,
                    ..Vp9Descriptor::default()
                },
                Vp9Structure {
                    spatial_layers: 2,
                    sizes: vec![(320, 180), (640, 360)],
                    group: [
                        (0, true, [4, 0, 0]),
                        (2, true, [1, 0, 0]),
                        (1, true, [2, 0, 0]),
                        (2, false, [1, 2, 0]),
                    ]
                    .map(|(temporal, switching_up, references)| GroupPicture {
                        temporal,
                        switching_up,
                        references,
                    })
                    .to_vec(),
                },
            ),
            // The shortest.
            (
                vec![0b0000_0101],
                Vp9Descriptor {
                    end: true,
                    not_for_upper: true,
                    ..Vp9Descriptor::default()
                },
                none,
            ),
        ]
    }

    #[test]
    fn descriptors_are_read_and_written_as_the_rfc_lays_them_out() {
        for (mut bytes, descriptor, structure) in examples() {
            let mut written = Vec::new();
            descriptor.write(&structure, &mut written);
            assert_eq!(written, bytes);
            bytes.extend_from_slice(b"data");
            let (read, with, data) = Vp9Descriptor::parse(&bytes).unwrap();
            assert_eq!((read, data), (descriptor, &b"data"[..]));
            assert_eq!(with, descriptor.has_structure.then_some(structure));
        }
    }

    #[test]
    fn a_descriptor_that_is_cut_or_has_too_many_references_is_an_error() {
        for (bytes, _, _) in examples() {
            for length in 0..=bytes.len() {
                assert!(Vp9Descriptor::parse(&bytes[..length]).is_err());
            }
        }
        assert!(Vp9Descriptor::parse(&[0x50, 3, 3, 3, 2, 0]).is_err());
    }

    #[test]
    fn a_key_frame_tells_its_size() {
        // Profile 0, key frame, shown, sync code, colour space 1, limited range, 1280 × 720.
        let mut key = vec![0b1000_0010, 0x49, 0x83, 0x42, 0b0010_0000];
        key.extend_from_slice(&[0b0100_1111, 0b1111_0010, 0b1100_1111, 0]);
        // The sizes begin behind the range bit: shift by four bits.
        let bits = (1_279_u32 << 16) | 719;
        key.truncate(4);
        let tail = (0b0010_u64 << 36) | (u64::from(bits) << 4);
        key.extend_from_slice(&tail.to_be_bytes()[3..]);
        assert!(is_keyframe(&key));
        assert_eq!(picture_size(&key), Some((1_280, 720)));
        assert!(!is_keyframe(&[0b1000_0110, 0]));
        assert_eq!(picture_size(&key[..7]), None);
        assert!(!is_keyframe(&[]));
    }
}
