//! A panic of ours becomes an error of the one operation that it hit.
//!
//! [`catch`] and [`Caught`] stop the unwinding; the hook of [`install_hook`]
//! keeps such panics off the host's stderr and remembers message and place.
//! Threads of the host's own keep the hook they had.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    future::Future,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use crate::error::FfiError;

thread_local! {
    /// How many [`catch`] are on this thread's stack, or 1 more on a thread of ours.
    static OURS: Cell<usize> = const { Cell::new(0) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Replaces the process's panic hook, once, by one that is quiet about panics we catch.
pub fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if OURS.try_with(Cell::get).unwrap_or(0) > 0 {
                let _ = LAST.try_with(|last| *last.borrow_mut() = Some(describe(info)));
            } else {
                previous(info);
            }
        }));
    });
}

/// Marks the calling thread as ours for good: its panics are never printed.
pub fn mark_thread() {
    let _ = OURS.try_with(|ours| ours.set(ours.get() + 1));
}

/// Runs `body`; a panic becomes [`FfiError::Panic`] at `place`.
pub fn catch<T>(place: &'static str, body: impl FnOnce() -> T) -> Result<T, FfiError> {
    let _marked = Marked::new();
    // The callers drop what they borrowed after a panic, or hold it behind locks without poison
    // whose invariants hold between statements.
    panic::catch_unwind(AssertUnwindSafe(body)).map_err(|payload| caught(place, payload))
}

/// A future whose panic becomes an error.
pub struct Caught<F> {
    place: &'static str,
    /// Gone after it ended or panicked, so that nothing of it is polled again.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Caught<F> {
    /// `place` names the task in the error.
    pub fn new(place: &'static str, future: F) -> Self {
        Self {
            place,
            future: Some(Box::pin(future)),
        }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, FfiError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let place = self.place;
        let polled = match self.future.as_mut() {
            Some(future) => catch(place, || future.as_mut().poll(context)),
            None => return Poll::Pending,
        };
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                self.future = None;
                Poll::Ready(Ok(value))
            }
            Err(error) => {
                // Its destructors may panic as well.
                let future = self.future.take();
                let _ = catch(place, move || drop(future));
                Poll::Ready(Err(error))
            }
        }
    }
}

struct Marked;

impl Marked {
    fn new() -> Self {
        mark_thread();
        Self
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        let _ = OURS.try_with(|ours| ours.set(ours.get() - 1));
    }
}

fn caught(place: &'static str, payload: Box<dyn Any + Send>) -> FfiError {
    let noted = LAST
        .try_with(|last| last.borrow_mut().take())
        .ok()
        .flatten();
    let message = noted.unwrap_or_else(|| text_of(&*payload));
    // A payload may itself panic when it is dropped.
    let _ = panic::catch_unwind(AssertUnwindSafe(move || drop(payload)));
    FfiError::Panic { place, message }
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let text = text_of(info.payload());
    match info.location() {
        Some(location) => format!("{text} ({}:{})", location.file(), location.line()),
        None => text,
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_names_the_place() {
        install_hook();
        let error = catch("tests", || -> u32 { panic!("boom {}", 7) }).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("internal error in tests: boom 7 ("),
            "{text}"
        );
        assert!(text.contains("panics.rs:"), "{text}");
    }

    #[test]
    fn a_panic_with_a_strange_payload_is_caught_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("while dropping the payload");
            }
        }
        install_hook();
        assert!(catch("tests", || panic::panic_any(Bomb)).is_err());
        assert!(catch("tests", || 5).is_ok_and(|value| value == 5));
    }

    #[test]
    fn a_future_that_panics_ends_with_an_error() {
        install_hook();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let outcome = runtime.block_on(Caught::new("a task", async {
            tokio::task::yield_now().await;
            panic!("in a task");
        }));
        assert!(outcome.is_err_and(|error| error.to_string().contains("a task: in a task")));
        assert!(
            runtime
                .block_on(Caught::new("a task", async { 3 }))
                .is_ok_and(|value| value == 3)
        );
    }
}
