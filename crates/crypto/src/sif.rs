//! Frames that the server makes up, to show that a track is silent or dark. They are not encrypted, and end in bytes
//! that the server told at the join.
//!
//! The bytes alone prove nothing, since the server knows them; so only the very frames that LiveKit's server makes up
//! pass, which say nothing to anybody.

use aws_lc_rs::digest::{SHA256, digest};

use crate::header::FrameKind;

/// SHA-256 of 80 bytes of silent Opus.
const OPUS: &str = "aad8d31fc56b2802ca500e58c2fb9d0b29ad71bb7cb52cd6530251eade188988";
/// SHA-256 of a black VP8 key frame of 8 × 8 pixels.
const VP8: &str = "ef0161653d8b2b23aad46624b420af1d03ce48950e9fc85718028f91b50f9219";

/// The frame without its trailer, if it is one that the server makes up.
pub(crate) fn stripped<'a>(kind: FrameKind, frame: &'a [u8], trailer: &[u8]) -> Option<&'a [u8]> {
    if trailer.is_empty() {
        return None;
    }
    let made_up = frame.strip_suffix(trailer)?;
    let known = match kind {
        FrameKind::Audio => OPUS,
        FrameKind::Vp8 => VP8,
        _ => return None,
    };
    let found = digest(&SHA256, made_up);
    let same = found
        .as_ref()
        .iter()
        .zip(known.as_bytes().chunks(2))
        .all(|(byte, hex)| format!("{byte:02x}").as_bytes() == hex);
    same.then_some(made_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_frames_pass_and_no_others() {
        let mut silence = vec![0; 80];
        silence[..3].copy_from_slice(&[0xf8, 0xff, 0xfe]);
        let black = [
            0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00, 0x00, 0x47, 0x08, 0x85,
            0x85, 0x88, 0x85, 0x84, 0x88, 0x02, 0x02, 0x00, 0x0c, 0x0d, 0x60, 0x00, 0xfe, 0xff,
            0xab, 0x50, 0x80,
        ];
        let with = |frame: &[u8]| [frame, b"trailer"].concat();
        let pass = |kind, frame: &[u8]| stripped(kind, frame, b"trailer").is_some();
        assert!(pass(FrameKind::Audio, &with(&silence)));
        assert!(pass(FrameKind::Vp8, &with(&black)));
        assert!(!pass(FrameKind::Vp8, &with(&silence)));
        assert!(!pass(FrameKind::Audio, &silence));
        assert!(!pass(FrameKind::Audio, &with(&[1, 2, 3])));
        assert!(stripped(FrameKind::Audio, &silence, b"").is_none());
    }
}
