//! Figures of a sent track, as W3C webrtc-stats counts them.

use std::time::Duration;

use lk_types::{ScalabilityMode, Ssrc};

/// Of all streams of a track.
#[derive(Clone, Debug, Default)]
pub(crate) struct VideoSendStats {
    pub(crate) encodings: Vec<EncodingStats>,
    /// Pictures that the worker took from the source.
    pub(crate) frames_captured: u64,
    /// Of the source: pixels and pictures in a second.
    pub(crate) source_width: u32,
    pub(crate) source_height: u32,
    pub(crate) source_framerate: f64,
}

/// Of one stream.
#[derive(Clone, Debug)]
pub(crate) struct EncodingStats {
    pub(crate) ssrc: Ssrc,
    pub(crate) active: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames_encoded: u64,
    pub(crate) key_frames_encoded: u64,
    pub(crate) encode_time: Duration,
    /// What the rate allowed for all frames that were encoded, together.
    pub(crate) target_bytes: f64,
    pub(crate) qp_sum: u64,
    pub(crate) huge_frames: u64,
    pub(crate) framerate: f64,
    pub(crate) target_bitrate: u64,
    pub(crate) implementation: &'static str,
    /// Why it is less than what was asked for.
    pub(crate) limitation: Limitation,
    pub(crate) limited_for: Duration,
    pub(crate) unlimited_for: Duration,
    pub(crate) resolution_changes: u64,
    pub(crate) mode: ScalabilityMode,
}

/// W3C `RTCQualityLimitationReason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Limitation {
    #[default]
    None,
    Bandwidth,
}

impl EncodingStats {
    pub(super) fn new(ssrc: Ssrc, mode: ScalabilityMode) -> Self {
        Self {
            ssrc,
            active: false,
            width: 0,
            height: 0,
            frames_encoded: 0,
            key_frames_encoded: 0,
            encode_time: Duration::ZERO,
            target_bytes: 0.0,
            qp_sum: 0,
            huge_frames: 0,
            framerate: 0.0,
            target_bitrate: 0,
            implementation: "",
            limitation: Limitation::None,
            limited_for: Duration::ZERO,
            unlimited_for: Duration::ZERO,
            resolution_changes: 0,
            mode,
        }
    }
}
