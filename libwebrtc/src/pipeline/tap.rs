//! A sender's view of a source: samples as they were captured, without a copy for each block.

use std::collections::VecDeque;
use std::sync::Arc;

use lk_dsp::AudioFormat;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Samples that wait for one sender.
#[derive(Debug)]
pub(super) struct Tap {
    /// Values kept at most; with more, the oldest go.
    limit: usize,
    /// Values worth waking the sender for.
    threshold: usize,
    samples: Mutex<VecDeque<i16>>,
    ready: Notify,
}

impl Tap {
    /// A tap that keeps `limit_ms` and wakes its sender for every `threshold_ms`.
    pub(super) fn new(format: AudioFormat, limit_ms: usize, threshold_ms: usize) -> Arc<Self> {
        // Rounded up: a block of a rate such as 11,025 Hz then fills a packet.
        let ms = |ms: usize| {
            (format.sample_rate as usize * ms).div_ceil(1_000) * format.channels as usize
        };
        let (limit, threshold) = (ms(limit_ms), ms(threshold_ms));
        Arc::new(Self {
            limit,
            threshold,
            samples: Mutex::default(),
            ready: Notify::new(),
        })
    }

    /// Appends whole frames.
    pub(super) fn push(&self, samples: &[i16]) {
        let len = {
            let mut queue = self.samples.lock();
            queue.extend(samples);
            let excess = queue.len().saturating_sub(self.limit);
            // Whole frames in, a whole number of frames as the limit: channels stay in step.
            queue.drain(..excess);
            queue.len()
        };
        if len >= self.threshold {
            self.ready.notify_one();
        }
    }

    /// Moves as much as the sender is woken for to the end of `out`; nothing where there is less. The rest stays, so
    /// that the next wake-up comes when it is a block again.
    pub(super) fn take_block(&self, out: &mut Vec<i16>) -> bool {
        let mut queue = self.samples.lock();
        if queue.len() < self.threshold {
            return false;
        }
        out.extend(queue.drain(..self.threshold));
        true
    }

    /// Moves everything to the end of `out`.
    pub(super) fn take_all(&self, out: &mut Vec<i16>) {
        out.extend(self.samples.lock().drain(..));
    }

    /// Returns once a threshold's worth has come since the last call; may return early.
    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }
}
