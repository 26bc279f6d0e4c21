//! Requests of our own and what their answers make of the estimate: see [`super::clock`].

use std::time::{Duration, Instant};

use super::Bandwidth;
use super::clock::{Clock, RequestId, Verdict};

impl Bandwidth {
    /// Whether numbered packets are to be held back.
    pub(crate) fn holds(&self) -> bool {
        self.clock.holds()
    }

    /// Until when packets wait for an answer, where it is overdue or enough has left ahead of it for this rate, bit/s.
    pub(crate) fn ahead_until(&self, rate: f64, now: Instant) -> Option<Instant> {
        let late = self.clock.late_at().filter(|late| *late > now)?;
        self.clock.is_ahead(rate, now).then_some(late)
    }

    /// What a round trip usually takes.
    pub(crate) fn trip(&self) -> Duration {
        self.clock.trip()
    }

    /// Whether a request is to be made now; true once for each.
    pub(crate) fn take_request(&mut self, now: Instant) -> bool {
        self.clock.take_due(now)
    }

    /// That request leaves, with so many bytes.
    pub(crate) fn requested(&mut self, id: RequestId, bytes: usize, now: Instant) {
        self.clock.requested(id, bytes, now);
    }

    /// Whether that is a request without an answer.
    pub(crate) fn awaits(&self, id: &[u8]) -> bool {
        self.clock.awaits(id)
    }

    /// It was answered. Its round trip.
    pub(crate) fn answered(&mut self, id: &[u8], now: Instant) -> Option<Duration> {
        let trip = self.clock.answered(id, now);
        self.follow_clock(now);
        trip
    }

    /// Packets go another way: round trips are those of the old one.
    pub(crate) fn rerouted(&mut self) {
        self.clock = Clock::default();
        self.path.goes_on();
    }

    /// A probe's packets leave until then.
    pub(crate) fn probes_until(&mut self, ends: Instant) {
        self.clock.burst(ends);
    }

    /// When something is late, or due.
    pub(crate) fn late_at(&self, now: Instant) -> Option<Instant> {
        self.clock.deadline(now)
    }

    /// Looks at what is late by now.
    pub(crate) fn look(&mut self, now: Instant) {
        self.clock.advance(now);
        self.follow_clock(now);
    }

    fn follow_clock(&mut self, now: Instant) {
        if let Some(verdict) = self.clock.take_verdict() {
            let now = self.under_way.seconds(now);
            match verdict {
                Verdict::Lets(arriving) => self.path.lets(arriving, now),
                Verdict::AnotherWay => self.path.takes_longer(),
                Verdict::Nothing => self.path.doubt(),
            }
            self.prober.disturbed(now);
        }
        if !self.clock.holds() {
            self.path.goes_on();
        }
    }
}
