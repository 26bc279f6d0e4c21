//! H.264 in RTP (RFC 6184), packetization mode 1: single units, STAP-A and FU-A.

use std::ops::Range;

use super::annexb;
use super::error::PayloadError;
use super::payloads::{Payloads, Room, even_lengths};

/// `nal_unit_type` of a slice of an IDR picture.
const IDR: u8 = 5;
/// Sequence parameter set.
const SPS: u8 = 7;
/// Picture parameter set.
const PPS: u8 = 8;
/// Access unit delimiter.
const AUD: u8 = 9;
/// Filler data.
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
    annexb::units(stream)
        .find(|unit| unit_type(unit[0]) == SPS)
        .and_then(super::h264_sps::picture_size)
}

/// Writes an access unit's payloads. Delimiters and filler, which say nothing to the receiver, are left out.
pub(super) fn packetize(
    stream: &[u8],
    room: Room,
    out: &mut Payloads,
    waiting: &mut Vec<Range<usize>>,
) {
    waiting.clear();
    // Of the aggregation packet that is being collected: its header and each unit with its length.
    let mut size = 1;
    for range in annexb::ranges(stream) {
        let unit = &stream[range.clone()];
        if matches!(unit_type(unit[0]), AUD | FILLER) {
            continue;
        }
        if unit.len() > room.of(out.len() + usize::from(!waiting.is_empty())) {
            flush(stream, waiting, out);
            size = 1;
            fragment(unit, room, out);
            continue;
        }
        if size + 2 + unit.len() > room.of(out.len()) {
            flush(stream, waiting, out);
            size = 1;
        }
        size += 2 + unit.len();
        waiting.push(range);
    }
    flush(stream, waiting, out);
}

fn flush(stream: &[u8], waiting: &mut Vec<Range<usize>>, out: &mut Payloads) {
    match &waiting[..] {
        [] => return,
        [single] => out.write(&stream[single.clone()]),
        several => {
            // RFC 6184 §5.7.1: the forbidden bits are or-ed, the importance is the highest of all.
            let headers = several.iter().map(|range| stream[range.start]);
            let forbidden = headers.clone().fold(0, |bits, header| bits | header & 0x80);
            let importance = headers.map(|header| header & 0x60).max().unwrap_or(0);
            out.write(&[forbidden | importance | STAP_A]);
            for range in several {
                out.write(&(range.len() as u16).to_be_bytes());
                out.write(&stream[range.clone()]);
            }
        }
    }
    out.end();
    waiting.clear();
}

fn fragment(unit: &[u8], room: Room, out: &mut Payloads) {
    let header = unit[0];
    let indicator = header & 0xe0 | FU_A;
    let mut rest = &unit[1..];
    let room = if out.len() == 0 {
        room
    } else {
        Room {
            first: room.rest,
            ..room
        }
    };
    let mut start = 0x80;
    for length in even_lengths(rest.len(), room.without(2)) {
        let (part, behind) = rest.split_at(length);
        rest = behind;
        let end = if rest.is_empty() { 0x40 } else { 0 };
        out.write(&[indicator, start | end | unit_type(header)]);
        out.write(part);
        out.end();
        start = 0;
    }
}

/// What one packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// One whole unit.
    Unit(&'a [u8]),
    /// Whole units, each with its length in two bytes before it; already checked.
    Units(&'a [u8]),
    /// A piece of a unit: the unit's header byte, whether it is the first or last piece, the piece.
    Fragment {
        header: u8,
        start: bool,
        end: bool,
        data: &'a [u8],
    },
}

/// Takes a payload apart (RFC 6184 §5).
pub(super) fn parse(payload: &[u8]) -> Result<Piece<'_>, PayloadError> {
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
            let mut left = rest;
            while !left.is_empty() {
                let Some((&[high, low], units)) = left.split_first_chunk() else {
                    return Err(truncated("H.264 STAP-A"));
                };
                let length = usize::from(u16::from_be_bytes([high, low]));
                left = units
                    .get(length..)
                    .ok_or_else(|| truncated("H.264 STAP-A"))?;
                if units[..length]
                    .first()
                    .is_none_or(|unit| !(1..=23).contains(&unit_type(*unit)))
                {
                    return Err(PayloadError::Field {
                        field: "H.264 aggregated unit",
                        value: units[..length]
                            .first()
                            .map_or(0, |unit| u64::from(unit_type(*unit))),
                        reason: "is not a unit that may be aggregated",
                    });
                }
            }
            if rest.is_empty() {
                return Err(truncated("H.264 STAP-A"));
            }
            Ok(Piece::Units(rest))
        }
        FU_A => match rest {
            [fragment, data @ ..] if !data.is_empty() => Ok(Piece::Fragment {
                header: header & 0xe0 | unit_type(*fragment),
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

/// Units of a checked STAP-A.
pub(super) fn aggregated(mut units: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&[high, low], rest) = units.split_first_chunk()?;
        let (unit, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        units = behind;
        Some(unit)
    })
}

/// What one packet tells about its access unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Certainly the first packet: it has what stands before the first slice, or the slice of the first macroblock.
    /// A key picture must begin with its parameter sets, or some of it may be missing.
    pub(super) starts: bool,
    /// Has a piece of an IDR picture, or its parameter sets.
    pub(super) key: bool,
    /// No picture refers to this one.
    pub(super) discardable: bool,
}

/// Reads [`Facts`] from a payload.
pub(super) fn facts(payload: &[u8]) -> Result<Facts, PayloadError> {
    let mut facts = Facts {
        discardable: payload.first().is_some_and(|header| header & 0x60 == 0),
        ..Facts::default()
    };
    // Of a slice the first bit is set where its first macroblock is number 0 (`ue(v)`).
    let mut unit = |header: u8, second: Option<&u8>| match unit_type(header) {
        SPS => (facts.starts, facts.key) = (true, true),
        PPS => facts.key = true,
        IDR => facts.key = true,
        1 | 2 if second.is_some_and(|byte| byte & 0x80 != 0) => facts.starts = true,
        _ => {}
    };
    match parse(payload)? {
        Piece::Unit(data) => unit(data[0], data.get(1)),
        Piece::Units(units) => aggregated(units).for_each(|data| unit(data[0], data.get(1))),
        Piece::Fragment {
            header,
            start,
            data,
            ..
        } => unit(header, data.first().filter(|_| start)),
    }
    Ok(facts)
}

/// What an access unit that is being put together needs to know across frames: the parameter sets, which a sender may
/// send once and not with every IDR picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    sps: Vec<u8>,
    pps: Vec<u8>,
}

/// What [`Assembler::assemble`] found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Assembled {
    pub(super) keyframe: bool,
    pub(super) size: Option<(u32, u32)>,
}

impl Assembler {
    /// Puts an access unit together into `out`; `None` where pieces are missing or do not fit.
    pub(super) fn assemble<'a>(
        &mut self,
        payloads: impl Iterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Option<Assembled> {
        let mut open = None;
        for payload in payloads {
            match parse(payload).ok()? {
                Piece::Unit(unit) if open.is_none() => annexb::append(unit, out),
                Piece::Units(units) if open.is_none() => {
                    aggregated(units).for_each(|unit| annexb::append(unit, out));
                }
                Piece::Fragment {
                    header,
                    start,
                    end,
                    data,
                } if start == open.is_none() && open.is_none_or(|first| first == header) => {
                    if start {
                        annexb::begin(out);
                        out.push(header);
                    }
                    out.extend_from_slice(data);
                    open = (!end).then_some(header);
                }
                _ => return None,
            }
        }
        if open.is_some() || out.is_empty() {
            return None;
        }
        Some(self.complete(out))
    }

    fn complete(&mut self, out: &mut Vec<u8>) -> Assembled {
        let mut assembled = Assembled::default();
        let (mut has_sps, mut has_pps) = (false, false);
        for unit in annexb::units(out) {
            match unit_type(unit[0]) {
                IDR => assembled.keyframe = true,
                SPS => {
                    has_sps = true;
                    self.sps.clear();
                    self.sps.extend_from_slice(unit);
                }
                PPS => {
                    if !has_pps {
                        self.pps.clear();
                    }
                    has_pps = true;
                    annexb::append(unit, &mut self.pps);
                }
                _ => {}
            }
        }
        if assembled.keyframe {
            assembled.size = super::h264_sps::picture_size(&self.sps);
            if !has_sps && !self.sps.is_empty() {
                let mut front = Vec::with_capacity(self.sps.len() + self.pps.len() + out.len() + 4);
                annexb::append(&self.sps, &mut front);
                if !has_pps {
                    front.extend_from_slice(&self.pps);
                }
                front.extend_from_slice(out);
                *out = front;
            }
        }
        assembled
    }
}
