//! AV1 in RTP (the Alliance's "RTP Payload Format For AV1").

use super::av1_sequence;
use super::error::PayloadError;
use super::payloads::{Payloads, Room};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// OBU header: an extension byte follows.
const HAS_EXTENSION: u8 = 0x04;
/// OBU header: the size follows.
const HAS_SIZE: u8 = 0x02;

/// One OBU of a low-overhead stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// The header byte and the extension byte, where there is one, as in the stream.
    pub header: &'a [u8],
    /// What follows header and size.
    pub payload: &'a [u8],
}

impl Obu<'_> {
    /// `obu_type`.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.header[0] >> 3 & 0x0f
    }

    fn len_without_size(&self) -> usize {
        self.header.len() + self.payload.len()
    }
}

/// Reads `leb128()`; gives the value and what follows.
fn read_leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // The format allows 32 bits.
            let value = u32::try_from(value).ok()?;
            return Some((value as usize, &bytes[index + 1..]));
        }
    }
    None
}

fn leb128_len(mut value: usize) -> usize {
    let mut len = 1;
    while value >= 0x80 {
        value >>= 7;
        len += 1;
    }
    len
}

pub(super) fn write_leb128(mut value: usize, mut write: impl FnMut(u8)) {
    while value >= 0x80 {
        write(value as u8 | 0x80);
        value >>= 7;
    }
    write(value as u8);
}

/// Takes the first OBU off a stream (AV1 specification §5.3). One without a size takes all the rest.
fn split_obu(stream: &[u8]) -> Result<(Obu<'_>, &[u8]), PayloadError> {
    let truncated = PayloadError::Truncated {
        what: "AV1 OBU",
        len: stream.len(),
    };
    let first = *stream.first().ok_or(truncated)?;
    if first & 0x80 != 0 {
        return Err(PayloadError::Field {
            field: "obu_forbidden_bit",
            value: 1,
            reason: "must be 0",
        });
    }
    let header_len = if first & HAS_EXTENSION != 0 { 2 } else { 1 };
    let (header, rest) = stream.split_at_checked(header_len).ok_or(truncated)?;
    let (payload, rest) = if first & HAS_SIZE != 0 {
        let (size, rest) = read_leb128(rest).ok_or(truncated)?;
        rest.split_at_checked(size).ok_or(truncated)?
    } else {
        (rest, &rest[rest.len()..])
    };
    Ok((Obu { header, payload }, rest))
}

/// The OBUs of a stream. Ends early at one that is damaged.
pub fn obus(stream: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let (obu, behind) = split_obu(rest).ok()?;
        rest = behind;
        Some(obu)
    })
}

/// Whether a temporal unit begins a coded video sequence: it has a sequence header.
#[must_use]
pub fn is_keyframe(stream: &[u8]) -> bool {
    obus(stream).any(|obu| obu.kind() == SEQUENCE_HEADER)
}

/// The largest size that a temporal unit's sequence header allows: its frames' size, unless they say otherwise.
#[must_use]
pub fn picture_size(stream: &[u8]) -> Option<(u32, u32)> {
    obus(stream)
        .find(|obu| obu.kind() == SEQUENCE_HEADER)
        .and_then(|obu| av1_sequence::picture_size(obu.payload))
}

/// Where metadata of a frame goes: behind temporal delimiter and sequence header, or in front of everything.
pub(super) fn after_sequence_header(stream: &[u8]) -> usize {
    let mut at = 0;
    let mut rest = stream;
    while let Ok((obu, behind)) = split_obu(rest) {
        match obu.kind() {
            TEMPORAL_DELIMITER => {}
            SEQUENCE_HEADER => at = stream.len() - behind.len(),
            _ => break,
        }
        rest = behind;
    }
    at
}

/// The first OBU of a kind that `read` makes something of, and where it lies.
pub(super) fn find_metadata<T>(
    stream: &[u8],
    kind: u8,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Option<(std::ops::Range<usize>, T)> {
    let mut rest = stream;
    while let Ok((obu, behind)) = split_obu(rest) {
        if obu.kind() == kind
            && let Some(found) = read(obu.payload)
        {
            let range = stream.len() - rest.len()..stream.len() - behind.len();
            return Some((range, found));
        }
        rest = behind;
    }
    None
}

/// A piece of an OBU in the packet that is being filled.
#[derive(Clone, Copy, Debug)]
struct Slice<'a> {
    obu: Obu<'a>,
    start: usize,
    end: usize,
}

impl Slice<'_> {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn write(&self, out: &mut Payloads) {
        let header = self.obu.header;
        for (index, byte) in header.iter().enumerate() {
            if (self.start..self.end).contains(&index) {
                // Elements carry their own sizes.
                out.write(&[if index == 0 { byte & !HAS_SIZE } else { *byte }]);
            }
        }
        let from = self.start.max(header.len()) - header.len();
        let to = self.end.max(header.len()) - header.len();
        out.write(&self.obu.payload[from..to]);
    }
}

/// Writes a frame's payloads. `new_sequence` sets the N bit: the frame begins a coded video sequence.
///
/// # Errors
/// Where the frame is not a sequence of OBUs.
pub(super) fn packetize(
    frame: &[u8],
    new_sequence: bool,
    room: Room,
    out: &mut Payloads,
) -> Result<(), PayloadError> {
    let mut total = 0;
    let mut rest = frame;
    while !rest.is_empty() {
        let (obu, behind) = split_obu(rest)?;
        rest = behind;
        if is_sent(obu) {
            // With its length in front.
            total += obu.len_without_size() + leb128_len(obu.len_without_size());
        }
    }
    // The aggregation header, and each packet may need the length of a piece.
    let overhead = 1 + 2;
    let net = room.without(overhead);
    let extra = net.rest.saturating_sub(net.first);
    let packets = if total <= net.first {
        1
    } else {
        (total + extra).div_ceil(net.rest)
    };
    // As full as an even share asks for, never fuller than there is room.
    let share = (total + extra).div_ceil(packets.max(1)) + overhead;
    let target = |index: usize| {
        if packets == 1 {
            room.first
        } else if index == 0 {
            share.saturating_sub(extra).clamp(overhead + 8, room.first)
        } else {
            share.min(room.rest)
        }
    };
    let mut slices: Vec<Slice<'_>> = Vec::new();
    let mut used = 1;
    let mut continues = false;
    for obu in obus(frame).filter(|obu| is_sent(*obu)) {
        let len = obu.len_without_size();
        let mut start = 0;
        while start < len {
            let room_here = target(out.len()).saturating_sub(used);
            let length_field = leb128_len(room_here);
            // A piece of a byte or two is not worth its length field, unless it is all there is.
            let fits = room_here.saturating_sub(length_field).min(len - start);
            if fits == 0 || fits < 8 && fits < len - start && !slices.is_empty() {
                finish(&mut slices, continues, start > 0, new_sequence, out);
                continues = start > 0;
                used = 1;
                continue;
            }
            let slice = Slice {
                obu,
                start,
                end: start + fits,
            };
            used += fits + leb128_len(fits);
            start += fits;
            slices.push(slice);
        }
    }
    finish(&mut slices, continues, false, new_sequence, out);
    Ok(())
}

/// Whether a frame is a sequence of OBUs.
pub(super) fn check(frame: &[u8]) -> Result<(), PayloadError> {
    let mut rest = frame;
    while !rest.is_empty() {
        (_, rest) = split_obu(rest)?;
    }
    Ok(())
}

fn is_sent(obu: Obu<'_>) -> bool {
    !matches!(obu.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING)
}

/// Writes a packet (§4.4): the aggregation header, then the elements; with up to three the last has no length.
fn finish(
    slices: &mut Vec<Slice<'_>>,
    continues: bool,
    continued: bool,
    new_sequence: bool,
    out: &mut Payloads,
) {
    if slices.is_empty() {
        return;
    }
    let count = if slices.len() <= 3 { slices.len() } else { 0 };
    let first_packet = out.len() == 0;
    out.write(&[u8::from(continues) << 7
        | u8::from(continued) << 6
        | (count as u8) << 4
        | u8::from(new_sequence && first_packet) << 3]);
    for (index, slice) in slices.iter().enumerate() {
        if index + 1 != count {
            write_leb128(slice.len(), |byte| out.write(&[byte]));
        }
        slice.write(out);
    }
    out.end();
    slices.clear();
}

/// What one packet tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its first element is the rest of one that began in the packet before.
    pub(super) continues: bool,
    /// Its last element goes on in the packet after.
    pub(super) continued: bool,
    /// Begins a coded video sequence.
    pub(super) new_sequence: bool,
}

/// Checks a payload and reads [`Facts`] from it.
pub(super) fn facts(payload: &[u8]) -> Result<Facts, PayloadError> {
    let truncated = PayloadError::Truncated {
        what: "AV1 aggregation header",
        len: payload.len(),
    };
    let first = *payload.first().ok_or(truncated)?;
    let mut count = 0;
    let mut starts_with = None;
    for element in elements(payload) {
        let element = element?;
        if count == 0 {
            starts_with = element.first().copied();
        }
        count += 1;
    }
    let announced = usize::from(first >> 4 & 3);
    if count == 0 || announced != 0 && announced != count {
        return Err(truncated);
    }
    let continues = first & 0x80 != 0;
    let has_header =
        !continues && starts_with.is_some_and(|header| header >> 3 & 0x0f == SEQUENCE_HEADER);
    Ok(Facts {
        continues,
        continued: first & 0x40 != 0,
        new_sequence: !continues && (first & 0x08 != 0 || has_header),
    })
}

/// The elements of a payload.
fn elements(payload: &[u8]) -> impl Iterator<Item = Result<&[u8], PayloadError>> {
    let truncated = PayloadError::Truncated {
        what: "AV1 OBU element",
        len: payload.len(),
    };
    let count = payload.first().map_or(0, |first| first >> 4 & 3);
    let mut rest = payload.get(1..).unwrap_or(&[]);
    let mut index = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        index += 1;
        if index == count {
            return Some(Ok(std::mem::take(&mut rest)));
        }
        let split = read_leb128(rest).and_then(|(length, behind)| behind.split_at_checked(length));
        Some(match split {
            Some((element, behind)) => {
                rest = behind;
                Ok(element)
            }
            None => {
                rest = &[];
                Err(truncated)
            }
        })
    })
}

/// Puts the payloads of a temporal unit, or of a part of it, together into `out`: OBUs with sizes. `None` where pieces
/// are missing or do not fit.
pub(super) fn assemble<'a>(
    payloads: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Option<()> {
    // An OBU that is not complete yet.
    let mut open: Option<Vec<u8>> = None;
    for payload in payloads {
        let facts = facts(payload).ok()?;
        if facts.continues != open.is_some() {
            return None;
        }
        let mut all = elements(payload).peekable();
        while let Some(element) = all.next() {
            let element = element.ok()?;
            let goes_on = facts.continued && all.peek().is_none();
            match (open.take(), goes_on) {
                (Some(mut begun), _) => {
                    begun.extend_from_slice(element);
                    if goes_on {
                        open = Some(begun);
                    } else {
                        append_obu(&begun, out)?;
                    }
                }
                (None, true) => open = Some(element.to_vec()),
                (None, false) => append_obu(element, out)?,
            }
        }
    }
    (open.is_none() && !out.is_empty()).then_some(())
}

fn append_obu(element: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if element.is_empty() {
        return Some(());
    }
    let (obu, rest) = split_obu(element).ok()?;
    if !rest.is_empty() {
        return None;
    }
    if obu.kind() == TEMPORAL_DELIMITER {
        return Some(());
    }
    out.push(obu.header[0] | HAS_SIZE);
    out.extend_from_slice(&obu.header[1..]);
    write_leb128(obu.payload.len(), |byte| out.push(byte));
    out.extend_from_slice(obu.payload);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(frame: &[u8], new_sequence: bool, room: usize) -> Vec<Vec<u8>> {
        let mut out = Payloads::default();
        let room = Room {
            first: room,
            rest: room,
        };
        packetize(frame, new_sequence, room, &mut out).unwrap();
        (0..out.len())
            .map(|index| out.payload(index).to_vec())
            .collect()
    }

    fn join(packets: &[Vec<u8>]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        assemble(packets.iter().map(|packet| &packet[..]), &mut out)?;
        Some(out)
    }

    /// Temporal delimiter, sequence header, a frame with an extension byte and without a size.
    const UNIT: [u8; 13] = [
        0x12, 0, 0x0a, 2, 0x11, 0x12, 0x34, 0x08, 0x21, 0x22, 0x23, 0x24, 0x25,
    ];
    const JOINED: [u8; 12] = [
        0x0a, 2, 0x11, 0x12, 0x36, 0x08, 5, 0x21, 0x22, 0x23, 0x24, 0x25,
    ];

    #[test]
    fn elements_lose_their_sizes_and_the_delimiter_goes() {
        let sent = packets(&UNIT, true, 100);
        // §4.4: W = 2, N; a length, the sequence header; the frame.
        assert_eq!(
            sent,
            [[
                0x28, 3, 0x08, 0x11, 0x12, 0x34, 0x08, 0x21, 0x22, 0x23, 0x24, 0x25
            ]]
        );
        assert_eq!(join(&sent).unwrap(), JOINED);
        assert_eq!(packets(&UNIT, false, 100)[0][0], 0x20);
    }

    #[test]
    fn an_obu_is_cut_where_the_packet_ends() {
        let frame = [&[0x32, 40][..], &[7; 40]].concat();
        let sent = packets(&frame, false, 20);
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|packet| packet.len() <= 20));
        // Y, Z and Y, Z.
        let flags: Vec<u8> = sent.iter().map(|packet| packet[0] & 0xc0).collect();
        assert_eq!(flags, [0x40, 0xc0, 0x80]);
        assert_eq!(join(&sent).unwrap(), frame);
        assert_eq!(join(&sent[1..]), None);
        assert_eq!(join(&sent[..2]), None);
        assert_eq!(join(&[sent[0].clone(), sent[0].clone()]), None);
    }

    #[test]
    fn many_small_obus_are_packed_with_a_length_each() {
        let frame = [0x2a, 1, 9].repeat(30);
        for room in [12, 20, 50, 99, 200] {
            let sent = packets(&frame, true, room);
            assert!(sent.iter().all(|packet| packet.len() <= room));
            assert_eq!(join(&sent).unwrap(), frame, "{room}");
        }
    }

    #[test]
    fn every_size_fits_and_comes_back() {
        for length in 0..400_usize {
            let mut frame = vec![0x0a, 3, 1, 2, 3, 0x32];
            write_leb128(length, |byte| frame.push(byte));
            frame.extend((0..length).map(|at| at as u8));
            for room in [30, 47, 200] {
                let sent = packets(&frame, true, room);
                assert!(sent.iter().all(|packet| packet.len() <= room));
                assert_eq!(join(&sent).unwrap(), frame, "{length} in {room}");
            }
        }
    }

    #[test]
    fn damaged_payloads_and_frames_are_errors() {
        for payload in [
            &[][..],
            &[0x00],
            &[0x20, 3, 0x08],
            &[0x00, 9, 0x08],
            &[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 1, 0x08],
        ] {
            assert!(facts(payload).is_err(), "{payload:?}");
        }
        for frame in [&[0x80][..], &[0x32, 9, 1], &[0x36], &[0x32, 0xff]] {
            assert!(check(frame).is_err(), "{frame:?}");
        }
    }

    #[test]
    fn a_sequence_header_marks_a_key_frame() {
        assert!(is_keyframe(&UNIT));
        assert!(!is_keyframe(&UNIT[6..]));
        assert_eq!(picture_size(&UNIT), None);
    }
}
