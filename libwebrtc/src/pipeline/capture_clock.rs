//! The program's clock on ours: when a picture was captured.
//!
//! Encoders, limits and RTP timestamps go by that moment, so that a program whose calls come late now and then is seen
//! to move evenly.

use std::time::{Duration, Instant};

/// A difference of the clocks that is this far from what it was is another one: the program began anew.
const JUMP: Duration = Duration::from_millis(300);
/// The earliest call tells the clocks' difference, since calls come late and never early. It is believed a little less
/// from second to second, by so many seconds: by more than clocks drift from one another.
const DRIFT: f64 = 0.000_5;

/// Two pictures are at least so far apart: RTP's clock of video must tell them apart.
const LEAST: Duration = Duration::from_micros(50);

/// Maps timestamps of any clock that runs evenly. What it gives always grows.
#[derive(Debug, Default)]
pub(crate) struct CaptureClock {
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    origin: Instant,
    origin_us: i64,
    last_us: i64,
    /// Of our clock, ahead of the program's, seconds since the origin.
    ahead: f64,
    last: Instant,
}

impl CaptureClock {
    /// When a picture with that timestamp (microseconds) that comes `now` was captured.
    pub(crate) fn moment(&mut self, timestamp_us: i64, now: Instant) -> Instant {
        let since = self
            .state
            .as_mut()
            .and_then(|state| state.since(timestamp_us, now));
        let moment = match (&self.state, since) {
            (Some(state), Some(since)) => (state.origin + since).max(state.last + LEAST),
            (before, _) => {
                let least = before.as_ref().map(|before| before.last + LEAST);
                let moment = least.map_or(now, |least| least.max(now));
                self.state = Some(State {
                    origin: moment,
                    origin_us: timestamp_us,
                    last_us: timestamp_us,
                    ahead: 0.0,
                    last: moment,
                });
                moment
            }
        };
        if let Some(state) = &mut self.state {
            state.last = moment;
        }
        moment
    }
}

impl State {
    /// Time since the origin; `None` where the clock went back, stood still or jumped.
    fn since(&mut self, timestamp_us: i64, now: Instant) -> Option<Duration> {
        if timestamp_us <= self.last_us {
            return None;
        }
        let passed = timestamp_us.saturating_sub(self.last_us) as f64 / 1e6;
        self.last_us = timestamp_us;
        let theirs = timestamp_us.saturating_sub(self.origin_us) as f64 / 1e6;
        let ours = now.saturating_duration_since(self.origin).as_secs_f64();
        let ahead = ours - theirs;
        if (ahead - self.ahead).abs() > JUMP.as_secs_f64() {
            return None;
        }
        self.ahead = ahead.min(self.ahead + DRIFT * passed);
        Duration::try_from_secs_f64(theirs + self.ahead).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn late_calls_do_not_move_pictures() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        let moments: Vec<Instant> = (0..200_u64)
            .map(|at| {
                clock.moment(
                    7_000_000 + at as i64 * 40_000,
                    start + ms(at * 40 + at * 7 % 20),
                )
            })
            .collect();
        for pair in moments[100..].windows(2) {
            let gap = pair[1] - pair[0];
            assert!(gap > ms(38) && gap < ms(42), "{gap:?}");
        }
    }

    #[test]
    fn a_jump_begins_anew_and_time_never_goes_back() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        assert_eq!(clock.moment(0, start), start);
        assert_eq!(clock.moment(i64::MAX, start + ms(40)), start + ms(40));
        assert_eq!(clock.moment(i64::MIN, start + ms(80)), start + ms(80));
        let late = clock.moment(i64::MIN + 10_000, start + ms(85));
        assert!(late > start + ms(80) && late <= start + ms(85));
        assert!(clock.moment(i64::MIN, start + ms(85)) > late);
    }

    #[test]
    fn a_clock_that_stands_still_is_not_listened_to() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        for at in 0..50 {
            assert_eq!(clock.moment(5, start + ms(at * 33)), start + ms(at * 33));
        }
    }

    #[test]
    fn a_clock_that_runs_a_little_faster_is_followed() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        for at in 0..3_000_u64 {
            let now = start + ms(at * 33);
            let moment = clock.moment(at as i64 * 33_030, now);
            assert!(now - moment < ms(10));
        }
    }
}
