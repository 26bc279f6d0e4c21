//! What audio and video tracks have in common.

use std::sync::atomic::{AtomicBool, Ordering};

use lk_types::MediaKind;

use crate::{audio_track::RtcAudioTrack, enum_dispatch, video_track::RtcVideoTrack};

/// Whether a track can still produce media (W3C `MediaStreamTrackState`).
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtcTrackState {
    /// Media flows, or may flow again.
    Live,
    /// The source is gone for good.
    Ended,
}

/// A track of either kind. Clones share the track.
#[derive(Debug, Clone)]
pub enum MediaStreamTrack {
    /// A video track.
    Video(RtcVideoTrack),
    /// An audio track.
    Audio(RtcAudioTrack),
}

impl MediaStreamTrack {
    enum_dispatch!(
        [Video, Audio];
        /// The track's identifier, as in `a=msid`.
        pub fn id(self: &Self) -> String;
        /// Whether media passes. A disabled track is muted but stays negotiated.
        pub fn enabled(self: &Self) -> bool;
        /// Mutes (`false`) or unmutes the track; true where that changed anything.
        pub fn set_enabled(self: &Self, enabled: bool) -> bool;
        /// Live, or ended for good.
        pub fn state(self: &Self) -> RtcTrackState;
    );

    /// Audio or video.
    pub(crate) fn kind(&self) -> MediaKind {
        match self {
            Self::Video(_) => MediaKind::Video,
            Self::Audio(_) => MediaKind::Audio,
        }
    }

    /// Says that the source is gone for good; streams on the track end.
    pub(crate) fn end(&self) {
        match self {
            Self::Video(track) => track.end(),
            Self::Audio(track) => track.end(),
        }
    }
}

impl From<RtcAudioTrack> for MediaStreamTrack {
    fn from(track: RtcAudioTrack) -> Self {
        Self::Audio(track)
    }
}

impl From<RtcVideoTrack> for MediaStreamTrack {
    fn from(track: RtcVideoTrack) -> Self {
        Self::Video(track)
    }
}

/// Identity, enabled flag and state of one track.
#[derive(Debug)]
pub(crate) struct TrackState {
    id: String,
    enabled: AtomicBool,
    ended: AtomicBool,
}

impl TrackState {
    /// A live, enabled track.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            enabled: AtomicBool::new(true),
            ended: AtomicBool::new(false),
        }
    }

    /// The identifier that stands in `a=msid`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether media passes; a track that is not enabled is muted.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    /// Sets the flag and says whether that changed anything.
    pub(crate) fn set_enabled(&self, enabled: bool) -> bool {
        self.enabled.swap(enabled, Ordering::AcqRel) != enabled
    }

    /// Whether media passes: enabled and live.
    pub(crate) fn passes(&self) -> bool {
        self.enabled() && !self.ended.load(Ordering::Acquire)
    }

    /// Live or ended.
    pub(crate) fn state(&self) -> RtcTrackState {
        if self.ended.load(Ordering::Acquire) {
            RtcTrackState::Ended
        } else {
            RtcTrackState::Live
        }
    }

    /// Marks the track ended and says whether it was live before.
    pub(crate) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_enabled_says_whether_the_flag_changed() {
        let state = TrackState::new("track");
        assert!(state.enabled());
        assert!(!state.set_enabled(true));
        assert!(state.set_enabled(false));
        assert!(!state.enabled());
    }

    #[test]
    fn a_track_ends_once() {
        let state = TrackState::new("track");
        assert_eq!(state.state(), RtcTrackState::Live);
        assert!(state.end());
        assert!(!state.end());
        assert_eq!(state.state(), RtcTrackState::Ended);
    }
}
