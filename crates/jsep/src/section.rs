//! The parts that m-lines of offers and answers have in common (RFC 8829 §5.2.1, §5.3.1).

use lk_types::{Codec, Direction, MediaKind, Mid, Pt};

use crate::capability::{CodecCapability, extension};
use crate::fmtp;
use crate::plan::IceParameters;
use crate::sdp::{
    ExtMap, Format, Group, MediaSection, Msid, RidLine, Sdp, SectionKind, Setup, Simulcast,
    SimulcastLayer, SsrcGroup, SsrcLine, TransportLines,
};
use crate::session::Session;
use crate::transceiver::Transceiver;

/// What Google's library announces, and what LiveKit's server expects to be able to send.
pub(crate) const MAX_MESSAGE_SIZE: u64 = 262_144;
/// RFC 8841 §5: the only port in use.
const SCTP_PORT: u16 = 5000;
const RTP_PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";

/// The lines of the one transport, repeated in every m-line as RFC 8829 §5.2.1 asks.
pub(crate) struct TransportChoice {
    pub(crate) ice: IceParameters,
    pub(crate) setup: Setup,
}

impl Session {
    /// Session level of an offer or answer.
    pub(crate) fn head(&mut self, bundle: Vec<Mid>, extmap_allow_mixed: bool) -> Sdp {
        self.version += 1;
        let groups = if bundle.is_empty() {
            Vec::new()
        } else {
            vec![Group {
                semantics: "BUNDLE".to_owned(),
                mids: bundle,
            }]
        };
        Sdp {
            // RFC 8829 §5.2.1: no address of ours is given away here.
            origin: format!("- {} {} IN IP4 127.0.0.1", self.session_id, self.version),
            name: "-".to_owned(),
            timing: "0 0".to_owned(),
            groups,
            extmap_allow_mixed,
            msid_semantic: Some(" WMS".to_owned()),
            ..Sdp::default()
        }
    }

    fn transport_lines(&self, transport: &TransportChoice) -> TransportLines {
        TransportLines {
            ice_ufrag: Some(transport.ice.ufrag.clone()),
            ice_pwd: Some(transport.ice.pwd.clone()),
            ice_options: Some("trickle".to_owned()),
            fingerprints: vec![self.fingerprint.clone()],
            setup: Some(transport.setup),
        }
    }

    /// An RTP m-line without formats, extensions and streams.
    pub(crate) fn rtp_section(
        &self,
        kind: MediaKind,
        mid: &Mid,
        transport: &TransportChoice,
    ) -> MediaSection {
        MediaSection {
            kind: SectionKind::Media(kind),
            port: 9,
            protocol: RTP_PROTOCOL.to_owned(),
            connection: Some("IN IP4 0.0.0.0".to_owned()),
            rtcp: Some("9 IN IP4 0.0.0.0".to_owned()),
            transport: self.transport_lines(transport),
            mid: Some(mid.clone()),
            rtcp_mux: true,
            rtcp_rsize: true,
            ..MediaSection::default()
        }
    }

    /// The data m-line (RFC 8841 §10).
    pub(crate) fn data_section(
        &self,
        mid: &Mid,
        protocol: &str,
        transport: &TransportChoice,
    ) -> MediaSection {
        MediaSection {
            kind: SectionKind::Application,
            port: 9,
            protocol: protocol.to_owned(),
            raw_formats: "webrtc-datachannel".to_owned(),
            connection: Some("IN IP4 0.0.0.0".to_owned()),
            transport: self.transport_lines(transport),
            mid: Some(mid.clone()),
            sctp_port: Some(SCTP_PORT),
            max_message_size: Some(MAX_MESSAGE_SIZE),
            ..MediaSection::default()
        }
    }

    /// `a=msid`, `a=ssrc`, `a=rid` and `a=simulcast` of a sender (RFC 8829 §5.2.1). Layers are announced by
    /// name, a single stream by its sources. `simulcast` says whether the peer may
    /// be told of layers at all.
    pub(crate) fn write_sender(
        &self,
        section: &mut MediaSection,
        transceiver: &Transceiver,
        simulcast: bool,
    ) {
        let sender = &transceiver.sender;
        let track = attribute_token(&sender.id);
        let streams: Vec<String> = match sender.stream_ids.as_slice() {
            [] => vec!["-".to_owned()],
            ids => ids.iter().map(|id| attribute_token(id)).collect(),
        };
        section.msids = streams
            .iter()
            .map(|stream| Msid {
                stream: stream.clone(),
                track: Some(track.clone()),
            })
            .collect();
        if simulcast && sender.encodings.len() > 1 {
            let named = sender
                .encodings
                .iter()
                .filter_map(|encoding| Some((encoding.rid.clone()?, encoding.active)));
            let layers: Vec<_> = named
                .map(|(rid, active)| SimulcastLayer {
                    rid,
                    paused: !active,
                })
                .collect();
            section.rids = layers
                .iter()
                .map(|layer| RidLine {
                    rid: layer.rid.clone(),
                    send: true,
                    restrictions: None,
                })
                .collect();
            let send = layers.into_iter().map(|layer| vec![layer]).collect();
            section.simulcast = Some(Simulcast {
                send,
                ..Simulcast::default()
            });
            return;
        }
        let Some(encoding) = sender.encodings.first() else {
            return;
        };
        let Some(ssrc) = encoding.ssrc else { return };
        let has_rtx = section.formats.iter().any(|format| format.apt().is_some());
        let rtx = encoding.rtx_ssrc.filter(|_| has_rtx);
        if let Some(rtx) = rtx {
            section.ssrc_groups.push(SsrcGroup {
                semantics: "FID".to_owned(),
                ssrcs: vec![ssrc, rtx],
            });
        }
        for ssrc in [Some(ssrc), rtx].into_iter().flatten() {
            let line = |attribute: &str, value: String| SsrcLine {
                ssrc,
                attribute: attribute.to_owned(),
                value: Some(value),
            };
            section.ssrcs.push(line("cname", self.cname.clone()));
            section
                .ssrcs
                .push(line("msid", format!("{} {track}", streams[0])));
        }
    }

    /// Extensions of our own offers, in the capabilities' order. The dependency descriptor is offered only where
    /// layers of a stream are to be told apart: by a scalability mode (as in Google's library), or by several sizes in a
    /// codec that holds them all in one stream.
    pub(crate) fn offered_extensions(&self, transceiver: &Transceiver) -> Vec<ExtMap> {
        let encodings = &transceiver.sender.encodings;
        let scalable = transceiver
            .preferences
            .as_ref()
            .and_then(|list| list.first())
            .is_some_and(|first| matches!(first.codec, Codec::Vp9 | Codec::Av1));
        let layered = transceiver.direction.sends()
            && (encodings.len() > 1 && scalable
                || encodings
                    .iter()
                    .any(|encoding| encoding.scalability_mode.is_some()));
        let list = self.capabilities.of(transceiver.kind).extensions.iter();
        list.filter(|known| layered || known.uri != extension::DEPENDENCY_DESCRIPTOR)
            .filter_map(|known| {
                let id = self.registry.extension(&known.uri)?;
                Some(ExtMap {
                    id: id.into(),
                    direction: None,
                    uri: known.uri.clone(),
                    parameters: None,
                })
            })
            .collect()
    }
}

/// A refused m-line (RFC 8829 §5.2.2, §5.3.1): port 0, no transport; its formats stay, since a list must.
pub(crate) fn rejected(like: &MediaSection) -> MediaSection {
    let formats: Vec<Format> = like
        .formats
        .iter()
        .map(|format| Format {
            fmtp: Vec::new(),
            feedback: Vec::new(),
            ..format.clone()
        })
        .collect();
    let raw_formats = if formats.is_empty() && like.raw_formats.is_empty() {
        "0".to_owned()
    } else {
        like.raw_formats.clone()
    };
    MediaSection {
        kind: like.kind.clone(),
        port: 0,
        protocol: like.protocol.clone(),
        formats,
        raw_formats,
        connection: Some("IN IP4 0.0.0.0".to_owned()),
        mid: like.mid.clone(),
        direction: like.media_kind().map(|_| Direction::Inactive),
        ..MediaSection::default()
    }
}

/// A codec and its retransmission format under the given numbers. `primary` is the payload type that RED repeats.
pub(crate) fn formats(
    capability: &CodecCapability,
    parameters: Vec<(String, String)>,
    feedback: Vec<String>,
    pt: Pt,
    rtx: Option<Pt>,
    primary: Option<Pt>,
) -> Vec<Format> {
    let fmtp = match (capability.codec, primary) {
        // RFC 2198 §3: the payload types of the primary encoding and of one redundant block.
        (Codec::Red, Some(primary)) => fmtp::split(&format!("{primary}/{primary}")),
        _ => parameters,
    };
    let media = Format {
        pt,
        name: capability.codec.as_str().to_owned(),
        clock_rate: capability.clock_rate,
        channels: capability.channels,
        fmtp,
        feedback,
    };
    let repair = rtx.map(|rtx| Format {
        pt: rtx,
        name: Codec::Rtx.as_str().to_owned(),
        clock_rate: capability.clock_rate,
        channels: None,
        fmtp: vec![("apt".to_owned(), pt.to_string())],
        feedback: Vec::new(),
    });
    std::iter::once(media).chain(repair).collect()
}

/// Application text inside an attribute: anything that could end a word or a line is replaced, so that a
/// track's name cannot add lines to the description.
fn attribute_token(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    text.chars()
        .map(|letter| {
            if letter.is_whitespace() || letter.is_control() {
                '_'
            } else {
                letter
            }
        })
        .collect()
}
