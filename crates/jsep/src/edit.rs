//! What the application may change between exchanges: transceivers, tracks, directions, encodings
//! (W3C webrtc-pc §5.1, §5.2, §5.4).

use lk_types::{Direction, MediaKind, Rid, Ssrc};

use crate::capability::CodecCapability;
use crate::codec_match;
use crate::error::SessionError;
use crate::fmtp;
use crate::rng::Rng;
use crate::session::Session;
use crate::transceiver::{
    CodecPreference, Encoding, Receiver, Sender, Transceiver, TransceiverId, TransceiverInit,
};

impl Session {
    /// Adds a transceiver, always a new one (W3C `addTransceiver`).
    ///
    /// # Errors
    /// When the session is closed or the encodings' layer names are unfit.
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, SessionError> {
        self.ensure_open()?;
        let mut encodings = checked_encodings(init.encodings)?;
        self.give_sources(kind, &mut encodings);
        let id = self.push_transceiver(
            kind,
            init.direction,
            init.track_id,
            init.stream_ids,
            encodings,
            None,
        );
        Ok(id)
    }

    /// Sends a track (W3C `addTrack`): over a transceiver of its kind that never sent, else over a new one.
    ///
    /// # Errors
    /// When the session is closed or the track already has a sender.
    pub fn add_track(
        &mut self,
        kind: MediaKind,
        track_id: &str,
        stream_ids: Vec<String>,
    ) -> Result<TransceiverId, SessionError> {
        self.ensure_open()?;
        if self
            .transceivers
            .iter()
            .any(|t| !t.stopped && t.sender.track_id.as_deref() == Some(track_id))
        {
            return Err(SessionError::DuplicateTrack(track_id.to_owned()));
        }
        // W3C §5.1 addTrack step 7: a sender without a track that never sent.
        let free = self.transceivers.iter_mut().find(|transceiver| {
            transceiver.kind == kind
                && !transceiver.stopping
                && transceiver.sender.track_id.is_none()
                && !transceiver.has_sent
        });
        if let Some(transceiver) = free {
            transceiver.sender.id = track_id.to_owned();
            transceiver.sender.track_id = Some(track_id.to_owned());
            transceiver.sender.stream_ids = stream_ids;
            transceiver.from_add_track = true;
            transceiver.direction = Direction::new(true, transceiver.direction.receives());
            return Ok(transceiver.id);
        }
        let mut encodings = vec![Encoding::default()];
        self.give_sources(kind, &mut encodings);
        let track = Some(track_id.to_owned());
        let id = self.push_transceiver(
            kind,
            Direction::SendRecv,
            track,
            stream_ids,
            encodings,
            None,
        );
        self.transceiver_mut(id)?.from_add_track = true;
        Ok(id)
    }

    /// Stops sending and keeps the transceiver (W3C `removeTrack`).
    ///
    /// # Errors
    /// When there is no such transceiver.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), SessionError> {
        self.ensure_open()?;
        let transceiver = self.transceiver_mut(id)?;
        if transceiver.sender.track_id.take().is_some() && !transceiver.stopping {
            transceiver.direction = Direction::new(false, transceiver.direction.receives());
        }
        Ok(())
    }

    /// Wants another direction in the next exchange.
    ///
    /// # Errors
    /// When the transceiver does not exist or is stopped.
    pub fn set_direction(
        &mut self,
        id: TransceiverId,
        direction: Direction,
    ) -> Result<(), SessionError> {
        self.running(id)?.direction = direction;
        Ok(())
    }

    /// Stops a transceiver for good; the next exchange rejects its m-line (W3C `stop`).
    ///
    /// # Errors
    /// When there is no such transceiver. Stopping twice is no error.
    pub fn stop(&mut self, id: TransceiverId) -> Result<(), SessionError> {
        self.ensure_open()?;
        let transceiver = self.transceiver_mut(id)?;
        transceiver.stopping = true;
        transceiver.direction = Direction::Inactive;
        // Without an m-line there is nothing to negotiate: it is stopped at once and never offered.
        transceiver.stopped |= transceiver.mid.is_none() && transceiver.offered_mid.is_none();
        Ok(())
    }

    /// Filters and orders the codecs of the next descriptions; an empty list restores the default (W3C
    /// `setCodecPreferences`). A codec's retransmission format comes with it, whether listed or not: LiveKit
    /// lists codecs alone, and without it lost packets would stay lost.
    ///
    /// # Errors
    /// When the transceiver does not exist or is stopped, or the list holds no codec of the capabilities.
    pub fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        list: &[CodecPreference],
    ) -> Result<(), SessionError> {
        let kind = self.running(id)?.kind;
        let preferences = match list {
            [] => None,
            list => Some(preferred(&self.capabilities.of(kind).codecs, kind, list)?),
        };
        self.running(id)?.preferences = preferences;
        Ok(())
    }

    /// Changes the encodings' values (W3C `setParameters`): their number, names and sources stay.
    ///
    /// # Errors
    /// When the transceiver does not exist, or encodings were added, removed, or reordered.
    pub fn set_encodings(
        &mut self,
        id: TransceiverId,
        list: Vec<Encoding>,
    ) -> Result<(), SessionError> {
        self.ensure_open()?;
        let current = &mut self.transceiver_mut(id)?.sender.encodings;
        if current.len() != list.len() {
            return Err(SessionError::Encodings(format!(
                "{} given, sender has {}",
                list.len(),
                current.len()
            )));
        }
        if let Some((old, new)) = current
            .iter()
            .zip(&list)
            .find(|(old, new)| old.rid != new.rid)
        {
            return Err(SessionError::Encodings(format!(
                "rid {:?} given in place of {:?}",
                new.rid, old.rid
            )));
        }
        check_values(&list)?;
        for (old, new) in current.iter_mut().zip(list) {
            *old = Encoding {
                ssrc: old.ssrc,
                rtx_ssrc: old.rtx_ssrc,
                ..new
            };
        }
        Ok(())
    }

    /// Replaces the sent track without negotiation (W3C `replaceTrack`).
    ///
    /// # Errors
    /// When the transceiver does not exist or is stopped.
    pub fn set_track(
        &mut self,
        id: TransceiverId,
        track_id: Option<String>,
    ) -> Result<(), SessionError> {
        self.running(id)?.sender.track_id = track_id;
        Ok(())
    }

    /// Puts the sent track into other streams (W3C `setStreams`).
    ///
    /// # Errors
    /// When the transceiver does not exist or is stopped.
    pub fn set_streams(
        &mut self,
        id: TransceiverId,
        stream_ids: Vec<String>,
    ) -> Result<(), SessionError> {
        self.running(id)?.sender.stream_ids = stream_ids;
        Ok(())
    }

    fn running(&mut self, id: TransceiverId) -> Result<&mut Transceiver, SessionError> {
        self.ensure_open()?;
        let transceiver = self.transceiver_mut(id)?;
        if transceiver.stopping {
            Err(SessionError::Stopped(id))
        } else {
            Ok(transceiver)
        }
    }

    pub(crate) fn push_transceiver(
        &mut self,
        kind: MediaKind,
        direction: Direction,
        track_id: Option<String>,
        stream_ids: Vec<String>,
        encodings: Vec<Encoding>,
        receiver_id: Option<String>,
    ) -> TransceiverId {
        let id = TransceiverId(self.next_id);
        self.next_id += 1;
        self.transceivers.push(Transceiver {
            id,
            kind,
            mid: None,
            mline: None,
            offered_mid: None,
            direction,
            current_direction: None,
            fired_direction: None,
            stopping: false,
            stopped: false,
            from_add_track: false,
            by_remote: false,
            has_sent: false,
            sender: Sender {
                id: track_id.clone().unwrap_or_else(|| self.rng.uuid()),
                track_id,
                stream_ids,
                encodings,
            },
            receiver: Receiver {
                track_id: receiver_id.unwrap_or_else(|| self.rng.uuid()),
                stream_ids: Vec::new(),
            },
            preferences: None,
            negotiated: None,
        });
        id
    }

    /// Chooses sources once for the life of the sender; audio has no retransmission format here.
    pub(crate) fn give_sources(&mut self, kind: MediaKind, encodings: &mut [Encoding]) {
        let mut taken: Vec<Ssrc> = self
            .transceivers
            .iter()
            .flat_map(|transceiver| &transceiver.sender.encodings)
            .flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc])
            .flatten()
            .collect();
        for encoding in encodings {
            encoding.ssrc = Some(new_ssrc(&mut self.rng, &mut taken));
            encoding.rtx_ssrc =
                (kind == MediaKind::Video).then(|| new_ssrc(&mut self.rng, &mut taken));
        }
    }
}

/// RFC 3550 §8.1; zero is left out because some receivers take it for "unknown".
fn new_ssrc(rng: &mut Rng, taken: &mut Vec<Ssrc>) -> Ssrc {
    loop {
        let ssrc = Ssrc(rng.u32());
        if ssrc.0 != 0 && !taken.contains(&ssrc) {
            taken.push(ssrc);
            return ssrc;
        }
    }
}

/// W3C `addTransceiver` steps 6 to 8.
fn checked_encodings(mut encodings: Vec<Encoding>) -> Result<Vec<Encoding>, SessionError> {
    if encodings.is_empty() {
        encodings.push(Encoding::default());
    }
    check_values(&encodings)?;
    if let [single] = encodings.as_mut_slice() {
        // Google's library drops the name of a single layer, so that it is announced by its SSRC.
        single.rid = None;
        return Ok(encodings);
    }
    let named = encodings
        .iter()
        .filter(|encoding| encoding.rid.is_some())
        .count();
    if named == 0 {
        for (index, encoding) in encodings.iter_mut().enumerate() {
            encoding.rid = Some(Rid::new(&format!("{index}")));
        }
    } else if named != encodings.len() {
        return Err(SessionError::Encodings(format!(
            "{named} of {} have a rid",
            encodings.len()
        )));
    }
    for (index, encoding) in encodings.iter().enumerate() {
        let rid = encoding.rid.as_ref().map_or("", Rid::as_str);
        // RFC 8852 §3.1 and W3C: alphanumeric, at most 255 characters.
        if rid.is_empty()
            || rid.len() > 255
            || !rid.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(SessionError::Encodings(format!(
                "rid {rid:?} is not alphanumeric"
            )));
        }
        if encodings[..index]
            .iter()
            .any(|other| other.rid == encoding.rid)
        {
            return Err(SessionError::Encodings(format!(
                "rid {rid:?} is given twice"
            )));
        }
    }
    Ok(encodings)
}

fn check_values(encodings: &[Encoding]) -> Result<(), SessionError> {
    for encoding in encodings {
        if let Some(scale) = encoding
            .scale_resolution_down_by
            .filter(|scale| !scale.is_finite() || *scale < 1.0)
        {
            return Err(SessionError::Encodings(format!(
                "scale_resolution_down_by {scale} is below 1"
            )));
        }
        if let Some(rate) = encoding
            .max_framerate
            .filter(|rate| !rate.is_finite() || *rate < 0.0)
        {
            return Err(SessionError::Encodings(format!(
                "max_framerate {rate} is negative"
            )));
        }
    }
    Ok(())
}

fn preferred(
    capabilities: &[CodecCapability],
    kind: MediaKind,
    list: &[CodecPreference],
) -> Result<Vec<CodecCapability>, SessionError> {
    let mut kept: Vec<CodecCapability> = Vec::new();
    for preference in list {
        let wanted = preference.fmtp.as_deref().map(fmtp::split);
        let matching = capabilities.iter().filter(|capability| {
            capability
                .mime_type()
                .eq_ignore_ascii_case(&preference.mime_type)
                && wanted.as_ref().is_none_or(|wanted| {
                    codec_match::same_variant(capability.codec, &capability.fmtp, wanted)
                })
        });
        for capability in matching {
            if !kept.contains(capability) {
                kept.push(capability.clone());
            }
        }
    }
    if kept.is_empty() {
        let listed: Vec<&str> = list
            .iter()
            .map(|preference| preference.mime_type.as_str())
            .collect();
        return Err(SessionError::NoCodec {
            kind,
            listed: listed.join(", "),
        });
    }
    Ok(kept)
}
