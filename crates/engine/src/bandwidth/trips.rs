//! What round trips are usual.

use std::time::{Duration, Instant};

/// The smallest one is looked for in two halves of this.
const HALF: Duration = Duration::from_secs(10);
/// One is late beyond the usual and three times the usual difference from that (RFC 6298 §2 waits for four, but to be wrong
/// costs next to nothing here), which is at least and at most so much.
const TIMES: f64 = 3.0;
const LEAST_MARGIN: Duration = Duration::from_millis(8);
const MOST_MARGIN: Duration = Duration::from_millis(100);

/// Round trips of late.
#[derive(Debug, Default)]
pub(super) struct Trips {
    /// The smallest ones of this half and of the one before, and since when this one lasts.
    smallest: [Option<Duration>; 2],
    half_began: Option<Instant>,
    /// The usual one and how far others are from it, seconds.
    usual: Option<(f64, f64)>,
}

impl Trips {
    /// Whether anything was measured.
    pub(super) fn is_known(&self) -> bool {
        self.usual.is_some()
    }

    /// Another one, which may have met a queue.
    pub(super) fn seen(&mut self, trip: Duration, now: Instant) {
        if self.half_began.is_none_or(|began| now >= began + HALF) {
            self.half_began = Some(now);
            self.smallest = [None, self.smallest[0]];
        }
        let least = self.smallest[0].map_or(trip, |least| least.min(trip));
        self.smallest[0] = Some(least);
    }

    /// It met nothing unusual (RFC 6298 §2.2 and §2.3).
    pub(super) fn learn(&mut self, trip: Duration) {
        let trip = trip.as_secs_f64();
        self.usual = Some(match self.usual {
            None => (trip, trip / 2.0),
            Some((usual, variation)) => (
                usual + (trip - usual) / 8.0,
                variation + ((trip - usual).abs() - variation) / 4.0,
            ),
        });
    }

    /// The path is another one, and takes so long.
    pub(super) fn anew(&mut self, trip: Duration) {
        self.smallest = [Some(trip), None];
        self.usual = None;
    }

    /// The path's own.
    pub(super) fn least(&self) -> Duration {
        let smallest = self.smallest.into_iter().flatten().min();
        smallest.unwrap_or_default()
    }

    /// What most take.
    pub(super) fn usual(&self) -> Duration {
        let usual = self.usual.map_or(0.0, |(usual, _)| usual);
        Duration::from_secs_f64(usual).max(self.least())
    }

    /// The longest one that is not late.
    pub(super) fn longest(&self) -> Duration {
        self.usual() + self.margin()
    }

    /// How much later than usual is not late.
    pub(super) fn margin(&self) -> Duration {
        let margin = self.variation().mul_f64(TIMES);
        margin.clamp(LEAST_MARGIN, MOST_MARGIN)
    }

    /// How far they are from the usual one.
    pub(super) fn variation(&self) -> Duration {
        let variation = self.usual.map_or(0.0, |(_, variation)| variation);
        Duration::from_secs_f64(variation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::start;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_margin_is_what_the_path_needs() {
        let mut even = Trips::default();
        let mut uneven = Trips::default();
        for number in 0..50 {
            for (trips, trip) in [(&mut even, ms(20)), (&mut uneven, ms(20 + number % 3 * 10))] {
                trips.seen(trip, start());
                trips.learn(trip);
            }
        }
        assert_eq!(even.longest(), ms(28));
        assert_eq!(uneven.least(), ms(20));
        assert!(uneven.longest() > ms(40) && uneven.longest() < ms(65));
    }

    #[test]
    fn a_smallest_one_is_forgotten_after_a_while() {
        let mut trips = Trips::default();
        for second in 0..40 {
            let trip = if second == 0 { ms(20) } else { ms(50) };
            trips.seen(trip, start() + Duration::from_secs(second));
            let least = if second < 20 { ms(20) } else { ms(50) };
            assert_eq!(trips.least(), least, "after {second} s");
        }
        trips.anew(ms(80));
        assert_eq!(trips.least(), ms(80));
    }
}
