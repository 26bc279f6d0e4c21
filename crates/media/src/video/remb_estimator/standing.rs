//! The queue that packets meet, by how much longer they take than the fastest ones did.
//!
//! A trend sees queues grow; it does not see one that is full and stays so, because the sender does not follow.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The queue is the shortest that any packet met within this time, and of so many packets at least.
const LATELY: Duration = Duration::from_millis(100);
const LATELY_PACKETS: usize = 6;
/// The fastest packet is looked for in two halves of this.
const HALF: Duration = Duration::from_secs(30);
/// Absolute send times begin anew after this many seconds.
const TURN: f64 = 64.0;

#[derive(Debug, Default)]
pub(super) struct StandingQueue {
    /// The first packet: when it arrived and was sent. Times are counted from there.
    first: Option<(Instant, Instant)>,
    /// The smallest transits of this half and of the one before.
    fastest: [f64; 2],
    half_began: Option<Instant>,
    lately: VecDeque<(Instant, f64)>,
    queue: f64,
}

impl StandingQueue {
    pub(super) fn add(&mut self, arrival: Instant, sent: Instant) {
        let (first_arrival, first_sent) = *self.first.get_or_insert((arrival, sent));
        let transit = seconds(arrival, first_arrival) - seconds(sent, first_sent);
        let transit = transit - (transit / TURN).round() * TURN;
        match self.half_began {
            None => {
                self.half_began = Some(arrival);
                self.fastest = [transit; 2];
            }
            Some(began) if arrival.saturating_duration_since(began) > HALF => {
                self.half_began = Some(arrival);
                self.fastest = [transit, self.fastest[0]];
            }
            Some(_) => self.fastest[0] = self.fastest[0].min(transit),
        }
        let queue = transit - self.fastest[0].min(self.fastest[1]);
        self.lately.push_back((arrival, queue));
        while self.lately.len() > LATELY_PACKETS
            && self
                .lately
                .front()
                .is_some_and(|(at, _)| arrival.saturating_duration_since(*at) > LATELY)
        {
            self.lately.pop_front();
        }
        self.queue = self
            .lately
            .iter()
            .map(|(_, queue)| *queue)
            .fold(queue, f64::min);
    }

    /// How long packets wait.
    pub(super) fn queue(&self) -> Duration {
        Duration::try_from_secs_f64(self.queue).unwrap_or_default()
    }
}

fn seconds(at: Instant, since: Instant) -> f64 {
    match at.checked_duration_since(since) {
        Some(after) => after.as_secs_f64(),
        None => -since.duration_since(at).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::start;

    #[test]
    fn the_queue_is_what_all_packets_lately_met() {
        let begin = start() + Duration::from_secs(100);
        let mut queue = StandingQueue::default();
        let mut packet = |at: u64, wait: u64, turns: u64| {
            let sent = begin + Duration::from_millis(at) + Duration::from_secs(64 * turns);
            queue.add(begin + Duration::from_millis(at + 30 + wait), sent);
            queue.queue().as_millis()
        };
        for at in 0..20 {
            assert_eq!(packet(at * 20, 0, 0), 0);
        }
        assert_eq!(packet(400, 300, 0), 0, "a single one");
        for at in 21..25 {
            assert_eq!(packet(at * 20, 300, 1), 0);
        }
        for at in 25..30 {
            packet(at * 20, 300, at % 3);
        }
        assert_eq!(packet(600, 300, 0), 300);
        assert_eq!(packet(620, 20, 0), 20);
    }
}
