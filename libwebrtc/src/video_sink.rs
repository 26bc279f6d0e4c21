//! Hands pictures to the streams that listen.

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

    /// Gives every listener its own copy; says whether anybody took one.
    pub(crate) fn deliver<T: AsRef<dyn VideoBuffer>>(
        &self,
        frame: &VideoFrame<T>,
        timestamp_us: i64,
    ) -> bool {
        let mut taken = false;
        for queue in self.listeners() {
            let buffer = Box::new(frame.buffer.as_ref().to_i420());
            let frame_metadata: Option<FrameMetadata> = frame.frame_metadata.clone();
            taken |= queue.push(VideoFrame {
                rotation: frame.rotation,
                timestamp_us,
                frame_metadata,
                buffer,
            });
        }
        taken
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

impl PictureSink for VideoSinks {
    fn watched(&self) -> bool {
        self.state
            .lock()
            .queues
            .iter()
            .any(|queue| queue.strong_count() > 0)
    }

    fn deliver(&self, picture: DecodedPicture) {
        let frame = VideoFrame {
            rotation: picture.rotation.into(),
            timestamp_us: picture.timestamp_us,
            frame_metadata: None,
            buffer: I420Buffer::from_picture(picture.image),
        };
        let mut queues = self.listeners();
        // The last one gets the picture itself.
        let last = queues.pop();
        for queue in queues {
            queue.push(VideoFrame {
                rotation: frame.rotation,
                timestamp_us: frame.timestamp_us,
                frame_metadata: None,
                buffer: Box::new(frame.buffer.to_i420()),
            });
        }
        if let Some(queue) = last {
            queue.push(VideoFrame {
                rotation: frame.rotation,
                timestamp_us: frame.timestamp_us,
                frame_metadata: None,
                buffer: Box::new(frame.buffer),
            });
        }
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
