//! What a room gives the host to hold, and what becomes of it when the room closes.

use std::sync::{Arc, OnceLock, Weak};

use livekit::{
    participant::{Participant, RemoteParticipant},
    publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    objects::{
        LocalPublication, ParticipantObject, PublicationObject, PublicationStage,
        RemotePublication, RoomObject, Slot, TrackObject,
    },
    published::{Claim, Published},
    session::RoomSession,
};
use crate::{
    error::FfiError,
    proto,
    server::handles::{HandleId, Ownership},
};

/// A local publication that the host holds.
pub(super) struct PublicationEntry {
    handle: HandleId,
    object: Weak<PublicationObject>,
    /// Gone with the publication, whether or not the host holds it.
    _claim: Option<Claim>,
}

impl RoomSession {
    /// Gives the host a participant.
    pub(crate) fn own_participant(
        self: &Arc<Self>,
        participant: Participant,
    ) -> proto::OwnedParticipant {
        let info = proto::ParticipantInfo::from(&participant);
        let handle = self.server.handles().next_id();
        let object = ParticipantObject {
            handle,
            participant: Slot::new(participant),
            session: Arc::clone(self),
        };
        self.server
            .handles()
            .insert_at(handle, Arc::new(object), self.ownership());
        proto::OwnedParticipant {
            handle: owned(handle),
            info,
        }
    }

    /// Gives the host another participant's publication.
    pub(crate) fn own_remote_publication(
        self: &Arc<Self>,
        publication: RemoteTrackPublication,
    ) -> proto::OwnedTrackPublication {
        let info = publication_info(TrackPublication::Remote(publication.clone()));
        let object = PublicationObject::Remote(RemotePublication {
            publication: Slot::new(publication),
            session: Arc::downgrade(self),
            wanted: OnceLock::new(),
        });
        let handle = self
            .server
            .handles()
            .insert(Arc::new(object), self.ownership());
        proto::OwnedTrackPublication {
            handle: owned(handle),
            info,
        }
    }

    /// Gives the host a publication of its own; `claim` is that on the host's track.
    pub(crate) fn own_local_publication(
        &self,
        publication: &LocalTrackPublication,
        claim: Option<Claim>,
    ) -> proto::OwnedTrackPublication {
        let info = publication_info(TrackPublication::Local(publication.clone()));
        let object = Arc::new(PublicationObject::Local(LocalPublication {
            publication: Slot::new(publication.clone()),
            stage: watch::Sender::new(PublicationStage::Waiting),
        }));
        let entry = PublicationEntry {
            handle: self.server.handles().next_id(),
            object: Arc::downgrade(&object),
            _claim: claim,
        };
        let handle = entry.handle;
        self.server
            .handles()
            .insert_at(handle, object, self.ownership());
        self.publications
            .lock()
            .insert(publication.sid().to_string(), entry);
        proto::OwnedTrackPublication {
            handle: owned(handle),
            info,
        }
    }

    /// Gives the host a track that it receives.
    pub(super) fn own_remote_track(&self, track: livekit::track::Track) -> proto::OwnedTrack {
        let info = proto::TrackInfo::from(&track);
        let ended = CancellationToken::new();
        let sid = track.sid().to_string();
        let object = TrackObject {
            track: Slot::new(track),
            room: Some(self.handle),
            published: Published::default(),
            ended: ended.clone(),
        };
        let handle = self
            .server
            .handles()
            .insert(Arc::new(object), self.ownership());
        if let Some(earlier) = self.remote_tracks.lock().insert(sid, ended) {
            earlier.cancel();
        }
        proto::OwnedTrack {
            handle: owned(handle),
            info,
        }
    }

    /// Ends the streams of a track that is gone.
    pub(super) fn end_remote_track(&self, sid: &str) {
        if let Some(ended) = self.remote_tracks.lock().remove(sid) {
            ended.cancel();
        }
    }

    /// Builds what the connect callback carries, and stores the room's handle.
    pub(crate) fn own_initial_state(
        self: &Arc<Self>,
        others: Vec<(RemoteParticipant, Vec<RemoteTrackPublication>)>,
    ) -> Result<proto::connect_callback::Result, FfiError> {
        let room = self.room("connect")?;
        let object = Arc::new(RoomObject {
            session: Arc::clone(self),
        });
        self.server
            .handles()
            .insert_at(self.handle, object, Ownership::HOST);
        let participants = others
            .into_iter()
            .map(
                |(participant, publications)| proto::connect_callback::ParticipantWithTracks {
                    participant: self.own_participant(Participant::Remote(participant)),
                    publications: publications
                        .into_iter()
                        .map(|publication| self.own_remote_publication(publication))
                        .collect(),
                },
            )
            .collect();
        Ok(proto::connect_callback::Result {
            room: proto::OwnedRoom {
                handle: owned(self.handle),
                info: proto::RoomInfo::from(&*room),
            },
            local_participant: self.own_participant(Participant::Local(room.local_participant())),
            participants,
        })
    }

    /// Puts the publication behind the host's handle for the previous one. Returns that handle.
    pub(super) fn move_publication(
        &self,
        previous: &str,
        sid: &str,
        publication: &LocalTrackPublication,
    ) -> HandleId {
        let mut publications = self.publications.lock();
        let Some(entry) = publications.remove(previous) else {
            drop(publications);
            // The host never heard of the track: it gets a handle of its own.
            return self.own_local_publication(publication, None).handle.id;
        };
        if let Some(object) = entry.object.upgrade()
            && let PublicationObject::Local(local) = &*object
        {
            local.publication.replace(publication.clone());
        }
        let handle = entry.handle;
        publications.insert(sid.to_owned(), entry);
        handle
    }

    /// Lets go of `livekit`'s objects, also of those behind handles that the host keeps.
    pub(super) fn release_memory(&self) {
        let room = self.room.write().take();
        drop(room);
        let handles = self.server.handles();
        handles.close_owner(self.handle);
        for id in handles.held_of(self.handle) {
            if let Ok(object) = handles.get::<ParticipantObject>(id) {
                object.participant.clear();
            } else if let Ok(object) = handles.get::<TrackObject>(id) {
                object.track.clear();
            } else if let Ok(object) = handles.get::<PublicationObject>(id) {
                match &*object {
                    PublicationObject::Local(local) => local.publication.clear(),
                    PublicationObject::Remote(remote) => remote.publication.clear(),
                }
            }
        }
    }

    pub(super) fn ownership(&self) -> Ownership {
        Ownership::of(self.handle)
    }
}

impl PublicationEntry {
    pub(super) fn set_stage(&self, stage: PublicationStage) {
        if let Some(object) = self.object.upgrade()
            && let PublicationObject::Local(local) = &*object
        {
            local.stage.send_replace(stage);
        }
    }
}

/// A handle on the wire.
pub(crate) fn owned(id: HandleId) -> proto::FfiOwnedHandle {
    proto::FfiOwnedHandle { id }
}

pub(super) fn publication_info(publication: TrackPublication) -> proto::TrackPublicationInfo {
    proto::TrackPublicationInfo::from(&publication)
}
