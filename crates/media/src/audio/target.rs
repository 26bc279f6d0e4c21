//! How long to wait for packets: a quantile of their lateness, forgetting the past.

use std::time::Duration;

use super::{SAMPLE_RATE, ms};

/// Width of a histogram bucket.
const BUCKET: i64 = ms(5);

/// Lateness beyond 500 ms falls into the last bucket.
const BUCKETS: usize = 100;

/// Share of packets that come in time.
const QUANTILE: f64 = 0.97;

/// Weight left of what is known, at each packet: 5 s at 20 ms a packet.
const KEEP: f64 = 0.996;

/// Above the quantile, for the pull task's own unevenness.
const MARGIN: i64 = ms(5);

/// Share of packets that must be lost before waiting for their copies pays.
const WORTHWHILE_LOSS: f64 = 0.01;

/// Weight left of the loss estimate at each packet: 4 s at 20 ms a packet.
const KEEP_LOSS: f64 = 0.995;

/// Bounds that the owner sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) min: i64,
    pub(super) max: i64,
}

/// The histogram and the target that follows from it.
#[derive(Debug)]
pub(super) struct DelayTarget {
    weights: [f64; BUCKETS],
    packets: f64,
    quantile: i64,
    loss: f64,
    /// How long after a lost packet its copy comes, without jitter; 0 where none has been seen.
    reach: i64,
    bounds: Bounds,
}

impl DelayTarget {
    pub(super) fn new(bounds: Bounds) -> Self {
        // Before anything is known: likely within 10 ms, hardly beyond 15.
        let mut weights = [0.0; BUCKETS];
        weights[..3].copy_from_slice(&[0.6, 0.3, 0.1]);
        let mut target = Self {
            weights,
            packets: 10.0,
            quantile: 0,
            loss: 0.0,
            reach: 0,
            bounds,
        };
        target.update_quantile();
        target
    }

    /// A packet came `late` frames after the fastest would have.
    pub(super) fn observe(&mut self, late: i64) {
        // Quick at first, but never so that one packet makes up the quantile's tail for long.
        let keep = KEEP.min(self.packets / (self.packets + 1.5));
        self.packets += 1.0;
        let bucket = usize::try_from(late / BUCKET).unwrap_or(0).min(BUCKETS - 1);
        for weight in &mut self.weights {
            *weight *= keep;
        }
        self.weights[bucket] += 1.0 - keep;
        self.update_quantile();
        self.loss *= KEEP_LOSS;
    }

    /// `lost` packets were missing before one that can, or could, give them back after `reach` frames.
    pub(super) fn observe_loss(&mut self, lost: u32, reach: i64) {
        self.loss = (self.loss + f64::from(lost) * (1.0 - KEEP_LOSS)).min(1.0);
        self.reach = reach.clamp(0, ms(120));
    }

    /// A packet that had been counted as lost came after all.
    pub(super) fn observe_found(&mut self) {
        self.loss = (self.loss - (1.0 - KEEP_LOSS)).max(0.0);
    }

    /// Sets the owner's minimum.
    pub(super) fn set_min(&mut self, min: i64) {
        self.bounds.min = min.clamp(0, self.bounds.max);
    }

    /// Frames to wait beyond the fastest packet before sound is needed.
    pub(super) fn frames(&self) -> i64 {
        self.unbounded().clamp(self.bounds.min, self.bounds.max)
    }

    /// The target without the owner's minimum.
    pub(super) fn unbounded(&self) -> i64 {
        let redundancy = if self.loss > WORTHWHILE_LOSS {
            self.reach
        } else {
            0
        };
        (self.quantile + redundancy + MARGIN).min(self.bounds.max)
    }

    fn update_quantile(&mut self) {
        let total: f64 = self.weights.iter().sum();
        let mut below = 0.0;
        let index = self.weights.iter().position(|weight| {
            below += weight;
            below >= QUANTILE * total
        });
        self.quantile = (index.unwrap_or(BUCKETS - 1) as i64 + 1) * BUCKET;
    }
}

/// Frames of a duration, saturating.
pub(super) fn frames_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000)
        .unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        min: 0,
        max: ms(400),
    };

    #[test]
    fn the_start_is_low_and_a_quiet_network_brings_it_lower() {
        let mut target = DelayTarget::new(BOUNDS);
        assert!(target.frames() <= ms(30), "{}", target.frames());
        for _ in 0..100 {
            target.observe(ms(1));
        }
        assert_eq!(target.frames(), ms(10));
    }

    #[test]
    fn jitter_raises_the_target_and_is_forgotten() {
        let mut target = DelayTarget::new(BOUNDS);
        for index in 0..1_000 {
            target.observe(if index % 10 == 0 { ms(62) } else { ms(3) });
        }
        assert_eq!(target.frames(), ms(70));
        for _ in 0..1_500 {
            target.observe(ms(3));
        }
        assert_eq!(target.frames(), ms(10));
    }

    #[test]
    fn loss_with_redundancy_waits_for_the_copy_and_bounds_hold() {
        let mut target = DelayTarget::new(BOUNDS);
        for index in 0..400 {
            target.observe(0);
            if index % 20 == 0 {
                target.observe_loss(1, ms(20));
            }
        }
        assert_eq!(target.frames(), ms(30));
        let mut bounded = DelayTarget::new(Bounds {
            min: ms(50),
            max: ms(80),
        });
        bounded.observe(0);
        assert_eq!(bounded.frames(), ms(50));
        for _ in 0..100 {
            bounded.observe(ms(5_000));
        }
        assert_eq!(bounded.frames(), ms(80));
    }
}
