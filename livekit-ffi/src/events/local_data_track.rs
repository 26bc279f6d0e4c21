//! Data tracks that we publish, and the frames that wait for `livekit`.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use livekit::data_track::{DataTrackFrame, LocalDataTrack, PushFrameErrorReason};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task, time,
};

use crate::server::handles::Resource;

/// Frames that wait at most: what a host pushes together in one turn of its own, or while the machine does other things.
const WAITING: usize = 256;

/// Tasks of `livekit` through which a frame goes to its channel. The place before the last one holds a single frame, and
/// a later one takes it, so each has its turn before the next frame follows.
const TASKS: usize = 3;

/// A frame that `livekit` does not take, because it is connecting anew, is tried again this often and for so long.
const AGAIN: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_millis(20);

/// A data track that we publish.
pub(crate) struct LocalDataTrackObject {
    pub(crate) track: LocalDataTrack,
    frames: mpsc::Sender<DataTrackFrame>,
}

impl Resource for LocalDataTrackObject {
    const KIND: &'static str = "local data track";
}

impl LocalDataTrackObject {
    /// The object, and the task that hands its frames on; it ends when the track or the object is gone.
    pub(crate) fn new(track: LocalDataTrack) -> (Arc<Self>, impl Future<Output = ()> + Send) {
        let (frames, waiting) = mpsc::channel(WAITING);
        let feed = feed(track.clone(), waiting);
        (Arc::new(Self { track, frames }), feed)
    }

    /// Takes a frame, without waiting.
    pub(crate) fn try_push(&self, frame: DataTrackFrame) -> Result<(), PushFrameErrorReason> {
        if !self.track.is_published() {
            return Err(PushFrameErrorReason::TrackUnpublished);
        }
        self.frames.try_send(frame).map_err(|error| match error {
            TrySendError::Full(_) => PushFrameErrorReason::QueueFull,
            TrySendError::Closed(_) => PushFrameErrorReason::TrackUnpublished,
        })
    }
}

async fn feed(track: LocalDataTrack, mut waiting: mpsc::Receiver<DataTrackFrame>) {
    let mut unpublished = pin!(track.wait_for_unpublish());
    loop {
        let frame = tokio::select! {
            biased;
            frame = waiting.recv() => frame,
            () = &mut unpublished => None,
        };
        let Some(frame) = frame else { return };
        hand_on(&track, frame).await;
        for _ in 0..TASKS {
            task::yield_now().await;
        }
    }
}

async fn hand_on(track: &LocalDataTrack, mut frame: DataTrackFrame) {
    let began = Instant::now();
    while let Err(error) = track.try_push(frame) {
        let full = matches!(error.reason(), PushFrameErrorReason::QueueFull);
        if !full || began.elapsed() > PATIENCE {
            return;
        }
        frame = error.into_frame();
        time::sleep(AGAIN).await;
    }
}
