//! The time that rate controls see.

/// Makes of capture times the clock that a rate control runs on: one that advances evenly, by the mean time between the
/// last pictures.
///
/// libvpx takes the distance of two pictures for the frame rate as soon as it differs by a tenth, and gives every picture
/// its share of bits by that: jitter, or a pause, would make it send too much for a second.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Option<u64>,
    now: f64,
    nominal: f64,
    /// The smoothed time between pictures.
    interval: f64,
}

impl Clock {
    pub(crate) fn new(framerate: f64) -> Self {
        let mut clock = Self {
            last: None,
            now: 0.0,
            nominal: 1.0,
            interval: 1.0,
        };
        clock.set_framerate(framerate);
        clock
    }

    /// From now on pictures are expected at this rate, 1/s.
    pub(crate) fn set_framerate(&mut self, framerate: f64) {
        let nominal = (90_000.0 / framerate).clamp(1.0, 900_000.0);
        if nominal != self.nominal {
            (self.nominal, self.interval) = (nominal, nominal);
        }
    }

    /// The time between pictures, 1/90000 s.
    #[cfg(any(feature = "vpx", feature = "aom", test))]
    pub(crate) fn duration(&self) -> u32 {
        self.interval.round().max(1.0) as u32
    }

    /// The time of a picture captured at `timestamp`, 1/90000 s.
    pub(crate) fn advance(&mut self, timestamp: u64) -> i64 {
        if let Some(last) = self.last {
            let passed = timestamp.saturating_sub(last) as f64;
            // A longer silence is a pause, and says nothing about the rate.
            let passed = passed.clamp(self.interval / 4.0, self.interval * 4.0);
            self.interval += (passed - self.interval) / 32.0;
            self.now += self.interval.max(1.0);
        }
        self.last = Some(timestamp);
        self.now.round() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_at_the_rate_of_the_pictures() {
        let mut clock = Clock::new(30.0);
        assert_eq!(clock.duration(), 3000);
        assert_eq!(clock.advance(1_000_000), 0);
        assert_eq!(clock.advance(1_003_000), 3000);
        let mut timestamp = 1_003_000;
        for _ in 0..200 {
            timestamp += 9000;
            clock.advance(timestamp);
        }
        assert!((8900..=9000).contains(&clock.duration()));
        clock.set_framerate(30.0);
        assert!(
            clock.duration() > 8900,
            "the same rate again changes nothing"
        );
        clock.set_framerate(15.0);
        assert_eq!(clock.duration(), 6000);
    }

    #[test]
    fn the_clock_neither_stops_nor_leaps() {
        let mut clock = Clock::new(30.0);
        let mut before = clock.advance(90_000);
        for timestamp in [
            93_000,
            93_000,
            10,
            u64::MAX,
            0,
            90_000 * 3600,
            90_000 * 3600 + 1,
        ] {
            let now = clock.advance(timestamp);
            assert!((2500..=3500).contains(&(now - before)), "{}", now - before);
            before = now;
        }
    }
}
