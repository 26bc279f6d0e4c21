//! Video tracks, local and remote.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::media_stream_track::{TrackState, track_methods};
use crate::native::packet_trailer::PacketTrailerHandler;
use crate::video_sink::VideoSinks;
use crate::video_source::native::NativeVideoSource;

/// A video track. Clones share it.
#[derive(Clone)]
pub struct RtcVideoTrack {
    inner: Arc<Inner>,
}

struct Inner {
    state: TrackState,
    origin: Origin,
    packet_trailer: Mutex<Option<PacketTrailerHandler>>,
}

/// Where the pictures come from.
enum Origin {
    Local(NativeVideoSource),
    Remote(VideoSinks),
}

impl RtcVideoTrack {
    track_methods!();

    /// A track of a local source.
    pub(crate) fn local(id: &str, source: NativeVideoSource) -> Self {
        Self::new(id, Origin::Local(source))
    }

    /// A track of a receiver.
    pub(crate) fn remote(id: &str) -> Self {
        Self::new(id, Origin::Remote(VideoSinks::default()))
    }

    fn new(id: &str, origin: Origin) -> Self {
        let state = TrackState::new(id);
        Self {
            inner: Arc::new(Inner {
                state,
                origin,
                packet_trailer: Mutex::new(None),
            }),
        }
    }

    /// Sets the handler that fills in the metadata of received frames.
    pub fn set_packet_trailer_handler(&self, handler: PacketTrailerHandler) {
        *self.inner.packet_trailer.lock() = Some(handler);
    }

    /// The handler, where one is set.
    #[must_use]
    pub fn packet_trailer_handler(&self) -> Option<PacketTrailerHandler> {
        self.inner.packet_trailer.lock().clone()
    }

    pub(crate) fn track_state(&self) -> &TrackState {
        &self.inner.state
    }

    /// Who gets the track's pictures.
    pub(crate) fn sinks(&self) -> &VideoSinks {
        match &self.inner.origin {
            Origin::Local(source) => source.sinks(),
            Origin::Remote(sinks) => sinks,
        }
    }

    /// Says that the source is gone for good; streams on the track end.
    pub(crate) fn end(&self) {
        if self.inner.state.end()
            && let Origin::Remote(sinks) = &self.inner.origin
        {
            sinks.end();
        }
    }
}

impl fmt::Debug for RtcVideoTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcVideoTrack")
            .field("id", &self.id())
            .field("enabled", &self.enabled())
            .field("state", &self.state())
            .finish()
    }
}
