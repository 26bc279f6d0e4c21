//! What stands behind a handle that a room gave out.
//!
//! A host may hold a handle long after its room is closed. What is heavy sits in a [`Slot`], which
//! closing the room empties, so that such a handle costs next to nothing and stays droppable.

use std::sync::{OnceLock, Weak};

use livekit::{
    participant::{LocalParticipant, Participant},
    publication::{LocalTrackPublication, RemoteTrackPublication},
    track::Track,
};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{published::Published, session::RoomSession};
use crate::{
    error::FfiError,
    server::handles::{HandleId, Resource},
};

/// A value that goes away when its room closes.
#[derive(Debug)]
pub(crate) struct Slot<T>(RwLock<Option<T>>);

impl<T: Clone> Slot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(RwLock::new(Some(value)))
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// If the room is closed; `operation` is what cannot be done therefore.
    pub(crate) fn get(&self, operation: &'static str) -> Result<T, FfiError> {
        self.0
            .read()
            .clone()
            .ok_or_else(|| FfiError::operation(operation, "the room is closed"))
    }

    /// Puts another value in place, unless the room closed meanwhile.
    pub(crate) fn replace(&self, value: T) {
        let mut slot = self.0.write();
        if slot.is_some() {
            *slot = Some(value);
        }
    }

    /// Empties the slot; the value is dropped without the lock.
    pub(crate) fn clear(&self) {
        let value = self.0.write().take();
        drop(value);
    }
}

/// A room that the host joined.
pub(crate) struct RoomObject {
    pub(crate) session: std::sync::Arc<RoomSession>,
}

impl Resource for RoomObject {
    const KIND: &'static str = "room";
}

/// A participant, the local one or another.
pub(crate) struct ParticipantObject {
    pub(crate) handle: HandleId,
    pub(crate) participant: Slot<Participant>,
    pub(crate) session: std::sync::Arc<RoomSession>,
}

impl Resource for ParticipantObject {
    const KIND: &'static str = "participant";
}

impl ParticipantObject {
    /// The participant, if it is the local one.
    ///
    /// # Errors
    ///
    /// If it is another's, or the room is closed.
    pub(crate) fn local(&self, operation: &'static str) -> Result<LocalParticipant, FfiError> {
        match self.participant.get(operation)? {
            Participant::Local(local) => Ok(local),
            Participant::Remote(_) => Err(FfiError::field(
                "local_participant_handle",
                self.handle,
                "a remote participant; the local one is needed",
            )),
        }
    }
}

/// A publication, ours or another participant's.
pub(crate) enum PublicationObject {
    Local(LocalPublication),
    Remote(RemotePublication),
}

impl Resource for PublicationObject {
    const KIND: &'static str = "publication";
}

/// A track that we publish. A full reconnect replaces the publication, not the object.
pub(crate) struct LocalPublication {
    pub(crate) publication: Slot<LocalTrackPublication>,
    /// How far it has come; gone with the handle.
    pub(crate) stage: watch::Sender<PublicationStage>,
}

/// What `wait_for_subscription` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublicationStage {
    /// Nobody subscribed yet.
    Waiting,
    /// Somebody subscribed.
    Subscribed,
    /// The track was unpublished.
    Unpublished,
    /// The room was closed.
    RoomClosed,
}

/// A track that another participant publishes.
pub(crate) struct RemotePublication {
    pub(crate) publication: Slot<RemoteTrackPublication>,
    pub(crate) session: Weak<RoomSession>,
    /// Whether the host wants the track; its keeper runs since the host first said so.
    pub(crate) wanted: OnceLock<watch::Sender<bool>>,
}

/// A track: one of the host's own, which no room owns, or one that came from a room.
pub(crate) struct TrackObject {
    pub(crate) track: Slot<Track>,
    /// The room it came from; none for the host's own.
    pub(crate) room: Option<HandleId>,
    /// What it is published as; nothing for a track that came from a room.
    pub(crate) published: Published,
    /// Ends the streams of this track.
    pub(crate) ended: CancellationToken,
}

impl Resource for TrackObject {
    const KIND: &'static str = "track";
}

impl Drop for TrackObject {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_slot_says_that_the_room_is_closed() {
        let slot = Slot::new(5);
        assert_eq!(slot.get("get_stats").unwrap(), 5);
        slot.clear();
        let error = slot.get("get_stats").unwrap_err().to_string();
        assert!(
            error.contains("get_stats") && error.contains("closed"),
            "{error}"
        );
    }

    #[test]
    fn a_cleared_slot_stays_empty() {
        let slot = Slot::new(5);
        slot.replace(6);
        assert_eq!(slot.get("x").unwrap(), 6);
        slot.clear();
        slot.replace(7);
        assert!(slot.get("x").is_err());
    }
}
