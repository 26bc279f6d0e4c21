//! Tracks that the peer put into one group (`a=msid`).

use std::fmt;
use std::sync::Arc;

use crate::{
    audio_track::RtcAudioTrack, media_stream_track::MediaStreamTrack, video_track::RtcVideoTrack,
};

/// A stream as it was when it was asked for; the tracks in it live on.
#[derive(Clone)]
pub struct MediaStream {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    tracks: Vec<MediaStreamTrack>,
}

impl MediaStream {
    /// A stream of the given identifier and tracks.
    pub(crate) fn new(id: &str, tracks: Vec<MediaStreamTrack>) -> Self {
        Self {
            inner: Arc::new(Inner {
                id: id.to_owned(),
                tracks,
            }),
        }
    }

    /// The identifier in `a=msid`.
    #[must_use]
    pub fn id(&self) -> String {
        self.inner.id.clone()
    }

    /// Its audio tracks.
    #[must_use]
    pub fn audio_tracks(&self) -> Vec<RtcAudioTrack> {
        self.inner
            .tracks
            .iter()
            .filter_map(|track| match track {
                MediaStreamTrack::Audio(track) => Some(track.clone()),
                MediaStreamTrack::Video(_) => None,
            })
            .collect()
    }

    /// Its video tracks.
    #[must_use]
    pub fn video_tracks(&self) -> Vec<RtcVideoTrack> {
        self.inner
            .tracks
            .iter()
            .filter_map(|track| match track {
                MediaStreamTrack::Video(track) => Some(track.clone()),
                MediaStreamTrack::Audio(_) => None,
            })
            .collect()
    }
}

impl fmt::Debug for MediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStream")
            .field("id", &self.inner.id)
            .field("tracks", &self.inner.tracks)
            .finish()
    }
}
