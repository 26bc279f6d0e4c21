//! Where numbered packets wait before the stack gets them: evenly spread, and held back while the path has a queue.
//!
//! The stack lets what may be sent within 40 ms leave at once, which is a whole picture. Behind a path that has just become
//! narrow that is a queue of 150 ms before anything can be known of it. Here a picture takes a moment instead, in which the
//! first answers come back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lk_types::Ssrc;
use str0m::rtp::RtpWrite;

/// What may leave within this time leaves together …
const TOGETHER: f64 = 0.004;
/// … or less, where a round trip is long: packets that come in pairs make a queue of their own. Seconds.
const TOGETHER_FAR: f64 = 0.0015;
/// Packets leave so much faster than they came of late: an ordinary picture takes half of the time until the next one …
const FASTER: f64 = 1.7;
/// … or most of it, where a round trip takes so long.
const FASTER_FAR: f64 = 1.15;
const FAR: Duration = Duration::from_millis(20);
/// Key pictures take this time, where the path lets them through so fast. Seconds.
const SPREAD: f64 = 0.05;
/// What comes is measured over this. Seconds.
const LATELY: f64 = 0.25;
/// Less than that is little, bit/s: a picture is a packet or two.
const LITTLE: f64 = 400_000.0;
/// Nothing waits longer than about this: an encoder that makes more than there is room for is not to be late for good.
/// Seconds.
const LONGEST: f64 = 2.0;

/// A packet that waits.
struct Waiting {
    packet: RtpWrite,
    bytes: usize,
}

/// How fast packets leave, bit/s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) now: f64,
    /// The same without what pictures take at once.
    pub(crate) usual: f64,
    /// What leaves within this time leaves together.
    together: Duration,
}

/// Packets that wait, source by source.
#[derive(Default)]
pub(crate) struct Gate {
    /// Sources take turns, so that a key picture of one does not keep the others waiting.
    sources: VecDeque<(Ssrc, VecDeque<Waiting>)>,
    bytes: usize,
    /// Bit/s that empty the gate in time.
    spread: f64,
    /// What came of late, fading, in bits; and when that was counted.
    came: f64,
    counted: Option<Instant>,
    /// When everything that left before has had its time; none before anything left.
    free: Option<Instant>,
    together: Duration,
    held: bool,
    /// Nothing leaves before then.
    waits: Option<Instant>,
}

impl Gate {
    /// Whether a packet need not wait: where little is sent it does not matter how evenly.
    pub(crate) fn passes(&mut self, bytes: usize, now: Instant) -> bool {
        let since = self.counted.replace(now).map_or(Duration::ZERO, |counted| {
            now.saturating_duration_since(counted)
        });
        self.came = self.came * (-since.as_secs_f64() / LATELY).exp() + bytes as f64 * 8.0;
        !self.held && self.sources.is_empty() && self.came < LITTLE * LATELY
    }

    /// A packet of a source waits.
    pub(crate) fn push(&mut self, ssrc: Ssrc, packet: RtpWrite, bytes: usize) {
        let waiting = Waiting { packet, bytes };
        match self.sources.iter_mut().find(|(source, _)| *source == ssrc) {
            Some((_, queue)) => queue.push_back(waiting),
            None => self.sources.push_back((ssrc, VecDeque::from([waiting]))),
        }
        self.bytes += bytes;
        self.spread = self.spread.max(self.bytes as f64 * 8.0 / SPREAD);
    }

    /// How fast packets leave, bit/s: at `paced` at most and, where something is wanted to fill a probe with, at `probe` at
    /// least. `trip` is what a round trip takes: where that is long, pictures take more of the time until the next, so that
    /// no more of one has left before anything is heard of it.
    pub(crate) fn rate(&self, paced: f64, probe: Option<f64>, trip: Duration) -> Rate {
        let far = (trip.as_secs_f64() / FAR.as_secs_f64()).min(1.0);
        let faster = FASTER + (FASTER_FAR - FASTER) * far;
        let together = TOGETHER + (TOGETHER_FAR - TOGETHER) * far;
        let least = probe
            .unwrap_or(0.0)
            .max(self.bytes as f64 * 8.0 / LONGEST)
            .max(1.0);
        let came = self.came / LATELY;
        Rate {
            now: (came * faster).max(self.spread).min(paced).max(least),
            usual: came.min(paced).max(least),
            together: Duration::from_secs_f64(together),
        }
    }

    /// A packet that may leave now.
    pub(crate) fn pop(&mut self, rate: Rate, now: Instant) -> Option<(Ssrc, RtpWrite)> {
        self.together = rate.together;
        if self.held || self.free.is_some_and(|free| free >= now + self.together) {
            return None;
        }
        let (ssrc, mut queue) = self.sources.pop_front()?;
        let waiting = queue.pop_front()?;
        if !queue.is_empty() {
            self.sources.push_back((ssrc, queue));
        }
        let takes = Duration::from_secs_f64(waiting.bytes as f64 * 8.0 / rate.now);
        self.free = Some(self.free.map_or(now, |free| free.max(now)) + takes);
        self.bytes -= waiting.bytes;
        if self.sources.is_empty() {
            self.spread = 0.0;
        }
        Some((ssrc, waiting.packet))
    }

    /// When the next packet may leave; nothing leaves while it is held.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.held || self.sources.is_empty() {
            return None;
        }
        // From then on some may leave together, not one each time.
        let free = self.free.filter(|free| *free >= now + self.together);
        Some(free.max(self.waits).unwrap_or(now))
    }

    /// Holds everything back until then, if something is to wait.
    pub(crate) fn wait(&mut self, until: Option<Instant>) {
        self.waits = until;
    }

    /// Holds everything back, or lets it go on. Whether it was held before.
    pub(crate) fn hold(&mut self, held: bool) -> bool {
        std::mem::replace(&mut self.held, held)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: f64 = 100_000_000.0;

    fn packet(number: u64) -> RtpWrite {
        let time = u32::try_from(number).expect("small");
        RtpWrite::new(
            96.into(),
            number.into(),
            time,
            lk_testkit::start(),
            vec![0; 4],
        )
    }

    fn fill(gate: &mut Gate, packets: u64) {
        for number in 0..packets {
            assert!(!gate.passes(1_000, lk_testkit::start()) || number < 12);
            gate.push(Ssrc(1), packet(number), 1_000);
        }
    }

    /// When each packet left, in milliseconds, and of which source.
    fn run(gate: &mut Gate, paced: f64, milliseconds: u64) -> Vec<(u64, u32)> {
        let start = lk_testkit::start();
        let mut left = Vec::new();
        for passed in 0..milliseconds {
            let now = start + Duration::from_millis(passed);
            if gate.deadline(now).is_some_and(|at| at <= now) {
                while let Some((ssrc, _)) = pop(gate, paced, None, now) {
                    left.push((passed, ssrc.0));
                }
            }
        }
        left
    }

    /// What may leave now where round trips take no time.
    fn pop(
        gate: &mut Gate,
        paced: f64,
        probe: Option<f64>,
        now: Instant,
    ) -> Option<(Ssrc, RtpWrite)> {
        gate.pop(gate.rate(paced, probe, Duration::ZERO), now)
    }

    #[test]
    fn a_picture_takes_longer_where_a_round_trip_does() {
        let mut gate = Gate::default();
        fill(&mut gate, 10);
        let [near, far] =
            [0, 40].map(|trip| gate.rate(f64::MAX, None, Duration::from_millis(trip)));
        assert!(
            near.usual == far.usual && near.now >= far.now,
            "{near:?} {far:?}"
        );
        gate.spread = 0.0;
        let far = gate.rate(f64::MAX, None, Duration::from_millis(40));
        assert!((1.1..1.2).contains(&(far.now / far.usual)), "{far:?}");
    }

    #[test]
    fn packets_leave_one_by_one_where_a_round_trip_is_long() {
        for (trip, least) in [(0, 2), (40, 1)] {
            let (mut gate, now) = (Gate::default(), lk_testkit::start());
            fill(&mut gate, 20);
            let rate = gate.rate(2_600_000.0, None, Duration::from_millis(trip));
            let left = std::iter::from_fn(|| gate.pop(rate, now)).count();
            assert_eq!(left, least, "{trip} ms");
        }
    }

    #[test]
    fn packets_wait_for_an_answer_that_is_to_come() {
        let (mut gate, now) = (Gate::default(), lk_testkit::start());
        fill(&mut gate, 10);
        let late = now + Duration::from_millis(20);
        gate.wait(Some(late));
        assert_eq!(gate.deadline(now), Some(late));
        gate.wait(None);
        assert_eq!(gate.deadline(now), Some(now));
    }

    #[test]
    fn a_picture_takes_half_of_the_time_until_the_next_and_a_key_picture_a_moment() {
        let mut gate = Gate::default();
        let mut now = lk_testkit::start();
        let mut took = Duration::ZERO;
        for _ in 0..60 {
            let pushed = now;
            for number in 0..10 {
                if !gate.passes(1_000, now) {
                    gate.push(Ssrc(1), packet(number), 1_000);
                }
            }
            for _ in 0..33 {
                while pop(&mut gate, WIDE, None, now).is_some() {
                    took = now - pushed;
                }
                now += Duration::from_millis(1);
            }
        }
        assert!((10..=20).contains(&took.as_millis()), "{took:?}");
        (0..100).for_each(|number| gate.push(Ssrc(1), packet(number), 1_000));
        let pushed = now;
        while gate.bytes() > 0 {
            while pop(&mut gate, WIDE, None, now).is_some() {}
            now += Duration::from_millis(1);
        }
        assert!((40..=55).contains(&(now - pushed).as_millis()));
    }

    #[test]
    fn nothing_leaves_faster_than_paced_but_for_a_probe() {
        let mut gate = Gate::default();
        fill(&mut gate, 10);
        let left = run(&mut gate, 1_000_000.0, 200);
        assert!((68..=80).contains(&left[9].0), "{left:?}");
        assert_eq!(gate.bytes(), 0);

        let mut gate = Gate::default();
        fill(&mut gate, 10);
        assert!(
            pop(
                &mut gate,
                1_000_000.0,
                Some(8_000_000.0),
                lk_testkit::start()
            )
            .is_some()
        );
        assert!(gate.deadline(lk_testkit::start()) < Some(lk_testkit::start() + gate.together));
    }

    #[test]
    fn where_little_is_sent_nothing_waits() {
        let mut gate = Gate::default();
        let start = lk_testkit::start();
        let passes = |gate: &mut Gate, at| gate.passes(1_000, start + Duration::from_millis(at));
        assert!((0..100).all(|number| passes(&mut gate, number * 30)));
        gate.hold(true);
        assert!(!passes(&mut gate, 3_000));
    }

    #[test]
    fn sources_take_turns() {
        let mut gate = Gate::default();
        fill(&mut gate, 10);
        gate.push(Ssrc(2), packet(0), 100);
        let left = run(&mut gate, 1_000_000.0, 200);
        assert_eq!(left[1].1, 2, "{left:?}");
    }

    #[test]
    fn what_is_held_waits_until_it_is_let_go() {
        let mut gate = Gate::default();
        gate.hold(true);
        fill(&mut gate, 1);
        assert_eq!(run(&mut gate, WIDE, 500), []);
        assert_eq!(gate.deadline(lk_testkit::start()), None);
        gate.hold(false);
        assert_eq!(run(&mut gate, WIDE, 10), [(0, 1)]);
    }

    #[test]
    fn an_encoder_that_makes_too_much_is_late_by_two_seconds_at_most() {
        let mut gate = Gate::default();
        fill(&mut gate, 1_000);
        let left = run(&mut gate, 10_000.0, 10_000);
        // The rest, ever less, takes longer: e⁻¹ after two seconds.
        assert!(left.iter().filter(|(at, _)| *at < 2_000).count() > 600);
    }
}
