//! Metadata that travels with encoded frames: LiveKit's packet trailer.
//!
//! Behind a frame of any codec but AV1 stand fields of tag, length and value, then the trailer's whole length and four
//! letters. All but the letters is inverted, so that no start code can come up. In AV1 the same bytes are the payload of
//! a metadata OBU. What is encrypted is encrypted before the trailer comes, so forwarders may read it.

use lk_types::Codec;

use super::av1;

const LETTERS: &[u8; 4] = b"LKTS";
/// Length and letters.
const ENVELOPE: usize = 5;
/// Tag and length.
const FIELD: usize = 2;
/// The length is one byte.
const MOST: usize = 255;

const USER_TIMESTAMP: u8 = 1;
const FRAME_ID: u8 = 2;
const USER_DATA: u8 = 3;

/// `obu_metadata` (AV1 specification §5.8.1), with its size.
const METADATA_OBU: u8 = 0x2a;
const METADATA: u8 = 5;
/// `metadata_type`, of those left to applications.
const METADATA_TYPE: u8 = 31;

/// What a trailer carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameTrailer {
    /// Microseconds of the program's clock; 0 for none.
    pub user_timestamp: u64,
    /// The program's number; 0 for none.
    pub frame_id: u32,
    /// The program's bytes; empty for none.
    pub user_data: Vec<u8>,
}

impl FrameTrailer {
    /// Whether there is nothing to carry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.user_timestamp == 0 && self.frame_id == 0 && self.user_data.is_empty()
    }

    /// Adds the trailer to a frame; says whether the user data went along, which is left out as a whole where there are
    /// more than some 230 bytes of it.
    pub fn append(&self, codec: Codec, frame: &mut Vec<u8>) -> bool {
        let (bytes, fits) = self.bytes();
        if bytes.is_empty() {
            return fits;
        }
        if codec == Codec::Av1 {
            let payload = bytes.len() + 1;
            let mut obu = vec![METADATA_OBU];
            av1::write_leb128(payload, |byte| obu.push(byte));
            obu.push(METADATA_TYPE);
            obu.extend_from_slice(&bytes);
            let at = av1::after_sequence_header(frame);
            frame.splice(at..at, obu);
        } else {
            frame.extend_from_slice(&bytes);
        }
        fits
    }

    /// Takes the trailer off a frame, where it has one.
    #[must_use]
    pub fn take(codec: Codec, frame: &mut Vec<u8>) -> Option<Self> {
        if codec == Codec::Av1 {
            let (range, trailer) = av1::find_metadata(frame, METADATA, |payload| {
                Self::parse(payload.strip_prefix(&[METADATA_TYPE])?)
            })?;
            frame.drain(range);
            return Some(trailer);
        }
        let len = match frame.as_slice() {
            [.., len, a, b, c, d] if [*a, *b, *c, *d] == *LETTERS => usize::from(!len),
            _ => return None,
        };
        let start = frame.len().checked_sub(len)?;
        let trailer = Self::parse(&frame[start..])?;
        frame.truncate(start);
        Some(trailer)
    }

    /// The trailer's bytes, none where there is nothing to carry; and whether all fit.
    fn bytes(&self) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let mut field = |tag: u8, value: &[u8]| {
            if out.len() + FIELD + value.len() + ENVELOPE > MOST {
                return false;
            }
            out.extend_from_slice(&[tag, value.len() as u8]);
            out.extend_from_slice(value);
            true
        };
        if self.user_timestamp != 0 {
            field(USER_TIMESTAMP, &self.user_timestamp.to_be_bytes());
        }
        if self.frame_id != 0 {
            field(FRAME_ID, &self.frame_id.to_be_bytes());
        }
        let fits = self.user_data.is_empty() || field(USER_DATA, &self.user_data);
        if out.is_empty() {
            return (out, fits);
        }
        out.push((out.len() + ENVELOPE) as u8);
        out.iter_mut().for_each(|byte| *byte = !*byte);
        out.extend_from_slice(LETTERS);
        (out, fits)
    }

    /// Reads a whole trailer. Fields that are not known are passed over.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = bytes.strip_suffix(LETTERS)?;
        let (len, mut fields) = fields.split_last()?;
        if usize::from(!len) != bytes.len() {
            return None;
        }
        let mut trailer = Self::default();
        let mut known = false;
        while let [tag, len, behind @ ..] = fields {
            let Some((value, rest)) = behind.split_at_checked(usize::from(!len)) else {
                break;
            };
            fields = rest;
            let inverted = |at: usize| !value[at];
            match (!tag, value.len()) {
                (USER_TIMESTAMP, 8) => {
                    trailer.user_timestamp = u64::from_be_bytes(std::array::from_fn(inverted));
                }
                (FRAME_ID, 4) => {
                    trailer.frame_id = u32::from_be_bytes(std::array::from_fn(inverted));
                }
                (USER_DATA, _) => trailer.user_data = value.iter().map(|byte| !byte).collect(),
                _ => continue,
            }
            known = true;
        }
        known.then_some(trailer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer(user_data: &[u8]) -> FrameTrailer {
        FrameTrailer {
            user_timestamp: 0x0102_0304_0506_0708,
            frame_id: 7,
            user_data: user_data.to_vec(),
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_stock_library() {
        let mut frame = vec![9, 9];
        assert!(trailer(b"\x00").append(Codec::Vp8, &mut frame));
        assert_eq!(
            frame,
            [
                9, 9, 0xfe, 0xf7, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 0xf7, 0xfd, 0xfb, 0xff,
                0xff, 0xff, 0xf8, 0xfc, 0xfe, 0xff, 0xe7, b'L', b'K', b'T', b'S'
            ]
        );
    }

    #[test]
    fn trailers_come_off_as_they_went_on() {
        for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1] {
            for given in [
                trailer(&[1; 232]),
                trailer(b""),
                FrameTrailer {
                    frame_id: u32::MAX,
                    ..FrameTrailer::default()
                },
                FrameTrailer {
                    user_data: vec![0; 248],
                    ..FrameTrailer::default()
                },
            ] {
                // Delimiter, sequence header, frame.
                let frame = vec![0x12, 0, 0x0a, 2, 1, 2, 0x32, 3, 5, 5, 5];
                let mut sent = frame.clone();
                assert!(given.append(codec, &mut sent), "{codec} {given:?}");
                assert_eq!(FrameTrailer::take(codec, &mut sent), Some(given));
                assert_eq!(sent, frame);
                assert_eq!(FrameTrailer::take(codec, &mut sent), None);
            }
        }
    }

    #[test]
    fn the_metadata_of_av1_follows_the_sequence_header() {
        let mut frame = vec![0x0a, 1, 2, 0x32, 1, 5];
        let id = FrameTrailer {
            frame_id: 1,
            ..FrameTrailer::default()
        };
        id.append(Codec::Av1, &mut frame);
        assert_eq!(frame[..6], [0x0a, 1, 2, 0x2a, 12, 31]);
        assert_eq!(frame[frame.len() - 3..], [0x32, 1, 5]);
    }

    #[test]
    fn user_data_that_does_not_fit_stays_behind() {
        let mut frame = vec![1];
        assert!(!trailer(&[1; 233]).append(Codec::Vp8, &mut frame));
        let taken = FrameTrailer::take(Codec::Vp8, &mut frame);
        assert_eq!(taken, Some(trailer(b"")));
        let mut frame = vec![1];
        let only = FrameTrailer {
            user_data: vec![1; 249],
            ..FrameTrailer::default()
        };
        assert!(!only.append(Codec::Vp8, &mut frame));
        assert_eq!(frame, [1]);
        assert!(FrameTrailer::default().append(Codec::Vp8, &mut frame));
        assert_eq!(frame, [1]);
    }

    #[test]
    fn what_is_no_trailer_stays() {
        for frame in [
            &b"LKTS"[..],
            b"\xffLKTS",
            b"\xfaLKTS",
            b"\x00LKTS",
            b"abc\xf8\xf0LKTS",
            // A field that is not known, alone.
            b"\x90\xff\xf8LKTS",
        ] {
            let mut kept = frame.to_vec();
            assert_eq!(FrameTrailer::take(Codec::Vp8, &mut kept), None, "{frame:?}");
            assert_eq!(FrameTrailer::take(Codec::Av1, &mut kept), None, "{frame:?}");
            assert_eq!(kept, frame);
        }
    }
}
