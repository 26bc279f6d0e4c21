//! Tracks of either kind.

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
