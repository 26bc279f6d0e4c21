//! The sender's clock on ours: RTP timestamps as microseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Ticks of video in a second (RFC 3551 §5).
const RATE: i64 = 90_000;
/// Where a picture is this far from where the clock puts it, the sender began anew.
const TOLERANCE: Duration = Duration::from_secs(10);

/// Maps a stream's timestamps; what it gives never goes back.
#[derive(Debug, Default)]
pub(super) struct MediaClock {
    /// A timestamp and the moment it stood for, microseconds.
    anchor: Option<(u32, i64)>,
    last: i64,
}

impl MediaClock {
    /// The moment of a picture that came in at `arrival`.
    pub(super) fn moment(&mut self, timestamp: u32, arrival: SystemTime) -> i64 {
        let arrival = arrival.duration_since(UNIX_EPOCH).unwrap_or_default();
        let arrival = i64::try_from(arrival.as_micros()).unwrap_or(i64::MAX);
        let tolerance = i64::try_from(TOLERANCE.as_micros()).unwrap_or(i64::MAX);
        let moment = self
            .anchor
            .map(|(origin, at)| {
                let ticks = i64::from(timestamp.wrapping_sub(origin).cast_signed());
                at + ticks * 1_000_000 / RATE
            })
            .filter(|moment| moment.abs_diff(arrival) < tolerance.unsigned_abs())
            .unwrap_or(arrival);
        self.anchor = Some((timestamp, moment));
        self.last = moment.max(self.last + 1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_000_000 + ms)
    }

    #[test]
    fn pictures_are_as_far_apart_as_they_were_sent() {
        let mut clock = MediaClock::default();
        let first = clock.moment(u32::MAX - 1_000, at(0));
        assert_eq!(first, 1_000_000_000);
        // Late by 20 ms, and over the wrap.
        assert_eq!(clock.moment(1_999, at(53)) - first, 33_333);
        assert_eq!(clock.moment(4_999, at(60)) - first, 66_666);
    }

    #[test]
    fn a_stream_that_begins_anew_is_followed_and_time_never_goes_back() {
        let mut clock = MediaClock::default();
        clock.moment(0, at(0));
        assert_eq!(clock.moment(2_000_000_000, at(40)), 1_000_040_000);
        let again = clock.moment(2_000_000_000, at(41));
        assert!(again > 1_000_040_000);
    }
}
