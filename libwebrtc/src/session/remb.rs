//! What the path to us carries, told to a peer that asks for it (REMB).

use std::time::{Duration, Instant};

use lk_engine::{Arrival, Engine};
use lk_jsep::plan::Plan;
use lk_media::video::remb_estimator::{RembConfig, RembEstimator};
use lk_types::Ssrc;

/// Sources that one message names at most.
const MOST_SOURCES: usize = 64;

/// Watches what comes in. Says nothing until the path has shown a limit: to a server that hears nothing everything is
/// possible, and a guess from a stream that happens to be small would hold the next one back.
pub(super) struct ReceiveLimit {
    /// `None` where the peer does not ask for it, or measures by itself (transport-wide feedback).
    estimator: Option<RembEstimator>,
    /// The path has shown a limit.
    known: bool,
    sources: Vec<Ssrc>,
}

impl ReceiveLimit {
    pub(super) fn new() -> Self {
        Self {
            estimator: None,
            known: false,
            sources: Vec::new(),
        }
    }

    /// Follows what an exchange agreed on.
    pub(super) fn follow(&mut self, plan: &Plan) {
        // Line by line: LiveKit's server answers lines that it does not use yet with both, and those that it sends on
        // with what it goes by.
        let asked = plan
            .media
            .iter()
            .any(|media| media.direction.receives() && media.remb && !media.transport_cc);
        if asked && self.estimator.is_none() {
            self.estimator = Some(RembEstimator::new(RembConfig::default()));
        } else if !asked {
            *self = Self::new();
        }
    }

    /// Takes the round trip time, by which the sender's answer comes.
    pub(super) fn set_rtt(&mut self, rtt: Duration) {
        if let Some(estimator) = &mut self.estimator {
            estimator.set_rtt(rtt);
        }
    }

    /// A packet came in, of whatever kind: LiveKit's server looks for room by sending what has been sent before.
    pub(super) fn arrived(&mut self, packet: &Arrival) {
        if let Some(estimator) = &mut self.estimator {
            estimator.on_packet(packet.at, packet.sent, packet.bytes);
            self.known |= estimator.is_overused();
        }
    }

    /// How long what comes in waits on its way; nothing where that is not measured.
    pub(super) fn queue(&self) -> Duration {
        self.estimator
            .as_ref()
            .map_or(Duration::ZERO, RembEstimator::queue)
    }

    /// Video of that source came in. Nothing else is named in messages: LiveKit's server follows the reports of one
    /// source, the first named where it knows none, and ignores all of them for good where that one is not video.
    pub(super) fn video(&mut self, source: Ssrc) {
        if self.estimator.is_some()
            && !self.sources.contains(&source)
            && self.sources.len() < MOST_SOURCES
        {
            self.sources.push(source);
        }
    }

    /// What the path is thought to carry, bit/s; `None` where the peer finds out by itself, or nothing is known yet.
    pub(super) fn estimate(&self) -> Option<u64> {
        self.estimator.as_ref()?.estimate()
    }

    /// Tells the peer, where it is time to.
    pub(super) fn tell(&mut self, engine: &mut Engine, now: Instant) {
        let told = self.known && !self.sources.is_empty();
        let Some(estimator) = self.estimator.as_mut().filter(|_| told) else {
            return;
        };
        if let Some(bitrate) = estimator.due(now) {
            engine.send_remb(bitrate, &self.sources, now);
            // Those that still send are back before the next message.
            self.sources.clear();
        }
    }
}
