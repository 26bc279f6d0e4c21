//! Rollback (RFC 8829 §4.1.10.2, W3C webrtc-pc §4.4.1.5): back to the last stable state.

use std::collections::BTreeSet;

use lk_types::{Direction, Mid};

use crate::registry::Registry;
use crate::session::{JsepEvent, Session};
use crate::state::SignalingState;
use crate::transceiver::TransceiverId;

/// What an offer may change, as it was in the stable state. Everything else belongs to the application and
/// survives a rollback.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    transceivers: Vec<Remembered>,
    data_mid: Option<Mid>,
    registry: Registry,
    used_mids: BTreeSet<Mid>,
}

#[derive(Clone, Debug)]
struct Remembered {
    id: TransceiverId,
    mid: Option<Mid>,
    mline: Option<usize>,
    fired_direction: Option<Direction>,
    streams: Vec<String>,
}

impl Session {
    pub(crate) fn take_snapshot(&self) -> Snapshot {
        let transceivers = self.transceivers.iter().map(|transceiver| Remembered {
            id: transceiver.id,
            mid: transceiver.mid.clone(),
            mline: transceiver.mline,
            fired_direction: transceiver.fired_direction,
            streams: transceiver.receiver.stream_ids.clone(),
        });
        Snapshot {
            transceivers: transceivers.collect(),
            data_mid: self.data.mid.clone(),
            registry: self.registry.clone(),
            used_mids: self.used_mids.clone(),
        }
    }

    /// Forgets the pending descriptions and what they did.
    pub(crate) fn roll_back(&mut self, events: &mut Vec<JsepEvent>) {
        self.local.pending = None;
        self.remote.pending = None;
        self.state = SignalingState::Stable;
        let Some(snapshot) = self.snapshot.take() else {
            return;
        };
        self.data.mid = snapshot.data_mid;
        self.registry = snapshot.registry;
        self.used_mids = snapshot.used_mids;
        let mut removed = Vec::new();
        for transceiver in &mut self.transceivers {
            let before = snapshot
                .transceivers
                .iter()
                .find(|before| before.id == transceiver.id);
            let (mid, mline) =
                before.map_or((None, None), |before| (before.mid.clone(), before.mline));
            let streams = before
                .map(|before| before.streams.clone())
                .unwrap_or_default();
            let fired = before.and_then(|before| before.fired_direction);
            // A transceiver made by the offer that is taken back goes, unless `addTrack` took it meanwhile.
            if before.is_none() && transceiver.by_remote && !transceiver.from_add_track {
                removed.push(transceiver.id);
            }
            transceiver.mid = mid;
            transceiver.mline = mline;
            transceiver.offered_mid = None;
            let receives =
                |direction: Option<Direction>| direction.is_some_and(Direction::receives);
            let id = transceiver.id;
            match (receives(transceiver.fired_direction), receives(fired)) {
                (true, false) => events.push(JsepEvent::TrackRemoved { id }),
                (false, true) => events.push(JsepEvent::TrackAdded {
                    id,
                    stream_ids: streams.clone(),
                }),
                (true, true) if transceiver.receiver.stream_ids != streams => {
                    events.push(JsepEvent::StreamsChanged {
                        id,
                        stream_ids: streams.clone(),
                    });
                }
                _ => {}
            }
            transceiver.fired_direction = fired;
            transceiver.receiver.stream_ids = streams;
        }
        self.transceivers
            .retain(|transceiver| !removed.contains(&transceiver.id));
        events.extend(removed.into_iter().map(JsepEvent::Stopped));
    }
}
