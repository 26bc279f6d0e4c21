//! The end of a server: rooms closed, events delivered, threads gone, in bounded time.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    Server,
    handles::HandleId,
    logging,
    panics::{self, Caught},
};
use crate::proto::ffi_event::Message;

/// Dispose returns within 3 s (design.md §1). Its shares, from its beginning:
/// closing rooms, delivering what is queued, and everything.
const CLOSE: Duration = Duration::from_millis(1_500);
const DRAIN: Duration = Duration::from_millis(2_000);
const WHOLE: Duration = Duration::from_millis(2_800);

/// What [`Server::abandon`] may cost the end of a process.
const ABANDON: Duration = Duration::from_millis(200);

/// Closes one room: called once, its future is given a little more than a second.
pub type Closer = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The registered closers, by handle.
#[derive(Default)]
pub(super) struct Closers(Mutex<BTreeMap<HandleId, Closer>>);

impl Closers {
    pub(super) fn insert(&self, id: HandleId, closer: Closer) {
        self.0.lock().insert(id, closer);
    }

    pub(super) fn remove(&self, id: HandleId) -> bool {
        self.0.lock().remove(&id).is_some()
    }

    fn take(&self) -> Vec<Closer> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}

/// How far the end has come.
#[derive(Default)]
pub(super) struct Shutdown {
    begun: AtomicBool,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Shutdown {
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// True for the one caller that has to do it.
    fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::AcqRel)
    }

    fn finish(&self) {
        *self.ended.lock() = true;
        self.end.notify_all();
    }

    fn wait(&self, until: Instant) {
        let mut ended = self.ended.lock();
        while !*ended && !self.end.wait_until(&mut ended, until).timed_out() {}
    }
}

impl Server {
    /// Closes every room, delivers what is queued, frees every handle and ends every thread, in
    /// less than 3 s whatever the network does. No callback starts once it has returned.
    ///
    /// From inside a callback, what is queued is discarded and the event thread ends when that
    /// callback returns. A second call waits for the first.
    pub fn dispose(self: &Arc<Self>) {
        self.dispose_with(None);
    }

    /// Waits until a dispose that has begun is over, unless from inside a callback, for which it
    /// may itself be waiting.
    pub fn wait_disposed(&self) {
        if self.shutdown.has_begun() && !self.events.is_event_thread() {
            self.shutdown.wait(Instant::now() + WHOLE);
        }
    }

    /// Disposes on a thread of its own; `last` is the last event. At once if there is no thread.
    pub fn dispose_in_background(self: &Arc<Self>, last: Message) {
        let server = Arc::clone(self);
        let again = last.clone();
        let spawned = thread::Builder::new()
            .name("lk-dispose".to_owned())
            .spawn(move || {
                panics::mark_thread();
                server.dispose_with(Some(last));
            });
        if spawned.is_err() {
            self.dispose_with(Some(again));
        }
    }

    /// The process ends: no callback starts from now on. Rooms are not closed, little is waited for.
    pub fn abandon(self: &Arc<Self>) {
        if !self.shutdown.begin() {
            return;
        }
        self.events.stop(Instant::now());
        self.events.wait_idle(Instant::now() + ABANDON);
        self.shutdown.finish();
    }

    fn dispose_with(self: &Arc<Self>, last: Option<Message>) {
        let start = Instant::now();
        let inside = self.events.is_event_thread();
        if !self.shutdown.begin() {
            if !inside {
                self.shutdown.wait(start + WHOLE);
            }
            return;
        }

        // The work is done on a thread of its own: the calling one may belong to a runtime of the
        // host's, where blocking on ours panics, and a destructor may take longer than we may.
        let (done, finished) = mpsc::channel::<()>();
        let server = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("lk-dispose".to_owned())
            .spawn(move || {
                panics::mark_thread();
                server.close_all(start, inside, last);
                drop(done);
            });
        if spawned.is_ok() {
            // Ends with an error when the sender is dropped, and that is the signal.
            let _ =
                finished.recv_timeout((start + WHOLE).saturating_duration_since(Instant::now()));
        }

        let limit = start + WHOLE;
        self.events.stop(Instant::now());
        if spawned.is_err() {
            self.handles.clear();
        }
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && !inside
        {
            thread.join_within(limit.saturating_duration_since(Instant::now()));
        }
        self.shutdown.finish();
    }

    fn close_all(&self, start: Instant, inside: bool, last: Option<Message>) {
        let closers = self.closers.take();
        if let Some(runtime) = self.runtime.running()
            && !closers.is_empty()
        {
            let tasks: Vec<_> = closers
                .into_iter()
                .filter_map(|closer| panics::catch("closing a room", closer).ok())
                .map(|closing| runtime.spawn(Caught::new("closing a room", closing)))
                .collect();
            let events = Arc::clone(&self.events);
            self.runtime.run_for(CLOSE, async move {
                for task in tasks {
                    if let Ok(Err(error)) = task.await {
                        events.log(logging::error_record(error.to_string()));
                    }
                }
            });
        }
        if let Some(last) = last {
            self.events.send(last);
        }
        let drain = if inside {
            Instant::now()
        } else {
            start + DRAIN
        };
        self.events.stop(drain);
        {
            let runtime = self.runtime.running();
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let _ = panics::catch("freeing the handles", || self.handles.clear());
        }
        let rest = (start + WHOLE).saturating_duration_since(Instant::now());
        self.runtime.shut_down(rest.min(WHOLE - DRAIN));
    }
}
