//! What H.264 and H.265 have in common in RTP: units that are sent whole, several in one packet, or in pieces.

use std::ops::Range;

use super::annexb;
use super::error::PayloadError;
use super::payloads::{Payloads, Room, even_lengths};

/// What a unit is for, as far as packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A parameter set; from 0, in the order in which they must come.
    Parameters(usize),
    /// Coded picture data; whether decoding may start at its picture.
    Slice { key: bool },
    /// Says nothing to the receiver: delimiters, filler.
    Filler,
    /// All else.
    Other,
}

/// Header bytes of a packet or unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    bytes: [u8; 3],
    len: usize,
}

impl Header {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut header = Self {
            bytes: [0; 3],
            len: bytes.len().min(3),
        };
        header.bytes[..header.len].copy_from_slice(&bytes[..header.len]);
        header
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What one packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// One whole unit.
    Unit(&'a [u8]),
    /// Whole units, each with its length in two bytes before it; already checked.
    Units(&'a [u8]),
    /// A piece of a unit.
    Fragment {
        /// The unit's header.
        header: Header,
        start: bool,
        end: bool,
        data: &'a [u8],
    },
}

/// One of the two formats.
pub(super) trait Format {
    /// Bytes of a unit's header.
    const HEADER: usize;
    /// Bytes that come before each piece of a unit.
    const FRAGMENT_HEADER: usize;
    /// Kinds of parameter sets.
    const PARAMETERS: usize;
    /// Which of them tells the picture's size.
    const SIZE_IN: usize;

    /// What a unit is; it has at least a header.
    fn kind(unit: &[u8]) -> Kind;
    /// No picture refers to this unit's.
    fn discardable(header: &[u8]) -> bool;
    /// Whether a slice is its picture's first, by what follows its header.
    fn first_slice(behind_header: &[u8]) -> bool;
    /// The header of a packet of several units.
    fn aggregation<'a>(units: impl Iterator<Item = &'a [u8]>) -> Header;
    /// What comes before a piece of a unit with that header.
    fn fragment(unit_header: &[u8], start: bool, end: bool) -> Header;
    /// Takes a payload apart.
    fn parse(payload: &[u8]) -> Result<Piece<'_>, PayloadError>;
    /// Width and height by a parameter set.
    fn size(parameters: &[u8]) -> Option<(u32, u32)>;
}

/// Writes an access unit's payloads. `waiting` is kept from frame to frame.
pub(super) fn packetize<F: Format>(
    stream: &[u8],
    room: Room,
    out: &mut Payloads,
    waiting: &mut Vec<Range<usize>>,
) {
    waiting.clear();
    // Of the packet that is being collected: its header, and each unit with its length.
    let mut size = F::HEADER;
    for range in annexb::ranges(stream) {
        let unit = &stream[range.clone()];
        if unit.len() < F::HEADER || F::kind(unit) == Kind::Filler {
            continue;
        }
        if size + 2 + unit.len() > room.of(out.len()) {
            flush::<F>(stream, waiting, out);
            size = F::HEADER;
        }
        if unit.len() > room.of(out.len()) {
            flush::<F>(stream, waiting, out);
            size = F::HEADER;
            fragment::<F>(unit, room, out);
            continue;
        }
        size += 2 + unit.len();
        waiting.push(range);
    }
    flush::<F>(stream, waiting, out);
}

fn flush<F: Format>(stream: &[u8], waiting: &mut Vec<Range<usize>>, out: &mut Payloads) {
    match &waiting[..] {
        [] => return,
        [single] => out.write(&stream[single.clone()]),
        several => {
            let units = several.iter().map(|range| &stream[range.clone()]);
            out.write(F::aggregation(units.clone()).bytes());
            for unit in units {
                out.write(&(unit.len() as u16).to_be_bytes());
                out.write(unit);
            }
        }
    }
    out.end();
    waiting.clear();
}

fn fragment<F: Format>(unit: &[u8], room: Room, out: &mut Payloads) {
    let (header, mut rest) = unit.split_at(F::HEADER);
    let room = Room {
        first: room.of(out.len()),
        ..room
    };
    let mut start = true;
    for length in even_lengths(rest.len(), room.without(F::FRAGMENT_HEADER)) {
        let (part, behind) = rest.split_at(length);
        rest = behind;
        out.write(F::fragment(header, start, rest.is_empty()).bytes());
        out.write(part);
        out.end();
        start = false;
    }
}

/// Checks that a packet of several units holds nothing but such, each with at least a header.
pub(super) fn check_aggregated<F: Format>(
    units: &[u8],
    what: &'static str,
) -> Result<(), PayloadError> {
    let truncated = PayloadError::Truncated {
        what,
        len: units.len(),
    };
    let mut left = units;
    while !left.is_empty() {
        let (&length, rest) = left.split_first_chunk().ok_or(truncated)?;
        let length = usize::from(u16::from_be_bytes(length));
        let (unit, behind) = rest.split_at_checked(length).ok_or(truncated)?;
        if !matches!(F::parse(unit), Ok(Piece::Unit(_))) {
            return Err(PayloadError::Field {
                field: what,
                value: unit.first().map_or(0, |byte| u64::from(*byte)),
                reason: "begins a unit that may not be aggregated",
            });
        }
        left = behind;
    }
    if units.is_empty() {
        Err(truncated)
    } else {
        Ok(())
    }
}

/// Units of a packet that was checked.
pub(super) fn aggregated(mut units: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = units.split_first_chunk()?;
        let (unit, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes(length)))?;
        units = behind;
        Some(unit)
    })
}

/// What one packet tells about its access unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Certainly the first packet: it has the first parameter set, or the first slice of a picture that needs none.
    pub(super) starts: bool,
    /// Has a piece of a key picture, or parameter sets.
    pub(super) key: bool,
    /// No picture refers to this one.
    pub(super) discardable: bool,
}

/// Reads [`Facts`] from a payload.
pub(super) fn facts<F: Format>(payload: &[u8]) -> Result<Facts, PayloadError> {
    let mut facts = Facts {
        discardable: true,
        ..Facts::default()
    };
    let mut unit = |header: &[u8], behind: Option<&[u8]>| {
        match F::kind(header) {
            Kind::Parameters(index) => {
                facts.starts |= index == 0;
                facts.key = true;
            }
            Kind::Slice { key: true } => facts.key = true,
            Kind::Slice { key: false } => facts.starts |= behind.is_some_and(F::first_slice),
            Kind::Filler | Kind::Other => return,
        }
        facts.discardable &= F::discardable(header);
    };
    match F::parse(payload)? {
        Piece::Unit(data) => unit(data, Some(&data[F::HEADER..])),
        Piece::Units(units) => {
            aggregated(units).for_each(|data| unit(data, Some(&data[F::HEADER..])))
        }
        Piece::Fragment {
            header,
            start,
            data,
            ..
        } => unit(header.bytes(), start.then_some(data)),
    }
    facts.discardable &= !facts.key;
    Ok(facts)
}

/// Puts access units together, and knows the parameter sets: a sender may send them once and not with every key
/// picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembler {
    /// The newest of each kind, with start codes; several of one access unit stay together.
    parameters: [Vec<u8>; 3],
}

/// What [`Assembler::assemble`] found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Assembled {
    pub(super) keyframe: bool,
    pub(super) size: Option<(u32, u32)>,
    /// Bytes of parameter sets that were filled in at the beginning.
    pub(super) prefix: usize,
}

/// More bytes of parameter sets than any encoder makes; what is bigger is not kept.
const MAX_PARAMETERS: usize = 1 << 14;

impl Assembler {
    /// Puts an access unit together into `out`; `None` where pieces are missing or do not fit.
    pub(super) fn assemble<'a, F: Format>(
        &mut self,
        payloads: impl Iterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Option<Assembled> {
        let mut open = None;
        for payload in payloads {
            match F::parse(payload).ok()? {
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
                        out.extend_from_slice(header.bytes());
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
        Some(self.complete::<F>(out))
    }

    fn complete<F: Format>(&mut self, out: &mut Vec<u8>) -> Assembled {
        let mut assembled = Assembled::default();
        let mut has = [false; 3];
        for unit in annexb::units(out) {
            if unit.len() < F::HEADER {
                continue;
            }
            match F::kind(unit) {
                Kind::Slice { key: true } => assembled.keyframe = true,
                Kind::Parameters(index) => {
                    let kept = &mut self.parameters[index];
                    if !std::mem::replace(&mut has[index], true) {
                        kept.clear();
                    }
                    if kept.len() + unit.len() < MAX_PARAMETERS {
                        annexb::append(unit, kept);
                    }
                }
                _ => {}
            }
        }
        if !assembled.keyframe {
            return assembled;
        }
        assembled.size = annexb::units(&self.parameters[F::SIZE_IN]).find_map(F::size);
        // New sets of one kind go with new ones of the others: fill in from memory only where the first is missing.
        if !has[0] && !self.parameters[0].is_empty() {
            let mut whole = Vec::with_capacity(out.len() + 256);
            for index in (0..F::PARAMETERS).filter(|index| !has[*index]) {
                whole.extend_from_slice(&self.parameters[index]);
            }
            assembled.prefix = whole.len();
            whole.extend_from_slice(out);
            *out = whole;
        }
        assembled
    }
}
