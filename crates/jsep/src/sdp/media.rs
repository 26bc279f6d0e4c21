//! One m-line with its attributes.

use std::collections::{HashMap, HashSet};

use lk_types::{Direction, MediaKind, Mid, Pt, Rid, Ssrc};

use super::TransportLines;

/// An m-line (RFC 8866 §5.14) with everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaSection {
    /// First word of the m-line.
    pub kind: SectionKind,
    /// Port; 0 rejects the m-line unless it is bundle-only.
    pub port: u16,
    /// For example `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// Formats of an RTP m-line, in order of preference.
    pub formats: Vec<Format>,
    /// Formats of any other m-line, as written.
    pub raw_formats: String,
    /// Values of `b=` lines.
    pub bandwidth: Vec<String>,
    /// Value of the `c=` line.
    pub connection: Option<String>,
    /// Value of `a=rtcp`.
    pub rtcp: Option<String>,
    /// Values of `a=candidate`.
    pub candidates: Vec<String>,
    /// `a=end-of-candidates`
    pub end_of_candidates: bool,
    /// ICE and DTLS attributes.
    pub transport: TransportLines,
    /// `a=mid`
    pub mid: Option<Mid>,
    /// `a=extmap-allow-mixed`
    pub extmap_allow_mixed: bool,
    /// `a=extmap`
    pub extmaps: Vec<ExtMap>,
    /// Direction attribute, where one stands here.
    pub direction: Option<Direction>,
    /// `a=bundle-only` (RFC 9143 §6).
    pub bundle_only: bool,
    /// `a=msid`
    pub msids: Vec<Msid>,
    /// `a=rtcp-mux`
    pub rtcp_mux: bool,
    /// `a=rtcp-mux-only`
    pub rtcp_mux_only: bool,
    /// `a=rtcp-rsize`
    pub rtcp_rsize: bool,
    /// `a=rtcp-fb:*` values.
    pub wildcard_feedback: Vec<String>,
    /// `a=ssrc-group`
    pub ssrc_groups: Vec<SsrcGroup>,
    /// `a=ssrc`
    pub ssrcs: Vec<SsrcLine>,
    /// `a=rid`
    pub rids: Vec<RidLine>,
    /// `a=simulcast`
    pub simulcast: Option<Simulcast>,
    /// `a=sctp-port`
    pub sctp_port: Option<u16>,
    /// `a=max-message-size`
    pub max_message_size: Option<u64>,
    /// `a=sctp-init`, decoded (draft-hancke-tsvwg-snap).
    pub sctp_init: Option<Vec<u8>>,
    /// Attributes this crate does not know, in order.
    pub other: Vec<Attribute>,
}

/// First word of an m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// `audio` or `video`.
    Media(MediaKind),
    /// `application`
    Application,
    /// Anything else, which is always rejected.
    Other(String),
}

impl Default for SectionKind {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl SectionKind {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Media(kind) => kind.as_str(),
            Self::Application => "application",
            Self::Other(word) => word,
        }
    }
}

/// One payload type with what `a=rtpmap`, `a=fmtp`, `a=rtcp-fb` say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Payload type.
    pub pt: Pt,
    /// Encoding name; empty where nothing names it.
    pub name: String,
    /// Clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, where given.
    pub channels: Option<u8>,
    /// `a=fmtp` parameters.
    pub fmtp: Vec<(String, String)>,
    /// `a=rtcp-fb` values.
    pub feedback: Vec<String>,
}

/// `a=extmap` (RFC 8285 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtMap {
    /// Identifier.
    pub id: u16,
    /// Direction, where given.
    pub direction: Option<Direction>,
    /// Name.
    pub uri: String,
    /// Extension attributes, as written.
    pub parameters: Option<String>,
}

/// `a=msid` (RFC 8830).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msid {
    /// Stream; `-` where the track is in none.
    pub stream: String,
    /// Track, where given.
    pub track: Option<String>,
}

/// `a=ssrc` (RFC 5576).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcLine {
    /// Source.
    pub ssrc: Ssrc,
    /// For example `cname`.
    pub attribute: String,
    /// Its value, where it has one.
    pub value: Option<String>,
}

/// `a=ssrc-group` (RFC 5576).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcGroup {
    /// `FID`, `SIM`, …
    pub semantics: String,
    /// Members.
    pub ssrcs: Vec<Ssrc>,
}

/// `a=rid` (RFC 8851).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RidLine {
    /// Name.
    pub rid: Rid,
    /// Whether the side that wrote it sends the layer.
    pub send: bool,
    /// Restrictions, as written.
    pub restrictions: Option<String>,
}

/// `a=simulcast` (RFC 8853).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulcast {
    /// Layers to be sent; each with its alternatives, of which the first counts.
    pub send: Vec<Vec<SimulcastLayer>>,
    /// Layers to be received.
    pub recv: Vec<Vec<SimulcastLayer>>,
    /// Whether `recv` stands before `send`.
    pub recv_first: bool,
}

/// One layer of `a=simulcast`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulcastLayer {
    /// Name.
    pub rid: Rid,
    /// Written with `~`.
    pub paused: bool,
}

/// An attribute without meaning here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// What follows the colon, where there is one.
    pub value: Option<String>,
}

/// A source that an m-line announces, with its retransmission source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Media.
    pub ssrc: Ssrc,
    /// Retransmission (`FID`).
    pub rtx: Option<Ssrc>,
}

impl MediaSection {
    /// The m-line is refused (RFC 8829 §5.2.2; a bundle-only m-line of an offer is not).
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }

    /// Kind of an RTP m-line.
    #[must_use]
    pub fn media_kind(&self) -> Option<MediaKind> {
        match self.kind {
            SectionKind::Media(kind) => Some(kind),
            _ => None,
        }
    }

    /// The m-line is an SCTP association (RFC 8841).
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.kind == SectionKind::Application && self.protocol.ends_with("/SCTP")
    }

    /// Its mid as text; empty where it has none.
    #[must_use]
    pub fn mid_str(&self) -> &str {
        self.mid.as_ref().map_or("", Mid::as_str)
    }

    /// The format of a payload type.
    #[must_use]
    pub fn format(&self, pt: Pt) -> Option<&Format> {
        self.formats.iter().find(|format| format.pt == pt)
    }

    /// The retransmission format for a payload type (RFC 4588 §8.1).
    #[must_use]
    pub fn rtx_of(&self, pt: Pt) -> Option<&Format> {
        self.formats.iter().find(|format| format.apt() == Some(pt))
    }

    /// Feedback kept for a format, wildcards included.
    pub fn feedback_of<'a>(&'a self, format: &'a Format) -> impl Iterator<Item = &'a str> {
        format
            .feedback
            .iter()
            .chain(&self.wildcard_feedback)
            .map(String::as_str)
    }

    /// Streams that the track of this m-line is in (RFC 8830): from `a=msid`, or from `a=ssrc:… msid:` where
    /// an older peer writes only that. `-` means none.
    #[must_use]
    pub fn stream_ids(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let streams = self.all_msids().into_iter().map(|(stream, _)| stream);
        streams
            .filter(|stream| *stream != "-" && seen.insert(*stream))
            .map(str::to_owned)
            .collect()
    }

    /// Id of the track of this m-line.
    #[must_use]
    pub fn track_id(&self) -> Option<&str> {
        self.all_msids().into_iter().find_map(|(_, track)| track)
    }

    fn all_msids(&self) -> Vec<(&str, Option<&str>)> {
        if !self.msids.is_empty() {
            return self
                .msids
                .iter()
                .map(|msid| (msid.stream.as_str(), msid.track.as_deref()))
                .collect();
        }
        let lines = self.ssrcs.iter().filter(|line| line.attribute == "msid");
        let values = lines.filter_map(|line| line.value.as_deref());
        values
            .map(|value| match value.split_once(' ') {
                Some((stream, track)) => (stream, Some(track.trim())),
                None => (value, None),
            })
            .collect()
    }

    /// Announced media sources in order, each with its retransmission source.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let mut rtx = HashMap::new();
        let mut repairs = HashSet::new();
        for group in self
            .ssrc_groups
            .iter()
            .filter(|group| group.semantics != "SIM")
        {
            let [media, repair, ..] = group.ssrcs.as_slice() else {
                continue;
            };
            repairs.insert(*repair);
            if group.semantics == "FID" {
                rtx.entry(*media).or_insert(*repair);
            }
        }
        let mut seen = HashSet::new();
        let grouped = self
            .ssrc_groups
            .iter()
            .filter_map(|group| group.ssrcs.first());
        self.ssrcs
            .iter()
            .map(|line| &line.ssrc)
            .chain(grouped)
            .filter(|&ssrc| !repairs.contains(ssrc) && seen.insert(*ssrc))
            .map(|ssrc| Source {
                ssrc: *ssrc,
                rtx: rtx.get(ssrc).copied(),
            })
            .collect()
    }

    /// Layers this side sends, where it announces simulcast (RFC 8853 §5): first alternatives only.
    #[must_use]
    pub fn send_layers(&self) -> Vec<&SimulcastLayer> {
        self.simulcast
            .iter()
            .flat_map(|simulcast| &simulcast.send)
            .filter_map(|layer| layer.first())
            .collect()
    }

    /// Layers this side receives.
    #[must_use]
    pub fn recv_layers(&self) -> Vec<&SimulcastLayer> {
        self.simulcast
            .iter()
            .flat_map(|simulcast| &simulcast.recv)
            .filter_map(|layer| layer.first())
            .collect()
    }
}

impl Format {
    /// The payload type that a retransmission format repairs.
    #[must_use]
    pub fn apt(&self) -> Option<Pt> {
        if !self.name.eq_ignore_ascii_case("rtx") {
            return None;
        }
        crate::fmtp::value(&self.fmtp, "apt")?.parse().ok().map(Pt)
    }
}
