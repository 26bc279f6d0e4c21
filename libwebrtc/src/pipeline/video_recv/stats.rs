//! Figures of a received track, as W3C webrtc-stats counts them.

use std::time::{Duration, Instant};

use lk_media::video::VideoReceiveStats;

/// A gap counts as a freeze where it exceeds three times the mean, or the mean by this much (W3C `freezeCount`).
const FREEZE: Duration = Duration::from_millis(150);

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(crate) struct VideoRecvStats {
    pub(crate) buffer: VideoReceiveStats,
    pub(crate) implementation: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames_decoded: u64,
    pub(crate) key_frames_decoded: u64,
    pub(crate) decode_errors: u64,
    pub(crate) decode_time: Duration,
    /// From a picture's last packet to its decoding, together.
    pub(crate) processing_delay: Duration,
    pub(crate) framerate: f64,
    pub(crate) freezes: u64,
    pub(crate) freeze_time: Duration,
    pub(crate) inter_frame_delay: Duration,
    pub(crate) squared_inter_frame_delay: f64,
    last: Option<Instant>,
    /// Of the gaps, smoothed.
    mean: Option<f64>,
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
        if let Some(mean) = self.mean
            && seconds > (3.0 * mean).max(mean + FREEZE.as_secs_f64())
        {
            self.freezes += 1;
            self.freeze_time += gap;
        }
        let mean = self
            .mean
            .map_or(seconds, |mean| mean + (seconds - mean) / 15.0);
        self.mean = Some(mean);
        self.framerate = if mean > 0.0 { 1.0 / mean } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gap_is_a_freeze_and_a_low_rate_is_not() {
        let start = Instant::now();
        let mut stats = VideoRecvStats::default();
        for at in 0..50 {
            stats.decoded(start + Duration::from_millis(at * 100));
        }
        assert_eq!((stats.freezes, stats.frames_decoded), (0, 50));
        assert!((stats.framerate - 10.0).abs() < 0.1);
        stats.decoded(start + Duration::from_millis(5_400));
        assert_eq!(stats.freezes, 1);
        assert_eq!(stats.freeze_time, Duration::from_millis(500));
    }
}
