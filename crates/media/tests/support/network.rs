//! A seeded network: what arrives, and when.

use super::Random;
use super::sender::Sent;

/// What the network does to packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkConfig {
    pub(crate) seed: u64,
    /// Share of packets lost, each by itself.
    pub(crate) loss: f64,
    /// Delay beyond the shortest: uniform from 0 to this, in ms. Packets overtake one another.
    pub(crate) jitter_ms: f64,
    /// Share of packets that come twice.
    pub(crate) duplicates: f64,
    /// The sender's clock against the receiver's, in parts per million.
    pub(crate) drift_ppm: f64,
    /// From, to in ms of sending time: nothing comes through.
    pub(crate) outages: Vec<(f64, f64)>,
    /// From, to in ms: what is sent in between is held back and comes at the end.
    pub(crate) stalls: Vec<(f64, f64)>,
    /// From, to in ms: the puller does not run, and makes up for it at the end.
    pub(crate) puller_stalls: Vec<(f64, f64)>,
    /// Where the pulls lie on the grid of 10 ms, in ms.
    pub(crate) pull_phase: f64,
}

/// A packet that got through.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// In ms.
    pub(crate) at: f64,
    /// Index of the packet.
    pub(crate) packet: usize,
}

/// Shortest way, in ms.
pub(crate) const TRANSIT: f64 = 20.0;

/// When a packet with the sound from `frame` on leaves: when its last frame has been captured, in ms of the receiver.
pub(crate) fn departure(frame: usize, packet: usize, drift_ppm: f64) -> f64 {
    (frame + packet) as f64 / 48.0 / (1.0 + drift_ppm * 1e-6)
}

/// Sends packets of `packet` frames through the network; sorted by arrival.
pub(crate) fn transmit(sent: &[Sent], packet: usize, config: &NetworkConfig) -> Vec<Arrival> {
    let mut random = Random::new(config.seed);
    let mut arrivals = Vec::new();
    for (index, one) in sent.iter().enumerate() {
        let leaves = departure(one.frame, packet, config.drift_ppm);
        let lost = random.unit() < config.loss;
        let jitter = random.unit() * config.jitter_ms;
        let twice = random.unit() < config.duplicates;
        let within = |span: &&(f64, f64)| leaves >= span.0 && leaves < span.1;
        if lost || config.outages.iter().any(|span| within(&span)) {
            continue;
        }
        let released = config
            .stalls
            .iter()
            .find(within)
            .map_or(leaves, |span| span.1);
        let at = released + TRANSIT + jitter;
        arrivals.push(Arrival { at, packet: index });
        if twice {
            arrivals.push(Arrival {
                at: at + 3.0,
                packet: index,
            });
        }
    }
    arrivals.sort_by(|left, right| left.at.total_cmp(&right.at));
    arrivals
}
