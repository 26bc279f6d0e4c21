//! Data tracks of others, and the streams of frames that a host asks for one by one.

use std::sync::{Arc, OnceLock};

use livekit::data_track::{DataTrackSubscribeError, DataTrackSubscribeOptions, RemoteDataTrack};
use tokio::sync::Notify;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::given::owned;
use crate::{
    proto::{self, data_track_stream_event::Detail, ffi_event::Message},
    server::{
        Server,
        handles::{HandleId, Ownership, Resource},
    },
};

/// A data track that another participant publishes.
pub(crate) struct RemoteDataTrackObject(pub(crate) RemoteDataTrack);

impl Resource for RemoteDataTrackObject {
    const KIND: &'static str = "remote data track";
}

/// Frames of a data track; the host asks for each. Ends when the handle is dropped.
pub(crate) struct DataTrackStreamObject {
    asked: Arc<Notify>,
    end: Arc<OnceLock<proto::DataTrackStreamEos>>,
    dropped: CancellationToken,
}

impl Resource for DataTrackStreamObject {
    const KIND: &'static str = "data track stream";
}

impl Drop for DataTrackStreamObject {
    fn drop(&mut self) {
        self.dropped.cancel();
    }
}

impl DataTrackStreamObject {
    /// Asks for the next frame; the stream's end if it is over.
    pub(crate) fn read(&self) -> Option<proto::DataTrackStreamEos> {
        let end = self.end.get().cloned();
        if end.is_none() {
            self.asked.notify_one();
        }
        end
    }
}

/// Gives the host another participant's data track.
pub(crate) fn own_remote(
    server: &Server,
    ownership: Ownership,
    track: RemoteDataTrack,
) -> proto::OwnedRemoteDataTrack {
    let info = proto::DataTrackInfo::from(track.info());
    let publisher_identity = track.publisher_identity().to_owned();
    let handle = server
        .handles()
        .insert(Arc::new(RemoteDataTrackObject(track)), ownership);
    proto::OwnedRemoteDataTrack {
        handle: owned(handle),
        info,
        publisher_identity,
    }
}

/// Subscribes to `track` and sends a frame for each [`DataTrackStreamObject::read`].
/// Returns the stream's object and the task that feeds it.
pub(crate) fn subscribe(
    server: Arc<Server>,
    handle: HandleId,
    track: RemoteDataTrack,
    options: DataTrackSubscribeOptions,
) -> (
    Arc<DataTrackStreamObject>,
    impl Future<Output = ()> + Send + 'static,
) {
    let asked = Arc::new(Notify::new());
    let end = Arc::new(OnceLock::new());
    let dropped = CancellationToken::new();
    let object = Arc::new(DataTrackStreamObject {
        asked: Arc::clone(&asked),
        end: Arc::clone(&end),
        dropped: dropped.clone(),
    });
    let feed = async move {
        let outcome = dropped.run_until_cancelled(frames(&server, handle, track, options, &asked));
        // A stream that the host dropped ends as well: somebody may still wait for its next frame.
        let outcome = outcome.await.unwrap_or(Ok(()));
        let eos = proto::DataTrackStreamEos {
            error: outcome.err().map(Into::into),
        };
        let _ = end.set(eos.clone());
        server.send(message(handle, Detail::Eos(eos)));
    };
    (object, feed)
}

async fn frames(
    server: &Server,
    handle: HandleId,
    track: RemoteDataTrack,
    options: DataTrackSubscribeOptions,
    asked: &Notify,
) -> Result<(), DataTrackSubscribeError> {
    let mut stream = track.subscribe_with_options(options).await?;
    loop {
        asked.notified().await;
        let Some(frame) = stream.next().await else {
            return Ok(());
        };
        let received = proto::DataTrackStreamFrameReceived {
            frame: frame.into(),
        };
        server.send(message(handle, Detail::FrameReceived(received)));
    }
}

fn message(stream_handle: HandleId, detail: Detail) -> Message {
    Message::DataTrackStreamEvent(proto::DataTrackStreamEvent {
        stream_handle,
        detail: Some(detail),
    })
}
