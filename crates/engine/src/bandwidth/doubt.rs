//! Answers go on being late after packets were held back: a queue that is still there, or a way that takes longer.

use std::time::{Duration, Instant};

/// The shortest round trips of two times as long as this are compared.
const HALF: Duration = Duration::from_millis(300);
/// They are the same where they differ by no more than this, or this share.
const SAME: Duration = Duration::from_millis(5);
const SAME_SHARE: f64 = 0.05;
/// So much later than the earliest one, or than usual where none came, an answer may be.
const MORE: Duration = Duration::from_millis(25);
const UNHEARD: Duration = Duration::from_millis(100);

/// What late answers show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// Nothing yet.
    Nothing,
    /// They become later.
    Queue,
    /// They are late, whatever was sent: the path takes that long.
    AnotherWay(Duration),
}

/// Late answers of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    began: Option<Instant>,
    /// The shortest round trips of both times.
    first: Option<Duration>,
    second: Option<Duration>,
}

impl Doubt {
    /// How much later than `usual` an answer may come before packets are held again.
    pub(super) fn allows(&self, usual: Duration) -> Duration {
        match self.first {
            Some(first) => first.saturating_sub(usual) + MORE,
            None => UNHEARD,
        }
    }

    /// Another one.
    pub(super) fn late(&mut self, trip: Duration, now: Instant) -> Shows {
        let since = now.saturating_duration_since(*self.began.get_or_insert(now));
        let half = if since < HALF {
            &mut self.first
        } else {
            &mut self.second
        };
        *half = Some(half.map_or(trip, |least| least.min(trip)));
        let (Some(first), Some(second), true) = (self.first, self.second, since >= HALF * 2) else {
            return Shows::Nothing;
        };
        let same = SAME.max(first.mul_f64(SAME_SHARE));
        if second > first + same {
            Shows::Queue
        } else if second + same >= first {
            Shows::AnotherWay(first.min(second))
        } else {
            // It empties.
            *self = Self {
                began: Some(now),
                first: Some(second),
                second: None,
            };
            Shows::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::start;

    /// What answers show that come each 40 ms and took so many milliseconds.
    fn shown(trip: impl Fn(u64) -> u64) -> Option<Shows> {
        let mut doubt = Doubt::default();
        (0..50)
            .map(|nth| {
                let now = start() + Duration::from_millis(nth * 40);
                doubt.late(Duration::from_millis(trip(nth)), now)
            })
            .find(|shows| *shows != Shows::Nothing)
    }

    #[test]
    fn a_way_takes_as_long_all_the_time_and_a_queue_does_not() {
        let way = Shows::AnotherWay(Duration::from_millis(80));
        assert_eq!(shown(|_| 80), Some(way));
        assert_eq!(shown(|nth| 80 + nth % 3 * 7), Some(way));
        assert_eq!(shown(|nth| 80 + nth * 2), Some(Shows::Queue));
        assert_eq!(shown(|nth| 300 - nth * 5), None);
    }
}
