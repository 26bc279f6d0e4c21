//! [`Server`]: everything that lives between initialize and dispose, as a plain value.
//!
//! It knows the wire (`proto`) and errors, nothing of rooms or media: handlers
//! put those into its handle table, its runtime and its event queue. A test
//! builds as many servers as it likes; only `cabi` holds the process's one.

pub mod events;
pub mod handles;
pub mod lane;
pub mod logging;
pub mod panics;
mod runtime;
mod shutdown;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinHandle};

pub use self::shutdown::Closer;
use self::{
    events::{EventQueue, EventSink, Pump},
    handles::{HandleId, HandleTable},
    runtime::LazyRuntime,
    shutdown::{Closers, Shutdown},
};
use crate::{error::FfiError, proto::ffi_event::Message};

/// What the host says about itself, and where numbering starts.
#[derive(Debug, Clone, Default)]
pub struct ServerConfig {
    /// The first handle or async id; the process's next server goes on where the last one ended,
    /// so that a stale handle is unknown and never somebody else's.
    pub first_id: u64,
    /// The host SDK's name, e.g. `python`; empty if it named none.
    pub sdk: String,
    /// The host SDK's version.
    pub sdk_version: String,
    /// Whether log records go to the host.
    pub capture_logs: bool,
}

/// The event thread of a server, however it was started.
pub trait EventThread: Send {
    /// Waits for its end; false if it had to be left behind after `limit`.
    fn join_within(self: Box<Self>, limit: Duration) -> bool;
}

/// See the module's documentation.
pub struct Server {
    config: ServerConfig,
    capture_logs: AtomicBool,
    handles: Arc<HandleTable>,
    events: Arc<EventQueue>,
    runtime: LazyRuntime,
    closers: Closers,
    thread: Mutex<Option<Box<dyn EventThread>>>,
    shutdown: Shutdown,
}

impl Server {
    /// Starts a server; `start_thread` must run the pump on a new thread.
    ///
    /// # Errors
    ///
    /// [`FfiError::Start`] if there is no thread to be had.
    pub fn start(
        config: ServerConfig,
        start_thread: impl FnOnce(Pump) -> std::io::Result<Box<dyn EventThread>>,
    ) -> Result<Arc<Self>, FfiError> {
        let handles = Arc::new(HandleTable::new(config.first_id));
        let (events, pump) = EventQueue::new(Arc::clone(&handles));
        let thread = start_thread(pump).map_err(|source| FfiError::Start {
            what: "the event thread",
            source,
        })?;
        Ok(Arc::new(Self {
            capture_logs: AtomicBool::new(config.capture_logs),
            config,
            handles,
            events,
            runtime: LazyRuntime::default(),
            closers: Closers::default(),
            thread: Mutex::new(Some(thread)),
            shutdown: Shutdown::default(),
        }))
    }

    /// Starts a server that delivers to `sink` from a standard thread: for hosts in Rust and tests.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn with_sink(
        config: ServerConfig,
        sink: Arc<dyn EventSink>,
    ) -> Result<Arc<Self>, FfiError> {
        Self::start(config, |pump| {
            let thread = thread::Builder::new()
                .name("lk-events".to_owned())
                .spawn(move || pump.run(&*sink))?;
            Ok(Box::new(StdThread(thread)) as Box<dyn EventThread>)
        })
    }

    /// What the host said about itself.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// The handle table.
    pub fn handles(&self) -> &Arc<HandleTable> {
        &self.handles
    }

    /// The event queue.
    pub fn events(&self) -> &Arc<EventQueue> {
        &self.events
    }

    /// Queues an event that must arrive.
    pub fn send(&self, message: Message) {
        self.events.send(message);
    }

    /// The id by which a callback will name its request: the host's own if it sent one, else a
    /// new one. Never 0.
    pub fn async_id(&self, requested: Option<u64>) -> u64 {
        requested
            .filter(|id| *id != 0)
            .unwrap_or_else(|| self.handles.next_id())
    }

    /// The runtime; the first call starts it.
    ///
    /// # Errors
    ///
    /// [`FfiError::Start`], or [`FfiError::Disposed`].
    pub fn runtime(&self) -> Result<Handle, FfiError> {
        self.ensure_running()?;
        self.runtime.handle()
    }

    /// Runs a task; a panic in it ends the task alone and is logged with `place`.
    ///
    /// # Errors
    ///
    /// As [`Self::runtime`].
    pub fn spawn(
        self: &Arc<Self>,
        place: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<JoinHandle<()>, FfiError> {
        let events = Arc::clone(&self.events);
        Ok(self.runtime()?.spawn(async move {
            if let Err(error) = panics::Caught::new(place, task).await {
                events.log(logging::error_record(error.to_string()));
            }
        }))
    }

    /// Runs the task behind an asynchronous request. Its output is sent as the request's callback;
    /// after a panic, what `on_panic` makes of the error, so that the host never waits for nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::runtime`].
    pub fn spawn_answer(
        self: &Arc<Self>,
        place: &'static str,
        task: impl Future<Output = Message> + Send + 'static,
        on_panic: impl FnOnce(FfiError) -> Message + Send + 'static,
    ) -> Result<JoinHandle<()>, FfiError> {
        let events = Arc::clone(&self.events);
        Ok(self.runtime()?.spawn(async move {
            let answer = panics::Caught::new(place, task)
                .await
                .unwrap_or_else(|error| {
                    events.log(logging::error_record(error.to_string()));
                    on_panic(error)
                });
            events.send(answer);
        }))
    }

    /// Registers what must be closed before the server ends, under the handle it belongs to:
    /// rooms, above all. Run by [`Self::dispose`], all at once and in bounded time.
    pub fn register_closer(&self, id: HandleId, closer: Closer) {
        self.closers.insert(id, closer);
    }

    /// Takes a closer back, when its room was closed otherwise; false if there is none (any more).
    pub fn remove_closer(&self, id: HandleId) -> bool {
        self.closers.remove(id)
    }

    /// Frees a handle for the host; false if it is unknown. What is dropped may use the runtime.
    pub fn drop_handle(&self, id: HandleId) -> bool {
        self.handles
            .drop_handle_inside(id, || self.runtime.running())
    }

    /// Says an error of ours to the host's log, if it wants logs.
    pub fn log_error(&self, message: String) {
        if self.capture_logs.load(Ordering::Relaxed) {
            self.events.log(logging::error_record(message));
        }
    }

    /// Turns the host's log records on or off.
    pub fn set_capture_logs(&self, capture: bool) {
        self.capture_logs.store(capture, Ordering::Relaxed);
    }

    /// Whether requests are served.
    ///
    /// # Errors
    ///
    /// [`FfiError::Disposed`] once [`Self::dispose`] has begun.
    pub fn ensure_running(&self) -> Result<(), FfiError> {
        if self.shutdown.has_begun() {
            Err(FfiError::Disposed)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .field("handles", &self.handles)
            .finish_non_exhaustive()
    }
}

struct StdThread(thread::JoinHandle<()>);

impl EventThread for StdThread {
    fn join_within(self: Box<Self>, limit: Duration) -> bool {
        // The pump says when it is gone before its thread ends, so there is next to nothing to
        // wait for; a thread that hangs in the sink is left behind.
        let until = std::time::Instant::now() + limit;
        while !self.0.is_finished() {
            if std::time::Instant::now() >= until || self.0.thread().id() == thread::current().id()
            {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.0.join().is_ok()
    }
}
