//! Makes the stack pace at our rate and probe when we say so, and keeps its own estimator from doing either.
//!
//! The stack paces at its own estimate and a tenth of it. Starting its estimator anew at a rate sets that. A new estimator
//! probes at once, at three and six times its rate, but never above twice the rate that it is told to be desired: so a
//! desired rate of next to nothing keeps it from probing, and half of a rate makes it probe at that rate, once.

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::bwe::Bitrate;

/// Twice this is too little for the stack to probe at, bit/s.
const NO_PROBES: u64 = 2_000;
/// Within this time a probe's packets have left.
const PROBE_LASTS: Duration = Duration::from_millis(150);
/// Changes by fewer percent are not worth telling the stack at once …
const CHANGE: u64 = 3;
/// … but after this time it is told anyway, for its own estimator goes on from where it was told.
const AGAIN: Duration = Duration::from_millis(250);

/// What the stack was told.
#[derive(Debug, Default)]
pub(crate) struct Steering {
    told: Option<(u64, Instant)>,
    probe: Option<(u64, Instant)>,
}

impl Steering {
    /// Makes the stack pace at `wanted`; with `probe` it sends a burst at that rate. True where the stack was changed.
    pub(crate) fn steer(
        &mut self,
        rtc: &mut Rtc,
        wanted: u64,
        probe: Option<u64>,
        now: Instant,
    ) -> bool {
        let ended = self.probe.is_some_and(|(_, ends)| now >= ends);
        if ended {
            self.probe = None;
        }
        let first = self.told.is_none();
        if let Some(probe) = probe {
            desire(rtc, probe / 2);
            self.probe = Some((probe, now + PROBE_LASTS));
        } else if first || ended {
            desire(rtc, NO_PROBES);
        }
        let differs = self.told.is_none_or(|(told, at)| {
            told.abs_diff(wanted) * 100 > told * CHANGE || now >= at + AGAIN
        });
        // A probe that is being sent would be forgotten.
        if probe.is_some() || (differs && self.probe.is_none()) {
            rtc.bwe().reset(Bitrate::from(wanted * 10 / 11));
            self.told = Some((wanted, now));
            return true;
        }
        first || ended
    }

    /// The probe that is being sent: its rate, and until when.
    pub(crate) fn probe(&self) -> Option<(u64, Instant)> {
        self.probe
    }
}

fn desire(rtc: &mut Rtc, rate: u64) {
    rtc.bwe().set_bitrate(Bitrate::ZERO, Bitrate::from(rate));
}
