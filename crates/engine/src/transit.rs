//! How long what comes in waits on the way, beyond what the path takes when it is free.

use std::time::{Duration, Instant};

/// The shortest way of the last one to two such spans counts as free: clocks drift apart, and paths change.
const SPAN: Duration = Duration::from_secs(30);

/// The queue in front of us, from the peer's times of sending (abs-send-time).
#[derive(Debug, Default)]
pub(crate) struct Transit {
    /// A packet that all are compared with: sent, arrived.
    origin: Option<(Instant, Instant)>,
    /// Shortest ways of the span before and of this one, microseconds against the origin's.
    least: [i64; 2],
    since: Option<Instant>,
    queue: Duration,
}

impl Transit {
    /// A packet came in; `sent` is on a clock of the peer's.
    pub(crate) fn arrived(&mut self, sent: Instant, at: Instant) {
        let (first_sent, first_at) = *self.origin.get_or_insert((sent, at));
        let way = difference(at, first_at) - difference(sent, first_sent);
        let since = *self.since.get_or_insert(at);
        if at.saturating_duration_since(since) >= SPAN {
            self.least = [self.least[1], way];
            self.since = Some(at);
        }
        self.least[1] = self.least[1].min(way);
        let free = self.least[0].min(self.least[1]);
        self.queue = Duration::from_micros(way.abs_diff(free));
    }

    /// What the latest packet waited.
    pub(crate) fn queue(&self) -> Duration {
        self.queue
    }
}

/// Microseconds, negative where `later` is earlier.
fn difference(later: Instant, earlier: Instant) -> i64 {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    match later.checked_duration_since(earlier) {
        Some(span) => micros(span),
        None => -micros(earlier.saturating_duration_since(later)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_takes_longer_than_the_shortest_way_has_waited() {
        let (theirs, ours) = (lk_testkit::start(), lk_testkit::start() + ms(5_000));
        let mut transit = Transit::default();
        assert_eq!(transit.queue(), ms(0));
        transit.arrived(theirs, ours + ms(60));
        assert_eq!(transit.queue(), ms(0));
        transit.arrived(theirs + ms(10), ours + ms(60));
        assert_eq!(transit.queue(), ms(0));
        transit.arrived(theirs + ms(20), ours + ms(370));
        assert_eq!(transit.queue(), ms(300));
        // One that was overtaken.
        transit.arrived(theirs - ms(10), ours + ms(371));
        assert_eq!(transit.queue(), ms(331));
    }

    #[test]
    fn a_path_that_has_become_longer_is_free_again_after_a_while() {
        let (theirs, ours) = (lk_testkit::start(), lk_testkit::start());
        let mut transit = Transit::default();
        transit.arrived(theirs, ours);
        for second in 1..70 {
            let sent = theirs + ms(1_000 * second);
            transit.arrived(sent, sent + ms(200));
        }
        assert_eq!(transit.queue(), ms(0));
    }
}
