//! Video tracks, local and remote.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::frame_queue::FrameQueue;
use crate::media_stream_track::RtcTrackState;
use crate::native::packet_trailer::PacketTrailerHandler;
use crate::pipeline::video_recv::VideoRecv;
use crate::pipeline::video_send::{VideoSend, VideoSendStats};
use crate::pipeline::video_source::VideoSource;
use crate::track_state::TrackState;
use crate::video_frame::BoxVideoFrame;
use crate::video_sink::VideoSinks;
use crate::video_source::native::NativeVideoSource;

/// A video track. Clones share it.
#[derive(Clone)]
pub struct RtcVideoTrack {
    inner: Arc<Inner>,
}

struct Inner {
    state: TrackState<VideoSend>,
    origin: Origin,
    packet_trailer: Mutex<Option<PacketTrailerHandler>>,
}

/// Where the pictures come from.
enum Origin {
    Local(NativeVideoSource),
    Remote {
        receiver: VideoRecv,
        sinks: Arc<VideoSinks>,
    },
}

impl RtcVideoTrack {
    /// A track of a local source.
    pub(crate) fn local(id: &str, source: NativeVideoSource) -> Self {
        Self::new(id, Origin::Local(source))
    }

    /// A track of a receiver.
    pub(crate) fn remote(id: &str, receiver: VideoRecv, sinks: Arc<VideoSinks>) -> Self {
        Self::new(id, Origin::Remote { receiver, sinks })
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

    /// The track's identifier, as in `a=msid`.
    #[must_use]
    pub fn id(&self) -> String {
        self.inner.state.id().to_owned()
    }

    /// Whether media passes. A disabled track is muted but stays negotiated.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.inner.state.enabled()
    }

    /// Mutes (`false`) or unmutes the track; true where that changed anything.
    ///
    /// A received track that is switched off shows black pictures.
    pub fn set_enabled(&self, enabled: bool) -> bool {
        if let Origin::Remote { sinks, .. } = &self.inner.origin {
            sinks.set_black(!enabled);
        }
        self.inner.state.set_enabled(enabled)
    }

    /// Live, or ended for good.
    #[must_use]
    pub fn state(&self) -> RtcTrackState {
        self.inner.state.state()
    }

    /// Whether pictures pass: enabled and live.
    pub(crate) fn passes(&self) -> bool {
        self.inner.state.passes()
    }

    /// Lets a pipeline follow mute and unmute from now on.
    pub(crate) fn attach_sender(&self, sender: &Arc<VideoSend>) {
        self.inner.state.attach(sender);
    }

    /// Figures of what is sent, while it is sent.
    pub(crate) fn send_stats(&self) -> Option<VideoSendStats> {
        self.inner.state.sender().map(|sender| sender.stats())
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

    /// What a sender sends; nothing for a remote track.
    pub(crate) fn source(&self) -> Option<&VideoSource> {
        match &self.inner.origin {
            Origin::Local(source) => Some(source.source()),
            Origin::Remote { .. } => None,
        }
    }

    /// Gives the track's pictures to a queue from now on; one that comes after the end ends at once.
    pub(crate) fn add_queue(&self, queue: &Arc<FrameQueue<BoxVideoFrame>>) {
        match &self.inner.origin {
            Origin::Local(source) => source.sinks().add(queue),
            Origin::Remote { receiver, sinks } => {
                sinks.add(queue);
                receiver.watched();
            }
        }
    }

    /// Says that the source is gone for good; streams on the track end.
    pub(crate) fn end(&self) {
        if self.inner.state.end()
            && let Origin::Remote { receiver, .. } = &self.inner.origin
        {
            receiver.end();
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
