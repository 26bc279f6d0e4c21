//! H.265 in RTP (RFC 7798) without decoding order numbers: single units, aggregation and fragmentation packets.

use super::annexb;
use super::error::PayloadError;
use super::nal::{Format, Header, Kind, Piece, check_aggregated};

/// First and last type of pictures at which decoding may start (IRAP).
const KEY: std::ops::RangeInclusive<u8> = 16..=23;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const DELIMITER: u8 = 35;
const FILLER: u8 = 38;
const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;

fn unit_type(header: u8) -> u8 {
    header >> 1 & 0x3f
}

/// Whether an Annex B access unit can be decoded without earlier pictures: it has a slice of an IRAP picture.
#[must_use]
pub fn is_keyframe(stream: &[u8]) -> bool {
    annexb::units(stream).any(|unit| KEY.contains(&unit_type(unit[0])))
}

/// The size that an access unit's sequence parameter set declares.
#[must_use]
pub fn picture_size(stream: &[u8]) -> Option<(u32, u32)> {
    annexb::units(stream).find_map(super::h265_sps::picture_size)
}

/// The format, as a type.
#[derive(Debug)]
pub(super) enum H265 {}

impl Format for H265 {
    const HEADER: usize = 2;
    const FRAGMENT_HEADER: usize = 3;
    const PARAMETERS: usize = 3;
    const SIZE_IN: usize = 1;

    fn kind(unit: &[u8]) -> Kind {
        match unit_type(unit[0]) {
            VPS => Kind::Parameters(0),
            SPS => Kind::Parameters(1),
            PPS => Kind::Parameters(2),
            kind if KEY.contains(&kind) => Kind::Slice { key: true },
            0..=31 => Kind::Slice { key: false },
            DELIMITER | FILLER => Kind::Filler,
            _ => Kind::Other,
        }
    }

    fn discardable(_: &[u8]) -> bool {
        // Table 7-1's non-reference types speak of the picture's own temporal layer only; higher ones may refer to it.
        false
    }

    fn first_slice(behind_header: &[u8]) -> bool {
        // `first_slice_segment_in_pic_flag`.
        behind_header.first().is_some_and(|byte| byte & 0x80 != 0)
    }

    fn aggregation<'a>(units: impl Iterator<Item = &'a [u8]>) -> Header {
        // §4.4.2: the forbidden bit if any unit has it, the lowest layer and temporal id of all.
        let (mut forbidden, mut layer, mut temporal) = (0, 63, 7);
        for unit in units {
            forbidden |= unit[0] & 0x80;
            layer = layer.min((unit[0] & 1) << 5 | unit[1] >> 3);
            temporal = temporal.min(unit[1] & 7);
        }
        Header::new(&[
            forbidden | AGGREGATION << 1 | layer >> 5,
            layer << 3 | temporal,
        ])
    }

    fn fragment(unit_header: &[u8], start: bool, end: bool) -> Header {
        Header::new(&[
            unit_header[0] & 0x81 | FRAGMENTATION << 1,
            unit_header[1],
            u8::from(start) << 7 | u8::from(end) << 6 | unit_type(unit_header[0]),
        ])
    }

    fn parse(payload: &[u8]) -> Result<Piece<'_>, PayloadError> {
        let truncated = |what| PayloadError::Truncated {
            what,
            len: payload.len(),
        };
        let (&[first, second], rest) = payload
            .split_first_chunk()
            .ok_or_else(|| truncated("H.265 unit"))?;
        match unit_type(first) {
            0..=47 => Ok(Piece::Unit(payload)),
            AGGREGATION => {
                check_aggregated::<Self>(rest, "H.265 aggregation packet")?;
                Ok(Piece::Units(rest))
            }
            FRAGMENTATION => match rest {
                [fragment, data @ ..] if !data.is_empty() => Ok(Piece::Fragment {
                    header: Header::new(&[first & 0x81 | (fragment & 0x3f) << 1, second]),
                    start: fragment & 0x80 != 0,
                    end: fragment & 0x40 != 0,
                    data,
                }),
                _ => Err(truncated("H.265 fragmentation unit")),
            },
            other => Err(PayloadError::Field {
                field: "H.265 unit type",
                value: u64::from(other),
                reason: "is not one that is received",
            }),
        }
    }

    fn size(parameters: &[u8]) -> Option<(u32, u32)> {
        super::h265_sps::picture_size(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::super::nal::{Assembler, packetize};
    use super::super::payloads::{Payloads, Room};
    use super::*;

    #[test]
    fn units_share_a_packet_or_take_several() {
        let mut stream = Vec::new();
        annexb::append(&[0x40, 0x01, 0x0c], &mut stream);
        annexb::append(&[0x42, 0x0a, 0x01], &mut stream);
        annexb::append(&[&[0x26, 0x01][..], &[0xaa; 16]].concat(), &mut stream);
        let mut out = Payloads::default();
        let room = Room {
            first: 12,
            rest: 12,
        };
        packetize::<H265>(&stream, room, &mut out, &mut Vec::new());
        let sent: Vec<&[u8]> = (0..out.len()).map(|index| out.payload(index)).collect();
        assert_eq!(
            sent,
            [
                // §4.4.2: type 48, the lowest layer and temporal id; then lengths and units.
                &[0x60, 0x01, 0, 3, 0x40, 0x01, 0x0c, 0, 3, 0x42, 0x0a, 0x01][..],
                // §4.4.3: type 49, the unit's layer and temporal id; start, end and type 19.
                &[
                    0x62, 0x01, 0x93, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa
                ],
                &[
                    0x62, 0x01, 0x53, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa
                ],
            ]
        );
        let mut joined = Vec::new();
        let made = Assembler::default()
            .assemble::<H265>(sent.into_iter(), &mut joined)
            .unwrap();
        assert_eq!(joined, stream);
        assert!(made.keyframe && is_keyframe(&joined));
    }

    #[test]
    fn damaged_payloads_are_errors() {
        for payload in [
            &[][..],
            &[0x26],
            &[0x60, 0x01],
            &[0x60, 0x01, 0, 1, 0x26],
            &[0x60, 0x01, 0, 9, 0x26, 0x01],
            &[0x62, 0x01, 0x93],
            &[0x64, 0x01, 0, 0],
        ] {
            assert!(H265::parse(payload).is_err(), "{payload:?}");
        }
    }
}
