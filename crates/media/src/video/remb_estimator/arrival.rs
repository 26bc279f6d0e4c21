//! Groups of packets that were sent together, and how the gaps between them change on the way.

use std::time::{Duration, Instant};

/// Packets sent within this belong together: 5 ms, in units of 2⁻¹⁸ s.
const GROUP: i64 = 5 * (1 << 18) / 1_000;
/// Packets that come in at once after a stall on the way belong together too.
const BURST: f64 = 5.0;
const LONGEST_BURST: f64 = 100.0;
/// Send times jump by more than that: another sender's clock.
const JUMP: i64 = 3 << 18;

/// Between two groups, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Delta {
    /// On the sender's clock.
    pub(super) sent: f64,
    /// On ours.
    pub(super) arrived: f64,
    /// The later group's arrival, since the first packet.
    pub(super) at: f64,
}

/// One group.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: f64,
    last_arrival: f64,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    begin: Option<Instant>,
    /// Send times without wrap-around.
    last_sent: i64,
    current: Option<Group>,
    before: Option<Group>,
}

impl Groups {
    /// Takes a packet; where it begins a group, gives what lies between the two before.
    pub(super) fn add(&mut self, arrival: Instant, send_time: u32) -> Option<Delta> {
        let begin = *self.begin.get_or_insert(arrival);
        let arrived = arrival
            .checked_duration_since(begin)
            .unwrap_or(Duration::ZERO)
            .as_secs_f64()
            * 1_000.0;
        let Some(current) = &mut self.current else {
            self.last_sent = i64::from(send_time);
            self.current = Some(Group::new(self.last_sent, arrived));
            return None;
        };
        // The nearest place of the 24 bits.
        let ahead = (i64::from(send_time) - self.last_sent).rem_euclid(1 << 24);
        let step = if ahead < 1 << 23 {
            ahead
        } else {
            ahead - (1 << 24)
        };
        if step.abs() > JUMP {
            *self = Self::default();
            return self.add(arrival, send_time);
        }
        let sent = self.last_sent + step;
        if sent < current.first_sent {
            // Overtaken by a later group: says nothing about the queue.
            return None;
        }
        self.last_sent = self.last_sent.max(sent);
        if current.takes(sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrival = current.last_arrival.max(arrived);
            return None;
        }
        let done = *current;
        *current = Group::new(sent, arrived);
        let before = self.before.replace(done)?;
        let delta = Delta {
            sent: milliseconds(done.last_sent - before.last_sent),
            arrived: done.last_arrival - before.last_arrival,
            at: done.last_arrival,
        };
        (delta.arrived >= 0.0).then_some(delta)
    }
}

impl Group {
    fn new(sent: i64, arrived: f64) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrival: arrived,
            last_arrival: arrived,
        }
    }

    fn takes(&self, sent: i64, arrived: f64) -> bool {
        let on_the_way = arrived - self.last_arrival - milliseconds(sent - self.last_sent);
        let burst = on_the_way < 0.0
            && arrived - self.last_arrival <= BURST
            && arrived - self.first_arrival < LONGEST_BURST;
        sent - self.first_sent <= GROUP || burst
    }
}

fn milliseconds(ticks: i64) -> f64 {
    ticks as f64 * 1_000.0 / f64::from(1 << 18)
}
