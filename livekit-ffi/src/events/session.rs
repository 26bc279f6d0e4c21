//! A room that the host joined, from the connect callback to the end.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use livekit::{
    Room, RoomEvent,
    participant::{Participant, RemoteParticipant},
    prelude::RpcError,
    publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication},
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    objects::{
        LocalPublication, ParticipantObject, PublicationObject, PublicationStage,
        RemotePublication, RoomObject, Slot, TrackObject,
    },
    order::{LocalChange, LocalOrder},
    outbox::Outbox,
};
use crate::{
    error::FfiError,
    proto::{self, ffi_event::Message, room_event},
    server::{
        Server,
        handles::{HandleId, Ownership},
        lane::{Hold, Lane},
    },
};

/// How long room events wait for `ready_for_room_event` before they come all the same: hosts of
/// before that request never send it.
pub(crate) const READY_GRACE: Duration = Duration::from_secs(1);

/// A joined room: what `livekit` holds, and what the host's handles refer to.
pub(crate) struct RoomSession {
    pub(crate) server: Arc<Server>,
    /// The room's handle, also the owner of all handles that the room gives out.
    pub(crate) handle: HandleId,
    room: RwLock<Option<Arc<Room>>>,
    /// Room events go through here; callbacks that must follow them, too.
    pub(super) lane: Arc<Lane>,
    ready: Mutex<Option<Hold>>,
    order: Mutex<LocalOrder<LocalEvent>>,
    publications: Mutex<HashMap<String, PublicationEntry>>,
    remote_tracks: Mutex<HashMap<String, CancellationToken>>,
    /// Callbacks that come after the room events that `livekit` has dispatched so far.
    after_events: mpsc::UnboundedSender<Message>,
    /// Counts changes of tracks and participants; streams that follow a participant watch it.
    changes: watch::Sender<u64>,
    pub(crate) reliable: Outbox,
    pub(crate) lossy: Outbox,
    rpc_waiters: Mutex<HashMap<u64, oneshot::Sender<Result<String, RpcError>>>>,
    /// Ends the forwarding of events, whatever `livekit` does.
    stop: CancellationToken,
    /// The room's last event is queued.
    closed: CancellationToken,
}

/// A local publication that the host holds.
struct PublicationEntry {
    handle: HandleId,
    object: Weak<PublicationObject>,
}

/// An event about a local track, until [`LocalOrder`] lets it go.
#[derive(Debug)]
pub(super) struct LocalEvent {
    pub(super) sid: String,
    pub(super) change: LocalChange,
    pub(super) message: room_event::Message,
}

/// What the forwarder needs and nobody else may have.
pub(crate) struct Feed {
    pub(super) events: mpsc::UnboundedReceiver<RoomEvent>,
    pub(super) after_events: mpsc::UnboundedReceiver<Message>,
}

impl RoomSession {
    /// A session for `room`, whose `Connected` event was taken from `events` already.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub(crate) fn new(
        server: &Arc<Server>,
        room: Room,
        events: mpsc::UnboundedReceiver<RoomEvent>,
    ) -> Result<(Arc<Self>, Feed), FfiError> {
        let lane = Lane::new(Arc::clone(server.events()));
        let ready = lane.hold();
        let (after_events, after_events_rx) = mpsc::unbounded_channel();
        let room = Arc::new(room);
        let closed = CancellationToken::new();
        let session = Arc::new(Self {
            server: Arc::clone(server),
            handle: server.handles().next_id(),
            lane,
            ready: Mutex::new(Some(ready)),
            order: Mutex::default(),
            publications: Mutex::default(),
            remote_tracks: Mutex::default(),
            after_events,
            changes: watch::Sender::new(0),
            reliable: Outbox::new(server, &room, &closed)?,
            lossy: Outbox::new(server, &room, &closed)?,
            room: RwLock::new(Some(room)),
            rpc_waiters: Mutex::default(),
            stop: CancellationToken::new(),
            closed,
        });
        Ok((
            session,
            Feed {
                events,
                after_events: after_events_rx,
            },
        ))
    }

    /// The room, for the time of one operation.
    ///
    /// # Errors
    ///
    /// If it is closed; `operation` is what cannot be done therefore.
    pub(crate) fn room(&self, operation: &'static str) -> Result<Arc<Room>, FfiError> {
        self.room
            .read()
            .clone()
            .ok_or_else(|| FfiError::operation(operation, "the room is closed"))
    }

    /// As [`Self::room`], but also refused once the connection is lost for good.
    pub(crate) fn connected_room(&self, operation: &'static str) -> Result<Arc<Room>, FfiError> {
        let room = self.room(operation)?;
        if room.connection_state() == livekit::ConnectionState::Disconnected {
            return Err(FfiError::operation(operation, "the room is not connected"));
        }
        Ok(room)
    }

    /// The host listens: room events may come. Later calls change nothing.
    pub(crate) fn set_ready(&self) {
        let hold = self.ready.lock().take();
        // Dropped without the lock: releasing the lane queues what it kept back.
        drop(hold);
    }

    /// Resolves once the room's last event is queued.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Whether the room's last event is queued.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Ends the session even though `livekit` did not.
    pub(crate) fn abandon(&self) {
        self.stop.cancel();
    }

    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Queues a room event.
    pub(super) fn send(&self, message: room_event::Message) {
        self.lane.send(self.wrap(message));
    }

    /// Queues `callback` behind every room event that `livekit` has dispatched until now.
    pub(crate) fn send_after_events(&self, callback: Message) {
        if let Err(mpsc::error::SendError(callback)) = self.after_events.send(callback) {
            self.server.events().send(callback);
        }
    }

    /// Queues an event about a local track as soon as it is due.
    pub(super) fn send_local(
        &self,
        sid: String,
        change: LocalChange,
        message: room_event::Message,
    ) {
        let mut order = self.order.lock();
        let event = LocalEvent {
            sid: sid.clone(),
            change,
            message,
        };
        for due in order.event(&sid, change, event) {
            self.deliver(due);
        }
    }

    /// Queues the publish callback and what was held back for it.
    pub(crate) fn announce(&self, sid: &str, callback: Message) {
        let mut order = self.order.lock();
        self.lane.send_now(callback);
        for due in order.announced(sid) {
            self.deliver(due);
        }
    }

    /// Notes that the host wants to unpublish `sid`.
    pub(crate) fn unpublish_asked(&self, sid: &str) {
        self.order.lock().unpublish_asked(sid);
    }

    /// Notes that the host's unpublishing of `sid` failed.
    pub(crate) fn unpublish_failed(&self, sid: &str) {
        self.order.lock().unpublish_failed(sid);
    }

    /// Queues that a track came back under another sid.
    pub(super) fn send_republished(&self, previous: &str, publication: &LocalTrackPublication) {
        let sid = publication.sid().to_string();
        let mut order = self.order.lock();
        let info = publication_info(TrackPublication::Local(publication.clone()));
        let publication_handle = self.move_publication(previous, &sid, publication);
        self.send(room_event::Message::LocalTrackRepublished(
            proto::LocalTrackRepublished {
                publication_handle,
                previous_sid: previous.to_owned(),
                info,
            },
        ));
        for due in order.republished(previous, &sid) {
            self.deliver(due);
        }
    }

    pub(super) fn reconnecting(&self) {
        self.order.lock().reconnecting();
    }

    pub(super) fn reconnected(&self) {
        let mut order = self.order.lock();
        for due in order.reconnected() {
            self.deliver(due);
        }
    }

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
            wanted: std::sync::OnceLock::new(),
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

    /// Gives the host a publication of its own.
    pub(crate) fn own_local_publication(
        &self,
        publication: &LocalTrackPublication,
    ) -> proto::OwnedTrackPublication {
        let info = publication_info(TrackPublication::Local(publication.clone()));
        let object = Arc::new(PublicationObject::Local(LocalPublication {
            publication: Slot::new(publication.clone()),
            stage: watch::Sender::new(PublicationStage::Waiting),
        }));
        let entry = PublicationEntry {
            handle: self.server.handles().next_id(),
            object: Arc::downgrade(&object),
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

    /// Tells the streams that follow a participant to look again.
    pub(super) fn note_change(&self) {
        self.changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Changes whenever a track or participant comes or goes, and when the room closes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Remembers who waits for the host's answer to an invocation.
    pub(crate) fn await_rpc_answer(
        &self,
        invocation: u64,
    ) -> oneshot::Receiver<Result<String, RpcError>> {
        let (answer, waiter) = oneshot::channel();
        self.rpc_waiters.lock().insert(invocation, answer);
        waiter
    }

    /// Takes who waits for the host's answer to an invocation.
    pub(crate) fn take_rpc_waiter(
        &self,
        invocation: u64,
    ) -> Option<oneshot::Sender<Result<String, RpcError>>> {
        self.rpc_waiters.lock().remove(&invocation)
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

    /// The room's last words: what reconnects had held back, the end of every stream, the callbacks
    /// that wait for events, EOS. Afterwards nothing of the room is left but the host's handles.
    pub(super) fn finish(&self, callbacks: impl IntoIterator<Item = Message>) {
        for due in self.order.lock().closed() {
            self.deliver(due);
        }
        for (_, ended) in self.remote_tracks.lock().drain() {
            ended.cancel();
        }
        for (_, entry) in self.publications.lock().drain() {
            entry.set_stage(PublicationStage::RoomClosed);
        }
        self.rpc_waiters.lock().clear();
        let eos = self.wrap(room_event::Message::Eos(proto::RoomEos {}));
        self.lane.close_with(callbacks.into_iter().chain([eos]));
        self.closed.cancel();
        self.release_memory();
        // Last: whoever looks again must find the room closed.
        self.note_change();
    }

    fn deliver(&self, event: LocalEvent) {
        let LocalEvent {
            sid,
            change,
            message,
        } = event;
        self.send(message);
        match change {
            LocalChange::Subscribed => {
                if let Some(entry) = self.publications.lock().get(&sid) {
                    entry.set_stage(PublicationStage::Subscribed);
                }
            }
            LocalChange::Unpublished => {
                if let Some(entry) = self.publications.lock().remove(&sid) {
                    entry.set_stage(PublicationStage::Unpublished);
                }
            }
            LocalChange::Published | LocalChange::Detail => {}
        }
    }

    /// Puts the publication behind the host's handle for the previous one. Returns that handle.
    fn move_publication(
        &self,
        previous: &str,
        sid: &str,
        publication: &LocalTrackPublication,
    ) -> HandleId {
        let mut publications = self.publications.lock();
        let Some(entry) = publications.remove(previous) else {
            drop(publications);
            // The host never heard of the track: it gets a handle of its own.
            return self.own_local_publication(publication).handle.id;
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
    fn release_memory(&self) {
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

    fn wrap(&self, message: room_event::Message) -> Message {
        Message::RoomEvent(proto::RoomEvent {
            room_handle: self.handle,
            message: Some(message),
        })
    }

    pub(super) fn ownership(&self) -> Ownership {
        Ownership::of(self.handle)
    }
}

impl PublicationEntry {
    fn set_stage(&self, stage: PublicationStage) {
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

fn publication_info(publication: TrackPublication) -> proto::TrackPublicationInfo {
    proto::TrackPublicationInfo::from(&publication)
}
