//! The process's one server, and what the process may do behind its back: fork and exit.

use std::sync::{
    Arc, Once,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::RwLock;

use super::{event_thread, sink::HostSink};
use crate::{
    error::FfiError,
    server::{Server, ServerConfig, logging::LogBridge, panics},
};

static SERVER: RwLock<Option<Arc<Server>>> = RwLock::new(None);
static SINK: HostSink = HostSink::new();
static LOGS: LogBridge = LogBridge::new();

/// Set in a child that was forked after initialize. Its locks may be held by threads that it does
/// not have, so nothing else of ours is touched there.
static FORKED: AtomicBool = AtomicBool::new(false);

/// The variable by which LiveKit's hosts ask for debug records.
const DEBUG_VARIABLE: &str = "LIVEKIT_RTC_DEBUG";

/// The server that serves the calling process.
///
/// # Errors
///
/// [`FfiError::Forked`], [`FfiError::NotInitialized`].
pub(super) fn current() -> Result<Arc<Server>, FfiError> {
    refuse_fork()?;
    SERVER.read().clone().ok_or(FfiError::NotInitialized)
}

/// Starts the server; if it runs already, only the callback and the choice about logs change.
pub(super) fn initialize(
    callback: unsafe extern "C-unwind" fn(*const u8, usize),
    mut config: ServerConfig,
) -> Result<(), FfiError> {
    refuse_fork()?;
    panics::install_hook();
    watch_process();

    let ending = SERVER.read().clone();
    if let Some(ending) = ending {
        // So that the old event thread and the new one do not call back side by side.
        ending.wait_disposed();
    }
    let mut slot = SERVER.write();
    let capture_logs = config.capture_logs;
    let server = match slot.as_ref() {
        Some(server) if server.ensure_running().is_ok() => {
            SINK.replace(callback);
            server.set_capture_logs(capture_logs);
            Arc::clone(server)
        }
        ended => {
            config.first_id = ended.map_or(1, |server| server.handles().peek_id());
            SINK.replace(callback);
            let server = Server::start(config, |pump| event_thread::start(pump, &SINK))?;
            *slot = Some(Arc::clone(&server));
            server
        }
    };
    drop(slot);
    if capture_logs {
        LOGS.connect(Arc::clone(server.events()), wants_debug());
    } else {
        LOGS.disconnect();
    }
    Ok(())
}

/// Ends the server, see [`Server::dispose`].
pub(super) fn dispose() -> Result<(), FfiError> {
    let server = current()?;
    LOGS.disconnect();
    server.dispose();
    Ok(())
}

fn refuse_fork() -> Result<(), FfiError> {
    if FORKED.load(Ordering::Relaxed) {
        Err(FfiError::Forked)
    } else {
        Ok(())
    }
}

fn wants_debug() -> bool {
    std::env::var(DEBUG_VARIABLE)
        .is_ok_and(|value| matches!(value.trim(), "1" | "true" | "True" | "TRUE"))
}

/// Registers, once, for forks and for the end of the process.
fn watch_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both functions only touch statics, and stay mapped (the library is linked with
        // `nodelete`). A failure leaves us without the notice, no worse.
        unsafe {
            libc::pthread_atfork(None, None, Some(on_fork));
            libc::atexit(on_exit);
        }
    });
}

extern "C" fn on_fork() {
    FORKED.store(true, Ordering::Relaxed);
}

extern "C" fn on_exit() {
    // The process may end in the middle of anything, also of a call that holds the lock.
    let _ = panics::catch("the end of the process", || {
        if refuse_fork().is_ok()
            && let Some(slot) = SERVER.try_read()
            && let Some(server) = slot.as_ref()
        {
            server.abandon();
        }
    });
}
