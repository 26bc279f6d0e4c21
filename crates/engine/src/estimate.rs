//! The bandwidth estimate as it was last told, and whether it is stuck.
//!
//! str0m's estimator can come to rest far below what the path carries: after heavy loss it neither probes nor rises
//! while little is sent (seen on a real path that went from 500 kbit/s back to 3 Mbit/s). Starting it anew at the rate
//! where it stands makes it probe again.

use std::time::{Duration, Instant};

/// An estimate that has not moved for so long is stuck, where more is wanted.
const STUCK: Duration = Duration::from_secs(6);

/// How far above the estimate the wish must be, in percent.
const WANTED: u64 = 130;

#[derive(Debug, Default)]
pub(crate) struct Estimate {
    bitrate: Option<u64>,
    changed: Option<Instant>,
    desired: u64,
}

impl Estimate {
    /// Takes what the stack says, and whether that is news.
    pub(crate) fn told(&mut self, bitrate: u64, now: Instant) -> bool {
        let news = self.bitrate != Some(bitrate);
        if news {
            self.bitrate = Some(bitrate);
            self.changed = Some(now);
        }
        news
    }

    /// Bits per second, once known.
    pub(crate) fn bitrate(&self) -> Option<u64> {
        self.bitrate
    }

    /// Takes the rate that would be sent if there was room.
    pub(crate) fn want(&mut self, desired: u64) {
        self.desired = desired;
    }

    /// The rate to start the estimator anew with, if it is stuck.
    pub(crate) fn stuck(&mut self, now: Instant) -> Option<u64> {
        let bitrate = self.bitrate?;
        let since = self.changed?;
        if bitrate.saturating_mul(WANTED) / 100 >= self.desired || now < since + STUCK {
            return None;
        }
        self.changed = Some(now);
        Some(bitrate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_estimate_that_rests_below_the_wish_is_stuck() {
        let start = lk_testkit::start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut estimate = Estimate::default();
        estimate.want(2_000_000);
        assert_eq!(estimate.stuck(at(100)), None);
        assert!(estimate.told(200_000, at(100)));
        assert!(!estimate.told(200_000, at(103)));
        assert_eq!(estimate.stuck(at(105)), None);
        assert_eq!(estimate.stuck(at(106)), Some(200_000));
        assert_eq!(estimate.stuck(at(107)), None, "once");
        assert!(estimate.told(250_000, at(110)));
        assert_eq!(estimate.stuck(at(113)), None, "it moves");
        estimate.want(300_000);
        assert_eq!(estimate.stuck(at(200)), None, "it is enough");
    }
}
