//! Hands pictures to the streams that listen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::frame_queue::FrameQueue;
use crate::pipeline::video_recv::{DecodedPicture, PictureSink};
use crate::video_frame::internal::BufferSealed;
use crate::video_frame::{BoxVideoFrame, FrameMetadata, I420Buffer, VideoBuffer, VideoFrame};

/// The listeners of one track or source.
#[derive(Default)]
pub(crate) struct VideoSinks {
    state: Mutex<State>,
    /// The track is switched off.
    black: AtomicBool,
}

#[derive(Default)]
struct State {
    queues: Vec<Weak<FrameQueue<BoxVideoFrame>>>,
    ended: bool,
}

impl VideoSinks {
    /// Adds a listener; one that comes after the end ends at once.
    pub(crate) fn add(&self, queue: &Arc<FrameQueue<BoxVideoFrame>>) {
        let mut state = self.state.lock();
        if state.ended {
            drop(state);
            queue.end();
        } else {
            state.queues.retain(|queue| queue.strong_count() > 0);
            state.queues.push(Arc::downgrade(queue));
        }
    }

    /// Received pictures become black ones of their size, or are seen again: as Google's library shows a remote track
    /// that is not enabled.
    pub(crate) fn set_black(&self, black: bool) {
        self.black.store(black, Ordering::Relaxed);
    }

    /// Gives the picture to every listener; says whether anybody took it. It is converted once, and shared then.
    pub(crate) fn deliver<T: AsRef<dyn VideoBuffer>>(
        &self,
        frame: &VideoFrame<T>,
        timestamp_us: i64,
    ) -> bool {
        let listeners = self.listeners();
        if listeners.is_empty() {
            return false;
        }
        let shared = VideoFrame {
            rotation: frame.rotation,
            timestamp_us,
            frame_metadata: frame.frame_metadata.clone(),
            buffer: frame.buffer.as_ref().to_i420(),
        };
        hand_out(&listeners, &shared)
    }

    fn listeners(&self) -> Vec<Arc<FrameQueue<BoxVideoFrame>>> {
        self.state
            .lock()
            .queues
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// Gives each of them the picture, whose planes all share; says whether anybody took it.
fn hand_out(listeners: &[Arc<FrameQueue<BoxVideoFrame>>], frame: &VideoFrame<I420Buffer>) -> bool {
    let mut taken = false;
    for listener in listeners {
        taken |= listener.push(VideoFrame {
            rotation: frame.rotation,
            timestamp_us: frame.timestamp_us,
            frame_metadata: frame.frame_metadata.clone(),
            buffer: Box::new(frame.buffer.to_i420()),
        });
    }
    taken
}

impl PictureSink for VideoSinks {
    fn watched(&self) -> bool {
        self.state
            .lock()
            .queues
            .iter()
            .any(|queue| queue.strong_count() > 0)
    }

    fn deliver(&self, picture: DecodedPicture) {
        let mut buffer = I420Buffer::from_picture(picture.image);
        if self.black.load(Ordering::Relaxed) {
            buffer = I420Buffer::new_black(buffer.width(), buffer.height());
        }
        hand_out(
            &self.listeners(),
            &VideoFrame {
                rotation: picture.rotation.into(),
                timestamp_us: picture.timestamp_us,
                frame_metadata: picture.metadata.map(FrameMetadata::from),
                buffer,
            },
        );
    }

    fn end_streams(&self) {
        let queues = std::mem::take(&mut self.state.lock().queues);
        for queue in queues.iter().filter_map(Weak::upgrade) {
            queue.end();
        }
    }

    fn end(&self) {
        self.state.lock().ended = true;
        self.end_streams();
    }
}
