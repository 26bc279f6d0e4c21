//! Figures of a received track, as W3C webrtc-stats counts them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lk_media::video::VideoReceiveStats;

/// A gap counts as a freeze where it reaches three times the mean, or the mean and this much (W3C `freezeCount`).
const FREEZE: Duration = Duration::from_millis(150);
/// The mean is that of so many gaps.
const WINDOW: usize = 30;
/// Before there are so many gaps nothing is known of the rate.
const FEWEST: usize = 5;
/// A gap longer than this is a pause (W3C `pauseCount`): nobody took the source for a moving picture any more. It is no
/// freeze, as in Google's library, where a muted track does not count as a frozen one.
const PAUSE: Duration = Duration::from_secs(5);
/// Pictures in a second are counted over so many of the latest gaps.
const RATE_WINDOW: usize = 15;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(crate) struct VideoRecvStats {
    pub(crate) buffer: VideoReceiveStats,
    pub(crate) implementation: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames_decoded: u64,
    pub(crate) key_frames_decoded: u64,
    pub(crate) qp_sum: u64,
    pub(crate) decode_errors: u64,
    pub(crate) decode_time: Duration,
    /// From a picture's first packet to its decoding, together.
    pub(crate) processing_delay: Duration,
    /// From a picture's first packet to the decoder, together.
    pub(crate) buffer_delay: Duration,
    pub(crate) freezes: u64,
    pub(crate) freeze_time: Duration,
    pub(crate) pauses: u64,
    pub(crate) pause_time: Duration,
    pub(crate) inter_frame_delay: Duration,
    pub(crate) squared_inter_frame_delay: f64,
    last: Option<Instant>,
    /// The latest gaps.
    gaps: VecDeque<Duration>,
}

impl VideoRecvStats {
    /// A picture was decoded now.
    pub(super) fn decoded(&mut self, now: Instant) {
        self.frames_decoded += 1;
        let Some(last) = self.last.replace(now) else {
            return;
        };
        let gap = now.saturating_duration_since(last);
        let seconds = gap.as_secs_f64();
        self.inter_frame_delay += gap;
        self.squared_inter_frame_delay += seconds * seconds;
        if gap > PAUSE {
            self.pauses += 1;
            self.pause_time += gap;
            // What came before says nothing about what comes now.
            self.gaps.clear();
            return;
        }
        if self.is_freeze(gap) {
            self.freezes += 1;
            self.freeze_time += gap;
        }
        if self.gaps.len() == WINDOW {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }

    fn is_freeze(&self, gap: Duration) -> bool {
        let Some(count) = u32::try_from(self.gaps.len())
            .ok()
            .filter(|_| self.gaps.len() >= FEWEST)
        else {
            return false;
        };
        let mean = self.gaps.iter().sum::<Duration>() / count;
        gap >= (mean * 3).max(mean + FREEZE)
    }

    /// Pictures in a second of late; 0 where none came in the last second.
    pub(crate) fn framerate(&self, now: Instant) -> f64 {
        let recent = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < Duration::from_secs(1));
        let latest = self.gaps.iter().rev().take(RATE_WINDOW);
        let count = latest.len();
        let span = latest.sum::<Duration>();
        if !recent || span.is_zero() {
            return 0.0;
        }
        count as f64 / span.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_long_gap_is_a_freeze_and_a_low_rate_is_not() {
        let start = Instant::now();
        let mut stats = VideoRecvStats::default();
        for at in 0..50 {
            stats.decoded(start + ms(at * 100));
        }
        assert_eq!((stats.freezes, stats.frames_decoded), (0, 50));
        assert!((stats.framerate(start + ms(4_950)) - 10.0).abs() < 0.1);
        stats.decoded(start + ms(5_199));
        assert_eq!(stats.freezes, 0, "three times the mean is 300 ms");
        stats.decoded(start + ms(5_700));
        assert_eq!(stats.freezes, 1);
        assert_eq!(stats.freeze_time, ms(501));
    }

    #[test]
    fn the_mean_is_that_of_the_last_thirty() {
        let start = Instant::now();
        let mut stats = VideoRecvStats::default();
        let mut at = ms(0);
        for gap in std::iter::repeat_n(400, 40).chain(std::iter::repeat_n(33, 30)) {
            at += ms(gap);
            stats.decoded(start + at);
        }
        at += ms(190);
        stats.decoded(start + at);
        assert_eq!(stats.freezes, 1, "33 ms and 150");
    }

    #[test]
    fn a_pause_is_no_freeze_and_what_follows_is_measured_anew() {
        let start = Instant::now();
        let mut stats = VideoRecvStats::default();
        for at in 0..20 {
            stats.decoded(start + ms(at * 33));
        }
        stats.decoded(start + ms(8_000));
        assert_eq!((stats.freezes, stats.pauses), (0, 1));
        assert_eq!(stats.pause_time, ms(8_000 - 19 * 33));
        stats.decoded(start + ms(8_500));
        assert_eq!(stats.freezes, 0);
        assert_eq!(stats.framerate(start + ms(9_600)), 0.0);
    }
}
