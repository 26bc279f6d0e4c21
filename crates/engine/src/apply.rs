//! Carrying a plan out: the steps that bring the stack from one agreed state to the next.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::time::{Duration, Instant};

use lk_jsep::plan::{IceParameters, MediaPlan, Plan, StreamPlan};
use lk_types::{Codec, MediaKind, Mid, Pt, Ssrc};
use str0m::change::SdpOffer;
use str0m::{IceCreds, Input};

use crate::nack::Missing;
use crate::streams::{Inbound, Line, Outbound};
use crate::{ApplyError, DtlsState, Engine, Event, convert, synth, table};

/// How long and how many sent packets are kept to be sent again.
const RESEND_AGE: Duration = Duration::from_secs(3);
const RESEND_AUDIO: usize = 100;
const RESEND_VIDEO: usize = 1024;
/// Retransmissions may take this share of what is sent. The stack's own 15 % starves recovery after a burst.
const RESEND_SHARE: f32 = 0.5;

impl Engine {
    /// Carries a plan out. Only what differs from the plan before touches the running session; the same plan
    /// again does nothing. Where the peer's or our ICE credentials differ, ICE starts anew and the local
    /// candidates stay.
    ///
    /// A format that the engine does not know is left out: [`send_rtp`](Self::send_rtp) refuses its payload type
    /// and packets of it are dropped. It is an error where nothing else is left of an m-line in use.
    pub fn apply(&mut self, plan: &Plan, now: Instant) -> Result<(), ApplyError> {
        self.advance(now);
        if self.is_closed() || !self.rtc.is_alive() {
            return Err(ApplyError::Closed);
        }
        if self.plan.as_ref() == Some(plan) {
            return Ok(());
        }
        check(plan, self.plan.as_ref())?;
        let first = self.plan.is_none();
        let restart = self
            .plan
            .as_ref()
            .is_some_and(|before| restarts(before, plan));

        self.rtc
            .handle_input(Input::Timeout(self.now))
            .map_err(|error| ApplyError::Description(error.to_string()))?;
        self.drop_stale_lines(plan);

        let text = synth::offer(plan, red(plan));
        let offer = SdpOffer::from_sdp_string(&text)
            .map_err(|error| ApplyError::Description(error.to_string()))?;
        // The answer would repeat what is agreed already.
        self.rtc
            .sdp_api()
            .accept_offer(offer)
            .map_err(|error| ApplyError::Description(error.to_string()))?;

        let mut api = self.rtc.direct_api();
        if first {
            // Accepting an offer made us the controlled side, which need not be so (RFC 8445 §6.1.1).
            api.set_ice_controlling(plan.we_offered_first || plan.remote_ice.lite);
        }
        if first || restart {
            let IceParameters { ufrag, pwd, .. } = plan.local_ice.clone();
            api.set_local_ice_credentials(IceCreds { ufrag, pass: pwd });
        }
        self.drop_phantoms(plan);
        let unusable = self.learn_lines(plan);
        self.sync_outbound(plan);
        self.sync_inbound(plan);
        self.sync_candidates(plan, first, restart);
        if let Some(data) = &plan.data {
            self.channels.start(data.max_message_size);
        }

        self.kick = true;
        self.channels_due = true;
        if first {
            self.set_dtls(DtlsState::Connecting);
        }
        match unusable {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Takes m-lines out of the stack that it cannot change itself: a slot with another m-line in it, and a line
    /// whose formats the stack would not learn because it knows the line.
    fn drop_stale_lines(&mut self, plan: &Plan) {
        let Some(before) = &self.plan else { return };
        let mut stale = Vec::new();
        for old in &before.media {
            let new = plan.media.iter().find(|media| media.index == old.index);
            let known = |media: &MediaPlan| {
                media
                    .codecs
                    .iter()
                    .filter(|codec| !matches!(codec.codec, Codec::Red | Codec::Rtx))
                    .all(|codec| {
                        self.rtc.codec_config().params().iter().any(|entry| {
                            *entry.pt() == codec.pt.0
                                && table::same_codec(entry.spec().codec, codec.codec)
                                && (codec.rtx.is_none()
                                    || entry.resend() == codec.rtx.map(convert::pt))
                        })
                    })
            };
            match new {
                Some(new) if new.mid != old.mid => stale.push(old.mid.clone()),
                Some(new) if new.codecs != old.codecs && !known(new) => stale.push(old.mid.clone()),
                _ => {}
            }
        }
        for mid in stale {
            self.rtc.direct_api().remove_media(convert::mid(&mid));
            self.streams.lines.remove(&mid);
            self.streams
                .outbound
                .retain(|_, outbound| outbound.mid != mid);
            self.streams.inbound.retain(|_, inbound| inbound.mid != mid);
        }
    }

    /// Accepting an offer makes up a source for each m-line that sends and has none.
    fn drop_phantoms(&mut self, plan: &Plan) {
        for media in plan.media.iter().filter(|media| media.direction.sends()) {
            let mid = convert::mid(&media.mid);
            let mut api = self.rtc.direct_api();
            let Some(found) = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc()) else {
                continue;
            };
            if !self.streams.outbound.contains_key(&Ssrc(*found)) {
                api.remove_stream_tx(found);
            }
        }
    }

    /// Notes what each m-line can carry. An error, where that is nothing.
    fn learn_lines(&mut self, plan: &Plan) -> Option<ApplyError> {
        let mut unusable = None;
        self.streams.estimating = plan
            .media
            .iter()
            .any(|media| media.direction.sends() && media.transport_cc);
        self.streams
            .lines
            .retain(|mid, _| plan.media.iter().any(|media| media.mid == *mid));
        for media in &plan.media {
            let table = self.rtc.codec_config().params();
            let formats: Vec<(Pt, u32)> = media
                .codecs
                .iter()
                .filter(|codec| match codec.codec {
                    Codec::Red => table
                        .iter()
                        .any(|entry| entry.red() == Some(convert::pt(codec.pt))),
                    Codec::Rtx => false,
                    _ => table.iter().any(|entry| {
                        *entry.pt() == codec.pt.0
                            && table::same_codec(entry.spec().codec, codec.codec)
                    }),
                })
                .map(|codec| (codec.pt, codec.clock_rate))
                .collect();
            let used = !media.rejected && (media.direction.sends() || media.direction.receives());
            if let (true, true, Some(codec)) = (used, formats.is_empty(), media.codecs.first()) {
                unusable = Some(ApplyError::UnknownFormat {
                    mid: media.mid.clone(),
                    pt: codec.pt,
                    codec: codec.codec,
                });
            }
            let line = Line {
                mid: media.mid.clone(),
                kind: media.kind,
                asks: asks(media),
                formats,
            };
            self.streams.lines.insert(media.mid.clone(), line);
        }
        unusable
    }

    fn sync_outbound(&mut self, plan: &Plan) {
        let wanted: HashMap<Ssrc, (&MediaPlan, &StreamPlan)> = plan
            .media
            .iter()
            .filter(|media| !media.rejected)
            .flat_map(|media| {
                media
                    .send
                    .iter()
                    .filter_map(move |stream| Some((stream.ssrc?, (media, stream))))
            })
            .collect();
        let gone: Vec<Ssrc> = self
            .streams
            .outbound
            .values_mut()
            .filter_map(|outbound| {
                let same = wanted.get(&outbound.ssrc).is_some_and(|(media, stream)| {
                    media.mid == outbound.mid
                        && stream.rid == outbound.rid
                        && rtx_ssrc(media, stream) == outbound.rtx_ssrc
                });
                if same {
                    return None;
                }
                // A line that pauses names no sources; they may come back.
                let paused = plan.media.iter().any(|media| {
                    media.mid == outbound.mid && !media.rejected && media.send.is_empty()
                });
                outbound.active = false;
                (!paused).then_some(outbound.ssrc)
            })
            .collect();
        let mut api = self.rtc.direct_api();
        for ssrc in gone {
            api.remove_stream_tx(convert::ssrc(ssrc));
            self.streams.outbound.remove(&ssrc);
        }
        for (ssrc, (media, stream)) in wanted {
            if let Some(outbound) = self.streams.outbound.get_mut(&ssrc) {
                outbound.active = media.direction.sends();
                continue;
            }
            if !media.direction.sends() {
                continue;
            }
            let rtx_ssrc = rtx_ssrc(media, stream);
            let declared = api.declare_stream_tx(
                convert::ssrc(ssrc),
                rtx_ssrc.map(convert::ssrc),
                convert::mid(&media.mid),
                stream.rid.as_ref().map(convert::rid),
            );
            let packets = if media.kind == lk_types::MediaKind::Audio {
                RESEND_AUDIO
            } else {
                RESEND_VIDEO
            };
            declared.set_rtx_cache(packets, RESEND_AGE, Some(RESEND_SHARE));
            let outbound = Outbound::new(
                ssrc,
                rtx_ssrc,
                media.mid.clone(),
                stream.rid.clone(),
                media.kind,
            );
            self.streams.outbound.insert(ssrc, outbound);
        }
    }

    /// Whether video is sent again where it got lost. A path that has just become narrow is full of what is asked for, and
    /// a picture that is complete seconds later is of no use: both times what was sent is forgotten.
    pub(crate) fn set_resends(&mut self, on: bool) {
        let share = if on { RESEND_SHARE } else { 0.0 };
        let mut api = self.rtc.direct_api();
        let video = self
            .streams
            .outbound
            .values()
            .filter(|outbound| outbound.kind == lk_types::MediaKind::Video);
        for outbound in video {
            if let Some(stream) = api.stream_tx(&convert::ssrc(outbound.ssrc)) {
                stream.set_rtx_cache(RESEND_VIDEO, RESEND_AGE, Some(share));
            }
        }
    }

    fn sync_inbound(&mut self, plan: &Plan) {
        let wanted: HashMap<Ssrc, (&MediaPlan, &StreamPlan)> = plan
            .media
            .iter()
            .filter(|media| !media.rejected && media.direction.receives())
            .flat_map(|media| {
                media
                    .recv
                    .iter()
                    .filter_map(move |stream| Some((stream.ssrc?, (media, stream))))
            })
            .collect();
        let before = self.plan.as_ref();
        let gone: Vec<Ssrc> = self
            .streams
            .inbound
            .iter()
            .filter(|(ssrc, inbound)| {
                if let Some((media, stream)) = wanted.get(ssrc) {
                    return media.mid != inbound.mid
                        || (inbound.announced
                            && (stream.rid != inbound.rid || stream.rtx_ssrc != inbound.rtx_ssrc));
                }
                // What was found in packets stays as long as its m-line says the same as before.
                let now = plan.media.iter().find(|media| media.mid == inbound.mid);
                let then = before
                    .and_then(|plan| plan.media.iter().find(|media| media.mid == inbound.mid));
                let same = now.zip(then).is_some_and(|(now, then)| {
                    !now.rejected && now.direction.receives() && now.recv == then.recv
                });
                inbound.announced || !same
            })
            .map(|(ssrc, _)| *ssrc)
            .collect();
        let mut api = self.rtc.direct_api();
        for ssrc in gone {
            api.remove_stream_rx(convert::ssrc(ssrc));
            self.streams.inbound.remove(&ssrc);
        }
        for (ssrc, (media, stream)) in wanted {
            if self.streams.inbound.contains_key(&ssrc) {
                continue;
            }
            let asks = asks(media);
            api.expect_stream_rx(
                convert::ssrc(ssrc),
                stream.rtx_ssrc.map(convert::ssrc),
                convert::mid(&media.mid),
                stream.rid.as_ref().map(convert::rid),
            )
            .suppress_nack(asks || !nacks(media));
            let mut inbound = Inbound::new(
                media.mid.clone(),
                media.kind,
                stream.rid.clone(),
                stream.rtx_ssrc,
                true,
            );
            inbound.missing = asks.then(Missing::default);
            self.streams.inbound.insert(ssrc, inbound);
        }
    }

    /// Puts the plan in force, too: candidates count from then on.
    fn sync_candidates(&mut self, plan: &Plan, first: bool, restart: bool) {
        if first {
            for (_, candidate, _) in &self.local_candidates {
                self.rtc.add_local_candidate(candidate.clone());
            }
        }
        if first || restart {
            if let Some(state) = self.ice.start() {
                self.events.push_back(Event::Ice(state));
            }
            for candidate in std::mem::take(&mut self.waiting_candidates) {
                self.rtc.add_remote_candidate(candidate);
                self.ice.remote_candidate(self.now);
            }
        }
        self.waiting_candidates.clear();
        let before = self.plan.replace(plan.clone());
        for line in &plan.remote_candidates {
            let seen = before
                .as_ref()
                .is_some_and(|plan| plan.remote_candidates.contains(line));
            if !seen || restart {
                // A line of the peer's description that we cannot read is as good as absent.
                let _ = self.add_remote_candidate(line, self.now);
            }
        }
        self.waiting_candidates.clear();
    }
}

/// RTX is used only where a format negotiated it.
fn rtx_ssrc(media: &MediaPlan, stream: &StreamPlan) -> Option<Ssrc> {
    stream
        .rtx_ssrc
        .filter(|_| media.codecs.iter().any(|codec| codec.rtx.is_some()))
}

fn restarts(before: &Plan, plan: &Plan) -> bool {
    before.remote_ice.ufrag != plan.remote_ice.ufrag
        || before.remote_ice.pwd != plan.remote_ice.pwd
        || before.local_ice.ufrag != plan.local_ice.ufrag
        || before.local_ice.pwd != plan.local_ice.pwd
}

/// The payload type RED has in this plan, or the usual one where that is free.
fn red(plan: &Plan) -> Option<Pt> {
    let codecs = || plan.media.iter().flat_map(|media| &media.codecs);
    if let Some(codec) = codecs().find(|codec| codec.codec == Codec::Red) {
        return Some(codec.pt);
    }
    let taken = codecs()
        .any(|codec| codec.pt == table::DEFAULT_RED || codec.rtx == Some(table::DEFAULT_RED));
    (!taken).then_some(table::DEFAULT_RED)
}

/// What the stack would answer with a panic or with silence.
fn check(plan: &Plan, before: Option<&Plan>) -> Result<(), ApplyError> {
    let in_use = plan.data.is_some() || plan.media.iter().any(|media| !media.rejected);
    if !in_use {
        return Err(ApplyError::Empty);
    }
    let fingerprint = format!(
        "{} {}",
        plan.remote_fingerprint.algorithm, plan.remote_fingerprint.value
    );
    if str0m::crypto::Fingerprint::from_str(&fingerprint).is_err() {
        return Err(ApplyError::Description(format!(
            "fingerprint `{fingerprint}` cannot be read"
        )));
    }
    if let Some(before) = before
        && before.dtls_role != plan.dtls_role
    {
        return Err(ApplyError::Description(format!(
            "DTLS role {:?}: it cannot change",
            plan.dtls_role
        )));
    }
    check_mids(plan)?;
    check_indices(plan)?;
    check_payload_types(plan, before)?;
    check_ssrcs(plan)
}

fn check_mids(plan: &Plan) -> Result<(), ApplyError> {
    let mut seen = HashSet::new();
    let data = plan.data.iter().map(|data| &data.mid);
    for mid in plan.media.iter().map(|media| &media.mid).chain(data) {
        let text = mid.as_str();
        if text.is_empty()
            || text.len() > convert::MID_LIMIT
            || !text.is_ascii()
            || !seen.insert(convert::mid(mid))
        {
            return Err(ApplyError::Mid(mid.clone()));
        }
    }
    for media in &plan.media {
        for rid in media
            .send
            .iter()
            .chain(&media.recv)
            .filter_map(|stream| stream.rid.as_ref())
        {
            if rid.as_str().is_empty()
                || rid.as_str().len() > convert::RID_LIMIT
                || !rid.as_str().is_ascii()
            {
                return Err(ApplyError::Rid(rid.clone()));
            }
        }
    }
    Ok(())
}

/// The m-lines must be 0, 1, 2, … or the printed offer would move them.
fn check_indices(plan: &Plan) -> Result<(), ApplyError> {
    let mut indices: Vec<usize> = plan
        .media
        .iter()
        .map(|media| media.index)
        .chain(plan.data.iter().map(|data| data.index))
        .collect();
    indices.sort_unstable();
    if indices
        .iter()
        .enumerate()
        .any(|(expected, index)| expected != *index)
    {
        return Err(ApplyError::Description(format!(
            "m-line positions {indices:?}: not 0, 1, 2, …"
        )));
    }
    Ok(())
}

/// In one bundle a payload type means one thing (RFC 8843 §9.1), and for the stack it does so for good.
fn check_payload_types(plan: &Plan, before: Option<&Plan>) -> Result<(), ApplyError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Meaning {
        Codec(Codec),
        Rtx(Pt),
    }
    let mut meanings: HashMap<Pt, Meaning> = HashMap::new();
    let lines = before
        .into_iter()
        .flat_map(|plan| &plan.media)
        .chain(&plan.media);
    for media in lines {
        for codec in &media.codecs {
            let rtx = codec.rtx.map(|rtx| (rtx, Meaning::Rtx(codec.pt)));
            for (pt, meaning) in [Some((codec.pt, Meaning::Codec(codec.codec))), rtx]
                .into_iter()
                .flatten()
            {
                let known = *meanings.entry(pt).or_insert(meaning);
                if pt.0 > 127 || known != meaning {
                    return Err(ApplyError::PayloadType {
                        mid: media.mid.clone(),
                        pt,
                        codec: codec.codec,
                    });
                }
            }
        }
    }
    Ok(())
}

/// Both sides agreed on generic NACKs.
fn nacks(media: &MediaPlan) -> bool {
    media
        .codecs
        .iter()
        .any(|codec| codec.feedback.iter().any(|feedback| feedback == "nack"))
}

/// What is lost is asked for again by us; of audio the stack would, where that was agreed on.
fn asks(media: &MediaPlan) -> bool {
    media.kind == MediaKind::Video && nacks(media)
}

fn check_ssrcs(plan: &Plan) -> Result<(), ApplyError> {
    let mut seen: HashMap<Ssrc, &Mid> = HashMap::new();
    for media in plan.media.iter().filter(|media| !media.rejected) {
        for stream in media.send.iter().chain(&media.recv) {
            for ssrc in [stream.ssrc, stream.rtx_ssrc].into_iter().flatten() {
                if ssrc.0 == 0 || seen.insert(ssrc, &media.mid).is_some() {
                    return Err(ApplyError::Ssrc(ssrc));
                }
            }
        }
    }
    Ok(())
}
