//! When to show a picture: as early as the network's unevenness allows.
//!
//! The smallest transit (arrival less RTP time) of the last seconds is what the path takes at best. What pictures take
//! beyond that is averaged, and they are shown by that much and a share of its spread later: the motion is even, and
//! a quiet network costs no delay. A picture of which packets came again says nothing about the path.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// RTP clock of video.
const CLOCK: f64 = 90_000.0;
/// Buckets of the base's window, and the length of each in seconds.
const BUCKETS: usize = 5;
const BUCKET: f64 = 1.0;
/// Weight of a new value; some 30 pictures.
const WEIGHT: f64 = 1.0 / 30.0;
/// Unevenness below this is the clocks' own.
const NOISE: f64 = 0.003;

/// Computes render times of one stream.
#[derive(Clone, Debug)]
pub struct Playout {
    most: Duration,
    start: Option<Start>,
    /// Smallest transit of each second, newest last, with the second's number.
    least: VecDeque<(i64, f64)>,
    mean: f64,
    variance: f64,
    pictures: u64,
    last: Option<Instant>,
}

/// Where the stream's own time begins.
#[derive(Clone, Copy, Debug)]
struct Start {
    arrival: Instant,
    /// Unwrapped, and its last low bits.
    timestamp: i64,
    last: u32,
}

impl Default for Playout {
    fn default() -> Self {
        Self::new(Duration::from_millis(100))
    }
}

impl Playout {
    /// Delays pictures by at most that much.
    #[must_use]
    pub fn new(most: Duration) -> Self {
        Self {
            most,
            start: None,
            least: VecDeque::with_capacity(BUCKETS + 1),
            mean: 0.0,
            variance: 0.0,
            pictures: 0,
            last: None,
        }
    }

    /// The time at which to show a picture that is complete at `now`: never before `now`, never before an earlier
    /// picture's time, at most the limit later. `arrival` is its last packet's; `reordered` as in
    /// [`AssembledFrame`](super::AssembledFrame).
    pub fn render_at(
        &mut self,
        timestamp: u32,
        arrival: Instant,
        reordered: bool,
        now: Instant,
    ) -> Instant {
        let transit = self.transit(timestamp, arrival);
        let base = self.base(transit, arrival);
        let late = transit - base;
        if !reordered {
            self.learn(late);
        }
        let target = self.delay().as_secs_f64();
        let wait = (target - late).max(0.0);
        let at = arrival + Duration::try_from_secs_f64(wait).unwrap_or_default();
        let at = at.clamp(now, now + self.most);
        let at = self
            .last
            .map_or(at, |last| at.max(last.min(now + self.most)));
        self.last = Some(at);
        at
    }

    /// The delay beyond the path's own that pictures get.
    #[must_use]
    pub fn delay(&self) -> Duration {
        let spread = 2.0 * self.variance.max(0.0).sqrt();
        let delay = self.mean + spread;
        if delay < NOISE {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(delay)
            .unwrap_or(self.most)
            .min(self.most)
    }

    /// Mean deviation of arrivals, in seconds.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        self.variance.max(0.0).sqrt()
    }

    fn learn(&mut self, late: f64) {
        // What is later than the limit is a stall, not unevenness.
        let late = late.min(2.0 * self.most.as_secs_f64());
        self.pictures += 1;
        let weight = WEIGHT.max(1.0 / self.pictures as f64);
        let off = late - self.mean;
        self.mean += weight * off;
        self.variance = (1.0 - weight) * (self.variance + weight * off * off);
    }

    /// Seconds on our clock less seconds on the stream's, both since the first picture.
    fn transit(&mut self, timestamp: u32, arrival: Instant) -> f64 {
        let start = self.start.get_or_insert(Start {
            arrival,
            timestamp: 0,
            last: timestamp,
        });
        start.timestamp += i64::from(timestamp.wrapping_sub(start.last) as i32);
        start.last = timestamp;
        let media = start.timestamp as f64 / CLOCK;
        let ours = signed_seconds(arrival, start.arrival);
        let transit = ours - media;
        // A stream whose clock jumped is another stream.
        let known = self.least.back().map(|(_, least)| *least);
        if known.is_some_and(|known| (transit - known).abs() > 5.0) {
            *start = Start {
                arrival,
                timestamp: 0,
                last: timestamp,
            };
            self.least.clear();
            return 0.0;
        }
        transit
    }

    fn base(&mut self, transit: f64, arrival: Instant) -> f64 {
        let begin = self.start.map_or(arrival, |start| start.arrival);
        let bucket = (signed_seconds(arrival, begin) / BUCKET) as i64;
        match self.least.back_mut() {
            Some((last, least)) if *last >= bucket => *least = least.min(transit),
            _ => self.least.push_back((bucket, transit)),
        }
        while self.least.len() > BUCKETS {
            self.least.pop_front();
        }
        self.least
            .iter()
            .map(|(_, least)| *least)
            .fold(transit, f64::min)
    }
}

fn signed_seconds(to: Instant, from: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(after) => after.as_secs_f64(),
        None => -from.duration_since(to).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::{Rng, start};

    /// Plays pictures of 30 per second whose packets take 20 ms and up to `jitter` more; gives the waits after
    /// arrival and the render times.
    fn play(jitter: f64, pictures: u32) -> (Vec<f64>, Vec<Instant>, Playout) {
        let begin = start();
        let mut rng = Rng::new(3);
        let mut playout = Playout::default();
        let (mut waits, mut times) = (Vec::new(), Vec::new());
        for picture in 0..pictures {
            let sent = begin + Duration::from_secs_f64(f64::from(picture) / 30.0);
            let arrival = sent + Duration::from_secs_f64(0.02 + jitter * rng.unit());
            let timestamp = (u32::MAX - 9_000).wrapping_add(picture * 3_000);
            let at = playout.render_at(timestamp, arrival, false, arrival);
            waits.push((at - arrival).as_secs_f64());
            times.push(at);
        }
        (waits, times, playout)
    }

    #[test]
    fn an_even_network_costs_no_delay() {
        let (waits, _, playout) = play(0.0, 300);
        assert!(waits.iter().all(|wait| *wait < 0.001));
        assert_eq!(playout.delay(), Duration::ZERO);
    }

    #[test]
    fn an_uneven_network_is_evened_out() {
        let (_, times, playout) = play(0.03, 300);
        assert!(playout.delay() >= Duration::from_millis(20));
        let uneven = times[100..]
            .windows(2)
            .map(|pair| ((pair[1] - pair[0]).as_secs_f64() - 1.0 / 30.0).abs())
            .fold(0.0, f64::max);
        assert!(uneven < 0.012, "{uneven}");
    }

    #[test]
    fn the_delay_has_a_limit_and_times_never_go_back() {
        let (waits, times, playout) = play(0.8, 300);
        assert!(playout.delay() <= Duration::from_millis(100));
        assert!(waits.iter().all(|wait| *wait <= 0.101));
        assert!(
            times
                .windows(2)
                .all(|pair| pair[0] <= pair[1] || pair[1] - pair[0] == Duration::ZERO)
        );
    }

    #[test]
    fn jumps_of_the_streams_clock_do_no_harm() {
        let begin = start();
        let mut playout = Playout::default();
        let mut rng = Rng::new(9);
        for step in 0..2_000_u32 {
            let now = begin + Duration::from_millis(u64::from(step) * 20);
            let at = playout.render_at(rng.bits() as u32, now, false, now);
            assert!(at >= now && at <= now + Duration::from_millis(100));
        }
    }
}
