//! H.264 and H.265 access units: what stays readable, and the bytes that keep start codes out of cipher text.

use crate::error::CryptoError;
use crate::header::FrameKind;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Of the first slice, from the unit's first byte on.
const READABLE: usize = 2;

/// What a unit is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Slice,
    Parameters,
    Other,
}

fn unit(kind: FrameKind, first: u8) -> Unit {
    let (slices, parameters): (&[_], &[_]) = match kind {
        FrameKind::H265 => (&[0..=9, 16..=21], &[32..=34]),
        _ => (&[1..=1, 5..=5], &[7..=8, 13..=13, 15..=15]),
    };
    let of = match kind {
        FrameKind::H265 => first >> 1 & 0x3f,
        _ => first & 0x1f,
    };
    if slices.iter().any(|range| range.contains(&of)) {
        Unit::Slice
    } else if parameters.iter().any(|range| range.contains(&of)) {
        Unit::Parameters
    } else {
        Unit::Other
    }
}

/// Writes parameter sets and the beginning of the first slice as they stay; gives what is to be encrypted, further
/// units included.
///
/// Start codes get four bytes, as receivers put them back. What else is in front of the slice would be sent in the
/// clear, and is left out: delimiters, filler, and messages that a program may have put its own data into.
pub(crate) fn begin<'a>(
    kind: FrameKind,
    frame: &'a [u8],
    out: &mut Vec<u8>,
) -> Result<&'a [u8], CryptoError> {
    let mut next = start_code(frame, 0).map(|at| at + 3);
    while let Some(from) = next {
        let behind = start_code(frame, from);
        let mut to = behind.unwrap_or(frame.len());
        // The first byte of a start code of four.
        to -= usize::from(behind.is_some() && to > from && frame[to - 1] == 0);
        let Some(&first) = frame[from..to].first() else {
            next = behind.map(|at| at + 3);
            continue;
        };
        match unit(kind, first) {
            Unit::Slice => {
                let (readable, text) =
                    frame[from..]
                        .split_at_checked(READABLE)
                        .ok_or(CryptoError::TooShort {
                            what: "a slice",
                            len: frame.len() - from,
                        })?;
                out.extend_from_slice(&START_CODE);
                out.extend_from_slice(readable);
                return Ok(text);
            }
            Unit::Parameters => {
                out.extend_from_slice(&START_CODE);
                out.extend_from_slice(&frame[from..to]);
            }
            Unit::Other => {}
        }
        next = behind.map(|at| at + 3);
    }
    Err(no_slice(frame))
}

/// How many bytes of an access unit that came in are readable.
pub(crate) fn readable(kind: FrameKind, frame: &[u8]) -> Result<usize, CryptoError> {
    let mut at = 0;
    while let Some(found) = start_code(frame, at) {
        at = found + 3;
        let first = frame.get(at).copied();
        if first.is_some_and(|first| unit(kind, first) == Unit::Slice)
            && frame.len() - at >= READABLE
        {
            return Ok(at + READABLE);
        }
    }
    Err(no_slice(frame))
}

fn no_slice(frame: &[u8]) -> CryptoError {
    CryptoError::TooShort {
        what: "an access unit with a slice",
        len: frame.len(),
    }
}

/// Where `00 00 01` begins, from `from` on.
fn start_code(frame: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    // The third byte decides how far to go: a byte above one cannot be part of a start code.
    while let Some(&third) = frame.get(at + 2) {
        match third {
            0 => at += 1,
            1 if frame[at] == 0 && frame[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

/// Appends `bytes` with emulation prevention (H.264 §7.4.1, H.265 §7.4.2).
pub(crate) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        out.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
}

/// The reverse of [`escape`].
pub(crate) fn unescape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        out.push(*byte);
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_and_two_bytes_of_the_slice_stay_readable() {
        // Delimiter, SPS behind a short start code, SEI, PPS, two slices.
        let frame = [
            0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 6, 9, 9, 0, 0, 1, 0x68, 3, 0, 0,
            1, 0x65, 0x88, 4, 0, 0, 1, 0x65, 5,
        ];
        let mut out = Vec::new();
        let text = begin(FrameKind::H264, &frame, &mut out).unwrap();
        assert_eq!(text, [4, 0, 0, 1, 0x65, 5]);
        assert_eq!(
            out,
            [
                0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0x88
            ]
        );
        let len = out.len();
        out.extend_from_slice(&[0xaa; 30]);
        assert_eq!(readable(FrameKind::H264, &out), Ok(len));
    }

    #[test]
    fn units_of_h265_have_another_header() {
        let frame = [
            0, 0, 0, 1, 0x40, 1, 7, 0, 0, 0, 1, 0x42, 1, 8, 0, 0, 0, 1, 0x44, 1, 9, 0, 0, 0, 1,
            0x26, 1, 0xaf, 5,
        ];
        let mut out = Vec::new();
        let text = begin(FrameKind::H265, &frame, &mut out).unwrap();
        assert_eq!(text, [0xaf, 5]);
        assert_eq!(out, frame[..frame.len() - 2]);
        assert_eq!(readable(FrameKind::H265, &frame), Ok(frame.len() - 2));
    }

    #[test]
    fn access_units_without_a_slice_are_errors() {
        for frame in [
            &[][..],
            &[0, 0, 1],
            &[0, 0, 1, 0x65],
            &[0, 0, 0, 1, 0x67, 1, 2],
            &[0x65, 1, 2, 3],
        ] {
            assert!(
                begin(FrameKind::H264, frame, &mut Vec::new()).is_err(),
                "{frame:?}"
            );
            assert!(readable(FrameKind::H264, frame).is_err(), "{frame:?}");
        }
    }

    #[test]
    fn cipher_text_has_no_start_codes_and_comes_back() {
        let hard = [0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 3, 0, 0];
        let mut escaped = Vec::new();
        escape(&hard, &mut escaped);
        assert_eq!(
            escaped,
            [
                0, 0, 3, 0, 0, 3, 0, 1, 0, 0, 3, 2, 0, 0, 3, 3, 0, 0, 4, 3, 0, 0
            ]
        );
        assert_eq!(start_code(&escaped, 0), None);
        let mut back = Vec::new();
        unescape(&escaped, &mut back);
        assert_eq!(back, hard);
    }
}
