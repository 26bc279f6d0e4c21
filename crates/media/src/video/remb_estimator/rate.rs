//! From what comes in and how the path is used to an estimate (draft-ietf-rmcat-gcc-02 §5.5).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Usage;

/// What came in is measured over this.
const WINDOW: Duration = Duration::from_millis(300);
/// Before the first full window, at least so much.
const LEAST_WINDOW: Duration = Duration::from_millis(150);
/// Where nothing came for so much longer than nothing was sent, something stood still: that is not how much the path
/// carries.
const STALL: Duration = Duration::from_millis(200);
/// Share of what came in that is kept when a queue builds up.
const DECREASE: f64 = 0.85;
/// While a queue stays, the estimate falls by this each time, so that the sender sees it fall, down to this share of
/// what comes in, and to that one if the queue stays all the same: what the sender chose just fits and empties nothing.
const STEP: f64 = 0.99;
const STEP_TIME: Duration = Duration::from_millis(50);
const LEAST_SHARE: f64 = 0.6;
const LEAST_SHARE_LATER: f64 = 0.35;
const LATER: Duration = Duration::from_secs(3);
/// Growth in a second while the limit is not known to be near.
const GROWTH: f64 = 0.08;
/// The estimate stays within what can be judged from what comes in.
const BEYOND_INCOMING: f64 = 1.5;
const BEYOND_INCOMING_PLUS: f64 = 10_000.0;
/// Bits of the packets that growth near the limit goes by.
const PACKET_BITS: f64 = 1_200.0 * 8.0;

/// Bytes that came in lately, in slices of 10 ms.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    slices: VecDeque<(Instant, usize)>,
    bytes: usize,
    first: Option<Instant>,
    last: Option<(Instant, Instant)>,
}

impl Incoming {
    pub(super) fn add(&mut self, arrival: Instant, sent: Instant, bytes: usize) {
        let stalled = self.last.is_some_and(|(last_arrival, last_sent)| {
            arrival.saturating_duration_since(last_arrival)
                > sent.saturating_duration_since(last_sent) + STALL
        });
        if stalled {
            *self = Self::default();
        }
        self.last = Some((arrival, sent));
        self.first.get_or_insert(arrival);
        self.bytes += bytes;
        match self.slices.back_mut() {
            Some((start, sum))
                if arrival.saturating_duration_since(*start) < Duration::from_millis(10) =>
            {
                *sum += bytes;
            }
            _ => self.slices.push_back((arrival, bytes)),
        }
        self.forget(arrival);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((start, bytes)) = self.slices.front() {
            if now.saturating_duration_since(*start) <= WINDOW {
                break;
            }
            self.bytes -= bytes;
            self.slices.pop_front();
        }
    }

    /// Bits per second, once it can be told.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        let span = now.saturating_duration_since(self.first?).min(WINDOW);
        (span >= LEAST_WINDOW).then(|| self.bytes as f64 * 8.0 / span.as_secs_f64())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
    Decrease,
}

#[derive(Debug)]
pub(super) struct RateControl {
    min: f64,
    max: f64,
    rtt: Duration,
    estimate: Option<f64>,
    state: State,
    changed: Option<Instant>,
    decreased: Option<Instant>,
    stepped: Option<Instant>,
    /// Since when the queue has been full.
    full: Option<Instant>,
    /// Mean and relative variance of what came in when queues built up: the path's limit.
    limit: Option<(f64, f64)>,
}

impl RateControl {
    pub(super) fn new(min: u64, max: u64) -> Self {
        Self {
            min: min as f64,
            max: max as f64,
            rtt: Duration::from_millis(200),
            estimate: None,
            state: State::Hold,
            changed: None,
            decreased: None,
            stepped: None,
            full: None,
            limit: None,
        }
    }

    pub(super) fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt.min(Duration::from_secs(1));
    }

    pub(super) fn estimate(&self) -> Option<u64> {
        self.estimate.map(|estimate| estimate as u64)
    }

    pub(super) fn update(&mut self, usage: Usage, incoming: Option<f64>, now: Instant) {
        let Some(incoming) = incoming else {
            return;
        };
        let estimate = *self
            .estimate
            .get_or_insert(incoming.clamp(self.min, self.max));
        if usage != Usage::Full {
            self.full = None;
        }
        self.state = match (usage, self.state) {
            (Usage::Over | Usage::Full, _) => State::Decrease,
            (Usage::Under, _) => State::Hold,
            (Usage::Normal, State::Hold) => {
                // Growth counts from here.
                self.changed = Some(now);
                State::Increase
            }
            (Usage::Normal, state) => state,
        };
        let next = match self.state {
            State::Hold => estimate,
            State::Increase => self.increased(estimate, incoming, now),
            State::Decrease if usage == Usage::Full => {
                let least = self.decrease(estimate, incoming, now);
                self.step_down(least, incoming, now)
            }
            State::Decrease => self.decrease(estimate, incoming, now),
        };
        self.estimate = Some(next.clamp(self.min, self.max));
    }

    fn increased(&mut self, estimate: f64, incoming: f64, now: Instant) -> f64 {
        if let Some((mean, variance)) = self.limit
            && incoming > mean + 3.0 * (variance * mean).sqrt()
        {
            // The limit is not where it was.
            self.limit = None;
        }
        let since = self
            .changed
            .replace(now)
            .map_or(Duration::ZERO, |changed| {
                now.saturating_duration_since(changed)
            })
            .as_secs_f64()
            .min(1.0);
        let grown = if self.limit.is_some() {
            // About one packet in the time that an answer takes.
            let response = (self.rtt + Duration::from_millis(100)).as_secs_f64();
            estimate + (PACKET_BITS / response).max(4_000.0) * since
        } else {
            estimate * (1.0 + GROWTH).powf(since) + 1_000.0 * since
        };
        let most = BEYOND_INCOMING * incoming + BEYOND_INCOMING_PLUS;
        // What comes in without a queue is carried.
        grown.min(most).max(estimate).max(incoming)
    }

    fn step_down(&mut self, estimate: f64, incoming: f64, now: Instant) -> f64 {
        let due = self
            .stepped
            .is_none_or(|at| now.saturating_duration_since(at) >= STEP_TIME);
        if !due {
            return estimate;
        }
        self.stepped = Some(now);
        let full = *self.full.get_or_insert(now);
        let share = if now.saturating_duration_since(full) < LATER {
            LEAST_SHARE
        } else {
            LEAST_SHARE_LATER
        };
        (estimate * STEP).max(estimate.min(incoming * share))
    }

    fn decrease(&mut self, estimate: f64, incoming: f64, now: Instant) -> f64 {
        self.state = State::Hold;
        // What is decreased must first take effect.
        let wait = self
            .rtt
            .clamp(Duration::from_millis(10), Duration::from_millis(200));
        let waits = self
            .decreased
            .is_some_and(|at| now.saturating_duration_since(at) < wait);
        if waits && incoming > estimate * 0.5 {
            return estimate;
        }
        self.decreased = Some(now);
        if let Some((mean, variance)) = self.limit
            && incoming < mean - 3.0 * (variance * mean).sqrt()
        {
            self.limit = None;
        }
        let weight = 0.05;
        self.limit = Some(match self.limit {
            None => (incoming, 0.4 * 1_000.0),
            Some((mean, variance)) => {
                let off = incoming - mean;
                let mean = mean + weight * off;
                let variance = (1.0 - weight) * variance + weight * off * off / mean.max(1.0);
                (mean, variance.clamp(400.0, 2_500.0))
            }
        });
        (DECREASE * incoming).min(estimate)
    }
}
