//! A room that the host joined, from the connect callback to the end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use livekit::{
    Room, RoomEvent,
    prelude::RpcError,
    publication::{LocalTrackPublication, TrackPublication},
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    given::{PublicationEntry, publication_info},
    objects::PublicationStage,
    order::{LocalChange, LocalOrder},
    outbox::Outbox,
};
use crate::{
    error::FfiError,
    proto::{self, ffi_event::Message, room_event},
    server::{
        Server,
        handles::HandleId,
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
    /// Where the host connected to; audio filters want to know.
    pub(crate) url: String,
    pub(super) room: RwLock<Option<Arc<Room>>>,
    /// Room events go through here; callbacks that must follow them, too.
    pub(super) lane: Arc<Lane>,
    ready: Mutex<Option<Hold>>,
    order: Mutex<LocalOrder<LocalEvent>>,
    pub(super) publications: Mutex<HashMap<String, PublicationEntry>>,
    pub(super) remote_tracks: Mutex<HashMap<String, CancellationToken>>,
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
        url: &str,
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
            url: url.to_owned(),
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

    fn wrap(&self, message: room_event::Message) -> Message {
        Message::RoomEvent(proto::RoomEvent {
            room_handle: self.handle,
            message: Some(message),
        })
    }
}
