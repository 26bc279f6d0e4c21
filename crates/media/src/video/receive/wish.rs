//! When to ask for a key frame, and when again.

use std::time::{Duration, Instant};

/// Pause after the first request, at least.
const LEAST: Duration = Duration::from_millis(200);
/// Longest pause between requests.
const MOST: Duration = Duration::from_secs(3);

/// The need of a key frame and the requests that were made for it.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// Since when, or from when on, one is needed.
    needed: Option<Instant>,
    /// The pause that runs, and when it ends.
    pause: Option<(Duration, Instant)>,
    /// Media came since the last request: somebody sends who can answer.
    heard: bool,
}

impl Wish {
    /// One is needed from then on; not at all with `None`.
    pub(super) fn need(&mut self, from: Option<Instant>, now: Instant) {
        self.needed = from;
        if from.is_none() && self.pause.is_some_and(|(_, end)| now >= end) {
            // Settled without one; the next need is another.
            self.pause = None;
        }
    }

    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    /// One came that can be decoded.
    pub(super) fn fulfilled(&mut self) {
        *self = Self::default();
    }

    /// When [`Self::ask`] says yes next.
    pub(super) fn due(&self) -> Option<Instant> {
        let needed = self.needed?;
        match self.pause {
            None => Some(needed),
            Some((_, end)) => self.heard.then_some(end.max(needed)),
        }
    }

    /// Whether to ask now; if so the answer is no for a while.
    pub(super) fn ask(&mut self, now: Instant, rtt: Duration) -> bool {
        if self.due().is_none_or(|due| now < due) {
            return false;
        }
        let pause = match self.pause {
            None => (rtt * 2).clamp(LEAST, MOST),
            Some((last, _)) => (last * 2).min(MOST),
        };
        self.pause = Some((pause, now + pause));
        self.heard = false;
        true
    }
}
