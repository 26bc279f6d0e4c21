//! Probes: short bursts that tell whether the path carries more than what is sent.

use super::reports::Arrived;

/// A probe's packets leave within this time of its beginning, seconds.
const LASTS: f64 = 0.16;
/// So many packets one after the other say something; a burst has more.
const LEAST_PACKETS: usize = 6;
const LEAST_SPAN: f64 = 0.008;
/// What arrives that much slower than it left met a limit.
const UNHINDERED: f64 = 0.9;
/// Share of what was proved that is relied on.
const RELIED_ON: f64 = 0.9;
/// A probe that showed less than this beyond the present rate showed nothing new.
const WORTH: f64 = 1.1;
/// How far above the present rate a probe goes.
const BEYOND: f64 = 2.0;
/// … and where the path is known to be too narrow: its queue takes the rest.
const BEYOND_LIMIT: f64 = 1.5;
/// Slower than this a burst would last too long, bit/s.
const LEAST_RATE: f64 = 300_000.0;
/// How long nothing is probed after one that showed nothing, at first and at most, seconds.
const PAUSE: f64 = 1.0;
const LONGEST_PAUSE: f64 = 4.0;
/// Where this many times the rate is all that is wanted, so long: the rate grows without probes, too, and a path that becomes
/// narrow while one is on its way has a long queue. Seconds.
const NEARLY: f64 = 1.5;
const PAUSE_NEARLY: f64 = 10.0;
/// A probe whose packets left too slowly to show anything is made again after this, seconds: the machine was busy, and
/// nothing is known of the path.
const AGAIN: f64 = 0.5;
/// A probe that nothing was heard of for so long is lost.
const PATIENCE: f64 = 2.0;

/// When to probe and what a probe showed.
#[derive(Debug)]
pub(super) struct Prober {
    pause: f64,
    next: f64,
    /// When the last one began.
    last: f64,
    /// When the one under way began, and its packets that arrived.
    began: Option<f64>,
    train: Vec<Arrived>,
}

impl Prober {
    pub(super) fn new() -> Self {
        Self {
            pause: PAUSE,
            next: f64::NEG_INFINITY,
            last: f64::NEG_INFINITY,
            began: None,
            train: Vec::new(),
        }
    }

    /// The rate to probe at now, if it is time to. `wanted` is what could be sent at most.
    pub(super) fn due(&mut self, rate: f64, wanted: f64, limited: bool, now: f64) -> Option<f64> {
        if let Some(began) = self.began
            && now > began + PATIENCE
        {
            self.failed(now);
        }
        if self.began.is_some() || now < self.next || rate >= wanted {
            return None;
        }
        if rate * NEARLY >= wanted && now < self.last + PAUSE_NEARLY {
            return None;
        }
        self.began = Some(now);
        self.last = now;
        self.train.clear();
        let factor = if limited { BEYOND_LIMIT } else { BEYOND };
        let beyond = (rate * factor).min(wanted * WORTH);
        Some(beyond.max(rate * WORTH).max(LEAST_RATE))
    }

    /// The path has a queue: nothing is probed for a while.
    pub(super) fn disturbed(&mut self, now: f64) {
        self.began = None;
        self.next = self.next.max(now + self.pause);
    }

    fn failed(&mut self, now: f64) {
        self.began = None;
        self.next = now + self.pause;
        self.pause = (self.pause * 1.5).min(LONGEST_PAUSE);
    }

    /// Packets arrived. What they prove of the path, if the probe under way is over with them.
    pub(super) fn take(&mut self, arrived: &[Arrived], rate: f64, now: f64) -> Option<f64> {
        let began = self.began?;
        let ends = began + LASTS;
        self.train.extend(
            arrived
                .iter()
                .filter(|packet| packet.sent >= began && packet.sent <= ends),
        );
        // Complete where something that left later was heard of.
        if arrived.last().is_none_or(|last| last.sent <= ends) {
            return None;
        }
        let proved = fastest(&self.train).map(|rate| rate * RELIED_ON);
        match proved.filter(|proved| *proved > rate * WORTH) {
            Some(proved) => {
                self.began = None;
                self.pause = PAUSE;
                self.next = now;
                Some(proved)
            }
            None if self.left_slowly(rate) => {
                self.began = None;
                self.next = now + AGAIN;
                None
            }
            None => {
                self.failed(now);
                None
            }
        }
    }

    /// Whether no run of packets left fast enough to prove more than that rate, had it arrived as fast.
    fn left_slowly(&self, rate: f64) -> bool {
        runs(&self.train)
            .map(|run| run.sent * RELIED_ON)
            .all(|sent| sent <= rate * WORTH)
    }
}

/// How fast some packets in a row left and arrived, bit/s.
struct Run {
    sent: f64,
    arrived: f64,
}

fn runs(train: &[Arrived]) -> impl Iterator<Item = Run> {
    train.windows(LEAST_PACKETS).filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        let (left, came) = (last.sent - first.sent, last.arrival - first.arrival);
        if left < LEAST_SPAN || came < LEAST_SPAN / 2.0 {
            return None;
        }
        let bytes: usize = run.iter().map(|packet| packet.bytes).sum();
        Some(Run {
            sent: (bytes - last.bytes) as f64 * 8.0 / left,
            arrived: (bytes - first.bytes) as f64 * 8.0 / came,
        })
    })
}

/// The fastest run of packets: as fast as it left, or as it arrived where that was slower.
fn fastest(train: &[Arrived]) -> Option<f64> {
    runs(train)
        .map(|Run { sent, arrived }| {
            // Slower than it left: that is the narrowest place's own rate, and a little less empties the queue again.
            if arrived < sent * UNHINDERED {
                arrived * 0.95
            } else {
                sent.min(arrived)
            }
        })
        .reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(began: f64, rate: f64, limit: f64) -> Vec<Arrived> {
        let (mut sent, mut arrival) = (began, 0.0);
        (0..12)
            .map(|_| {
                sent += 480.0 * 8.0 / rate;
                arrival = f64::max(arrival, sent) + 480.0 * 8.0 / limit;
                Arrived {
                    sent,
                    arrival,
                    bytes: 480,
                }
            })
            .collect()
    }

    #[test]
    fn a_burst_proves_what_passes_and_no_more() {
        let clean = fastest(&train(0.0, 1_000_000.0, 100_000_000.0)).expect("measured");
        assert!((clean - 1_000_000.0).abs() < 50_000.0, "{clean}");
        let narrow = fastest(&train(0.0, 1_000_000.0, 500_000.0)).expect("measured");
        assert!((narrow - 475_000.0).abs() < 30_000.0, "{narrow}");
        assert_eq!(fastest(&train(0.0, 1e6, 1e6)[..4]), None);
    }

    #[test]
    fn a_probe_that_left_too_slowly_is_made_again_soon() {
        let mut prober = Prober::new();
        assert!(prober.due(500_000.0, 2_000_000.0, false, 0.0).is_some());
        let mut arrived = train(0.0, 400_000.0, 5_000_000.0);
        arrived.push(Arrived {
            sent: 0.2,
            arrival: 0.3,
            bytes: 100,
        });
        assert_eq!(prober.take(&arrived, 500_000.0, 0.3), None);
        assert_eq!(prober.due(500_000.0, 2_000_000.0, false, 0.7), None);
        assert!(prober.due(500_000.0, 2_000_000.0, false, 0.9).is_some());
        assert_eq!(prober.pause, PAUSE, "nothing was learned of the path");
    }

    #[test]
    fn a_probe_that_shows_nothing_new_is_followed_by_a_pause() {
        let mut prober = Prober::new();
        assert_eq!(prober.due(500_000.0, 400_000.0, false, 0.0), None, "enough");
        assert_eq!(
            prober.due(500_000.0, 2_000_000.0, false, 0.0),
            Some(1_000_000.0)
        );
        assert_eq!(
            prober.due(500_000.0, 2_000_000.0, false, 0.1),
            None,
            "under way"
        );
        let mut arrived = train(0.0, 1_000_000.0, 500_000.0);
        assert_eq!(prober.take(&arrived, 500_000.0, 0.2), None, "not over");
        arrived = vec![Arrived {
            sent: 0.2,
            arrival: 0.3,
            bytes: 100,
        }];
        assert_eq!(prober.take(&arrived, 500_000.0, 0.3), None);
        assert_eq!(prober.due(500_000.0, 2_000_000.0, false, 1.0), None);
        assert!(prober.due(500_000.0, 2_000_000.0, false, 1.9).is_some());
        arrived = train(1.9, 1_000_000.0, 5_000_000.0);
        arrived.push(Arrived {
            sent: 2.1,
            arrival: 2.2,
            bytes: 100,
        });
        assert!(prober.take(&arrived, 500_000.0, 2.2).is_some());
        assert!(
            prober.due(900_000.0, 2_000_000.0, false, 2.2).is_some(),
            "at once"
        );
    }
}
