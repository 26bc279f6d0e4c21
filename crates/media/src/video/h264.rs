//! H.264 in RTP (RFC 6184), packetization mode 1: single units, STAP-A and FU-A.

use super::annexb;
use super::error::PayloadError;
use super::nal::{Format, Header, Kind, Piece, check_aggregated};

const SLICE: u8 = 1;
const PARTITION_A: u8 = 2;
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

fn unit_type(header: u8) -> u8 {
    header & 0x1f
}

/// Whether an Annex B access unit can be decoded without earlier pictures: it has a slice of an IDR picture.
#[must_use]
pub fn is_keyframe(stream: &[u8]) -> bool {
    annexb::units(stream).any(|unit| unit_type(unit[0]) == IDR)
}

/// The size that an access unit's sequence parameter set declares.
#[must_use]
pub fn picture_size(stream: &[u8]) -> Option<(u32, u32)> {
    annexb::units(stream).find_map(super::h264_sps::picture_size)
}

/// The format, as a type.
#[derive(Debug)]
pub(super) enum H264 {}

impl Format for H264 {
    const HEADER: usize = 1;
    const FRAGMENT_HEADER: usize = 2;
    const PARAMETERS: usize = 2;
    const SIZE_IN: usize = 0;

    fn kind(unit: &[u8]) -> Kind {
        match unit_type(unit[0]) {
            SPS => Kind::Parameters(0),
            PPS => Kind::Parameters(1),
            IDR => Kind::Slice { key: true },
            SLICE | PARTITION_A => Kind::Slice { key: false },
            DELIMITER | FILLER => Kind::Filler,
            _ => Kind::Other,
        }
    }

    fn discardable(header: &[u8]) -> bool {
        header[0] & 0x60 == 0
    }

    fn first_slice(behind_header: &[u8]) -> bool {
        // `first_mb_in_slice`, an `ue(v)`, is 0.
        behind_header.first().is_some_and(|byte| byte & 0x80 != 0)
    }

    fn aggregation<'a>(units: impl Iterator<Item = &'a [u8]>) -> Header {
        // §5.7.1: the forbidden bit if any unit has it, the importance of the most important.
        let (forbidden, importance) = units.fold((0, 0), |(forbidden, importance), unit| {
            (forbidden | unit[0] & 0x80, (unit[0] & 0x60).max(importance))
        });
        Header::new(&[forbidden | importance | STAP_A])
    }

    fn fragment(unit_header: &[u8], start: bool, end: bool) -> Header {
        let header = unit_header[0];
        Header::new(&[
            header & 0xe0 | FU_A,
            u8::from(start) << 7 | u8::from(end) << 6 | unit_type(header),
        ])
    }

    fn parse(payload: &[u8]) -> Result<Piece<'_>, PayloadError> {
        let truncated = |what| PayloadError::Truncated {
            what,
            len: payload.len(),
        };
        let (&header, rest) = payload
            .split_first()
            .ok_or_else(|| truncated("H.264 unit"))?;
        match unit_type(header) {
            1..=23 => Ok(Piece::Unit(payload)),
            STAP_A => {
                check_aggregated::<Self>(rest, "H.264 STAP-A")?;
                Ok(Piece::Units(rest))
            }
            FU_A => match rest {
                [fragment, data @ ..] if !data.is_empty() => Ok(Piece::Fragment {
                    header: Header::new(&[header & 0xe0 | unit_type(*fragment)]),
                    start: fragment & 0x80 != 0,
                    end: fragment & 0x40 != 0,
                    data,
                }),
                _ => Err(truncated("H.264 FU-A")),
            },
            other => Err(PayloadError::Field {
                field: "H.264 unit type",
                value: u64::from(other),
                reason: "does not belong to packetization mode 1",
            }),
        }
    }

    fn size(parameters: &[u8]) -> Option<(u32, u32)> {
        super::h264_sps::picture_size(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::super::nal::{Assembler, facts, packetize};
    use super::super::payloads::{Payloads, Room};
    use super::*;

    fn packets(stream: &[u8], room: usize) -> Vec<Vec<u8>> {
        let mut out = Payloads::default();
        let room = Room {
            first: room,
            rest: room,
        };
        packetize::<H264>(stream, room, &mut out, &mut Vec::new());
        (0..out.len())
            .map(|index| out.payload(index).to_vec())
            .collect()
    }

    fn join(packets: &[Vec<u8>]) -> Option<(Vec<u8>, bool)> {
        let mut out = Vec::new();
        let payloads = packets.iter().map(|packet| &packet[..]);
        let made = Assembler::default().assemble::<H264>(payloads, &mut out)?;
        Some((out, made.keyframe))
    }

    #[test]
    fn parameter_sets_share_a_packet_and_a_long_slice_takes_several() {
        let mut stream = vec![0, 0, 0, 1, 0x09, 0xf0];
        annexb::append(&[0x67, 0x42, 0x01], &mut stream);
        annexb::append(&[0x28, 0xce], &mut stream);
        annexb::append(&[&[0x65][..], &[0xaa; 10]].concat(), &mut stream);
        let sent = packets(&stream, 10);
        assert_eq!(
            sent,
            [
                // §5.7.1: STAP-A with the highest importance, then lengths and units; the delimiter is left out.
                vec![0x78, 0, 3, 0x67, 0x42, 0x01, 0, 2, 0x28, 0xce],
                // §5.8: FU-A; start, then end, each of type 5.
                vec![0x7c, 0x85, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa],
                vec![0x7c, 0x45, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa],
            ]
        );
        let (joined, keyframe) = join(&sent).unwrap();
        assert_eq!(joined, stream[6..]);
        assert!(keyframe);
        let told = facts::<H264>(&sent[0]).unwrap();
        assert!(told.starts && told.key);
        let told = facts::<H264>(&sent[2]).unwrap();
        assert!(!told.starts && told.key);
    }

    #[test]
    fn pieces_that_do_not_fit_make_no_picture() {
        let mut stream = Vec::new();
        annexb::append(&[&[0x41, 0x88][..], &[0xaa; 28]].concat(), &mut stream);
        let sent = packets(&stream, 12);
        assert_eq!(sent.len(), 3);
        assert!(join(&sent).is_some());
        assert_eq!(join(&sent[1..]), None);
        assert_eq!(join(&sent[..2]), None);
        assert_eq!(join(&[sent[0].clone(), sent[0].clone()]), None);
        assert_eq!(join(&[sent[0].clone(), vec![0x41, 1]]), None);
        assert_eq!(join(&[]), None);
    }

    #[test]
    fn a_key_picture_without_parameter_sets_gets_those_that_were_sent_before() {
        let mut assembler = Assembler::default();
        let mut out = Vec::new();
        let sets = [0x18, 0, 3, 0x67, 0x42, 0x01, 0, 2, 0x68, 0xce];
        let first: [&[u8]; 2] = [&sets, &[0x65, 1]];
        assembler
            .assemble::<H264>(first.into_iter(), &mut out)
            .unwrap();
        let whole = out.clone();
        out.clear();
        let second: [&[u8]; 1] = [&[0x65, 1]];
        assembler
            .assemble::<H264>(second.into_iter(), &mut out)
            .unwrap();
        assert_eq!(out, whole);
    }

    #[test]
    fn payloads_of_other_modes_are_errors() {
        for payload in [
            &[][..],
            &[0x00],
            &[0x19, 0, 0, 0, 1, 0x41],
            &[0x1d, 0x81, 0, 0, 1],
            &[0x1c, 0x85],
            &[0x18],
            &[0x18, 0, 2, 0x41],
            &[0x18, 0, 0],
            &[0x18, 0, 1, 0x1c],
        ] {
            assert!(H264::parse(payload).is_err(), "{payload:?}");
        }
    }
}
