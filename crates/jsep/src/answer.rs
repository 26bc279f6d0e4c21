//! Answers (RFC 8829 §5.3).

use std::collections::HashSet;
use std::sync::Arc;

use lk_types::{Codec, Direction, MediaKind, Mid};

use crate::codec_match;
use crate::error::SessionError;
use crate::plan::{DtlsRole, IceParameters};
use crate::registry;
use crate::sdp::{ExtMap, Format, MediaSection, RidLine, Sdp, Setup, Simulcast};
use crate::section::{self, TransportChoice};
use crate::session::{Session, new_ice};
use crate::state::SignalingState;
use crate::transceiver::Transceiver;

impl Session {
    pub(crate) fn make_answer(&mut self) -> Result<Sdp, SessionError> {
        let pending = match self.state {
            SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPrAnswer => {
                self.remote.pending.as_ref()
            }
            _ => None,
        };
        let offer = Arc::clone(
            &pending
                .ok_or(SessionError::NoOffer { state: self.state })?
                .sdp,
        );
        let transport = TransportChoice {
            ice: self.answer_ice(&offer),
            setup: self.answer_setup(&offer),
        };
        let bundled: HashSet<&Mid> = offer.bundle().iter().collect();
        let mut carrier = None;
        let media: Vec<MediaSection> = offer
            .media
            .iter()
            .map(|offered| {
                let accepted = may_be_carried(&bundled, offered, &mut carrier)
                    .then(|| self.accept(&offer, offered, &transport))
                    .flatten();
                if accepted.is_none()
                    && carrier.is_some()
                    && carrier.as_ref() == offered.mid.as_ref()
                {
                    carrier = None;
                }
                accepted.unwrap_or_else(|| section::rejected(offered))
            })
            .collect();
        let bundle: Vec<Mid> = media
            .iter()
            .filter(|section| !section.is_rejected())
            .filter_map(|section| section.mid.clone())
            .filter(|mid| bundled.contains(mid))
            .collect();
        Ok(Sdp {
            media,
            ..self.head(bundle, offer.extmap_allow_mixed)
        })
    }

    /// New credentials where the peer restarts ICE (RFC 8829 §5.3.1), else those in use.
    fn answer_ice(&mut self, offer: &Sdp) -> IceParameters {
        let before = self
            .remote
            .current
            .as_ref()
            .and_then(|description| description.sdp.ice());
        let restarts = before.is_some_and(|before| {
            offer
                .ice()
                .is_some_and(|now| now.ufrag != before.ufrag || now.pwd != before.pwd)
        });
        if restarts {
            new_ice(&mut self.rng)
        } else {
            self.local_ice()
        }
    }

    /// RFC 8842 §5.3; the role never changes while the association lives (RFC 8829 §5.3.1).
    fn answer_setup(&self, offer: &Sdp) -> Setup {
        match (offer.setup(), self.dtls_role) {
            (Some(Setup::Active), _) | (Some(Setup::ActPass) | None, Some(DtlsRole::Server)) => {
                Setup::Passive
            }
            _ => Setup::Active,
        }
    }

    fn accept(
        &self,
        offer: &Sdp,
        offered: &MediaSection,
        transport: &TransportChoice,
    ) -> Option<MediaSection> {
        let mid = offered.mid.as_ref()?;
        if offered.is_rejected() {
            return None;
        }
        if offered.is_data() {
            return (self.data.mid.as_ref() == Some(mid))
                .then(|| self.data_section(mid, &offered.protocol, transport));
        }
        let kind = offered.media_kind()?;
        let transceiver = self
            .by_mid(mid)
            .filter(|transceiver| transceiver.kind == kind && !transceiver.stopping)?;
        let formats = self.answered_formats(transceiver, offered);
        if !formats
            .iter()
            .any(|format| !format.name.eq_ignore_ascii_case("rtx"))
        {
            return None;
        }
        let offered_direction = offer.direction_of(offered);
        let direction = Direction::new(
            transceiver.direction.sends() && offered_direction.receives(),
            transceiver.direction.receives() && offered_direction.sends(),
        );
        let mut section = MediaSection {
            protocol: offered.protocol.clone(),
            formats,
            extmaps: self.answered_extensions(kind, offered),
            direction: Some(direction),
            rtcp_mux: offered.rtcp_mux,
            rtcp_rsize: offered.rtcp_rsize,
            extmap_allow_mixed: offered.extmap_allow_mixed && !offer.extmap_allow_mixed,
            ..self.rtp_section(kind, mid, transport)
        };
        if direction.sends() {
            self.write_sender(&mut section, transceiver, !offered.recv_layers().is_empty());
            keep_wanted_layers(&mut section, offered);
        }
        if direction.receives() && self.receive_simulcast {
            agree_to_layers(&mut section, offered);
        }
        Some(section)
    }

    /// The offer's formats that we have, under the offer's numbers. They stand in the offer's order, unless the
    /// application has its own preferences (W3C `setCodecPreferences`).
    fn answered_formats(&self, transceiver: &Transceiver, offered: &MediaSection) -> Vec<Format> {
        let codecs = self.codecs_of(transceiver);
        let primary = offered
            .formats
            .iter()
            .find(|format| {
                codecs
                    .iter()
                    .any(|codec| codec.codec == Codec::Opus && registry::is_codec(format, codec))
            })
            .map(|format| format.pt);
        let mut pairs: Vec<_> = offered
            .formats
            .iter()
            .filter_map(|format| {
                let position = codecs
                    .iter()
                    .position(|codec| registry::is_codec(format, codec))?;
                Some((format, position))
            })
            .collect();
        if transceiver.preferences.is_some() {
            pairs.sort_by_key(|(_, position)| *position);
        }
        let mut result: Vec<Format> = Vec::new();
        for (format, position) in pairs {
            let capability = &codecs[position];
            // RED over anything but Opus is nothing we could unpack.
            if capability.codec == Codec::Red && primary.is_none() {
                continue;
            }
            let mut parameters = capability.fmtp.clone();
            if capability.codec == Codec::H264 {
                let level = codec_match::answer_profile_level_id(&capability.fmtp, &format.fmtp);
                if let (Some(level), Some(own)) = (
                    level,
                    parameters.iter_mut().find(|(n, _)| n == "profile-level-id"),
                ) {
                    own.1 = level;
                }
            }
            let kept = capability.feedback.iter();
            let feedback = kept
                .filter(|value| offered.feedback_of(format).any(|theirs| theirs == *value))
                .cloned();
            let rtx = capability
                .rtx
                .and_then(|_| offered.rtx_of(format.pt))
                .map(|rtx| rtx.pt);
            result.extend(section::formats(
                capability,
                parameters,
                feedback.collect(),
                format.pt,
                rtx,
                primary,
            ));
        }
        result
    }

    /// Extensions both sides have, under the offer's identifiers (RFC 8285 §6). An offered direction is turned round.
    fn answered_extensions(&self, kind: MediaKind, offered: &MediaSection) -> Vec<ExtMap> {
        let known = &self.capabilities.of(kind).extensions;
        let mut answered: Vec<ExtMap> = Vec::new();
        for extmap in offered.extmaps.iter().filter(|extmap| extmap.id < 256) {
            let ours = known.iter().any(|extension| extension.uri == extmap.uri);
            if ours
                && !answered
                    .iter()
                    .any(|other| other.uri == extmap.uri || other.id == extmap.id)
            {
                answered.push(ExtMap {
                    direction: extmap.direction.map(Direction::reversed),
                    ..extmap.clone()
                });
            }
        }
        answered
    }
}

/// We have one transport (RFC 8829 §4.1.1, `max-bundle`): m-lines outside of its BUNDLE group are refused, all
/// but the first where nothing is bundled.
fn may_be_carried(
    bundled: &HashSet<&Mid>,
    offered: &MediaSection,
    carrier: &mut Option<Mid>,
) -> bool {
    let Some(mid) = &offered.mid else {
        return false;
    };
    if offered.is_rejected() {
        return false;
    }
    if !bundled.is_empty() {
        return bundled.contains(mid);
    }
    carrier.get_or_insert_with(|| mid.clone()) == mid
}

/// RFC 8853 §5.3.2: an answer sends only layers that the offer asked for.
fn keep_wanted_layers(section: &mut MediaSection, offered: &MediaSection) {
    let Some(simulcast) = &mut section.simulcast else {
        return;
    };
    let wanted = offered.recv_layers();
    simulcast.send.retain(|layer| {
        layer
            .iter()
            .all(|own| wanted.iter().any(|theirs| theirs.rid == own.rid))
    });
    let kept: Vec<_> = simulcast
        .send
        .iter()
        .flatten()
        .map(|layer| layer.rid.clone())
        .collect();
    section.rids.retain(|line| kept.contains(&line.rid));
    if kept.is_empty() {
        section.simulcast = None;
    }
}

fn agree_to_layers(section: &mut MediaSection, offered: &MediaSection) {
    let layers = offered.send_layers();
    if layers.is_empty() {
        return;
    }
    section.rids.extend(layers.iter().map(|layer| RidLine {
        rid: layer.rid.clone(),
        send: false,
        restrictions: None,
    }));
    let simulcast = section.simulcast.get_or_insert_with(Simulcast::default);
    simulcast.recv = layers
        .into_iter()
        .map(|layer| vec![layer.clone()])
        .collect();
}
