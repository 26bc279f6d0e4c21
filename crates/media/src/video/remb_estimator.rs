//! What the path to us carries, estimated where packets arrive, for a sender that asks for REMB.
//!
//! The delay-based half of Google congestion control (draft-ietf-rmcat-gcc-02): packets are grouped by when they were
//! sent (`arrival`); whether the gaps between groups grow on the way shows whether a queue builds up (`trend`), and how
//! long packets take whether there is one (`standing`); the estimate follows (`rate`). Losses are the sender's business: it sees them in receiver reports.

mod arrival;
mod rate;
mod standing;
mod trend;

use std::time::{Duration, Instant};

use arrival::Groups;
use rate::{Incoming, RateControl};
use standing::StandingQueue;
use trend::Trend;

/// How often a REMB goes out at least.
const INTERVAL: Duration = Duration::from_secs(1);
/// How soon one may follow another. LiveKit's server believes a fall after twelve that tell of less and less, and looks
/// for a rise while it probes, for some hundred milliseconds.
const LEAST_INTERVAL: Duration = Duration::from_millis(50);
/// A fall, and a rise by that share, go out at once.
const RISE: f64 = 1.05;
/// Packets wait: nothing grows.
const WAITING: Duration = Duration::from_millis(40);
/// They wait so long that the sender must send less, whatever the trend.
const QUEUED: Duration = Duration::from_millis(90);
/// After such a silence the measured past says nothing.
const SILENCE: Duration = Duration::from_secs(2);

/// Bounds of a [`RembEstimator`], in bits per second.
#[derive(Clone, Copy, Debug)]
pub struct RembConfig {
    /// Never below.
    pub min: u64,
    /// Never above.
    pub max: u64,
}

impl Default for RembConfig {
    fn default() -> Self {
        Self {
            min: 50_000,
            max: 50_000_000,
        }
    }
}

/// Estimates the bandwidth of one path, over the packets of all streams that take it.
///
/// Only packets with an absolute send time count; a stream without any says nothing.
#[derive(Debug)]
pub struct RembEstimator {
    groups: Groups,
    trend: Trend,
    standing: StandingQueue,
    incoming: Incoming,
    control: RateControl,
    last_packet: Option<Instant>,
    sent: Option<(Instant, u64)>,
}

impl RembEstimator {
    /// Without an estimate.
    #[must_use]
    pub fn new(config: RembConfig) -> Self {
        Self {
            groups: Groups::default(),
            trend: Trend::default(),
            standing: StandingQueue::default(),
            incoming: Incoming::default(),
            control: RateControl::new(config.min, config.max.max(config.min)),
            last_packet: None,
            sent: None,
        }
    }

    /// Takes a packet: when it arrived, when it was sent (on whatever clock: only differences count), its bytes on the
    /// wire. In the order of arrival; retransmissions and padding count too.
    pub fn on_packet(&mut self, arrival: Instant, sent: Instant, bytes: usize) {
        if self
            .last_packet
            .is_some_and(|last| arrival.saturating_duration_since(last) > SILENCE)
        {
            self.groups = Groups::default();
            self.trend = Trend::default();
            self.standing = StandingQueue::default();
            self.incoming = Incoming::default();
        }
        self.last_packet = Some(arrival);
        self.incoming.add(arrival, sent, bytes);
        if let Some(delta) = self.groups.add(arrival, sent) {
            self.trend.update(&delta);
        }
        self.standing.add(arrival, sent);
        let incoming = self.incoming.rate(arrival);
        let queue = self.standing.queue();
        let usage = match self.trend.usage() {
            _ if queue > QUEUED => Usage::Full,
            Usage::Normal if queue > WAITING => Usage::Under,
            usage => usage,
        };
        self.control.update(usage, incoming, arrival);
    }

    /// Bits per second; `None` before enough has come.
    #[must_use]
    pub fn estimate(&self) -> Option<u64> {
        self.control.estimate()
    }

    /// The estimate, if a REMB should go out now: once a second, and at once when it has fallen, or risen by much.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        let estimate = self.estimate()?;
        if let Some((at, last)) = self.sent {
            let since = now.saturating_duration_since(at);
            let news = estimate < last || estimate as f64 > last as f64 * RISE;
            if since < LEAST_INTERVAL || since < INTERVAL && !news {
                return None;
            }
            let silent = self
                .last_packet
                .is_none_or(|last| now.saturating_duration_since(last) > SILENCE);
            if silent && estimate == last {
                return None;
            }
        }
        self.sent = Some((now, estimate));
        Some(estimate)
    }

    /// When to ask [`Self::due`] again although no packet came; `None` while nothing comes.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let (sent, _) = self.sent?;
        let next = sent + INTERVAL;
        (next <= self.last_packet? + SILENCE).then_some(next)
    }

    /// Tells the round trip time: how fast the sender can answer.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.control.set_rtt(rtt);
    }

    /// How long packets wait on the way, by what all that came lately met.
    #[must_use]
    pub fn queue(&self) -> Duration {
        self.standing.queue()
    }

    /// Whether a queue builds up on the way right now.
    #[must_use]
    pub fn is_overused(&self) -> bool {
        self.trend.usage() == Usage::Over || self.standing.queue() > QUEUED
    }
}

/// How the path is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Usage {
    /// Neither.
    #[default]
    Normal,
    /// A queue grows.
    Over,
    /// A queue is long.
    Full,
    /// A queue empties.
    Under,
}

#[cfg(test)]
mod tests;
