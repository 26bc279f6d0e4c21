//! Ordering between events that come from different tasks.
//!
//! The queue keeps the order in which events are sent, but a promise such as
//! "the publish callback comes before `local_track_published`" spans two
//! tasks. A room sends its events through a [`Lane`]; whoever must speak first
//! takes a [`Hold`], which keeps the lane's events back until it is released.

use std::{collections::VecDeque, fmt, sync::Arc};

use parking_lot::Mutex;

use super::events::EventQueue;
use crate::proto::ffi_event::Message;

/// A source of events that can be held back.
pub struct Lane {
    queue: Arc<EventQueue>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    holds: usize,
    backlog: VecDeque<Message>,
    closed: bool,
}

impl Lane {
    /// A lane into `queue`, not held.
    pub fn new(queue: Arc<EventQueue>) -> Arc<Self> {
        Arc::new(Self {
            queue,
            state: Mutex::default(),
        })
    }

    /// Sends an event, or keeps it in order while there is a [`Hold`].
    pub fn send(&self, message: Message) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        if state.holds > 0 {
            state.backlog.push_back(message);
        } else {
            // Under the lane's lock, so that two senders keep their order.
            self.queue.send(message);
        }
    }

    /// Sends an event past every hold: for callbacks, which answer a request.
    pub fn send_now(&self, message: Message) {
        self.queue.send(message);
    }

    /// Keeps the lane's events back until the hold, and every other, is released or dropped.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.state.lock().holds += 1;
        Hold {
            lane: Some(Arc::clone(self)),
        }
    }

    /// Sends what is held back and then `last`; whatever is sent later is discarded.
    pub fn close_with(&self, last: impl IntoIterator<Item = Message>) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        let backlog = std::mem::take(&mut state.backlog);
        self.queue.send_all(backlog.into_iter().chain(last));
    }

    fn release(&self, first: Option<Message>) {
        let mut state = self.state.lock();
        state.holds -= 1;
        let backlog = if state.holds == 0 {
            std::mem::take(&mut state.backlog)
        } else {
            VecDeque::new()
        };
        self.queue.send_all(first.into_iter().chain(backlog));
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Lane")
            .field("holds", &state.holds)
            .field("backlog", &state.backlog.len())
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}

/// Keeps a [`Lane`]'s events back as long as it lives.
#[derive(Debug)]
#[must_use = "a hold that is dropped at once holds nothing"]
pub struct Hold {
    lane: Option<Arc<Lane>>,
}

impl Hold {
    /// Sends `first`, and then, if this was the last hold, what was kept back.
    pub fn release_after(mut self, first: Message) {
        if let Some(lane) = self.lane.take() {
            lane.release(Some(first));
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.release(None);
        }
    }
}
