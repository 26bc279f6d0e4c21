//! Both applied descriptions → [`Plan`].
//!
//! What stands in the descriptions counts, not what the session would have written: offers are changed on
//! their way to `set_local`. Only the sources of simulcast layers come from the session, because Google's
//! library and ours announce those by name alone.

use lk_types::{Codec, Direction, MediaKind};

use crate::capability::extension;
use crate::error::SessionError;
use crate::plan::{CodecPlan, DataPlan, DtlsRole, ExtensionPlan, MediaPlan, Plan, StreamPlan};
use crate::sdp::{Format, MediaSection, Sdp, Setup};
use crate::session::Session;
use crate::state::Side;
use crate::transceiver::Transceiver;

/// What a data m-line without `a=max-message-size` means (RFC 8841 §6.1).
const DEFAULT_MAX_MESSAGE_SIZE: u64 = 65_536;

/// Two applied descriptions.
#[derive(Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) offerer: Side,
    pub(crate) local: &'a Sdp,
    pub(crate) remote: &'a Sdp,
}

impl<'a> Exchange<'a> {
    fn answer(&self) -> &'a Sdp {
        if self.offerer == Side::Local {
            self.remote
        } else {
            self.local
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, &'a MediaSection, &'a MediaSection)> {
        self.local
            .media
            .iter()
            .zip(&self.remote.media)
            .enumerate()
            .map(|(index, (local, remote))| (index, local, remote))
    }

    /// The direction both sides agreed to, as we see it.
    pub(crate) fn direction(&self, local: &MediaSection, remote: &MediaSection) -> Direction {
        let (ours, theirs) = (
            self.local.direction_of(local),
            self.remote.direction_of(remote),
        );
        Direction::new(
            ours.sends() && theirs.receives(),
            ours.receives() && theirs.sends(),
        )
    }
}

/// Our DTLS role out of the answer (RFC 8842 §5.3).
pub(crate) fn dtls_role(exchange: Exchange<'_>) -> Result<DtlsRole, SessionError> {
    let setup = exchange.answer().setup();
    let answerer_starts = match setup {
        Some(Setup::Passive) => false,
        // RFC 4145 §4.1: without the attribute an answerer is active. `actpass` is no answer, yet old peers
        // write it and then wait to be called.
        Some(Setup::ActPass) => false,
        Some(Setup::Active) | None => true,
        Some(Setup::HoldConn) => {
            return Err(SessionError::MissingAttribute {
                attribute: "a usable setup role",
            });
        }
    };
    let we_answer = exchange.offerer == Side::Remote;
    Ok(if answerer_starts == we_answer {
        DtlsRole::Client
    } else {
        DtlsRole::Server
    })
}

/// The plan; `None` where there is no transport, because no m-line was accepted so far.
pub(crate) fn plan(
    session: &Session,
    exchange: Exchange<'_>,
) -> Result<Option<Plan>, SessionError> {
    let media = exchange
        .pairs()
        .filter_map(|(index, local, remote)| media_plan(session, exchange, index, local, remote))
        .collect::<Vec<_>>();
    let data = exchange
        .pairs()
        .find_map(|(index, local, remote)| data_plan(index, local, remote));
    let carried = data.is_some() || media.iter().any(|media| !media.rejected);
    if !carried {
        // Everything is refused: an engine that already runs learns it under its old transport.
        return Ok(session.last_plan.clone().map(|plan| Plan {
            media,
            data,
            remote_candidates: Vec::new(),
            ..plan
        }));
    }
    let missing = |attribute| SessionError::MissingAttribute { attribute };
    Ok(Some(Plan {
        we_offered_first: session.first_offerer.unwrap_or(exchange.offerer) == Side::Local,
        dtls_role: match session.dtls_role {
            Some(role) => role,
            None => dtls_role(exchange)?,
        },
        remote_fingerprint: exchange
            .remote
            .fingerprint()
            .cloned()
            .ok_or(missing("a=fingerprint"))?,
        local_ice: exchange
            .local
            .ice()
            .ok_or(missing("a=ice-ufrag and a=ice-pwd of ours"))?,
        remote_ice: exchange
            .remote
            .ice()
            .ok_or(missing("a=ice-ufrag and a=ice-pwd"))?,
        media,
        data,
        remote_candidates: exchange.remote.candidates(),
    }))
}

fn data_plan(index: usize, local: &MediaSection, remote: &MediaSection) -> Option<DataPlan> {
    if !local.is_data() || !remote.is_data() || local.is_rejected() || remote.is_rejected() {
        return None;
    }
    Some(DataPlan {
        mid: local.mid.clone()?,
        index,
        max_message_size: remote.max_message_size.unwrap_or(DEFAULT_MAX_MESSAGE_SIZE),
        remote_sctp_init: local.sctp_init.as_ref().and(remote.sctp_init.clone()),
    })
}

fn media_plan(
    session: &Session,
    exchange: Exchange<'_>,
    index: usize,
    local: &MediaSection,
    remote: &MediaSection,
) -> Option<MediaPlan> {
    let kind = local.media_kind()?;
    let mid = local.mid.clone()?;
    let transceiver = session.by_mid(&mid);
    let rejected = local.is_rejected() || remote.is_rejected();
    let codecs = if rejected {
        Vec::new()
    } else {
        codecs(exchange, kind, local, remote)
    };
    let extensions = if rejected {
        Vec::new()
    } else {
        extensions(exchange, local, remote)
    };
    let direction = exchange.direction(local, remote);
    let feedback = |wanted: &str| {
        codecs
            .iter()
            .any(|codec| codec.feedback.iter().any(|value| value == wanted))
    };
    Some(MediaPlan {
        index,
        kind,
        direction,
        rejected,
        remb: feedback("goog-remb"),
        transport_cc: feedback("transport-cc")
            && extensions
                .iter()
                .any(|extension| extension.uri == extension::TRANSPORT_CC),
        send: match transceiver {
            Some(transceiver) if direction.sends() => {
                send_streams(transceiver, local, remote, &codecs)
            }
            _ => Vec::new(),
        },
        recv: if direction.receives() {
            recv_streams(local, remote)
        } else {
            Vec::new()
        },
        cname: cname(local).unwrap_or_else(|| session.cname.clone()),
        mid,
        codecs,
        extensions,
    })
}

fn cname(section: &MediaSection) -> Option<String> {
    section
        .ssrcs
        .iter()
        .find(|line| line.attribute == "cname")
        .and_then(|line| line.value.clone())
}

/// Formats of the answer that the offer has too, in the answer's order.
fn codecs(
    exchange: Exchange<'_>,
    kind: MediaKind,
    local: &MediaSection,
    remote: &MediaSection,
) -> Vec<CodecPlan> {
    let (offer, answer) = if exchange.offerer == Side::Local {
        (local, remote)
    } else {
        (remote, local)
    };
    let known =
        |format: &Format| Codec::parse(&format.name).filter(|codec| codec.kind() == Some(kind));
    answer
        .formats
        .iter()
        .filter_map(|answered| {
            let codec = known(answered)?;
            let offered = offer
                .format(answered.pt)
                .filter(|format| known(format) == Some(codec))?;
            let (ours, theirs) = if exchange.offerer == Side::Local {
                (offered, answered)
            } else {
                (answered, offered)
            };
            let feedback = local
                .feedback_of(ours)
                .filter(|value| remote.feedback_of(theirs).any(|other| other == *value));
            let rtx = answer.rtx_of(answered.pt).map(|rtx| rtx.pt);
            Some(CodecPlan {
                pt: answered.pt,
                codec,
                clock_rate: answered.clock_rate,
                channels: answered.channels.or(offered.channels),
                remote_fmtp: theirs.fmtp.clone(),
                local_fmtp: ours.fmtp.clone(),
                rtx: rtx.filter(|&rtx| {
                    offer
                        .rtx_of(answered.pt)
                        .is_some_and(|offered| offered.pt == rtx)
                }),
                feedback: feedback.map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// Extensions in both descriptions; the identifier is the answer's (RFC 8285 §6).
fn extensions(
    exchange: Exchange<'_>,
    local: &MediaSection,
    remote: &MediaSection,
) -> Vec<ExtensionPlan> {
    let (offer, answer) = if exchange.offerer == Side::Local {
        (local, remote)
    } else {
        (remote, local)
    };
    let usable = |direction: Option<Direction>| direction != Some(Direction::Inactive);
    let mut result: Vec<ExtensionPlan> = Vec::new();
    for extmap in answer
        .extmaps
        .iter()
        .filter(|extmap| usable(extmap.direction))
    {
        let Ok(id) = u8::try_from(extmap.id) else {
            continue;
        };
        let offered = offer
            .extmaps
            .iter()
            .any(|other| other.uri == extmap.uri && usable(other.direction));
        if offered
            && !result
                .iter()
                .any(|known| known.id == id || known.uri == extmap.uri)
        {
            result.push(ExtensionPlan {
                id,
                uri: extmap.uri.clone(),
            });
        }
    }
    result
}

/// One stream for each layer that both sides kept; a single one where simulcast was not agreed to.
fn send_streams(
    transceiver: &Transceiver,
    local: &MediaSection,
    remote: &MediaSection,
    codecs: &[CodecPlan],
) -> Vec<StreamPlan> {
    let has_rtx = codecs.iter().any(|codec| codec.rtx.is_some());
    let encodings = &transceiver.sender.encodings;
    let ours = local.send_layers();
    let theirs = remote.recv_layers();
    let layers: Vec<StreamPlan> = encodings
        .iter()
        .filter(|encoding| {
            let named = |list: &[&crate::sdp::SimulcastLayer]| {
                list.iter()
                    .any(|layer| Some(&layer.rid) == encoding.rid.as_ref())
            };
            named(&ours) && named(&theirs)
        })
        .map(|encoding| StreamPlan {
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx_ssrc.filter(|_| has_rtx),
            rid: encoding.rid.clone(),
        })
        .collect();
    if !layers.is_empty() {
        return layers;
    }
    let written = local.sources().first().map(|source| StreamPlan {
        ssrc: Some(source.ssrc),
        rtx_ssrc: source.rtx.filter(|_| has_rtx),
        rid: None,
    });
    let own = encodings.first().map(|encoding| StreamPlan {
        ssrc: encoding.ssrc,
        rtx_ssrc: encoding.rtx_ssrc.filter(|_| has_rtx),
        rid: None,
    });
    written.or(own).into_iter().collect()
}

/// Streams the peer announced: layers by name, others by source. Without either the list is empty, and the
/// mid extension tells which packets belong here.
fn recv_streams(local: &MediaSection, remote: &MediaSection) -> Vec<StreamPlan> {
    let wanted = local.recv_layers();
    let layers = remote.send_layers();
    let agreed: Vec<StreamPlan> = layers
        .into_iter()
        .filter(|layer| wanted.iter().any(|own| own.rid == layer.rid))
        .map(|layer| StreamPlan {
            ssrc: None,
            rtx_ssrc: None,
            rid: Some(layer.rid.clone()),
        })
        .collect();
    if !agreed.is_empty() {
        return agreed;
    }
    let sources = remote.sources().into_iter();
    sources
        .map(|source| StreamPlan {
            ssrc: Some(source.ssrc),
            rtx_ssrc: source.rtx,
            rid: None,
        })
        .collect()
}
