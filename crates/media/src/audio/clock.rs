//! Instants as frame counts, and the pull clock freed from the puller's lateness.

use std::collections::VecDeque;
use std::time::Instant;

use super::{PULL_FRAMES, ms};

/// Pulls over which the earliest one tells the true phase.
const WINDOW: usize = 16;

/// A pull that comes so long after the last one is a puller that slept, not one that makes up for being late.
const SLEPT: i64 = ms(200);

/// Maps instants to frames of 48 kHz since the first instant it saw.
#[derive(Debug, Default)]
pub(super) struct FrameClock {
    epoch: Option<Instant>,
}

impl FrameClock {
    /// Frames from the first instant seen to `at`; negative where `at` is earlier.
    pub(super) fn frames(&mut self, at: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(at);
        match at.checked_duration_since(epoch) {
            Some(later) => to_frames(later),
            None => -to_frames(epoch.saturating_duration_since(at)),
        }
    }
}

fn to_frames(duration: std::time::Duration) -> i64 {
    // 48 frames a millisecond: a u64 of microseconds / 48 outlasts any process.
    i64::try_from(duration.as_micros() * 48 / 1_000).unwrap_or(i64::MAX / 4)
}

/// The time at which a pull should have come.
///
/// A pull task wakes late now and then and makes up for it with pulls in quick succession. Taken at face value that
/// looks like delay that comes and goes; the earliest of the last pulls is what the flow really keeps up with.
#[derive(Debug, Default)]
pub(super) struct PullClock {
    /// Frames pulled since the last jump.
    pulled: i64,
    last: Option<i64>,
    lateness: VecDeque<i64>,
}

impl PullClock {
    /// Registers a pull at `now`. Returns the smoothed time, never later than `now`, and whether the puller had slept.
    pub(super) fn pull(&mut self, now: i64) -> (i64, bool) {
        let slept = self.last.is_some_and(|last| now - last > SLEPT);
        if slept {
            self.lateness.clear();
            self.pulled = 0;
        }
        self.last = Some(now);
        if self.lateness.len() == WINDOW {
            self.lateness.pop_front();
        }
        self.lateness.push_back(now - self.pulled);
        let least = self
            .lateness
            .iter()
            .copied()
            .min()
            .unwrap_or(now - self.pulled);
        let smoothed = self.pulled + least;
        self.pulled += PULL_FRAMES as i64;
        (smoothed, slept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_pull_does_not_move_the_smoothed_clock() {
        let mut clock = PullClock::default();
        let late = [0, 100, 0, 300, 2_000, 1_600, 1_100, 700, 300, 0];
        for (index, late) in late.into_iter().enumerate() {
            let due = index as i64 * PULL_FRAMES as i64;
            assert_eq!(clock.pull(due + late), (due, false));
        }
    }

    #[test]
    fn a_puller_that_slept_starts_anew() {
        let mut clock = PullClock::default();
        assert_eq!(clock.pull(0), (0, false));
        assert_eq!(clock.pull(480), (480, false));
        assert_eq!(clock.pull(480_000), (480_000, true));
    }
}
