//! The host's callback, behind the trait by which the event thread knows it.

use std::sync::atomic::{AtomicPtr, Ordering};

use crate::server::events::EventSink;

/// Receives one encoded `FfiEvent`, `len` bytes at `data`, valid during the call only.
///
/// Called on one thread of the library's, one event at a time, in order, with no lock of the
/// library's held: it may call any function of this header.
pub type LivekitFfiCallback = Option<unsafe extern "C-unwind" fn(data: *const u8, len: usize)>;

/// The callback that was registered last. One for the process, so that replacing it reaches the
/// event thread and frees nothing that is in use.
#[derive(Debug)]
pub(super) struct HostSink {
    callback: AtomicPtr<()>,
}

impl HostSink {
    pub(super) const fn new() -> Self {
        Self {
            callback: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// From now on events go to `callback`; one that is being delivered still ends in the old one.
    pub(super) fn replace(&self, callback: unsafe extern "C-unwind" fn(*const u8, usize)) {
        self.callback.store(callback as *mut (), Ordering::Release);
    }
}

impl EventSink for HostSink {
    // No frame here may hold anything with a destructor, see `event_thread`.
    fn deliver(&self, bytes: &[u8]) {
        let callback = self.callback.load(Ordering::Acquire);
        // SAFETY: `replace` stores nothing but such functions, and null stands for none.
        let callback: LivekitFfiCallback = unsafe { std::mem::transmute(callback) };
        if let Some(callback) = callback {
            // SAFETY: the host registered the function for calls with the bytes of one event.
            unsafe { callback(bytes.as_ptr(), bytes.len()) };
        }
    }
}
