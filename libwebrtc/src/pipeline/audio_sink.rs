//! PCM on its way to whoever listens: a queue for each listener, which resamples, remixes and drops the oldest.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use lk_dsp::{AudioFormat, Converter};
use lk_types::AudioFrame;

use crate::frame_queue::FrameQueue;

/// What a listener asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SinkConfig {
    /// Rate and channels of the frames to deliver.
    pub(crate) format: AudioFormat,
    /// Length of the frames to deliver, ms; 0 counts as 10.
    pub(crate) frame_ms: u32,
    /// Frames kept for a listener that is slow; `None` or 0 keeps all. With more, the oldest goes.
    pub(crate) capacity: Option<usize>,
}

impl SinkConfig {
    /// 10 ms frames, ten of them kept.
    ///
    /// # Errors
    /// Where rate or channels are out of range.
    pub(crate) fn new(sample_rate: u32, channels: u32) -> Result<Self, lk_dsp::Error> {
        Ok(Self {
            format: AudioFormat::new(sample_rate, channels)?,
            frame_ms: 10,
            capacity: Some(10),
        })
    }
}

/// The listener's end: frames in order until the track ends. Dropping it detaches the listener.
pub(crate) struct AudioFrames {
    /// `None` once closed. The sink holds it weakly, and so sees the listener go.
    queue: Option<Arc<FrameQueue<AudioFrame>>>,
}

impl AudioFrames {
    /// The next frame; `None` once the track has ended and everything before was taken.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<AudioFrame>> {
        match &self.queue {
            Some(queue) => queue.poll(cx),
            None => Poll::Ready(None),
        }
    }

    /// As [`poll_next`](Self::poll_next), for callers in a task.
    #[cfg(test)]
    pub(crate) async fn next(&mut self) -> Option<AudioFrame> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Ends the stream from the listener's side: what was queued is gone, and nothing more comes.
    pub(crate) fn close(&mut self) {
        self.queue = None;
    }
}

impl std::fmt::Debug for AudioFrames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioFrames")
            .field("closed", &self.queue.is_none())
            .finish()
    }
}

/// All listeners of one flow of PCM.
#[derive(Default)]
pub(crate) struct SinkSet {
    sinks: Vec<Sink>,
    ended: bool,
}

struct Sink {
    config: SinkConfig,
    queue: Weak<FrameQueue<AudioFrame>>,
    /// Made for the format that flows, again when that changes.
    converter: Option<Converter>,
    /// What does not fill a frame yet.
    pending: Vec<i16>,
}

impl SinkSet {
    /// Adds a listener. After [`end`](Self::end) its stream ends at once.
    pub(crate) fn add(&mut self, config: SinkConfig) -> AudioFrames {
        let queue = Arc::new(FrameQueue::new(config.capacity));
        if self.ended {
            queue.end();
        } else {
            let sink = Sink {
                config,
                queue: Arc::downgrade(&queue),
                converter: None,
                pending: Vec::new(),
            };
            self.sinks.push(sink);
        }
        AudioFrames { queue: Some(queue) }
    }

    /// Whether nobody listens; listeners that went away are forgotten.
    pub(crate) fn is_empty(&mut self) -> bool {
        self.sinks.retain(|sink| sink.queue.strong_count() > 0);
        self.sinks.is_empty()
    }

    /// Gives interleaved `samples` of `format` to every listener.
    pub(crate) fn push(&mut self, samples: &[i16], format: AudioFormat) {
        for sink in &mut self.sinks {
            if let Some(queue) = sink.queue.upgrade() {
                sink.push(samples, format, &queue);
            }
        }
    }

    /// Ends every listener's stream after what is queued, and that of everybody who comes later at once.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.end_current();
    }

    /// Ends every listener's stream after what is queued; those who come later are not concerned.
    pub(crate) fn end_current(&mut self) {
        for sink in self.sinks.drain(..) {
            if let Some(queue) = sink.queue.upgrade() {
                queue.end();
            }
        }
    }
}

impl Drop for SinkSet {
    fn drop(&mut self) {
        self.end_current();
    }
}

impl std::fmt::Debug for SinkSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkSet")
            .field("sinks", &self.sinks.len())
            .field("ended", &self.ended)
            .finish()
    }
}

impl Sink {
    fn push(&mut self, samples: &[i16], format: AudioFormat, queue: &FrameQueue<AudioFrame>) {
        let to = self.config.format;
        let frame_len = to.ten_ms() * (self.config.frame_ms.max(10) / 10) as usize;
        if self.pending.is_empty() {
            self.pending.reserve_exact(frame_len);
        }
        if format == to {
            self.pending.extend_from_slice(samples);
        } else if self.convert(samples, format).is_err() {
            // Only a format that nobody can make sense of, such as no channels: there is nothing to hear.
            return;
        }
        while self.pending.len() >= frame_len {
            let rest = self.pending.split_off(frame_len);
            let samples = std::mem::replace(&mut self.pending, rest);
            queue.push(AudioFrame {
                samples,
                sample_rate: to.sample_rate,
                num_channels: to.channels,
            });
        }
    }

    fn convert(&mut self, samples: &[i16], format: AudioFormat) -> Result<usize, lk_dsp::Error> {
        let converter = match &mut self.converter {
            Some(converter) if converter.from() == format => converter,
            converter => converter.insert(Converter::new(format, self.config.format)?),
        };
        converter.process(samples, &mut self.pending)
    }
}
