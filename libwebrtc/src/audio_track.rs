//! Audio tracks, local and remote.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::media_stream_track::{RtcTrackState, TrackState};
use crate::pipeline::audio_recv::AudioRecv;
use crate::pipeline::audio_send::AudioSend;
use crate::pipeline::audio_sink::{AudioFrames, SinkConfig};
use crate::pipeline::audio_source::AudioSource;
use crate::pipeline::level::AudioLevels;

/// An audio track. Clones share it.
#[derive(Clone)]
pub struct RtcAudioTrack {
    inner: Arc<Inner>,
}

struct Inner {
    state: TrackState,
    origin: Origin,
    /// Pipelines that send the track; they learn of mute.
    senders: Mutex<Vec<Weak<AudioSend>>>,
}

/// Where the sound comes from.
enum Origin {
    Local(AudioSource),
    Remote(AudioRecv),
    /// A microphone that is not there: nothing is ever heard.
    Silent,
}

impl RtcAudioTrack {
    /// A track of a source that the program feeds.
    pub(crate) fn local(id: &str, source: AudioSource) -> Self {
        Self::new(id, Origin::Local(source))
    }

    /// A track of a receiver.
    pub(crate) fn remote(id: &str, receiver: AudioRecv) -> Self {
        Self::new(id, Origin::Remote(receiver))
    }

    /// A track without a source.
    pub(crate) fn silent(id: &str) -> Self {
        Self::new(id, Origin::Silent)
    }

    fn new(id: &str, origin: Origin) -> Self {
        let inner = Inner {
            state: TrackState::new(id),
            origin,
            senders: Mutex::default(),
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
        let changed = self.inner.state.set_enabled(enabled);
        if changed {
            self.tell_senders();
        }
        changed
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

    fn tell_senders(&self) {
        let mut senders = self.inner.senders.lock();
        // Read under the lock, so that the last word wins.
        let passes = self.passes();
        senders.retain(|sender| match sender.upgrade() {
            Some(sender) => {
                sender.set_enabled(passes);
                true
            }
            None => false,
        });
    }

    /// What a sender sends; nothing for a remote track.
    pub(crate) fn source(&self) -> Option<&AudioSource> {
        match &self.inner.origin {
            Origin::Local(source) => Some(source),
            Origin::Remote(_) | Origin::Silent => None,
        }
    }

    /// Lets a pipeline follow mute and unmute from now on.
    pub(crate) fn attach_sender(&self, sender: &Arc<AudioSend>) {
        let mut senders = self.inner.senders.lock();
        senders.retain(|known| known.strong_count() > 0);
        senders.push(Arc::downgrade(sender));
        // Under the lock, so that no change slips between.
        sender.set_enabled(self.inner.state.passes());
    }

    /// Level and energy of what is sent, while it is sent.
    pub(crate) fn levels(&self) -> Option<AudioLevels> {
        let senders = self.inner.senders.lock();
        senders
            .iter()
            .find_map(Weak::upgrade)
            .map(|sender| sender.levels())
    }

    /// Attaches a listener; none where the track has no sound to give.
    pub(crate) fn add_sink(&self, config: SinkConfig) -> Option<AudioFrames> {
        match &self.inner.origin {
            Origin::Local(source) => Some(source.add_sink(config)),
            Origin::Remote(receiver) => Some(receiver.add_sink(config)),
            Origin::Silent => None,
        }
    }

    /// Says that the source is gone for good; streams on the track end.
    pub(crate) fn end(&self) {
        if self.inner.state.end() {
            match &self.inner.origin {
                Origin::Remote(receiver) => receiver.end(),
                Origin::Local(_) | Origin::Silent => self.tell_senders(),
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
