//! What of a frame stays readable: forwarders and packetisers look at it, the tag covers it.

use crate::error::CryptoError;
use crate::nalu;

/// What a frame is, as far as its readable bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Opus, or several Opus packets in a RED payload: the first byte stays readable.
    Audio,
    /// The header of RFC 6386 §9.1 stays readable: 10 bytes of a key frame, 3 of others.
    Vp8,
    /// Nothing stays readable; the payload descriptor says what forwarders need.
    Vp9,
    /// An Annex B access unit: parameter sets, and the first two bytes of the first slice stay readable.
    H264,
    /// The same.
    H265,
    /// OBUs. Nothing stays readable; the whole is the payload of a made-up frame OBU.
    Av1 {
        /// Decoding may start here: a made-up sequence header says so to packetisers. For frames that are opened it does
        /// not matter.
        key: bool,
    },
}

/// A sequence header OBU with a size field, which is 0.
const AV1_SEQUENCE: [u8; 2] = [0x0a, 0];
/// A frame OBU with a size field.
const AV1_FRAME: u8 = 0x32;
/// First byte of the made-up frame's payload.
const AV1_FRAME_HEADER: u8 = 0;

/// Writes the readable bytes of a frame to be sealed; gives the part of it that is to be encrypted.
///
/// `sealed_len` says how long that part will be, for a plain text of so many bytes.
pub(crate) fn begin<'a>(
    kind: FrameKind,
    frame: &'a [u8],
    sealed_len: impl Fn(usize) -> usize,
    out: &mut Vec<u8>,
) -> Result<&'a [u8], CryptoError> {
    match kind {
        FrameKind::H264 | FrameKind::H265 => return nalu::begin(kind, frame, out),
        FrameKind::Av1 { key } => {
            if key {
                out.extend_from_slice(&AV1_SEQUENCE);
            }
            out.push(AV1_FRAME);
            write_leb128(1 + sealed_len(frame.len()), out);
            out.push(AV1_FRAME_HEADER);
            return Ok(frame);
        }
        FrameKind::Audio | FrameKind::Vp8 | FrameKind::Vp9 => {}
    }
    let (header, text) = split_plain(kind, frame)?;
    out.extend_from_slice(header);
    Ok(text)
}

/// A frame that came in, or the first part of it that is sealed by itself.
pub(crate) struct Sealed<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) body: &'a [u8],
    /// The header is the frame's own, and goes to the decoder.
    pub(crate) keep_header: bool,
    /// What follows.
    pub(crate) rest: &'a [u8],
}

/// Takes the first sealed part off a frame.
pub(crate) fn split(kind: FrameKind, frame: &[u8]) -> Result<Sealed<'_>, CryptoError> {
    let (header, body) = match kind {
        FrameKind::Av1 { .. } => return split_av1(frame),
        FrameKind::H264 | FrameKind::H265 => {
            let at = nalu::readable(kind, frame)?;
            frame.split_at(at)
        }
        FrameKind::Audio | FrameKind::Vp8 | FrameKind::Vp9 => split_plain(kind, frame)?,
    };
    Ok(Sealed {
        header,
        body,
        keep_header: true,
        rest: &[],
    })
}

fn split_plain(kind: FrameKind, frame: &[u8]) -> Result<(&[u8], &[u8]), CryptoError> {
    let len = match kind {
        FrameKind::Audio => 1,
        // RFC 6386 §9.1: the first bit is 0 in key frames.
        FrameKind::Vp8 if frame.first().is_some_and(|first| first & 1 == 0) => 10,
        FrameKind::Vp8 => 3,
        _ => 0,
    };
    frame.split_at_checked(len).ok_or(CryptoError::TooShort {
        what: "a frame's header",
        len: frame.len(),
    })
}

fn split_av1(frame: &[u8]) -> Result<Sealed<'_>, CryptoError> {
    let truncated = CryptoError::TooShort {
        what: "an encrypted AV1 frame",
        len: frame.len(),
    };
    let behind = frame.strip_prefix(&AV1_SEQUENCE).unwrap_or(frame);
    let (&first, behind) = behind.split_first().ok_or(truncated)?;
    if first != AV1_FRAME {
        return Err(CryptoError::Field {
            field: "the OBU header of an encrypted frame",
            value: usize::from(first),
            reason: "must be 0x32",
        });
    }
    let (len, behind) = read_leb128(behind).ok_or(truncated)?;
    let (payload, rest) = behind.split_at_checked(len).ok_or(truncated)?;
    let (&first, body) = payload.split_first().ok_or(truncated)?;
    if first != AV1_FRAME_HEADER {
        return Err(CryptoError::Field {
            field: "the frame header of an encrypted frame",
            value: usize::from(first),
            reason: "must be 0",
        });
    }
    let header = &frame[..frame.len() - rest.len() - body.len()];
    Ok(Sealed {
        header,
        body,
        keep_header: false,
        rest,
    })
}

fn read_leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

fn write_leb128(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_of_an_av1_frame_is_read_back() {
        for len in [0, 1, 126, 127, 128, 16_382, 16_383, 20_000] {
            for key in [false, true] {
                let frame = vec![7; len];
                let mut out = Vec::new();
                let text = begin(FrameKind::Av1 { key }, &frame, |len| len, &mut out).unwrap();
                assert_eq!(text.len(), len);
                let header = out.clone();
                out.extend_from_slice(text);
                out.extend_from_slice(&[0x32, 1, 0]);
                let sealed = split(FrameKind::Av1 { key: false }, &out).unwrap();
                assert_eq!(sealed.header, header);
                assert_eq!(sealed.body, frame);
                assert_eq!(sealed.rest, [0x32, 1, 0]);
                assert_eq!(header[0] == 0x0a, key);
            }
        }
    }

    #[test]
    fn damaged_frames_are_errors() {
        let av1 = FrameKind::Av1 { key: false };
        for (kind, frame) in [
            (FrameKind::Audio, &[][..]),
            (FrameKind::Vp8, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
            (FrameKind::Vp8, &[1, 1]),
            (av1, &[]),
            (av1, &[0x0a, 0]),
            (av1, &[0x12, 0]),
            (av1, &[0x32]),
            (av1, &[0x32, 0]),
            (av1, &[0x32, 2, 0]),
            (av1, &[0x32, 1, 1]),
            (av1, &[0x32, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert!(split(kind, frame).is_err(), "{kind:?} {frame:?}");
        }
    }
}
