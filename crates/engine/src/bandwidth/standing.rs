//! A queue that nothing changes is none: another clock's step, or a way that takes longer, looks like one.

/// It has been neither shorter nor longer for so long, however little was sent. Seconds.
const LASTS: f64 = 2.5;
/// It is as long as before within this, seconds, or this share.
const SAME: f64 = 0.005;
const SAME_SHARE: f64 = 0.1;
/// It does not change although no more than this share of the rate before it is sent, and that share is sent then.
const SHARE: f64 = 0.7;
/// It stays where it is longer than this. Seconds.
const LINGERS: f64 = 0.5;

/// A queue that may not be one. Times are seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// When it was seen for the first time.
    began: f64,
    /// Since when it does not change.
    since: f64,
    queue: f64,
    /// What was sent when it began, bit/s.
    rate: f64,
}

impl Standing {
    /// It is seen for the first time.
    pub(super) fn new(queue: f64, rate: f64, now: f64) -> Self {
        Self {
            began: now,
            since: now,
            queue,
            rate,
        }
    }

    /// It is seen again, while that rate is sent. The rate to go on with where it is none.
    pub(super) fn again(&mut self, queue: f64, rate: f64, now: f64) -> Option<f64> {
        let same = SAME.max(self.queue * SAME_SHARE);
        if (queue - self.queue).abs() > same {
            *self = Self {
                began: self.began,
                ..Self::new(queue, rate, now)
            };
        }
        let least = self.rate * SHARE;
        (now > self.since + LASTS && rate <= least).then_some(least)
    }

    /// Whether it has been there for more than a moment.
    pub(super) fn lingers(&self, now: f64) -> bool {
        now > self.began + LINGERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent in the end, where the queue is that long after so many tenths of a second.
    fn sent(queue: impl Fn(u32) -> f64) -> Option<f64> {
        let mut standing = Standing::new(queue(0), 1_000_000.0, 0.0);
        (1..60).find_map(|tenth| standing.again(queue(tenth), 100_000.0, f64::from(tenth) / 10.0))
    }

    #[test]
    fn a_queue_that_empties_or_grows_is_one() {
        assert_eq!(sent(|_| 0.05), Some(700_000.0));
        assert_eq!(
            sent(|tenth| 0.05 + f64::from(tenth % 3) * 0.002),
            Some(700_000.0)
        );
        assert_eq!(sent(|tenth| 0.4 - f64::from(tenth) * 0.006), None);
        assert_eq!(sent(|tenth| 0.05 + f64::from(tenth) * 0.005), None);
    }
}
