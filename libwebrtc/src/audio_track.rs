//! Audio tracks, local and remote.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::audio_devices;
use crate::media_stream_track::RtcTrackState;
use crate::pipeline::audio_recv::AudioRecv;
use crate::pipeline::audio_send::AudioSend;
use crate::pipeline::audio_sink::{AudioFrames, SinkConfig};
use crate::pipeline::audio_source::AudioSource;
use crate::pipeline::level::AudioLevels;
use crate::track_state::TrackState;

/// An audio track. Clones share it.
#[derive(Clone)]
pub struct RtcAudioTrack {
    inner: Arc<Inner>,
}

struct Inner {
    state: TrackState<AudioSend>,
    origin: Origin,
}

/// A track that may be gone.
#[derive(Clone)]
pub(crate) struct WeakAudioTrack(Weak<Inner>);

impl WeakAudioTrack {
    /// The track, where somebody holds it still.
    pub(crate) fn upgrade(&self) -> Option<RtcAudioTrack> {
        self.0.upgrade().map(|inner| RtcAudioTrack { inner })
    }

    /// Whether both are the same track.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// Where the sound comes from.
enum Origin {
    Local(AudioSource),
    /// The platform's microphone, which is open while somebody listens.
    Device(AudioSource),
    Remote(AudioRecv),
    /// A microphone that is not there: nothing is ever heard.
    Silent,
}

impl RtcAudioTrack {
    /// A track of a source that the program feeds.
    pub(crate) fn local(id: &str, source: AudioSource) -> Self {
        Self::new(id, Origin::Local(source))
    }

    /// A track of the platform's microphone.
    pub(crate) fn device(id: &str, source: AudioSource) -> Self {
        Self::new(id, Origin::Device(source))
    }

    /// A track of a receiver. Where the platform's loudspeaker is in use, it plays it.
    pub(crate) fn remote(id: &str, receiver: AudioRecv) -> Self {
        let track = Self::new(id, Origin::Remote(receiver));
        audio_devices::register_remote(&track);
        track
    }

    /// A hold on the track that does not keep it.
    pub(crate) fn downgrade(&self) -> WeakAudioTrack {
        WeakAudioTrack(Arc::downgrade(&self.inner))
    }

    /// A track without a source.
    pub(crate) fn silent(id: &str) -> Self {
        Self::new(id, Origin::Silent)
    }

    fn new(id: &str, origin: Origin) -> Self {
        let inner = Inner {
            state: TrackState::new(id),
            origin,
        };
        Self {
            inner: Arc::new(inner),
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
    pub fn set_enabled(&self, enabled: bool) -> bool {
        self.inner.state.set_enabled(enabled)
    }

    /// Live, or ended for good.
    #[must_use]
    pub fn state(&self) -> RtcTrackState {
        self.inner.state.state()
    }

    /// Whether sound passes: enabled and live.
    pub(crate) fn passes(&self) -> bool {
        self.inner.state.passes()
    }

    /// What a sender sends; nothing for a remote track.
    pub(crate) fn source(&self) -> Option<&AudioSource> {
        match &self.inner.origin {
            Origin::Local(source) | Origin::Device(source) => Some(source),
            Origin::Remote(_) | Origin::Silent => None,
        }
    }

    /// Lets a pipeline follow mute and unmute from now on.
    pub(crate) fn attach_sender(&self, sender: &Arc<AudioSend>) {
        self.inner.state.attach(sender);
        if let Origin::Device(_) = self.inner.origin {
            audio_devices::settle_later();
        }
    }

    /// What the encoder aims at, bit/s, while the track is sent.
    pub(crate) fn target_bitrate(&self) -> Option<u32> {
        self.inner.state.sender().map(|sender| sender.bitrate())
    }

    /// Level and energy of what is sent, while it is sent.
    pub(crate) fn levels(&self) -> Option<AudioLevels> {
        self.inner.state.sender().map(|sender| sender.levels())
    }

    /// Attaches a listener; none where the track has no sound to give.
    pub(crate) fn add_sink(&self, config: SinkConfig) -> Option<AudioFrames> {
        match &self.inner.origin {
            Origin::Local(source) => Some(source.add_sink(config)),
            Origin::Device(source) => {
                let frames = source.add_sink(config);
                audio_devices::settle_later();
                Some(frames)
            }
            Origin::Remote(receiver) => Some(receiver.add_sink(config)),
            Origin::Silent => None,
        }
    }

    /// Says that the source is gone for good; streams on the track end.
    pub(crate) fn end(&self) {
        if self.inner.state.end() {
            match &self.inner.origin {
                Origin::Remote(receiver) => receiver.end(),
                Origin::Local(_) | Origin::Device(_) | Origin::Silent => {}
            }
        }
    }
}

impl fmt::Debug for RtcAudioTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcAudioTrack")
            .field("id", &self.id())
            .field("enabled", &self.enabled())
            .field("state", &self.state())
            .finish()
    }
}
