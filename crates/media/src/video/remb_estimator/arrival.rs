//! Groups of packets that were sent together, and how the gaps between them change on the way.

use std::time::Instant;

/// Packets sent within so many milliseconds belong together.
const GROUP: f64 = 5.0;
/// Packets that come in at once after a stall on the way belong together too.
const BURST: f64 = 5.0;
const LONGEST_BURST: f64 = 100.0;
/// Send times that jump by more milliseconds than that are another sender's.
const JUMP: f64 = 3_000.0;
/// Send times come in 24 bits and repeat after 64 s; who unwraps them by our clock may be a turn off.
const TURN: f64 = 64_000.0;

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

/// One group, in milliseconds since the first packet was sent and arrived.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: f64,
    last_sent: f64,
    first_arrival: f64,
    last_arrival: f64,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    /// When the first packet arrived, and when it was sent.
    begin: Option<(Instant, Instant)>,
    /// When the last packet was sent, without whole turns.
    last_sent: f64,
    current: Option<Group>,
    before: Option<Group>,
}

impl Groups {
    /// Takes a packet; where it begins a group, gives what lies between the two before.
    pub(super) fn add(&mut self, arrival: Instant, sent: Instant) -> Option<Delta> {
        let (first_arrival, first_sent) = *self.begin.get_or_insert((arrival, sent));
        let arrived = milliseconds(arrival, first_arrival).max(0.0);
        let step = milliseconds(sent, first_sent) - self.last_sent;
        let step = step - (step / TURN).round() * TURN;
        let sent_at = self.last_sent + step;
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(sent_at, arrived));
            return None;
        };
        if step.abs() > JUMP {
            *self = Self::default();
            return self.add(arrival, sent);
        }
        self.last_sent = sent_at;
        if sent_at < current.first_sent {
            // Overtaken by a later group: says nothing about the queue.
            return None;
        }
        if current.takes(sent_at, arrived) {
            current.last_sent = current.last_sent.max(sent_at);
            current.last_arrival = current.last_arrival.max(arrived);
            return None;
        }
        let done = *current;
        *current = Group::new(sent_at, arrived);
        let before = self.before.replace(done)?;
        let delta = Delta {
            sent: done.last_sent - before.last_sent,
            arrived: done.last_arrival - before.last_arrival,
            at: done.last_arrival,
        };
        (delta.arrived >= 0.0).then_some(delta)
    }
}

impl Group {
    fn new(sent: f64, arrived: f64) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrival: arrived,
            last_arrival: arrived,
        }
    }

    fn takes(&self, sent: f64, arrived: f64) -> bool {
        let on_the_way = arrived - self.last_arrival - (sent - self.last_sent);
        let burst = on_the_way < 0.0
            && arrived - self.last_arrival <= BURST
            && arrived - self.first_arrival < LONGEST_BURST;
        sent - self.first_sent <= GROUP || burst
    }
}

fn milliseconds(to: Instant, from: Instant) -> f64 {
    let seconds = match to.checked_duration_since(from) {
        Some(after) => after.as_secs_f64(),
        None => -from.duration_since(to).as_secs_f64(),
    };
    seconds * 1_000.0
}
