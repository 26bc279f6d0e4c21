//! When a stream has a key frame made.

use std::time::{Duration, Instant};

/// Key frames of a stream are at least this far apart: wishes come from every receiver at once.
const SPACING: Duration = Duration::from_millis(100);

/// What is known of a stream's key frames.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    wanted: bool,
    last: Option<Instant>,
    /// None was sent but the one that the stream began with, and that may have come too early: LiveKit's server passes on
    /// what follows a stream's first packet, and wishes for a key frame of it at once. That wish does not wait.
    beginning: bool,
    /// The stream comes back after a time in which nobody wanted it.
    returning: bool,
    /// When the second key frame of a stream that came back is due.
    repeat: Option<Instant>,
}

impl KeyFrames {
    /// Of a stream that begins: with a key frame.
    pub(super) fn new() -> Self {
        Self {
            wanted: true,
            beginning: true,
            ..Self::default()
        }
    }

    /// A receiver has nothing to go on from.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// The stream is made anew, by another encoder: at once with a key frame.
    pub(super) fn begin(&mut self) {
        self.wanted = true;
        self.last = None;
    }

    /// Nobody wants the stream any more; when it comes back, it begins with two key frames. LiveKit's server finds out by
    /// the first that the stream is there and may go over to it with the next only; and its own wish for that comes a
    /// second late, because it has just wished for the first one.
    pub(super) fn leave(&mut self) {
        self.last = None;
        self.returning = true;
    }

    /// Whether what is captured then is to be a key frame.
    pub(super) fn is_due(&mut self, captured: Instant) -> bool {
        if self.repeat.is_some_and(|at| captured >= at) {
            self.repeat = None;
            self.wanted = true;
        }
        let spaced = |last| self.beginning || captured >= last + SPACING;
        self.wanted && self.last.is_none_or(spaced)
    }

    /// A key frame was sent of what was captured then.
    pub(super) fn sent(&mut self, captured: Instant) {
        self.wanted = false;
        self.beginning &= self.last.is_none();
        self.last = Some(captured);
        if std::mem::take(&mut self.returning) {
            self.repeat = Some(captured + SPACING);
        }
    }

    /// None was sent yet: other frames are of no use.
    pub(super) fn awaits_first(&self) -> bool {
        self.last.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of so many pictures, 40 ms apart, are key frames.
    fn made(keyframes: &mut KeyFrames, start: Instant, pictures: u32, from: u32) -> Vec<u32> {
        (from..from + pictures)
            .filter(|number| {
                let captured = start + *number * Duration::from_millis(40);
                let due = keyframes.is_due(captured);
                if due {
                    keyframes.sent(captured);
                }
                due
            })
            .collect()
    }

    #[test]
    fn a_stream_begins_with_one_and_makes_one_for_wishes_that_come_together() {
        let (mut keyframes, start) = (KeyFrames::new(), Instant::now());
        assert!(keyframes.awaits_first());
        assert_eq!(made(&mut keyframes, start, 10, 0), [0]);
        assert!(!keyframes.awaits_first());
        keyframes.want();
        assert_eq!(made(&mut keyframes, start, 1, 10), [10]);
        keyframes.want();
        keyframes.want();
        assert_eq!(made(&mut keyframes, start, 10, 11), [13]);
    }

    #[test]
    fn the_first_wish_is_granted_at_once_and_those_after_it_are_not() {
        let (mut keyframes, start) = (KeyFrames::new(), Instant::now());
        assert_eq!(made(&mut keyframes, start, 1, 0), [0]);
        keyframes.want();
        assert_eq!(made(&mut keyframes, start, 1, 1), [1]);
        keyframes.want();
        assert_eq!(made(&mut keyframes, start, 10, 2), [4]);
    }

    #[test]
    fn a_stream_that_comes_back_begins_with_two() {
        let (mut keyframes, start) = (KeyFrames::new(), Instant::now());
        made(&mut keyframes, start, 10, 0);
        keyframes.leave();
        keyframes.begin();
        assert_eq!(made(&mut keyframes, start, 20, 10), [10, 13]);
        keyframes.begin();
        assert_eq!(made(&mut keyframes, start, 20, 30), [30]);
    }
}
