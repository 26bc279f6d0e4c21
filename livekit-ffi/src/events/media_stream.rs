//! What streams of received sound and of received pictures have in common: a handle, a queue, and one EOS at the end.
//!
//! A stream belongs to a track, or follows whatever track of one source a participant has. It ends with its track, for
//! whatever reason, even while the host holds the track's handle.

use std::{marker::PhantomData, sync::Arc};

use livekit::{participant::Participant, track::TrackSource, webrtc::prelude::MediaStreamTrack};
use tokio_util::sync::CancellationToken;

use super::{follow, given::owned, session::RoomSession};
use crate::{
    error::FfiError,
    proto::{self, ffi_event::Message},
    server::{
        Server,
        events::EventQueue,
        handles::{HandleId, Ownership, Resource},
    },
};

/// Sound or pictures.
pub(crate) trait Media: Send + Sync + 'static {
    /// What a stream of it is called in error texts.
    const STREAM: &'static str;
    type Track;

    /// The track, where it is of this kind.
    fn track(of: MediaStreamTrack) -> Option<Self::Track>;
    /// The last event of a stream.
    fn eos(stream: HandleId) -> Message;
}

/// A stream that the host holds. Dropping the handle discards what is queued and ends it: hosts wait for the EOS
/// that follows (the Python SDK's `AudioStream.aclose` does).
struct MediaStream<M> {
    handle: HandleId,
    events: Arc<EventQueue>,
    dropped: CancellationToken,
    media: PhantomData<M>,
}

impl<M: Media> Resource for MediaStream<M> {
    const KIND: &'static str = M::STREAM;
}

impl<M> Drop for MediaStream<M> {
    fn drop(&mut self) {
        self.dropped.cancel();
        self.events.discard_stream(self.handle);
    }
}

/// Where the frames of one stream go.
#[derive(Clone)]
pub(crate) struct Outlet {
    server: Arc<Server>,
    handle: HandleId,
    /// Frames kept for a slow host.
    limit: usize,
    /// The host dropped the stream.
    dropped: CancellationToken,
}

impl Outlet {
    /// Of a new stream, which is not in the host's hands yet. Of the frames that the host does not fetch in time it
    /// keeps `queue_frames`: `None` leaves the choice to `default`, 0 keeps all.
    pub(crate) fn new(server: &Arc<Server>, queue_frames: Option<usize>, default: usize) -> Self {
        Self {
            server: Arc::clone(server),
            handle: server.handles().next_id(),
            limit: match queue_frames {
                None => default,
                Some(0) => usize::MAX,
                Some(frames) => frames,
            },
            dropped: CancellationToken::new(),
        }
    }

    /// The stream.
    pub(crate) fn handle(&self) -> HandleId {
        self.handle
    }

    /// Starts `task`, which sends the stream's frames, and gives the host the stream.
    ///
    /// # Errors
    /// Where the library is being disposed of.
    pub(crate) fn open<M: Media>(
        self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<proto::FfiOwnedHandle, FfiError> {
        let object = MediaStream::<M> {
            handle: self.handle,
            events: Arc::clone(self.server.events()),
            dropped: self.dropped,
            media: PhantomData,
        };
        self.server.spawn(M::STREAM, task)?;
        self.server
            .handles()
            .insert_at(self.handle, Arc::new(object), Ownership::HOST);
        Ok(owned(self.handle))
    }

    /// Sends a frame, which lies in `buffer`; `message` makes the event of the buffer's handle.
    pub(crate) fn send(
        &self,
        buffer: impl Resource,
        message: impl FnOnce(proto::FfiOwnedHandle) -> Message,
    ) {
        // The host is told of the frame only if it is delivered; the queue frees it otherwise.
        let buffer = self
            .server
            .handles()
            .insert(Arc::new(buffer), Ownership::HOST);
        self.server
            .events()
            .send_media(self.handle, self.limit, message(owned(buffer)), buffer);
        if self.dropped.is_cancelled() {
            // The host dropped the stream meanwhile: nobody would free this frame.
            self.server.events().discard_stream(self.handle);
        }
    }

    /// Runs `pump` until it ends, the track does (`ended`), or the host drops the stream. EOS comes last.
    pub(crate) async fn of_track<M: Media>(
        self,
        pump: impl Future<Output = ()>,
        ended: CancellationToken,
    ) {
        tokio::select! {
            () = pump => {}
            () = ended.cancelled() => {}
            () = self.dropped.cancelled() => {}
        }
        self.end::<M>();
    }

    /// Runs `pump` on whatever track of `source` the participant has, one after the other, until the participant
    /// leaves, the room closes, or the host drops the stream. EOS comes last.
    pub(crate) async fn of_participant<M: Media, F: Future<Output = ()>>(
        self,
        session: Arc<RoomSession>,
        participant: Participant,
        source: TrackSource,
        pump: impl Fn(String, M::Track) -> F,
    ) {
        let followed = follow::tracks(&session, &participant, source, M::track, pump);
        self.dropped.run_until_cancelled(followed).await;
        self.end::<M>();
    }

    fn end<M: Media>(&self) {
        self.server
            .events()
            .finish_stream(self.handle, M::eos(self.handle));
    }
}
