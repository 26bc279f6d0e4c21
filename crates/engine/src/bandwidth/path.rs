//! What the path carries: from when packets left and arrived to a rate.
//!
//! The smallest transit of the last minute is the path's own; what a packet takes longer is the queue in front of the
//! narrowest place. While there is a queue, packets arrive as fast as that place lets them through: that rate is known
//! then, and sending goes so far below it that the queue empties within a moment. Without a queue the rate grows, and
//! short bursts (probes) find out about more.

use std::collections::VecDeque;

use super::reports::{Arrived, Report};
use super::standing::Standing;

/// A queue longer than this means that too much is sent …
const OVER: f64 = 0.050;
/// … and one shorter than this that there is none, or than so many bits take at the present rate (some packets), which is
/// at least so long. Seconds.
const CLEAR: f64 = 0.025;
const CLEAR_BITS: f64 = 25_000.0;
const LEAST_CLEAR: f64 = 0.010;
/// The queue is the shortest that any packet met within this time, and of so many packets at least, for some are late
/// for other reasons.
const LATELY: f64 = 0.1;
const LATELY_PACKETS: usize = 6;
/// A packet that took so much longer than the one before met something that stood still for a moment: how fast packets
/// arrived says nothing then. Seconds.
const STALL: f64 = 0.2;
/// What a queue is to be emptied within, about.
const EMPTIED: f64 = 0.4;
/// Share of the narrowest place's rate that is sent while its queue empties, and once it is empty.
const LEAST_SHARE: f64 = 0.35;
const MOST_SHARE: f64 = 0.85;
const SHARE_AFTER: f64 = 0.9;
/// What arrives is measured over so long and so many packets at least.
const MEASURED: f64 = 0.15;
const MEASURED_PACKETS: usize = 12;
/// Growth in a second, far from the last known limit and near it.
const GROWTH: f64 = 0.10;
const GROWTH_NEAR: f64 = 0.03;
/// The estimate stays within what can be judged from what arrives.
const BEYOND_ARRIVING: f64 = 1.5;
/// Shares of lost packets: without a queue, that much means a place that drops what it does not let through; with one,
/// that the queue is full. Less than that is the path's own.
const DROPPING: f64 = 0.25;
const LOSING: f64 = 0.10;
/// A queue that long is the narrowest place's own. Seconds.
const DEEP: f64 = 0.15;
/// Packets that arrive at less than this share of the rate that they were sent at are held up.
const NARROWER: f64 = 0.8;
/// A limit that was seen is believed for so long.
const KNOWN: f64 = 10.0;
/// Share of the rate that is sent at while nobody knows why answers are missing.
const DOUBTFUL_SHARE: f64 = 0.25;
/// A path whose rate is less than this share of what was sent has become another one.
const FALL: f64 = 0.6;
/// Reports of at least so many packets say something of loss.
const LOSS_PACKETS: f64 = 20.0;
/// The smallest transit is looked for in two halves of this.
const TRANSIT_HALF: f64 = 30.0;
/// A transit that far from the one before is another clock's.
const ANOTHER_CLOCK: f64 = 5.0;
/// Bounds, bit/s.
const LEAST: f64 = 80_000.0;
const MOST: f64 = 100_000_000.0;
/// A short queue that stays makes the rate less so often. Seconds.
const EASED: f64 = 0.3;

/// What a hold of packets may turn out to have been wrong about.
#[derive(Clone, Copy, Debug)]
struct Known {
    rate: f64,
    emptying: bool,
    fell: bool,
    limit: Option<(f64, f64)>,
}

/// The path's rate and what is known of it. All times are seconds, all rates bits per second.
#[derive(Debug)]
pub(super) struct Path {
    rate: f64,
    /// The smallest transits of this half and of the one before, and since when this one lasts.
    transits: [f64; 2],
    half_began: f64,
    last_transit: Option<f64>,
    /// Lately: packets, and the queue they met.
    arrived: VecDeque<(Arrived, f64)>,
    queue: f64,
    /// Of lost packets and of all, fading.
    lost: f64,
    counted: f64,
    /// There was a queue and it is not empty yet.
    emptying: bool,
    /// A queue began to build up that packets are lost of.
    fell: bool,
    /// What the narrowest place let through when there was a queue, and when that was seen.
    limit: Option<(f64, f64)>,
    grown: f64,
    /// What was known before packets were held back, where that has made the rate less.
    before: Option<Known>,
    /// Packets went on without an answer: the next report tells whether `before` still holds.
    doubtful: bool,
    /// What was sent before then met a queue that the rate has followed from already.
    followed: f64,
    /// Since when there is a queue.
    standing: Option<Standing>,
    /// When a short queue made the rate less the last time.
    eased: f64,
}

impl Path {
    pub(super) fn new(rate: f64) -> Self {
        Self {
            rate: rate.clamp(LEAST, MOST),
            transits: [f64::INFINITY; 2],
            half_began: f64::NEG_INFINITY,
            last_transit: None,
            arrived: VecDeque::new(),
            queue: 0.0,
            lost: 0.0,
            counted: 0.0,
            emptying: false,
            fell: false,
            limit: None,
            grown: 0.0,
            before: None,
            doubtful: false,
            followed: f64::NEG_INFINITY,
            standing: None,
            eased: f64::NEG_INFINITY,
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// A queue shorter than this is none, seconds.
    fn clear(&self) -> f64 {
        (CLEAR_BITS / self.rate).clamp(LEAST_CLEAR, CLEAR)
    }

    /// No queue to be seen, and none that is still emptying.
    pub(super) fn is_clear(&self) -> bool {
        !self.emptying && self.queue < self.clear()
    }

    /// It was too narrow at some time, and nothing has disproved that since.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// The path became much narrower, and its queue is not empty yet.
    pub(super) fn is_fallen(&self) -> bool {
        self.emptying && self.fell
    }

    /// A report came at `now`.
    pub(super) fn take(&mut self, report: &Report, now: f64) {
        for packet in &report.arrived {
            self.arrival(packet);
        }
        self.stand(now);
        if report
            .arrived
            .last()
            .is_some_and(|last| last.sent < self.followed)
        {
            return;
        }
        let count = (report.arrived.len() + report.lost) as f64;
        let kept = (1.0 - count / 50.0).clamp(0.0, 1.0);
        self.lost = self.lost * kept + report.lost as f64;
        self.counted = self.counted * kept + count;
        let loss = if self.counted >= LOSS_PACKETS {
            self.lost / self.counted
        } else {
            0.0
        };
        // Of this report and lately: neither chance nor the past.
        let losing = |share| loss > share && report.lost as f64 > count * share;
        if self.queue > OVER || self.queue > self.clear() && losing(LOSING) || losing(DROPPING) {
            self.shrink(now);
        } else if self.queue < self.clear() {
            self.grow(now);
        } else {
            self.linger(now);
        }
    }

    fn arrival(&mut self, packet: &Arrived) {
        let transit = packet.arrival - packet.sent;
        let longer = self.last_transit.map_or(0.0, |last| transit - last);
        if longer.abs() > ANOTHER_CLOCK {
            self.transits = [f64::INFINITY; 2];
        }
        if longer.abs() > ANOTHER_CLOCK || longer > STALL {
            self.arrived.clear();
        }
        self.last_transit = Some(transit);
        if packet.sent > self.half_began + TRANSIT_HALF {
            self.half_began = packet.sent;
            self.transits = [transit, self.transits[0]];
        }
        self.transits[0] = self.transits[0].min(transit);
        let queue = transit - self.transits[0].min(self.transits[1]);
        self.arrived.push_back((*packet, queue));
        while self.arrived.len() > MEASURED_PACKETS
            && self
                .arrived
                .front()
                .is_some_and(|(old, _)| packet.arrival - old.arrival > MEASURED)
        {
            self.arrived.pop_front();
        }
        let lately = self
            .arrived
            .iter()
            .rev()
            .enumerate()
            .take_while(|(nth, (old, _))| {
                *nth < LATELY_PACKETS || packet.arrival - old.arrival <= LATELY
            });
        self.queue = lately.map(|(_, (_, queue))| *queue).fold(queue, f64::min);
    }

    /// Whether there is a queue that nothing changes.
    fn stand(&mut self, now: f64) {
        if self.queue < self.clear() {
            self.standing = None;
            return;
        }
        let (queue, rate) = (self.queue, self.rate);
        let first = Standing::new(queue, rate, now);
        if let Some(rate) = self.standing.get_or_insert(first).again(queue, rate, now) {
            self.takes_longer();
            self.rate = rate;
        }
    }

    /// How fast packets arrived lately.
    fn arriving(&self) -> Option<f64> {
        self.measured(|packet| packet.arrival)
    }

    /// How fast the same packets were sent.
    fn sending(&self) -> Option<f64> {
        self.measured(|packet| packet.sent)
    }

    fn measured(&self, time: impl Fn(&Arrived) -> f64) -> Option<f64> {
        let (first, last) = (self.arrived.front()?, self.arrived.back()?);
        let span = time(&last.0) - time(&first.0);
        let packets = self.arrived.iter().skip(1);
        let bytes: usize = packets.map(|(packet, _)| packet.bytes).sum();
        (self.arrived.len() >= MEASURED_PACKETS / 2 && span > 0.02)
            .then(|| bytes as f64 * 8.0 / span)
    }

    fn shrink(&mut self, now: f64) {
        self.grown = now;
        self.before = None;
        self.doubtful = false;
        let Some(arriving) = self.arriving() else {
            return;
        };
        // Only what arrives slower than it was sent, or after a long queue, shows what the narrowest place lets through;
        // else it is just what was sent.
        let narrow = self.queue > DEEP
            || self
                .sending()
                .is_none_or(|sending| arriving < sending * NARROWER);
        let limit = match self.limit {
            Some((limit, seen)) if !narrow && now - seen < KNOWN => {
                arriving.max(if self.emptying {
                    limit
                } else {
                    limit * MOST_SHARE
                })
            }
            Some((limit, _)) if self.emptying => limit * 0.5 + arriving * 0.5,
            _ => arriving,
        };
        self.limit = Some((limit, now));
        self.fell = arriving < self.rate * FALL && narrow || self.fell && self.emptying;
        self.emptying = true;
        let share = (1.0 - (self.queue - self.clear()) / EMPTIED).clamp(LEAST_SHARE, MOST_SHARE);
        let base = if narrow { arriving.min(limit) } else { limit };
        self.rate = self.rate.min(base * share).max(LEAST);
    }

    /// There is a short queue: where it stays, what is sent is as much as the path carries, and packets may wait in front of
    /// it already.
    fn linger(&mut self, now: f64) {
        self.grown = now;
        if self.standing.is_some_and(|queue| queue.lingers(now))
            && now > self.eased + EASED
            && let Some(arriving) = self.arriving()
        {
            self.eased = now;
            self.limit = Some((arriving, now));
            self.rate = self.rate.min(arriving * SHARE_AFTER).max(LEAST);
        }
    }

    fn grow(&mut self, now: f64) {
        let since = (now - self.grown).clamp(0.0, 1.0);
        self.grown = now;
        if std::mem::take(&mut self.doubtful)
            && let Some(known) = self.before.take()
        {
            self.restore(known);
            return;
        }
        if std::mem::take(&mut self.emptying)
            && let Some((limit, _)) = self.limit
        {
            self.rate = self.rate.max(limit * SHARE_AFTER);
            return;
        }
        let Some(arriving) = self.arriving() else {
            return;
        };
        let near = self
            .limit
            .is_some_and(|(limit, _)| self.rate > limit * 0.7 && self.rate < limit * 1.2);
        let growth = if near { GROWTH_NEAR } else { GROWTH };
        let grown = self.rate * (1.0 + growth * since);
        self.rate = self
            .rate
            .max(grown.min(arriving * BEYOND_ARRIVING + 10_000.0))
            .min(MOST);
    }

    /// A probe arrived at that rate: the path carries it.
    pub(super) fn proved(&mut self, rate: f64) {
        if rate > self.rate {
            self.rate = rate.min(MOST);
            self.limit = None;
        }
    }

    /// Packets are held back, and those that were sent before arrive that fast, bit/s: told with more certainty each time,
    /// so that it counts from what was known before the first.
    pub(super) fn lets(&mut self, arriving: f64, now: f64) {
        let known = *self.before.get_or_insert(Known {
            rate: self.rate,
            emptying: self.emptying,
            fell: self.fell,
            limit: self.limit,
        });
        self.restore(known);
        self.doubtful = false;
        if arriving * MOST_SHARE < known.rate {
            self.rate = (arriving * MOST_SHARE).max(LEAST);
            self.limit = Some((arriving, now));
            self.fell = arriving < known.rate * FALL || known.fell && known.emptying;
            self.emptying = true;
            self.grown = now;
            self.followed = now;
        }
    }

    /// What looked like a queue is the way itself, which has become another one: nothing is known of its limits.
    pub(super) fn takes_longer(&mut self) {
        self.transits = [f64::INFINITY; 2];
        self.arrived.clear();
        self.queue = 0.0;
        self.emptying = false;
        self.limit = None;
        self.standing = None;
    }

    /// Packets go on although nothing was heard, not too slowly for reports of them: the next one tells whether it was the
    /// answers alone that were missing.
    pub(super) fn doubt(&mut self) {
        if let Some(known) = self.before {
            self.rate = self.rate.max(known.rate * DOUBTFUL_SHARE);
            self.doubtful = true;
        }
    }

    /// Packets go on, with what is known now.
    pub(super) fn goes_on(&mut self) {
        if !self.doubtful {
            self.before = None;
        }
    }

    fn restore(&mut self, known: Known) {
        self.rate = known.rate;
        self.emptying = known.emptying;
        self.fell = known.fell;
        self.limit = known.limit;
    }

    /// Nothing is heard of what was sent.
    pub(super) fn silence(&mut self, rate: f64) {
        self.rate = rate.max(LEAST);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    const RATE: f64 = 1_000_000.0;
    const BYTES: usize = 1_000;

    /// A second of a path that carries all of it, told every 50 ms, up to `until`.
    fn steady(path: &mut Path, until: f64) {
        carry(path, RATE, until - 1.0..until, 0.0);
    }

    /// What is sent at that rate in that time arrives, so much later than the path makes it; told of six packets at a time.
    fn carry(path: &mut Path, rate: f64, time: Range<f64>, held: f64) {
        let gap = BYTES as f64 * 8.0 / rate;
        let mut sent = time.start;
        while sent < time.end {
            let arrived = (0..6)
                .map(|number| packet(sent + f64::from(number) * gap, held))
                .collect();
            sent += 6.0 * gap;
            path.take(&Report { arrived, lost: 0 }, sent);
        }
    }

    fn packet(sent: f64, held: f64) -> Arrived {
        Arrived {
            sent,
            arrival: sent + 0.01 + held,
            bytes: BYTES,
        }
    }

    #[test]
    fn a_path_that_stood_still_for_a_moment_is_no_narrower() {
        let mut path = Path::new(RATE);
        steady(&mut path, 5.0);
        let before = path.rate();
        // Forty packets are held for up to 320 ms and then come at once, told in four reports.
        let gap = BYTES as f64 * 8.0 / RATE;
        let held: Vec<Arrived> = (0..40)
            .map(|number| {
                let sent = 5.0 + f64::from(number) * gap;
                packet(sent, 5.32 + f64::from(number) * 0.0002 - sent)
            })
            .collect();
        for some in held.chunks(10) {
            let report = Report {
                arrived: some.to_vec(),
                lost: 0,
            };
            path.take(&report, 5.35);
        }
        assert!(path.rate() >= before * 0.95, "{} of {before}", path.rate());
        steady(&mut path, 6.4);
        assert!(path.is_clear());
    }

    #[test]
    fn a_queue_that_nothing_changes_is_none() {
        let mut path = Path::new(RATE);
        steady(&mut path, 5.0);
        // The peer's clock is set forward, and what is sent follows the rate.
        let mut sent = 5.0;
        while sent < 8.5 {
            let gap = BYTES as f64 * 8.0 / path.rate();
            let arrived = (0..20)
                .map(|number| packet(sent + f64::from(number) * gap, 0.04))
                .collect();
            sent += 20.0 * gap;
            path.take(&Report { arrived, lost: 0 }, sent);
        }
        assert!(path.is_clear() && path.rate() > RATE / 2.0, "{path:?}");
    }

    #[test]
    fn a_path_that_became_narrow_is() {
        let mut path = Path::new(RATE);
        steady(&mut path, 5.0);
        // Every packet now takes four times its time through the narrowest place.
        let gap = BYTES as f64 * 8.0 / RATE;
        for round in 0..5 {
            let arrived = (round * 10..round * 10 + 10)
                .map(|number| packet(5.0 + f64::from(number) * gap, f64::from(number) * gap * 3.0))
                .collect();
            path.take(&Report { arrived, lost: 0 }, 5.3 + f64::from(round) * 0.3);
        }
        assert!(path.rate() < RATE / 4.0, "{}", path.rate());
        assert!(path.is_limited() && !path.is_clear());
    }

    #[test]
    fn a_queue_of_few_packets_counts_where_they_are_soon_through() {
        // 18 ms: a packet at half a megabit, seven at three.
        for (rate, counts) in [(RATE / 2.0, false), (3.0 * RATE, true)] {
            let mut path = Path::new(rate);
            carry(&mut path, rate, 0.0..2.0, 0.0);
            let before = path.rate();
            carry(&mut path, rate, 2.0..4.0, 0.018);
            assert_eq!(path.is_clear(), !counts, "{rate}");
            assert_eq!(path.rate() < before, counts, "{before} {path:?}");
        }
    }
}
