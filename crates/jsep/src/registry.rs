//! Payload types and extension identifiers that stay the same for a whole session.
//!
//! Within one BUNDLE group a payload type means one thing (RFC 9143 §9.1) and so does an extension identifier
//! (RFC 8285 §6). The session starts from its capabilities' own numbers and takes over the peer's as soon as
//! the peer offers first.

use lk_types::{MediaKind, Pt};

use crate::capability::{Capabilities, CodecCapability, KindCapabilities};
use crate::codec_match;
use crate::sdp::{Format, MediaSection};

/// Numbers in use.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    codecs: Vec<CodecEntry>,
    extensions: Vec<ExtensionEntry>,
}

#[derive(Clone, Debug)]
struct CodecEntry {
    kind: MediaKind,
    capability: CodecCapability,
    pt: Pt,
    rtx: Option<Pt>,
}

#[derive(Clone, Debug)]
struct ExtensionEntry {
    uri: String,
    id: u8,
}

impl Registry {
    /// The capabilities' own numbers; where two collide, the later one moves.
    pub(crate) fn new(capabilities: &Capabilities) -> Self {
        let mut registry = Self {
            codecs: Vec::new(),
            extensions: Vec::new(),
        };
        let kinds = [
            (MediaKind::Audio, &capabilities.audio),
            (MediaKind::Video, &capabilities.video),
        ];
        for (kind, KindCapabilities { codecs, extensions }) in kinds {
            for capability in codecs {
                let pt = registry.free_pt(capability.pt, &[]);
                let rtx = capability.rtx.map(|rtx| registry.free_pt(rtx, &[pt]));
                registry.codecs.push(CodecEntry {
                    kind,
                    capability: capability.clone(),
                    pt,
                    rtx,
                });
            }
            for extension in extensions {
                if registry.extension(&extension.uri).is_none() {
                    let id = registry.free_id(extension.id);
                    registry.extensions.push(ExtensionEntry {
                        uri: extension.uri.clone(),
                        id,
                    });
                }
            }
        }
        registry
    }

    /// Payload type and retransmission payload type of a codec.
    pub(crate) fn codec(&self, kind: MediaKind, capability: &CodecCapability) -> (Pt, Option<Pt>) {
        self.codecs
            .iter()
            .find(|entry| entry.kind == kind && entry.capability == *capability)
            .map_or((capability.pt, capability.rtx), |entry| {
                (entry.pt, entry.rtx)
            })
    }

    /// Identifier of an extension.
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions
            .iter()
            .find(|entry| entry.uri == uri)
            .map(|entry| entry.id)
    }

    /// Takes over the numbers of an offered m-line and moves our own out of their way.
    pub(crate) fn adopt(&mut self, section: &MediaSection) {
        let Some(kind) = section.media_kind() else {
            return;
        };
        let offered: Vec<Pt> = section.formats.iter().map(|format| format.pt).collect();
        let matches: Vec<Option<(Pt, Option<Pt>)>> = self
            .codecs
            .iter()
            .map(|entry| {
                let format =
                    (entry.kind == kind).then(|| find_format(section, &entry.capability))??;
                Some((format.pt, section.rtx_of(format.pt).map(|rtx| rtx.pt)))
            })
            .collect();
        for (index, found) in matches.into_iter().enumerate() {
            let entry = &self.codecs[index];
            let (old, old_rtx) = (entry.pt, entry.rtx);
            // A number that the offer uses for something else is no longer ours.
            let pt = match found {
                Some((pt, _)) => pt,
                None if offered.contains(&old) => self.free_pt(old, &offered),
                None => old,
            };
            self.codecs[index].pt = pt;
            let rtx = match (found.and_then(|(_, rtx)| rtx), old_rtx) {
                (Some(rtx), Some(_)) => Some(rtx),
                (None, Some(old)) if offered.contains(&old) => Some(self.free_pt(old, &offered)),
                (_, old) => old,
            };
            self.codecs[index].rtx = rtx;
        }
        self.adopt_extensions(section);
    }

    fn adopt_extensions(&mut self, section: &MediaSection) {
        for extmap in &section.extmaps {
            let Ok(id) = u8::try_from(extmap.id) else {
                continue;
            };
            if let Some(index) = self
                .extensions
                .iter()
                .position(|entry| entry.id == id && entry.uri != extmap.uri)
            {
                let moved = self.free_id(id);
                self.extensions[index].id = moved;
            }
            if let Some(entry) = self
                .extensions
                .iter_mut()
                .find(|entry| entry.uri == extmap.uri)
            {
                entry.id = id;
            }
        }
    }

    /// `wanted` where nothing uses it, else a free number: the dynamic range first (RFC 3551 §3), then the
    /// range that RFC 5761 §4 leaves free beside RTCP.
    fn free_pt(&self, wanted: Pt, also_taken: &[Pt]) -> Pt {
        let taken = |pt: Pt| {
            also_taken.contains(&pt)
                || self
                    .codecs
                    .iter()
                    .any(|entry| entry.pt == pt || entry.rtx == Some(pt))
        };
        let candidates = std::iter::once(wanted.0).chain(96..=127).chain(35..=63);
        candidates.map(Pt).find(|&pt| !taken(pt)).unwrap_or(wanted)
    }

    /// The same for extensions: one-byte identifiers first, 15 is reserved (RFC 8285 §4.2).
    fn free_id(&self, wanted: u8) -> u8 {
        let taken = |id: u8| self.extensions.iter().any(|entry| entry.id == id);
        std::iter::once(wanted)
            .chain(1..=14)
            .chain(16..=255)
            .find(|&id| !taken(id))
            .unwrap_or(wanted)
    }
}

/// The first format of an m-line that is this codec.
pub(crate) fn find_format<'a>(
    section: &'a MediaSection,
    capability: &CodecCapability,
) -> Option<&'a Format> {
    section
        .formats
        .iter()
        .find(|format| is_codec(format, capability))
}

/// Whether a format is this codec, in the same variant.
pub(crate) fn is_codec(format: &Format, capability: &CodecCapability) -> bool {
    format.name.eq_ignore_ascii_case(capability.codec.as_str())
        && format.clock_rate == capability.clock_rate
        && format.channels.unwrap_or(1) == capability.channels.unwrap_or(1)
        && codec_match::same_variant(capability.codec, &capability.fmtp, &format.fmtp)
}

#[cfg(test)]
mod tests {
    use lk_types::Codec;

    use super::*;
    use crate::sdp::Sdp;

    #[test]
    fn the_peers_numbers_win_and_ours_move_away() {
        let capabilities = Capabilities::default();
        let mut registry = Registry::new(&capabilities);
        // 96 is H.264 here, and VP8 is not offered at all; 4 names another extension.
        let text = "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96 102\na=rtpmap:96 H264/90000\n\
                    a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\na=rtpmap:102 rtx/90000\na=fmtp:102 apt=96\n\
                    a=extmap:4 urn:example\na=extmap:7 urn:ietf:params:rtp-hdrext:toffset\n";
        registry.adopt(&Sdp::parse(text).unwrap().media[0]);
        let numbers: Vec<(Pt, Option<Pt>)> = capabilities
            .video
            .codecs
            .iter()
            .map(|capability| registry.codec(MediaKind::Video, capability))
            .collect();
        let h264 = capabilities.video.codecs.iter().position(|capability| {
            capability.codec == Codec::H264
                && capability
                    .fmtp_line()
                    .is_some_and(|line| line.contains("mode=1") && line.contains("42e01f"))
        });
        assert_eq!(numbers[h264.unwrap()], (Pt(96), Some(Pt(102))));
        let mut all: Vec<Pt> = numbers
            .iter()
            .flat_map(|&(pt, rtx)| [Some(pt), rtx])
            .flatten()
            .collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "no number is used twice");
        assert_eq!(
            registry.extension("urn:ietf:params:rtp-hdrext:toffset"),
            Some(7)
        );
        assert_ne!(
            registry.extension(crate::capability::extension::MID),
            Some(4)
        );
    }
}
