//! Whether we want a remote track: the last word of the host wins.
//!
//! `livekit` sends each `set_subscribed` from a task of its own, so two in quick succession may
//! arrive in the wrong order; the server in turn ignores a change that is taken back before it
//! acted, and no track comes. Here one task per publication applies the host's latest wish, lets
//! it settle before it applies another, and looks afterwards whether it came true.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// No second change goes out within this time of the one before.
const SETTLE: Duration = Duration::from_millis(50);

/// When, after a change, the outcome is looked at; the server needs part of a second.
const CHECKS: [Duration; 3] = [
    Duration::from_millis(400),
    Duration::from_millis(2_600),
    Duration::from_secs(3),
];

/// A wish for the track that has not come true by then, three seconds, is sent anew: a busy server
/// that is merely slow must not be disturbed.
const RENEW_AT_CHECK: usize = 1;

/// Between taking a wish back and sending it anew: the server must have acted on the first.
const RENEW_PAUSE: Duration = Duration::from_millis(500);

/// The part of a publication that this module drives.
pub(crate) trait Subscribable: Send + Sync + 'static {
    /// Asks the server for the track, or to stop sending it.
    fn set_subscribed(&self, subscribed: bool);
    /// Whether the track is here.
    fn is_subscribed(&self) -> bool;
}

impl Subscribable for livekit::publication::RemoteTrackPublication {
    fn set_subscribed(&self, subscribed: bool) {
        Self::set_subscribed(self, subscribed);
    }

    fn is_subscribed(&self) -> bool {
        Self::is_subscribed(self)
    }
}

/// Applies the wishes that come over `wishes`, the first of which is there already. Ends when the
/// sender is gone and the last wish is settled; the caller drops it when the room closes.
pub(crate) async fn keep(publication: impl Subscribable, mut wishes: watch::Receiver<bool>) {
    loop {
        let wanted = *wishes.borrow_and_update();
        publication.set_subscribed(wanted);
        sleep(SETTLE).await;
        if !wishes.has_changed().unwrap_or(false) {
            check(&publication, wanted, &mut wishes).await;
        }
        if wishes.changed().await.is_err() {
            return;
        }
    }
}

/// Sees to it that `wanted` comes true; returns early when the host changes its mind.
async fn check(publication: &impl Subscribable, wanted: bool, wishes: &mut watch::Receiver<bool>) {
    for (attempt, pause) in CHECKS.into_iter().enumerate() {
        if superseded(wishes, pause).await {
            return;
        }
        match (wanted, publication.is_subscribed()) {
            (true, true) => return,
            // A track that was on its way when the wish was withdrawn arrives once more.
            (false, true) => publication.set_subscribed(false),
            (true, false) if attempt == RENEW_AT_CHECK => {
                publication.set_subscribed(false);
                if superseded(wishes, RENEW_PAUSE).await {
                    return;
                }
                publication.set_subscribed(true);
            }
            _ => {}
        }
    }
}

/// Waits for `pause`; true if a new wish came meanwhile, which stays for [`keep`] to take.
async fn superseded(wishes: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    let new_wish = async {
        if wishes.changed().await.is_err() {
            // The handle is dropped: no wish will come, and the pause runs its course.
            std::future::pending::<()>().await;
        }
    };
    if timeout(pause, new_wish).await.is_err() {
        return false;
    }
    wishes.mark_changed();
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::time::advance;

    use super::*;

    /// Records what is asked of it; `answer` turns a request into the state that follows.
    #[derive(Clone, Default)]
    struct Fake {
        asked: Arc<Mutex<Vec<bool>>>,
        here: Arc<Mutex<bool>>,
        deaf: Arc<Mutex<u32>>,
    }

    impl Subscribable for Fake {
        fn set_subscribed(&self, subscribed: bool) {
            self.asked.lock().push(subscribed);
            let mut deaf = self.deaf.lock();
            if subscribed && *deaf > 0 {
                *deaf -= 1;
                return;
            }
            *self.here.lock() = subscribed;
        }

        fn is_subscribed(&self) -> bool {
            *self.here.lock()
        }
    }

    /// Runs the keeper on virtual time until it has nothing left to do.
    async fn settle() {
        for _ in 0..200 {
            advance(Duration::from_millis(50)).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_is_applied_at_once() {
        let fake = Fake::default();
        let (_wishes, receiver) = watch::channel(true);
        tokio::spawn(keep(fake.clone(), receiver));
        tokio::task::yield_now().await;
        assert_eq!(*fake.asked.lock(), [true]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_of_quick_wishes_wins() {
        for last in [true, false] {
            let fake = Fake::default();
            let (wishes, receiver) = watch::channel(true);
            tokio::spawn(keep(fake.clone(), receiver));
            tokio::task::yield_now().await;
            wishes.send_replace(!last);
            wishes.send_replace(last);
            settle().await;
            assert_eq!(fake.is_subscribed(), last);
            assert_eq!(fake.asked.lock().last(), Some(&last));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_the_server_missed_is_sent_anew() {
        let fake = Fake {
            deaf: Arc::new(Mutex::new(1)),
            ..Default::default()
        };
        let (_wishes, receiver) = watch::channel(true);
        tokio::spawn(keep(fake.clone(), receiver));
        settle().await;
        assert!(fake.is_subscribed());
        assert_eq!(*fake.asked.lock(), [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_track_that_arrives_after_it_was_refused_is_refused_again() {
        let fake = Fake::default();
        let (_wishes, receiver) = watch::channel(false);
        tokio::spawn(keep(fake.clone(), receiver));
        tokio::task::yield_now().await;
        *fake.here.lock() = true;
        settle().await;
        assert!(!fake.is_subscribed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_handle_does_not_take_the_last_wish_along() {
        let fake = Fake::default();
        let (wishes, receiver) = watch::channel(true);
        let keeper = tokio::spawn(keep(fake.clone(), receiver));
        tokio::task::yield_now().await;
        wishes.send_replace(false);
        drop(wishes);
        settle().await;
        assert_eq!(*fake.asked.lock(), [true, false]);
        assert!(keeper.is_finished());
    }
}
