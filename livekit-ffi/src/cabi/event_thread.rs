//! The event thread as a plain POSIX thread.
//!
//! A host may end the thread from inside its callback: CPython does, with
//! `pthread_exit`, to a foreign thread that wants the interpreter while it
//! shuts down. glibc then unwinds the stack by force, and a frame of Rust's
//! standard threads (it catches panics) on that stack makes the process abort.
//! Here no frame below the callback catches or drops anything, which makes
//! the forced unwinding defined ("C-unwind", frames without destructors).

use std::{ffi::c_void, io, mem::MaybeUninit, ptr, time::Duration};

use crate::server::{
    EventThread,
    events::{EventSink, Pump},
    panics,
};

/// What the thread is given: leaked for its life, freed at its regular end.
struct Work {
    pump: Pump,
    sink: &'static dyn EventSink,
}

/// A running event thread.
struct PosixThread(libc::pthread_t);

/// Starts the thread that delivers from `pump` to `sink`.
pub(super) fn start(pump: Pump, sink: &'static dyn EventSink) -> io::Result<Box<dyn EventThread>> {
    let work = Box::into_raw(Box::new(Work { pump, sink }));
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // `pthread_create` wants a function that cannot unwind; this one is unwound through only by
    // `pthread_exit`, for which the C library's own start of a thread is prepared.
    let main: extern "C-unwind" fn(*mut c_void) -> *mut c_void = main;
    // SAFETY: the two function types differ in what they say about unwinding only.
    let main: extern "C" fn(*mut c_void) -> *mut c_void = unsafe { std::mem::transmute(main) };
    // SAFETY: `thread` is written on success; `work` stays valid until the thread frees it.
    let code = unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), main, work.cast()) };
    if code != 0 {
        // SAFETY: no thread was started, so `work` is still ours.
        drop(unsafe { Box::from_raw(work) });
        return Err(io::Error::from_raw_os_error(code));
    }
    // SAFETY: success means that it was written.
    Ok(Box::new(PosixThread(unsafe { thread.assume_init() })))
}

extern "C-unwind" fn main(work: *mut c_void) -> *mut c_void {
    let work: *mut Work = work.cast();
    panics::mark_thread();
    name_thread();
    // SAFETY: `work` was leaked for this thread, and nobody else knows of it.
    while let Some(event) = unsafe { next(work) } {
        // SAFETY: as above; the pump keeps the bytes until it is asked again.
        unsafe { (*work).sink.deliver(&*event) };
    }
    // SAFETY: it came from `Box::into_raw`, and the loop above is over.
    drop(unsafe { Box::from_raw(work) });
    ptr::null_mut()
}

/// Waits for the next event; whatever has a destructor is gone when this returns.
///
/// # Safety
///
/// `work` must be valid and not be used elsewhere. The event is valid until the next call.
unsafe fn next(work: *mut Work) -> Option<*const [u8]> {
    loop {
        // SAFETY: valid and ours alone, says the contract.
        let pump = unsafe { &mut (*work).pump };
        // An event that cannot be encoded is a bug, and costs that event alone.
        if let Ok(event) =
            panics::catch("the event thread", || pump.next_event().map(ptr::from_ref))
        {
            return event;
        }
    }
}

fn name_thread() {
    // SAFETY: the calling thread exists, and the name is a C string of less than 16 bytes.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::pthread_setname_np(libc::pthread_self(), c"lk-events".as_ptr());
    }
}

impl EventThread for PosixThread {
    fn join_within(self: Box<Self>, limit: Duration) -> bool {
        let mut until = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the clock exists and `until` has room for the answer.
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, until.as_mut_ptr()) };
        // SAFETY: written by the call above, which cannot fail for this clock.
        let mut until = unsafe { until.assume_init() };
        let nanos = until.tv_nsec + libc::c_long::from(limit.subsec_nanos() as i32);
        until.tv_sec += limit.as_secs() as libc::time_t + nanos / 1_000_000_000;
        until.tv_nsec = nanos % 1_000_000_000;
        // SAFETY: the thread was neither joined nor detached before: `self` is consumed here, and
        // detaches only when it is dropped.
        let joined = unsafe { libc::pthread_timedjoin_np(self.0, ptr::null_mut(), &until) } == 0;
        if joined {
            std::mem::forget(*self);
        }
        joined
    }
}

impl Drop for PosixThread {
    fn drop(&mut self) {
        // SAFETY: as above; a thread that is not joined gives its memory back by itself.
        unsafe { libc::pthread_detach(self.0) };
    }
}
