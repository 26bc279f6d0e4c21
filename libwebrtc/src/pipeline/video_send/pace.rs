//! Which pictures are encoded, by their time of capture.

use std::time::{Duration, Instant};

/// A picture that comes this much early is as good as due: sources are not exact.
const SLACK: Duration = Duration::from_millis(3);

/// Pictures further apart than this say nothing about the source's rate.
const PAUSE: Duration = Duration::from_secs(1);

/// Leaves pictures out so that no more than so many a second pass.
#[derive(Debug, Default)]
pub(super) struct FrameLimiter {
    due: Option<Instant>,
}

impl FrameLimiter {
    /// Whether a picture of this time passes.
    pub(super) fn passes(&mut self, captured: Instant, max_framerate: Option<f64>) -> bool {
        let interval = max_framerate
            .filter(|rate| rate.is_finite() && *rate > 0.0)
            .map(|rate| Duration::from_secs_f64((1.0 / rate).min(60.0)));
        let Some(interval) = interval else {
            self.due = None;
            return true;
        };
        match self.due {
            Some(due) if captured + SLACK < due => false,
            // In step: the average holds although single pictures come early or late.
            Some(due) if captured < due + interval => {
                self.due = Some(due + interval);
                true
            }
            _ => {
                self.due = Some(captured + interval);
                true
            }
        }
    }
}

/// The rate at which pictures come, smoothed.
#[derive(Debug, Default)]
pub(super) struct FramerateMeter {
    last: Option<Instant>,
    interval: Option<f64>,
}

impl FramerateMeter {
    pub(super) fn count(&mut self, captured: Instant) {
        if let Some(last) = self.last.replace(captured) {
            let gap = captured.saturating_duration_since(last);
            if gap > PAUSE {
                self.interval = None;
            } else if !gap.is_zero() {
                let gap = gap.as_secs_f64();
                self.interval = Some(
                    self.interval
                        .map_or(gap, |interval| interval + (gap - interval) * 0.1),
                );
            }
        }
    }

    /// Pictures in a second; `None` until two came.
    pub(super) fn rate(&self) -> Option<f64> {
        self.interval
            .map(|interval| (1.0 / interval).clamp(1.0, 240.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(source: f64, limit: f64, jitter: &[i64]) -> usize {
        let start = Instant::now() + Duration::from_secs(1);
        let mut limiter = FrameLimiter::default();
        (0..(source * 10.0) as usize)
            .filter(|at| {
                let ideal = start + Duration::from_secs_f64(*at as f64 / source);
                let shift = jitter[at % jitter.len()];
                let captured = if shift < 0 {
                    ideal - Duration::from_millis(shift.unsigned_abs())
                } else {
                    ideal + Duration::from_millis(shift.unsigned_abs())
                };
                limiter.passes(captured, Some(limit))
            })
            .count()
    }

    #[test]
    fn the_average_holds_whatever_the_ratio() {
        for (source, limit, expected) in [
            (30.0, 15.0, 150),
            (30.0, 20.0, 200),
            (60.0, 24.0, 240),
            (30.0, 30.0, 300),
            (15.0, 30.0, 150),
        ] {
            for jitter in [&[0][..], &[0, 4, -3, 1]] {
                let count = passed(source, limit, jitter);
                assert!(
                    count.abs_diff(expected) * 20 <= expected,
                    "{source} to {limit}: {count}"
                );
            }
        }
    }

    #[test]
    fn the_meter_follows_the_source_and_forgets_pauses() {
        let start = Instant::now();
        let mut meter = FramerateMeter::default();
        for at in 0..60 {
            meter.count(start + Duration::from_millis(at * 40));
        }
        assert!((meter.rate().expect("measured") - 25.0).abs() < 0.5);
        meter.count(start + Duration::from_secs(30));
        assert_eq!(meter.rate(), None);
    }
}
