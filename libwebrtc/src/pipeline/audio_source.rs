//! The queue behind a track that the host fills: captured samples leave it in real time.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lk_dsp::AudioFormat;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::audio_sink::{AudioFrames, SinkConfig, SinkSet};
use super::tap::Tap;

/// What leaves the queue at a time.
const TICK: Duration = Duration::from_millis(10);
/// How much before its turn a block may leave. A host that captures in real time is never exact; with this much
/// leeway its blocks pass straight through, without a timer for each.
const EARLY: Duration = Duration::from_millis(5);
/// Longest queue that can be asked for: a minute.
const MAX_QUEUE_MS: u32 = 60_000;

/// A source that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AudioSourceError {
    /// Rate or channels.
    #[error("audio source: {0}")]
    Format(#[from] lk_dsp::Error),
    /// Not a multiple of 10 ms, or too long.
    #[error(
        "audio source: queue_size_ms {queue_size_ms} is not a multiple of 10 up to {MAX_QUEUE_MS}"
    )]
    QueueSize {
        /// What was asked for, ms.
        queue_size_ms: u32,
    },
    /// A frame of another format than the source's.
    #[error(
        "audio source: frame of {sample_rate} Hz and {channels} channels, the source has {expected_rate} Hz and \
         {expected_channels} channels"
    )]
    FormatMismatch {
        /// Of the frame, Hz.
        sample_rate: u32,
        /// Of the frame.
        channels: u32,
        /// Of the source, Hz.
        expected_rate: u32,
        /// Of the source.
        expected_channels: u32,
    },
    /// A frame without a sample.
    #[error("audio source: the frame holds 0 samples")]
    Empty,
}

/// Samples on their way from the host to any number of senders and local listeners. Clones are the same source.
///
/// With a queue, samples leave it at the pace of time, 10 ms each 10 ms, and [`capture`](Self::capture) waits while
/// it is full. Without one they leave at once. A source that nobody fills runs no timer and no task.
#[derive(Clone, Debug)]
pub(crate) struct AudioSource {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    handle: Handle,
    format: AudioFormat,
    /// Values that the queue holds; 0 for none.
    capacity: usize,
    queue: Mutex<Queue>,
    outputs: Mutex<Outputs>,
    /// Fair, so that concurrent captures keep their order.
    turn: tokio::sync::Mutex<()>,
    room: Notify,
}

#[derive(Debug)]
struct Queue {
    samples: VecDeque<i16>,
    /// When the next 10 ms may leave.
    due: Instant,
    /// Whether a task empties the queue.
    pacing: bool,
    /// Counts calls of `clear`, so that a capture that waits notices.
    clears: u64,
}

#[derive(Debug, Default)]
struct Outputs {
    taps: Vec<Weak<Tap>>,
    sinks: SinkSet,
}

impl AudioSource {
    /// A source of `sample_rate` Hz and `channels` that holds up to `queue_size_ms`, a multiple of 10; 0 hands every
    /// frame on at once. Its task runs on `handle`.
    ///
    /// # Errors
    /// Where the format or the queue's size makes no sense.
    pub(crate) fn new(
        handle: Handle,
        sample_rate: u32,
        channels: u32,
        queue_size_ms: u32,
    ) -> Result<Self, AudioSourceError> {
        let format = AudioFormat::new(sample_rate, channels)?;
        if !queue_size_ms.is_multiple_of(10) || queue_size_ms > MAX_QUEUE_MS {
            return Err(AudioSourceError::QueueSize { queue_size_ms });
        }
        let capacity = format.ten_ms() * (queue_size_ms / 10) as usize;
        let queue = Queue {
            samples: VecDeque::new(),
            due: Instant::now(),
            pacing: false,
            clears: 0,
        };
        let shared = Shared {
            handle,
            format,
            capacity,
            queue: Mutex::new(queue),
            outputs: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            room: Notify::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Takes a frame of any length and returns when all of it is in the queue, or has been handed on. Concurrent
    /// captures take turns. If the future is dropped, what was not queued yet is not sent; after
    /// [`clear`](Self::clear) the rest is discarded and the capture succeeds.
    ///
    /// # Errors
    /// Where the frame is empty, ends within a sample of all channels, or is not of the source's format.
    pub(crate) async fn capture(
        &self,
        samples: &[i16],
        sample_rate: u32,
        channels: u32,
    ) -> Result<(), AudioSourceError> {
        let shared = &self.shared;
        let format = shared.format;
        if (sample_rate, channels) != (format.sample_rate, format.channels) {
            return Err(AudioSourceError::FormatMismatch {
                sample_rate,
                channels,
                expected_rate: format.sample_rate,
                expected_channels: format.channels,
            });
        }
        if samples.is_empty() {
            return Err(AudioSourceError::Empty);
        }
        if !samples.len().is_multiple_of(channels as usize) {
            return Err(lk_dsp::Error::PartialFrame {
                samples: samples.len(),
                channels,
            }
            .into());
        }
        if shared.capacity == 0 {
            shared.deliver(samples);
            return Ok(());
        }
        let _turn = shared.turn.lock().await;
        let clears = shared.queue.lock().clears;
        let mut rest = samples;
        loop {
            let taken = shared.enqueue(rest);
            rest = &rest[taken..];
            if rest.is_empty() {
                return Ok(());
            }
            if taken > 0 {
                continue;
            }
            shared.room.notified().await;
            if shared.queue.lock().clears != clears {
                return Ok(());
            }
        }
    }

    /// Hands samples of the source's format on at once, past the queue: for a device, which keeps time itself.
    pub(crate) fn deliver_now(&self, samples: &[i16]) {
        self.shared.deliver(samples);
    }

    /// Whether anybody sends it or listens to it.
    pub(crate) fn is_heard(&self) -> bool {
        let mut outputs = self.shared.outputs.lock();
        outputs.taps.retain(|tap| tap.strong_count() > 0);
        !outputs.taps.is_empty() || !outputs.sinks.is_empty()
    }

    /// Discards what has not left yet, and what a waiting capture still holds.
    pub(crate) fn clear(&self) {
        let mut queue = self.shared.queue.lock();
        queue.samples.clear();
        queue.clears += 1;
        drop(queue);
        self.shared.room.notify_one();
    }

    /// Attaches a local listener, as a track of the host's own has them.
    pub(crate) fn add_sink(&self, config: SinkConfig) -> AudioFrames {
        self.shared.outputs.lock().sinks.add(config)
    }

    /// Attaches a sender, which detaches by dropping the tap.
    pub(super) fn tap(&self, threshold_ms: usize) -> Arc<Tap> {
        // A sender that falls this far behind has no processor to run on: older sound is of no use.
        const LIMIT_MS: usize = 500;
        let tap = Tap::new(self.shared.format, LIMIT_MS, threshold_ms);
        self.shared.outputs.lock().taps.push(Arc::downgrade(&tap));
        tap
    }

    /// What it was made for.
    pub(crate) fn format(&self) -> AudioFormat {
        self.shared.format
    }

    /// Samples in each channel that wait in the queue.
    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        self.shared.queue.lock().samples.len() / self.shared.format.channels as usize
    }
}

impl Shared {
    /// Queues as much of `samples` as there is room for, and returns how many values.
    fn enqueue(self: &Arc<Self>, samples: &[i16]) -> usize {
        let tick = self.format.ten_ms();
        let now = Instant::now();
        let mut queue = self.queue.lock();
        if !queue.pacing
            && queue.samples.is_empty()
            && samples.len() >= tick
            && now + EARLY >= queue.due
        {
            // The usual case of a host in real time: the block leaves straight away.
            queue.advance(now);
            drop(queue);
            self.deliver(&samples[..tick]);
            return tick;
        }
        let count = samples
            .len()
            .min(self.capacity.saturating_sub(queue.samples.len()));
        queue.samples.extend(&samples[..count]);
        if !queue.pacing && count > 0 {
            queue.pacing = true;
            self.handle.spawn(pace(Arc::downgrade(self)));
        }
        count
    }

    /// Hands samples on. The locks of the outputs are leaves: nothing is called back under them but wakers.
    fn deliver(&self, samples: &[i16]) {
        let mut outputs = self.outputs.lock();
        outputs.taps.retain(|tap| match tap.upgrade() {
            Some(tap) => {
                tap.push(samples);
                true
            }
            None => false,
        });
        outputs.sinks.push(samples, self.format);
    }
}

impl Queue {
    /// Moves the due time one tick on, from now if the host made a pause.
    fn advance(&mut self, now: Instant) {
        let from = if now > self.due + TICK { now } else { self.due };
        self.due = from + TICK;
    }
}

/// Empties the queue in real time, and ends when it is empty.
async fn pace(shared: Weak<Shared>) {
    let mut block = Vec::new();
    let mut waited = false;
    loop {
        // Weak while it sleeps: a source that everybody dropped is not played to the end.
        let Some(due) = shared.upgrade().map(|shared| shared.queue.lock().due) else {
            return;
        };
        tokio::time::sleep_until(due).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let tick = shared.format.ten_ms();
        let now = Instant::now();
        {
            let mut queue = shared.queue.lock();
            if queue.samples.is_empty() {
                queue.pacing = false;
                return;
            }
            queue.advance(now);
            // A rest of less than 10 ms waits one tick for more to come, then goes out with silence behind it.
            if queue.samples.len() < tick && !waited {
                waited = true;
                continue;
            }
            waited = false;
            let count = queue.samples.len().min(tick);
            block.clear();
            block.extend(queue.samples.drain(..count));
            block.resize(tick, 0);
        }
        shared.room.notify_one();
        shared.deliver(&block);
    }
}
