//! The tokio runtime, started by the first task: a host that only loads the
//! library pays for no workers.

use std::{future::Future, time::Duration};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

use super::panics;
use crate::error::FfiError;

/// Enough for signalling and media of many rooms; codecs have threads of their own.
const WORKERS: usize = 2;

/// Threads for blocking calls (name resolution, files) at most, and how long an idle one stays.
const BLOCKING: usize = 8;
const BLOCKING_KEPT: Duration = Duration::from_secs(2);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct LazyRuntime {
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Cold,
    Running(Runtime),
    /// Nothing of the runtime is kept: its descriptors close with the last handle on it.
    Closed,
}

impl LazyRuntime {
    /// The runtime, started if it was not yet.
    pub(super) fn handle(&self) -> Result<Handle, FfiError> {
        let mut slot = self.slot.lock();
        match &*slot {
            Slot::Closed => Err(FfiError::Disposed),
            Slot::Running(runtime) => Ok(runtime.handle().clone()),
            Slot::Cold => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(WORKERS)
                    .max_blocking_threads(BLOCKING)
                    .thread_keep_alive(BLOCKING_KEPT)
                    .thread_name("lk-runtime")
                    .on_thread_start(panics::mark_thread)
                    .enable_all()
                    .build()
                    .map_err(|source| FfiError::Start {
                        what: "the runtime",
                        source,
                    })?;
                let handle = runtime.handle().clone();
                *slot = Slot::Running(runtime);
                Ok(handle)
            }
        }
    }

    /// The runtime, if it runs.
    pub(super) fn running(&self) -> Option<Handle> {
        match &*self.slot.lock() {
            Slot::Running(runtime) => Some(runtime.handle().clone()),
            Slot::Cold | Slot::Closed => None,
        }
    }

    /// Runs `future` to its end or for `limit`, on the calling thread, if there is a runtime.
    pub(super) fn run_for(&self, limit: Duration, future: impl Future<Output = ()>) {
        if let Some(handle) = self.running() {
            // An elapsed limit is the outcome that the caller asked for.
            let _ = handle.block_on(async { tokio::time::timeout(limit, future).await });
        }
    }

    /// Ends the workers; blocks for `limit` at most. Must not be called on a worker.
    pub(super) fn shut_down(&self, limit: Duration) {
        let slot = std::mem::replace(&mut *self.slot.lock(), Slot::Closed);
        if let Slot::Running(runtime) = slot {
            runtime.shutdown_timeout(limit);
        }
    }
}
