//! What is read off the datagrams that pass, because the stack below does not count it.

use std::time::{Duration, Instant};

use crate::PairStats;
use crate::security::Security;
use crate::streams::Streams;
use crate::wire::{self, Check, ClearRtp};

/// Connectivity checks and signs of life, of all pairs of candidates.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    requests_sent: u64,
    requests_received: u64,
    responses_sent: u64,
    consent_requests_sent: u64,
    last_sent: Option<Instant>,
    last_received: Option<Instant>,
    /// Answers to requests of our own, and their round trips together.
    answered: u64,
    trips: Duration,
}

impl Traffic {
    /// A request of our own leaves, on the pair in use.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.last_sent = Some(now);
        self.requests_sent += 1;
        self.consent_requests_sent += 1;
    }

    /// It was answered, so long after.
    pub(crate) fn answered(&mut self, trip: Duration, now: Instant) {
        self.last_received = Some(now);
        self.answered += 1;
        self.trips += trip;
    }

    /// A datagram leaves; `chosen` tells whether there is a pair in use.
    pub(crate) fn outgoing(
        &mut self,
        datagram: &[u8],
        chosen: bool,
        streams: &mut Streams,
        security: &mut Security,
        now: Instant,
    ) {
        self.last_sent = Some(now);
        match wire::check(datagram) {
            Some(Check::Request) => {
                self.requests_sent += 1;
                self.consent_requests_sent += u64::from(chosen);
            }
            Some(Check::Response) => self.responses_sent += 1,
            None => {
                if let Some(packet) = wire::rtp(datagram) {
                    streams.left(packet, datagram.len(), security.srtp_overhead(), now);
                }
            }
        }
    }

    /// A datagram of the peer's came in; what of it is RTP.
    pub(crate) fn incoming(
        &mut self,
        datagram: &[u8],
        streams: &mut Streams,
        security: &mut Security,
        now: Instant,
    ) -> Option<ClearRtp> {
        self.last_received = Some(now);
        if wire::check(datagram) == Some(Check::Request) {
            self.requests_received += 1;
            return None;
        }
        let packet = wire::rtp(datagram)?;
        streams.arrived(packet, datagram.len(), security.srtp_overhead());
        Some(packet)
    }

    /// The pair's figures with these.
    pub(crate) fn add_to(&self, pair: PairStats) -> PairStats {
        PairStats {
            requests_sent: self.requests_sent,
            consent_requests_sent: self.consent_requests_sent,
            requests_received: self.requests_received,
            responses_sent: self.responses_sent,
            last_sent: self.last_sent,
            last_received: self.last_received,
            responses_received: pair.responses_received + self.answered,
            total_rtt: pair.total_rtt + self.trips,
            ..pair
        }
    }
}
