//! Whether delays grow: the slope of a line through the newest of them, against a threshold that adapts (draft-ietf-
//! rmcat-gcc-02 §5.3–5.5, with a line fit in place of the filter).

use std::collections::VecDeque;

use super::Usage;
use super::arrival::Delta;

/// Points of the line.
const POINTS: usize = 20;
/// Weight of the past in the smoothed delay.
const SMOOTHING: f64 = 0.9;
/// Makes a slope comparable to the threshold.
const GAIN: f64 = 4.0;
/// More groups than this make the slope no surer.
const MOST_COUNT: f64 = 60.0;
/// How long a slope above the threshold must last, in milliseconds.
const OVERUSE_TIME: f64 = 10.0;
const FIRST_THRESHOLD: f64 = 12.5;
/// How fast the threshold follows a slope above and below it, per millisecond.
const FOLLOW_UP: f64 = 0.008_7;
const FOLLOW_DOWN: f64 = 0.039;

#[derive(Debug)]
pub(super) struct Trend {
    /// Arrival and smoothed delay of the newest groups.
    points: VecDeque<(f64, f64)>,
    count: u32,
    delay: f64,
    smoothed: f64,
    threshold: f64,
    threshold_at: Option<f64>,
    last_slope: f64,
    over_for: Option<f64>,
    over_count: u32,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            points: VecDeque::with_capacity(POINTS + 1),
            count: 0,
            delay: 0.0,
            smoothed: 0.0,
            threshold: FIRST_THRESHOLD,
            threshold_at: None,
            last_slope: 0.0,
            over_for: None,
            over_count: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn update(&mut self, delta: &Delta) {
        self.count = self.count.saturating_add(1);
        self.delay += delta.arrived - delta.sent;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        self.points.push_back((delta.at, self.smoothed));
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
        let slope = if self.points.len() == POINTS {
            slope(&self.points).unwrap_or(self.last_slope)
        } else {
            0.0
        };
        self.judge(slope, delta);
    }

    fn judge(&mut self, slope: f64, delta: &Delta) {
        let value = f64::from(self.count).min(MOST_COUNT) * slope * GAIN;
        if value > self.threshold {
            let lasting = self
                .over_for
                .map_or(delta.sent / 2.0, |time| time + delta.sent);
            self.over_for = Some(lasting);
            self.over_count += 1;
            if lasting > OVERUSE_TIME && self.over_count > 1 && slope >= self.last_slope {
                self.over_for = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.over_count = 0;
            self.usage = if value < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.last_slope = slope;
        self.adapt(value.abs(), delta.at);
    }

    /// A threshold that stands still is either deaf or starves beside flows that fill the queue.
    fn adapt(&mut self, value: f64, now: f64) {
        let since = now - self.threshold_at.replace(now).unwrap_or(now);
        // A jump of the path is no reason to become deaf.
        if value > self.threshold + 15.0 {
            return;
        }
        let follow = if value < self.threshold {
            FOLLOW_DOWN
        } else {
            FOLLOW_UP
        };
        self.threshold += follow * (value - self.threshold) * since.clamp(0.0, 100.0);
        self.threshold = self.threshold.clamp(6.0, 600.0);
    }
}

/// Of the straight line with the least squares; `None` where all came at one time.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x - mean_x) * (y - mean_y);
        below += (x - mean_x) * (x - mean_x);
    }
    (below > 0.0).then(|| above / below)
}
