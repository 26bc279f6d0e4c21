//! The Annex B byte stream of H.264 and H.265: NAL units between start codes.

use std::ops::Range;

/// What [`append`] writes before each unit. Four bytes, as encoders begin access units with.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The NAL units of a byte stream, without start codes, whether these have three bytes or four. Bytes before the first
/// start code are left out; empty units too. A unit's own zeros at its end stay: what was appended to a frame, as an
/// encryption trailer is, may end in one.
pub fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    ranges(stream).map(|range| &stream[range])
}

/// Where the [`units`] of a stream lie.
pub(super) fn ranges(stream: &[u8]) -> impl Iterator<Item = Range<usize>> + use<'_> {
    let mut start = find_start_code(stream).map(|at| at + 3);
    std::iter::from_fn(move || {
        loop {
            let from = start?;
            let mut end = stream.len();
            start = None;
            if let Some(at) = find_start_code(&stream[from..]) {
                end = from + at;
                start = Some(end + 3);
                // The first byte of a start code of four.
                end -= usize::from(at > 0 && stream[end - 1] == 0);
            }
            if end > from {
                return Some(from..end);
            }
        }
    })
}

/// Appends a unit with its start code.
pub fn append(unit: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&START_CODE);
    out.extend_from_slice(unit);
}

/// Appends a start code alone: a unit's bytes follow piece by piece.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&START_CODE);
}

/// A unit without its emulation prevention bytes (H.264 §7.4.1, H.265 §7.4.2), at most `limit` bytes of it.
pub(super) fn unescape(unit: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len().min(limit));
    let mut zeros = 0;
    for byte in unit {
        if out.len() == limit {
            break;
        }
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

/// Where `00 00 01` begins.
fn find_start_code(stream: &[u8]) -> Option<usize> {
    let mut at = 0;
    // The third byte decides how far to go: a byte above one cannot be part of a start code.
    while let Some(&third) = stream.get(at + 2) {
        match third {
            0 => at += 1,
            1 if stream[at] == 0 && stream[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &[u8]) -> Vec<&[u8]> {
        units(stream).collect()
    }

    #[test]
    fn units_are_found_between_both_kinds_of_start_codes() {
        let stream = [
            0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 2, 0, 0, 0, 1, 0x65, 0, 1, 0, 0, 3,
        ];
        assert_eq!(
            split(&stream),
            [&[0x67, 1][..], &[0x68, 0, 2], &[0x65, 0, 1, 0, 0, 3]]
        );
    }

    #[test]
    fn empty_units_are_left_out() {
        let stream = [9, 9, 0, 0, 1, 0, 0, 1, 0x65, 7, 0];
        assert_eq!(split(&stream), [&[0x65, 7, 0][..]]);
        assert!(split(&[0, 0, 1]).is_empty());
        assert!(split(&[0, 0]).is_empty());
        assert!(split(&[]).is_empty());
        assert!(split(&[1, 2, 3]).is_empty());
    }

    #[test]
    fn what_is_appended_is_found_again() {
        let mut out = Vec::new();
        append(&[0x65, 0, 0, 3, 1, 0], &mut out);
        append(&[0x41, 0], &mut out);
        assert_eq!(split(&out), [&[0x65, 0, 0, 3, 1, 0][..], &[0x41, 0]]);
    }

    #[test]
    fn prevention_bytes_go_and_nothing_else() {
        assert_eq!(
            unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3], 99),
            [1, 0, 0, 1, 0, 0, 0, 0, 3]
        );
        assert_eq!(unescape(&[1, 2, 3], 2), [1, 2]);
    }
}
