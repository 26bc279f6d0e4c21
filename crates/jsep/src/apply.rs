//! Applying descriptions (RFC 8829 §5.9–5.11, W3C webrtc-pc §4.4.1.5 "set a session description").

use std::sync::Arc;

use lk_types::{Direction, Mid};

use crate::derive::{self, Exchange};
use crate::error::SessionError;
use crate::sdp::{MediaSection, Sdp, SectionKind};
use crate::session::{Applied, Description, Descriptions, JsepEvent, Session};
use crate::state::{SdpType, Side, SignalingState};
use crate::transceiver::{Encoding, TransceiverId};

impl Session {
    /// Works on a copy, so that a description that turns out to be unfit leaves no trace.
    pub(crate) fn set(
        &mut self,
        side: Side,
        sdp_type: SdpType,
        text: &str,
    ) -> Result<Applied, SessionError> {
        self.ensure_open()?;
        let state = self
            .state
            .after(side, sdp_type)
            .ok_or(SessionError::WrongState {
                side: side.as_str(),
                sdp_type,
                state: self.state,
            })?;
        let mut next = self.clone();
        let mut applied = Applied::default();
        match sdp_type {
            SdpType::Rollback => next.roll_back(&mut applied.events),
            SdpType::Offer => next.set_offer(side, text, &mut applied)?,
            SdpType::Answer | SdpType::PrAnswer => {
                next.set_answer(side, sdp_type, text, &mut applied)?
            }
        }
        // A re-applied old answer ends in stable too, by way of a rollback.
        next.state = state;
        if next.state != self.state {
            applied
                .events
                .insert(0, JsepEvent::SignalingState(next.state));
        }
        if side == Side::Local && sdp_type != SdpType::Rollback {
            applied.local_ice = Some(next.local_ice());
        }
        *self = next;
        Ok(applied)
    }

    fn set_offer(
        &mut self,
        side: Side,
        text: &str,
        applied: &mut Applied,
    ) -> Result<(), SessionError> {
        let mut sdp = Sdp::parse(text)?;
        // W3C "implicit rollback": the peer's offer cancels ours.
        if side == Side::Remote && self.state == SignalingState::HaveLocalOffer {
            self.roll_back(&mut applied.events);
        }
        self.name_sections(&mut sdp, None);
        self.check_offer(&sdp)?;
        if self.snapshot.is_none() {
            self.snapshot = Some(self.take_snapshot());
        }
        match side {
            Side::Local => self.associate_local(&sdp)?,
            Side::Remote => self.associate_remote(&sdp, &mut applied.events),
        }
        self.used_mids
            .extend(sdp.media.iter().filter_map(|section| section.mid.clone()));
        self.descriptions(side).pending = Some(Description {
            sdp_type: SdpType::Offer,
            text: text.into(),
            sdp: Arc::new(sdp),
        });
        Ok(())
    }

    fn set_answer(
        &mut self,
        side: Side,
        sdp_type: SdpType,
        text: &str,
        applied: &mut Applied,
    ) -> Result<(), SessionError> {
        let mut sdp = Sdp::parse(text)?;
        let offerer = if side == Side::Local {
            Side::Remote
        } else {
            Side::Local
        };
        let state = self.state;
        let pending = self.descriptions(offerer).pending.clone();
        let offer = pending.ok_or(SessionError::NoOffer { state })?.sdp;
        if side == Side::Remote
            && sdp_type == SdpType::Answer
            && self.is_stale_answer(&offer, text, &sdp)
        {
            self.roll_back(&mut applied.events);
            return Ok(());
        }
        self.name_sections(&mut sdp, Some(&offer));
        check_answer(&offer, &sdp)?;
        let description = Description {
            sdp_type,
            text: text.into(),
            sdp: Arc::new(sdp),
        };
        self.descriptions(side).pending = Some(description.clone());
        // A provisional answer only moves the state here: the engine is told of the final one.
        if sdp_type == SdpType::PrAnswer {
            return Ok(());
        }
        self.first_offerer.get_or_insert(offerer);
        let (local, remote) = match side {
            Side::Local => (&*description.sdp, &*offer),
            Side::Remote => (&*offer, &*description.sdp),
        };
        self.complete(
            Exchange {
                offerer,
                local,
                remote,
            },
            applied,
        )
    }

    /// `livekit` cancels an offer that was never answered by applying the last answer once more. Taken at its
    /// word it would pair new credentials of ours with old ones of the peer's, or lack m-lines: so where the
    /// text is the current one and cannot be meant for the pending offer, it is a rollback.
    fn is_stale_answer(&self, offer: &Sdp, text: &str, answer: &Sdp) -> bool {
        let Some(current) = self.remote.current.as_ref() else {
            return false;
        };
        let restarts = self.local.current.as_ref().is_some_and(|before| {
            offer.ice().map(|ice| (ice.ufrag, ice.pwd))
                != before.sdp.ice().map(|ice| (ice.ufrag, ice.pwd))
        });
        &*current.text == text && (restarts || answer.media.len() != offer.media.len())
    }

    fn descriptions(&mut self, side: Side) -> &mut Descriptions {
        match side {
            Side::Local => &mut self.local,
            Side::Remote => &mut self.remote,
        }
    }

    /// RFC 8829 §5.10: an m-line without a mid gets one; an answer's gets the offer's.
    fn name_sections(&self, sdp: &mut Sdp, offer: Option<&Sdp>) {
        for index in 0..sdp.media.len() {
            if sdp.media[index].mid.is_some() {
                continue;
            }
            let name = match offer {
                Some(offer) => offer
                    .media
                    .get(index)
                    .and_then(|section| section.mid.clone()),
                None => (0..)
                    .map(|number| Mid::new(&format!("m{index}{}", "_".repeat(number))))
                    .find(|mid| !self.used_mids.contains(mid) && sdp.by_mid(mid).is_none()),
            };
            sdp.media[index].mid = name;
        }
    }

    /// RFC 8829 §5.2.2, §5.10: m-lines neither vanish nor change places, and change their kind only when recycled.
    fn check_offer(&self, sdp: &Sdp) -> Result<(), SessionError> {
        let current = self
            .local
            .current
            .as_ref()
            .zip(self.remote.current.as_ref());
        let Some((local, remote)) = current else {
            return Ok(());
        };
        let (local, remote) = (&local.sdp.media, &remote.sdp.media);
        if sdp.media.len() < local.len() {
            return Err(SessionError::MlineCount {
                got: sdp.media.len(),
                expected: local.len(),
            });
        }
        for (index, (section, (local, remote))) in
            sdp.media.iter().zip(local.iter().zip(remote)).enumerate()
        {
            if local.is_rejected() || remote.is_rejected() {
                continue;
            }
            if section.mid != local.mid {
                return Err(mline(
                    index,
                    section,
                    format!("mid {} stood here before", local.mid_str()),
                ));
            }
            if section.kind != local.kind {
                return Err(mline(
                    index,
                    section,
                    format!("{} stood here before", local.kind.as_str()),
                ));
            }
        }
        Ok(())
    }

    /// Our m-lines belong to the transceivers for which `create_offer` made them.
    fn associate_local(&mut self, sdp: &Sdp) -> Result<(), SessionError> {
        for (index, section) in sdp.media.iter().enumerate() {
            let Some(mid) = section.mid.clone() else {
                continue;
            };
            if section.is_rejected() {
                continue;
            }
            if section.is_data() {
                self.data.mid = Some(mid);
                continue;
            }
            let Some(kind) = section.media_kind() else {
                return Err(mline(
                    index,
                    section,
                    format!("{} is nothing we could offer", section.kind.as_str()),
                ));
            };
            let known = |wanted: &dyn Fn(&crate::transceiver::Transceiver) -> bool| {
                self.transceivers
                    .iter()
                    .position(|transceiver| transceiver.kind == kind && wanted(transceiver))
            };
            // An offer may be applied after later ones were made: then the first free transceiver of the kind
            // takes the m-line, which is the one the offer was made for.
            let found = known(&|transceiver| transceiver.mid.as_ref() == Some(&mid))
                .or_else(|| known(&|t| t.mid.is_none() && t.offered_mid.as_ref() == Some(&mid)))
                .or_else(|| known(&|t| t.mid.is_none() && !t.stopping))
                .ok_or_else(|| {
                    mline(
                        index,
                        section,
                        "no transceiver was offered under it".to_owned(),
                    )
                })?;
            self.transceivers[found].mid = Some(mid);
            self.transceivers[found].mline = Some(index);
        }
        Ok(())
    }

    /// RFC 8829 §5.10: m-lines of the peer's find their transceiver or make one.
    fn associate_remote(&mut self, sdp: &Sdp, events: &mut Vec<JsepEvent>) {
        for (index, section) in sdp.media.iter().enumerate() {
            self.registry.adopt(section);
            let Some(mid) = section.mid.clone() else {
                continue;
            };
            if section.is_data() && !section.is_rejected() {
                if self.data.mid.as_ref().is_none_or(|own| *own == mid) {
                    self.data.mid = Some(mid);
                }
                continue;
            }
            let Some(kind) = section.media_kind() else {
                continue;
            };
            let known = self.by_mid(&mid).map(|transceiver| transceiver.id);
            let remote_direction = sdp.direction_of(section);
            let id = match known {
                Some(id) => id,
                None if section.is_rejected() => continue,
                None => {
                    let free = self
                        .of_kind(kind)
                        .find(|t| t.mid.is_none() && !t.stopping && t.from_add_track)
                        .map(|transceiver| transceiver.id)
                        .filter(|_| remote_direction.receives());
                    free.unwrap_or_else(|| self.add_for_remote(kind, section, events))
                }
            };
            if let Ok(transceiver) = self.transceiver_mut(id) {
                transceiver.mid = Some(mid);
                transceiver.mline = Some(index);
            }
            self.tell_tracks(
                id,
                remote_direction.reversed(),
                &section.stream_ids(),
                events,
            );
        }
    }

    fn add_for_remote(
        &mut self,
        kind: lk_types::MediaKind,
        section: &MediaSection,
        events: &mut Vec<JsepEvent>,
    ) -> TransceiverId {
        let mut encodings = vec![Encoding::default()];
        self.give_sources(kind, &mut encodings);
        let track = section.track_id().map(str::to_owned);
        let id = self.push_transceiver(
            kind,
            Direction::RecvOnly,
            None,
            Vec::new(),
            encodings,
            track,
        );
        if let Ok(transceiver) = self.transceiver_mut(id) {
            transceiver.by_remote = true;
        }
        events.push(JsepEvent::TransceiverAdded(id));
        id
    }

    /// W3C "process the addition / removal of a remote track", and "set the associated remote streams".
    /// `direction` is as we see it.
    fn tell_tracks(
        &mut self,
        id: TransceiverId,
        direction: Direction,
        streams: &[String],
        events: &mut Vec<JsepEvent>,
    ) {
        let Ok(transceiver) = self.transceiver_mut(id) else {
            return;
        };
        let before = transceiver
            .fired_direction
            .replace(direction)
            .is_some_and(Direction::receives);
        let now = direction.receives();
        let streams = if now { streams.to_vec() } else { Vec::new() };
        let changed = transceiver.receiver.stream_ids != streams;
        transceiver.receiver.stream_ids.clone_from(&streams);
        match (before, now) {
            (false, true) => events.push(JsepEvent::TrackAdded {
                id,
                stream_ids: streams,
            }),
            (true, false) => events.push(JsepEvent::TrackRemoved { id }),
            (true, true) if changed => events.push(JsepEvent::StreamsChanged {
                id,
                stream_ids: streams,
            }),
            _ => {}
        }
    }

    /// Both sides are known: RFC 8829 §5.11, and the second half of the W3C algorithm.
    fn complete(
        &mut self,
        exchange: Exchange<'_>,
        applied: &mut Applied,
    ) -> Result<(), SessionError> {
        self.local.current = self.local.pending.take();
        self.remote.current = self.remote.pending.take();
        self.snapshot = None;
        for (local, remote) in exchange.local.media.iter().zip(&exchange.remote.media) {
            self.settle(exchange, local, remote, &mut applied.events);
        }
        let plan = derive::plan(self, exchange)?;
        if let Some(plan) = &plan {
            self.dtls_role = Some(plan.dtls_role);
            for media in &plan.media {
                if let Some(transceiver) = self
                    .transceivers
                    .iter_mut()
                    .find(|t| t.mid.as_ref() == Some(&media.mid))
                {
                    transceiver.negotiated = Some(media.clone());
                }
            }
        }
        self.forget_stopped();
        let ufrag = exchange.local.ice().map(|ice| ice.ufrag);
        if self.restart_from.is_some() && self.restart_from != ufrag {
            self.restart_from = None;
        }
        self.last_plan.clone_from(&plan);
        applied.plan = plan;
        Ok(())
    }

    fn settle(
        &mut self,
        exchange: Exchange<'_>,
        local: &MediaSection,
        remote: &MediaSection,
        events: &mut Vec<JsepEvent>,
    ) {
        let Some(mid) = &local.mid else { return };
        let rejected = local.is_rejected() || remote.is_rejected();
        if rejected && self.data.mid.as_ref() == Some(mid) {
            // Refused: asking again with each offer would never end.
            self.data.mid = None;
            self.data.requested = false;
        }
        let Some(id) = self.by_mid(mid).map(|transceiver| transceiver.id) else {
            return;
        };
        let direction = exchange.direction(local, remote);
        // Our own answer may refuse what the offer would have sent, and an answer may claim more than was offered.
        self.tell_tracks(id, direction, &remote.stream_ids(), events);
        let Ok(transceiver) = self.transceiver_mut(id) else {
            return;
        };
        if rejected {
            transceiver.stopping = true;
            transceiver.current_direction = None;
            transceiver.direction = Direction::Inactive;
            if !std::mem::replace(&mut transceiver.stopped, true) {
                events.push(JsepEvent::Stopped(id));
            }
            return;
        }
        transceiver.current_direction = Some(direction);
        transceiver.has_sent |= direction.sends();
        if direction.sends() {
            keep_agreed_layers(&mut transceiver.sender.encodings, local, remote);
        }
    }

    /// W3C: a stopped transceiver whose m-line is refused leaves the session's set. Those that were stopped
    /// before they ever had an m-line go with them.
    fn forget_stopped(&mut self) {
        self.transceivers.retain(|transceiver| {
            let unused = transceiver.stopping && transceiver.mid.is_none();
            !transceiver.stopped && !unused
        });
    }
}

/// W3C: layers the answer did not keep are removed from the sender; without simulcast the first one stays.
fn keep_agreed_layers(encodings: &mut Vec<Encoding>, local: &MediaSection, remote: &MediaSection) {
    if encodings.len() < 2 {
        return;
    }
    let ours = local.send_layers();
    let theirs = remote.recv_layers();
    let kept = |encoding: &Encoding| {
        let rid = encoding.rid.as_ref();
        ours.iter().any(|layer| Some(&layer.rid) == rid)
            && theirs.iter().any(|layer| Some(&layer.rid) == rid)
    };
    if encodings.iter().any(kept) {
        encodings.retain(kept);
    } else {
        encodings.truncate(1);
        encodings[0].rid = None;
    }
}

/// RFC 3264 §6: an answer has the offer's m-lines, in the offer's order.
fn check_answer(offer: &Sdp, answer: &Sdp) -> Result<(), SessionError> {
    if offer.media.len() != answer.media.len() {
        return Err(SessionError::MlineCount {
            got: answer.media.len(),
            expected: offer.media.len(),
        });
    }
    for (index, (offered, answered)) in offer.media.iter().zip(&answer.media).enumerate() {
        if offered.kind != answered.kind && !matches!(answered.kind, SectionKind::Other(_)) {
            return Err(mline(
                index,
                answered,
                format!("the offer has {} here", offered.kind.as_str()),
            ));
        }
        if offered.mid != answered.mid {
            return Err(mline(
                index,
                answered,
                format!("the offer has mid {} here", offered.mid_str()),
            ));
        }
        if offered.is_rejected() && !answered.is_rejected() {
            return Err(mline(index, answered, "the offer refused it".to_owned()));
        }
    }
    Ok(())
}

fn mline(index: usize, section: &MediaSection, reason: String) -> SessionError {
    SessionError::Mline {
        index,
        mid: section.mid_str().to_owned(),
        reason,
    }
}
