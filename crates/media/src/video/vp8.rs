//! VP8 in RTP (RFC 7741).

use super::error::PayloadError;
use super::payloads::{Payloads, Room, even_lengths};

/// What stands before the VP8 data of a packet (RFC 7741 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// S: a partition starts here.
    pub partition_start: bool,
    /// PID: which partition.
    pub partition: u8,
    /// PictureID, 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The picture ID has 15 bits.
    pub long_picture_id: bool,
    /// TL0PICIDX: counts the frames of the lowest temporal layer.
    pub tl0_picture: Option<u8>,
    /// TID: the temporal layer.
    pub temporal: Option<u8>,
    /// Y: refers to the lowest temporal layer's last frame only.
    pub layer_sync: bool,
    /// KEYIDX: counts key frames.
    pub key_index: Option<u8>,
}

impl Vp8Descriptor {
    /// Reads a descriptor; gives it and the data behind it.
    ///
    /// # Errors
    /// Where the payload ends within the descriptor or right after it.
    pub fn parse(payload: &[u8]) -> Result<(Self, &[u8]), PayloadError> {
        let truncated = PayloadError::Truncated {
            what: "VP8 descriptor",
            len: payload.len(),
        };
        let mut rest = payload.iter();
        let mut next = || rest.next().copied().ok_or(truncated);
        let first = next()?;
        let mut descriptor = Self {
            non_reference: first & 0x20 != 0,
            partition_start: first & 0x10 != 0,
            partition: first & 0x07,
            ..Self::default()
        };
        if first & 0x80 != 0 {
            let extension = next()?;
            if extension & 0x80 != 0 {
                let high = next()?;
                descriptor.long_picture_id = high & 0x80 != 0;
                descriptor.picture_id = Some(if descriptor.long_picture_id {
                    u16::from(high & 0x7f) << 8 | u16::from(next()?)
                } else {
                    u16::from(high)
                });
            }
            if extension & 0x40 != 0 {
                descriptor.tl0_picture = Some(next()?);
            }
            if extension & 0x30 != 0 {
                let byte = next()?;
                if extension & 0x20 != 0 {
                    descriptor.temporal = Some(byte >> 6);
                    descriptor.layer_sync = byte & 0x20 != 0;
                }
                if extension & 0x10 != 0 {
                    descriptor.key_index = Some(byte & 0x1f);
                }
            }
        }
        let data = rest.as_slice();
        if data.is_empty() {
            return Err(truncated);
        }
        Ok((descriptor, data))
    }

    /// Appends the descriptor's bytes: at most six.
    pub fn write(&self, out: &mut Vec<u8>) {
        let extended = self.picture_id.is_some()
            || self.tl0_picture.is_some()
            || self.temporal.is_some()
            || self.key_index.is_some();
        out.push(
            u8::from(extended) << 7
                | u8::from(self.non_reference) << 5
                | u8::from(self.partition_start) << 4
                | self.partition & 0x07,
        );
        if !extended {
            return;
        }
        out.push(
            u8::from(self.picture_id.is_some()) << 7
                | u8::from(self.tl0_picture.is_some()) << 6
                | u8::from(self.temporal.is_some()) << 5
                | u8::from(self.key_index.is_some()) << 4,
        );
        if let Some(id) = self.picture_id {
            if self.long_picture_id {
                out.push(0x80 | (id >> 8) as u8);
                out.push(id as u8);
            } else {
                out.push(id as u8 & 0x7f);
            }
        }
        out.extend(self.tl0_picture);
        if self.temporal.is_some() || self.key_index.is_some() {
            out.push(
                self.temporal.unwrap_or(0) << 6
                    | u8::from(self.layer_sync) << 5
                    | self.key_index.unwrap_or(0) & 0x1f,
            );
        }
    }

    /// Whether the packet begins a frame.
    #[must_use]
    pub fn starts_frame(&self) -> bool {
        self.partition_start && self.partition == 0
    }
}

/// Whether a VP8 frame is a key frame (RFC 6386 §9.1).
#[must_use]
pub fn is_keyframe(frame: &[u8]) -> bool {
    frame.first().is_some_and(|tag| tag & 1 == 0)
}

/// Width and height that a key frame declares, without its scaling hints; `None` for other frames.
#[must_use]
pub fn picture_size(frame: &[u8]) -> Option<(u32, u32)> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else {
        return None;
    };
    if tag & 1 != 0 {
        return None;
    }
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some((side(w0, w1), side(h0, h1)))
}

/// Writes a frame's payloads; `descriptor` is the first packet's.
pub(super) fn packetize(
    frame: &[u8],
    descriptor: Vp8Descriptor,
    room: Room,
    out: &mut Payloads,
    header: &mut Vec<u8>,
) {
    header.clear();
    descriptor.write(header);
    let mut rest = frame;
    for length in even_lengths(frame.len(), room.without(header.len())) {
        let (part, behind) = rest.split_at(length);
        rest = behind;
        out.write(header);
        out.write(part);
        out.end();
        header[0] &= !0x10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7741 §4.5 with values filled in, and what each one says.
    fn examples() -> Vec<(Vec<u8>, Vp8Descriptor)> {
        let start = Vp8Descriptor {
            partition_start: true,
            ..Vp8Descriptor::default()
        };
        vec![
            // §4.5.1: the first of two packets of a key frame, 15-bit picture ID 17.
            (
                vec![0x90, 0x80, 0x80, 0x11],
                Vp8Descriptor {
                    picture_id: Some(17),
                    long_picture_id: true,
                    ..start
                },
            ),
            // The shortest: no extension.
            (vec![0x10], start),
            // §4.5.5: everything there is.
            (
                vec![0xb0, 0xf0, 0x92, 0x34, 0xaa, 0x63],
                Vp8Descriptor {
                    non_reference: true,
                    picture_id: Some(0x1234),
                    long_picture_id: true,
                    tl0_picture: Some(0xaa),
                    temporal: Some(1),
                    layer_sync: true,
                    key_index: Some(3),
                    ..start
                },
            ),
            // 7-bit picture ID, partition 2.
            (
                vec![0x82, 0x80, 0x7f],
                Vp8Descriptor {
                    partition: 2,
                    picture_id: Some(0x7f),
                    ..Vp8Descriptor::default()
                },
            ),
            // Key index alone: the byte is there for K too.
            (
                vec![0x90, 0x10, 0x1f],
                Vp8Descriptor {
                    key_index: Some(31),
                    ..start
                },
            ),
        ]
    }

    #[test]
    fn descriptors_are_read_and_written_as_the_rfc_lays_them_out() {
        for (mut bytes, descriptor) in examples() {
            let mut written = Vec::new();
            descriptor.write(&mut written);
            assert_eq!(written, bytes);
            bytes.extend_from_slice(b"data");
            assert_eq!(Vp8Descriptor::parse(&bytes), Ok((descriptor, &b"data"[..])));
        }
    }

    #[test]
    fn a_descriptor_that_is_cut_or_bare_is_an_error() {
        for (bytes, _) in examples() {
            for length in 0..=bytes.len() {
                assert!(Vp8Descriptor::parse(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn a_key_frame_tells_its_size() {
        // 640 × 360, with scaling hints in the top two bits of each side.
        let key = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x81];
        assert!(is_keyframe(&key));
        assert_eq!(picture_size(&key), Some((640, 360)));
        assert!(!is_keyframe(&[0x31]));
        assert_eq!(picture_size(&[0x31; 10]), None);
        assert_eq!(picture_size(&key[..9]), None);
        assert!(!is_keyframe(&[]));
    }
}
