//! Which of a channel's bytes count as sent.
//!
//! The stack says what the peer confirmed, not what it put on the wire; W3C `bufferedAmount` is about the latter.
//! Taken for it, the former lets an owner that waits for an empty queue send one queue a round trip. So the bytes in
//! the stack count as sent as far as the path has lately shown to carry them: as many as were confirmed within
//! [`WINDOW`]. As long as the owner has more to send that grows with every round trip that is shorter, it follows a
//! path that becomes slower, and what waits in the stack uncounted is no more than goes out in a [`WINDOW`].

use std::time::{Duration, Instant};

const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_millis(25);

/// How far back confirmed bytes are counted: longer than the round trips of most paths, or the allowance could not
/// grow on them, and no longer than what is sent may be late without hurting.
const WINDOW: Duration = Duration::from_millis(25 * SLOTS as u64);

/// The least allowance, in bytes: the packets of a first round trip, several times over, for a path of which nothing
/// is known.
const LEAST: usize = 16 * 1024;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Departed {
    /// Counted as sent and not confirmed.
    ahead: usize,
    /// Bytes confirmed in each slot of the window, the current one at `at`.
    slots: [usize; SLOTS],
    at: usize,
    /// Of the current slot.
    start: Option<Instant>,
}

impl Departed {
    /// The peer confirmed `amount` bytes, or they were given up. Returns how many of them were not counted yet.
    pub(super) fn confirmed(&mut self, amount: usize, now: Instant) -> usize {
        self.advance(now);
        self.slots[self.at] += amount;
        let counted = self.ahead.min(amount);
        self.ahead -= counted;
        amount - counted
    }

    /// Counts what may be counted of `in_stack` unconfirmed bytes; returns how many that are, new ones only.
    pub(super) fn count(&mut self, in_stack: usize, most: usize, now: Instant) -> usize {
        self.advance(now);
        let allowed = self.slots.iter().sum::<usize>().clamp(LEAST, most);
        let new = in_stack.min(allowed).saturating_sub(self.ahead);
        self.ahead += new;
        new
    }

    /// Bytes counted as sent that the peer has not confirmed.
    pub(super) fn ahead(&self) -> usize {
        self.ahead
    }

    fn advance(&mut self, now: Instant) {
        let start = *self.start.get_or_insert(now);
        let passed = now.saturating_duration_since(start);
        if passed >= WINDOW {
            self.slots = [0; SLOTS];
            self.start = Some(now);
            return;
        }
        let mut start = start;
        while now.saturating_duration_since(start) >= SLOT {
            start += SLOT;
            self.at = (self.at + 1) % SLOTS;
            self.slots[self.at] = 0;
        }
        self.start = Some(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 128 * 1024;

    #[test]
    fn a_first_message_counts_at_once_and_is_not_counted_twice() {
        let now = lk_testkit::start();
        let mut departed = Departed::default();
        assert_eq!(departed.count(1000, MOST, now), 1000);
        assert_eq!(departed.count(1000, MOST, now), 0);
        assert_eq!(departed.confirmed(1000, now), 0);
        assert_eq!(departed.ahead(), 0);
    }

    #[test]
    fn beyond_the_allowance_bytes_count_when_they_are_confirmed() {
        let now = lk_testkit::start();
        let mut departed = Departed::default();
        assert_eq!(departed.count(100_000, MOST, now), LEAST);
        assert_eq!(departed.confirmed(20_000, now), 20_000 - LEAST);
        // The window now holds what was confirmed.
        assert_eq!(departed.count(80_000, MOST, now), 20_000);
    }

    #[test]
    fn the_allowance_never_passes_its_bound_and_decays() {
        let now = lk_testkit::start();
        let mut departed = Departed::default();
        for _ in 0..10 {
            departed.count(MOST, MOST, now);
            departed.confirmed(MOST, now);
        }
        assert_eq!(departed.count(MOST, MOST, now), MOST);
        departed.confirmed(MOST, now);
        let later = now + WINDOW;
        assert_eq!(departed.count(MOST, MOST, later), LEAST);
    }

    #[test]
    fn old_slots_go_one_by_one() {
        let now = lk_testkit::start();
        let mut departed = Departed::default();
        departed.confirmed(30_000, now);
        departed.confirmed(40_000, now + WINDOW / 2);
        let (before, after) = (WINDOW - SLOT, WINDOW + SLOT);
        assert_eq!(departed.count(MOST, MOST, now + before), 70_000);
        departed.ahead = 0;
        assert_eq!(departed.count(MOST, MOST, now + after), 40_000);
    }
}
