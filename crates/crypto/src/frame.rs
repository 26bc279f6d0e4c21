//! A sealed frame: readable header, cipher text and tag, initialisation vector, its length, key index.

use crate::error::CryptoError;
use crate::header::{self, FrameKind};
use crate::nalu;
use crate::ring::Key;

/// Bytes of an initialisation vector.
pub const IV_LEN: usize = 12;
/// Bytes of a tag.
pub const TAG_LEN: usize = 16;
/// Bytes behind the initialisation vector: its length and the key index.
pub const TRAILER_LEN: usize = 2;
/// What a frame grows by, without emulation prevention and AV1's made-up header.
pub const OVERHEAD: usize = TAG_LEN + IV_LEN + TRAILER_LEN;

/// Appends the sealed frame to `out`; `scratch` is used again and again.
pub(crate) fn seal(
    kind: FrameKind,
    key: &Key,
    index: u8,
    iv: [u8; IV_LEN],
    frame: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Result<(), CryptoError> {
    out.reserve(frame.len() + OVERHEAD + 16);
    let text = header::begin(kind, frame, |text| text + OVERHEAD, out)?;
    let header_len = out.len();
    out.extend_from_slice(text);
    let (header, body) = out.split_at_mut(header_len);
    let tag = key
        .seal(iv, header, body)
        .ok_or(CryptoError::Cipher { len: text.len() })?;
    out.extend_from_slice(&tag);
    out.extend_from_slice(&iv);
    out.extend_from_slice(&[IV_LEN as u8, index]);
    if matches!(kind, FrameKind::H264 | FrameKind::H265) {
        scratch.clear();
        scratch.extend_from_slice(&out[header_len..]);
        out.truncate(header_len);
        nalu::escape(scratch, out);
    }
    Ok(())
}

/// One sealed part of a frame that came in.
pub(crate) struct Part<'a> {
    header: &'a [u8],
    keep_header: bool,
    sealed: &'a [u8],
    iv: [u8; IV_LEN],
    /// Of the ring.
    pub(crate) index: u8,
}

/// Reads the first part; gives what follows it too.
pub(crate) fn read<'part, 'frame: 'part>(
    kind: FrameKind,
    frame: &'frame [u8],
    scratch: &'part mut Vec<u8>,
) -> Result<(Part<'part>, &'frame [u8]), CryptoError> {
    let split = header::split(kind, frame)?;
    let body = if matches!(kind, FrameKind::H264 | FrameKind::H265) {
        scratch.clear();
        nalu::unescape(split.body, scratch);
        &scratch[..]
    } else {
        split.body
    };
    let short = CryptoError::TooShort {
        what: "tag, vector and key index",
        len: body.len(),
    };
    let (behind, [iv_len, index]) = body.split_last_chunk::<TRAILER_LEN>().ok_or(short)?;
    if usize::from(*iv_len) != IV_LEN {
        return Err(CryptoError::Field {
            field: "the length of the initialisation vector",
            value: usize::from(*iv_len),
            reason: "must be 12",
        });
    }
    let (sealed, iv) = behind.split_last_chunk::<IV_LEN>().ok_or(short)?;
    if sealed.len() < TAG_LEN {
        return Err(short);
    }
    let part = Part {
        header: split.header,
        keep_header: split.keep_header,
        sealed,
        iv: *iv,
        index: *index,
    };
    Ok((part, split.rest))
}

impl Part<'_> {
    /// Appends the part as the encoder made it; false, and `out` as before, where the key is another.
    pub(crate) fn open(&self, key: &Key, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        if self.keep_header {
            out.extend_from_slice(self.header);
        }
        let start = out.len();
        out.resize(start + self.sealed.len() - TAG_LEN, 0);
        let opened = key.open(self.iv, self.header, self.sealed, &mut out[start..]);
        if !opened {
            out.truncate(before);
        }
        opened
    }
}
