//! What audio and video tracks have in common: identity, mute, end, and the pipelines that follow both.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::media_stream_track::RtcTrackState;
use crate::pipeline::FollowsMute;

/// State of one track that pipelines of type `S` send.
pub(crate) struct TrackState<S> {
    id: String,
    enabled: AtomicBool,
    ended: AtomicBool,
    senders: Mutex<Vec<Weak<S>>>,
}

impl<S: FollowsMute> TrackState<S> {
    /// A live, enabled track that nobody sends.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            enabled: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            senders: Mutex::default(),
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

    /// Mutes or unmutes, and says whether that changed anything.
    pub(crate) fn set_enabled(&self, enabled: bool) -> bool {
        let changed = self.enabled.swap(enabled, Ordering::AcqRel) != enabled;
        if changed {
            self.tell_senders();
        }
        changed
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

    /// Marks the track ended, pauses what sends it, and says whether it was live before.
    pub(crate) fn end(&self) -> bool {
        let was_live = !self.ended.swap(true, Ordering::AcqRel);
        if was_live {
            self.tell_senders();
        }
        was_live
    }

    /// Lets a pipeline follow from now on.
    pub(crate) fn attach(&self, sender: &Arc<S>) {
        let mut senders = self.senders.lock();
        senders.retain(|known| known.strong_count() > 0);
        senders.push(Arc::downgrade(sender));
        // Under the lock, so that no change slips between.
        sender.set_enabled(self.passes());
    }

    /// A pipeline that sends the track now.
    pub(crate) fn sender(&self) -> Option<Arc<S>> {
        self.senders.lock().iter().find_map(Weak::upgrade)
    }

    fn tell_senders(&self) {
        let mut senders = self.senders.lock();
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
}

impl<S: FollowsMute> fmt::Debug for TrackState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackState")
            .field("id", &self.id)
            .field("enabled", &self.enabled())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Sender(AtomicBool);

    impl FollowsMute for Sender {
        fn set_enabled(&self, enabled: bool) {
            self.0.store(enabled, Ordering::Release);
        }
    }

    fn sends(sender: &Sender) -> bool {
        sender.0.load(Ordering::Acquire)
    }

    #[test]
    fn set_enabled_says_whether_the_flag_changed() {
        let state = TrackState::<Sender>::new("track");
        assert!(state.enabled());
        assert!(!state.set_enabled(true));
        assert!(state.set_enabled(false));
        assert!(!state.enabled());
    }

    #[test]
    fn a_track_ends_once() {
        let state = TrackState::<Sender>::new("track");
        assert_eq!(state.state(), RtcTrackState::Live);
        assert!(state.end());
        assert!(!state.end());
        assert_eq!(state.state(), RtcTrackState::Ended);
    }

    #[test]
    fn senders_follow_mute_and_end_for_as_long_as_they_live() {
        let state = TrackState::new("track");
        let sender = Arc::new(Sender::default());
        state.attach(&sender);
        assert!(sends(&sender));
        state.set_enabled(false);
        assert!(!sends(&sender));
        state.set_enabled(true);
        state.end();
        assert!(!sends(&sender));
        assert!(state.sender().is_some());
        drop(sender);
        assert!(state.sender().is_none());
    }
}
