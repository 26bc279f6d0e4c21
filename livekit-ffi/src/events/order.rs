//! The promised order of what a host hears about its own tracks.
//!
//! `livekit` reports a published track before its publish call returns, so its event can overtake
//! our callback; and a full reconnect takes every track away and publishes it anew under another
//! sid, which a host is told as one `local_track_republished`. This machine holds events back
//! until they are due and swallows those that the host must not see. It knows sids only; what an
//! event is, is its caller's business.

use std::collections::{HashMap, HashSet};

/// What happened to a local track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalChange {
    /// The server knows the track.
    Published,
    /// A participant subscribed for the first time.
    Subscribed,
    /// Something the host may hear any time after it was told of the publication: mute, unmute.
    Detail,
    /// The track is gone from the room.
    Unpublished,
}

/// Decides when an event about a local track is delivered. `E` is the event itself.
#[derive(Debug)]
pub(crate) struct LocalOrder<E> {
    tracks: HashMap<String, Track<E>>,
    /// Tracks whose unpublishing the host asked for.
    unpublishing: HashSet<String>,
    reconnecting: bool,
}

#[derive(Debug)]
struct Track<E> {
    /// The publish callback is on its way to the host.
    announced: bool,
    /// `Published` was delivered.
    published: bool,
    /// A full reconnect took the track away, with the event that says so.
    suspended: Option<E>,
    held: Vec<(LocalChange, E)>,
}

impl<E> Default for Track<E> {
    fn default() -> Self {
        Self {
            announced: false,
            published: false,
            suspended: None,
            held: Vec::new(),
        }
    }
}

impl<E> Default for LocalOrder<E> {
    fn default() -> Self {
        Self {
            tracks: HashMap::new(),
            unpublishing: HashSet::new(),
            reconnecting: false,
        }
    }
}

impl<E> LocalOrder<E> {
    /// Takes an event; returns what is due now, in order.
    pub(crate) fn event(&mut self, sid: &str, change: LocalChange, event: E) -> Vec<E> {
        let asked = change == LocalChange::Unpublished && self.unpublishing.remove(sid);
        let track = self.tracks.entry(sid.to_owned()).or_default();
        if change == LocalChange::Unpublished && track.announced && self.reconnecting && !asked {
            track.suspended = Some(event);
            return Vec::new();
        }
        track.held.push((change, event));
        self.release(sid)
    }

    /// The publish callback for `sid` is queued: its events may follow. Returns what is due now.
    pub(crate) fn announced(&mut self, sid: &str) -> Vec<E> {
        self.tracks.entry(sid.to_owned()).or_default().announced = true;
        self.release(sid)
    }

    /// The host asks to unpublish `sid`: it is told even in the middle of a reconnect.
    pub(crate) fn unpublish_asked(&mut self, sid: &str) {
        self.unpublishing.insert(sid.to_owned());
    }

    /// The unpublishing of `sid` failed before it changed anything.
    pub(crate) fn unpublish_failed(&mut self, sid: &str) {
        self.unpublishing.remove(sid);
    }

    /// A track came back under another sid, which `local_track_republished` tells instead of
    /// `Published`. Returns what is due after that: who subscribed anew, what was muted.
    pub(crate) fn republished(&mut self, previous: &str, sid: &str) -> Vec<E> {
        self.tracks.remove(previous);
        let track = self.tracks.entry(sid.to_owned()).or_default();
        track.announced = true;
        track.published = true;
        track
            .held
            .retain(|(change, _)| *change != LocalChange::Published);
        self.release(sid)
    }

    /// A reconnect begins.
    pub(crate) fn reconnecting(&mut self) {
        self.reconnecting = true;
    }

    /// A reconnect is over. Returns the end of each track that could not be published again.
    pub(crate) fn reconnected(&mut self) -> Vec<E> {
        self.reconnecting = false;
        self.drain_suspended()
    }

    /// The room is over: returns the end of each track that a reconnect had taken away.
    /// What is still held concerns publications the host was never told of.
    pub(crate) fn closed(&mut self) -> Vec<E> {
        let due = self.drain_suspended();
        self.tracks.clear();
        self.unpublishing.clear();
        due
    }

    fn drain_suspended(&mut self) -> Vec<E> {
        let gone: Vec<String> = self
            .tracks
            .iter()
            .filter(|(_, track)| track.suspended.is_some())
            .map(|(sid, _)| sid.clone())
            .collect();
        gone.into_iter()
            .filter_map(|sid| self.tracks.remove(&sid).and_then(|track| track.suspended))
            .collect()
    }

    fn release(&mut self, sid: &str) -> Vec<E> {
        let Some(track) = self.tracks.get_mut(sid) else {
            return Vec::new();
        };
        if !track.announced {
            return Vec::new();
        }
        // `Published` opens the way for the rest, wherever it stands among what was held.
        let mut due = Vec::new();
        let mut ended = false;
        if let Some(at) = track
            .held
            .iter()
            .position(|(change, _)| *change == LocalChange::Published)
        {
            track.published = true;
            due.push(track.held.remove(at).1);
        }
        if track.published {
            for (change, event) in track.held.drain(..) {
                ended |= change == LocalChange::Unpublished;
                due.push(event);
            }
        }
        if ended {
            self.tracks.remove(sid);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalChange::*, *};

    #[test]
    fn published_waits_for_the_publish_callback() {
        let mut order = LocalOrder::default();
        assert!(order.event("TR_1", Published, "published").is_empty());
        assert!(order.event("TR_1", Subscribed, "subscribed").is_empty());
        assert_eq!(order.announced("TR_1"), ["published", "subscribed"]);
    }

    #[test]
    fn published_follows_the_callback_at_once_when_it_comes_later() {
        let mut order = LocalOrder::default();
        assert!(order.announced("TR_1").is_empty());
        assert_eq!(order.event("TR_1", Published, "published"), ["published"]);
        assert_eq!(
            order.event("TR_1", Subscribed, "subscribed"),
            ["subscribed"]
        );
    }

    #[test]
    fn subscribed_never_overtakes_published() {
        let mut order = LocalOrder::default();
        order.announced("TR_1");
        assert!(order.event("TR_1", Subscribed, "subscribed").is_empty());
        assert_eq!(
            order.event("TR_1", Published, "published"),
            ["published", "subscribed"]
        );
    }

    #[test]
    fn one_track_does_not_hold_up_another() {
        let mut order = LocalOrder::default();
        assert!(order.event("TR_1", Published, "published 1").is_empty());
        order.announced("TR_2");
        assert_eq!(
            order.event("TR_2", Published, "published 2"),
            ["published 2"]
        );
    }

    #[test]
    fn a_room_that_closes_during_a_publish_still_tells_it_in_order() {
        let mut order = LocalOrder::default();
        order.event("TR_1", Published, "published");
        assert!(order.event("TR_1", Unpublished, "unpublished").is_empty());
        assert_eq!(order.announced("TR_1"), ["published", "unpublished"]);
    }

    #[test]
    fn an_unpublish_is_told_and_forgets_the_track() {
        let mut order = LocalOrder::default();
        order.announced("TR_1");
        order.event("TR_1", Published, "published");
        order.unpublish_asked("TR_1");
        assert_eq!(
            order.event("TR_1", Unpublished, "unpublished"),
            ["unpublished"]
        );
        assert!(order.tracks.is_empty() && order.unpublishing.is_empty());
    }

    #[test]
    fn a_full_reconnect_is_told_as_one_republish() {
        let mut order = LocalOrder::default();
        order.announced("TR_1");
        order.event("TR_1", Published, "published");
        order.reconnecting();
        assert!(order.event("TR_1", Unpublished, "unpublished").is_empty());
        assert!(order.event("TR_2", Published, "published anew").is_empty());
        assert!(
            order
                .event("TR_2", Subscribed, "subscribed anew")
                .is_empty()
        );
        assert_eq!(order.republished("TR_1", "TR_2"), ["subscribed anew"]);
        assert!(order.reconnected().is_empty());
        assert_eq!(
            order.event("TR_2", Unpublished, "unpublished"),
            ["unpublished"]
        );
    }

    #[test]
    fn a_mute_during_a_reconnect_is_told_after_the_republish() {
        let mut order = LocalOrder::default();
        order.announced("TR_1");
        order.event("TR_1", Published, "published");
        order.reconnecting();
        order.event("TR_1", Unpublished, "unpublished");
        order.event("TR_2", Published, "published anew");
        assert!(order.event("TR_2", Detail, "muted").is_empty());
        assert_eq!(order.republished("TR_1", "TR_2"), ["muted"]);
    }

    #[test]
    fn a_track_that_does_not_come_back_is_told_when_the_reconnect_is_over() {
        let mut order = LocalOrder::default();
        order.announced("TR_1");
        order.event("TR_1", Published, "published");
        order.reconnecting();
        order.event("TR_1", Unpublished, "unpublished");
        assert_eq!(order.reconnected(), ["unpublished"]);
        assert!(order.reconnected().is_empty());
    }

    #[test]
    fn a_publish_during_a_reconnect_is_told_like_any_other() {
        let mut order = LocalOrder::default();
        order.reconnecting();
        assert!(order.event("TR_3", Published, "published").is_empty());
        assert_eq!(order.announced("TR_3"), ["published"]);
        order.unpublish_asked("TR_3");
        assert_eq!(
            order.event("TR_3", Unpublished, "unpublished"),
            ["unpublished"]
        );
    }

    #[test]
    fn a_room_that_ends_in_a_reconnect_tells_the_end_of_its_tracks() {
        let mut order = LocalOrder::default();
        order.announced("TR_1");
        order.event("TR_1", Published, "published");
        order.reconnecting();
        order.event("TR_1", Unpublished, "unpublished");
        order.event("TR_2", Published, "never told");
        assert_eq!(order.closed(), ["unpublished"]);
        assert!(order.tracks.is_empty());
    }
}
