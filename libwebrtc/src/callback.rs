//! Slots for the host's callbacks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::Mutex;

/// Holds one callback. It is taken out while it runs, so that no lock is held over it and it may set, replace
/// or remove itself.
pub(crate) struct Callback<F: ?Sized> {
    slot: Mutex<Slot<F>>,
}

struct Slot<F: ?Sized> {
    callback: Option<Box<F>>,
    /// Counts `set`, so that a callback which was replaced while it ran is not put back.
    generation: u64,
}

impl<F: ?Sized> Default for Callback<F> {
    fn default() -> Self {
        Self {
            slot: Mutex::new(Slot {
                callback: None,
                generation: 0,
            }),
        }
    }
}

impl<F: ?Sized> Callback<F> {
    /// Sets or removes the callback; one that is running meanwhile runs to its end and is then dropped.
    pub(crate) fn set(&self, callback: Option<Box<F>>) {
        let old = {
            let mut slot = self.slot.lock();
            slot.generation += 1;
            std::mem::replace(&mut slot.callback, callback)
        };
        // Dropped outside the lock: it may own handles whose drop comes back here.
        drop(old);
    }

    /// Runs `with` on the callback, if one is set, without the lock, and says whether it ran. A call from inside
    /// the callback, or from another thread while it runs, finds none; each slot has one caller at a time. A
    /// callback that panics is removed: the panic is the program's, and must not end the task that called it.
    pub(crate) fn call(&self, with: impl FnOnce(&mut F)) -> bool {
        let (mut callback, generation) = {
            let mut slot = self.slot.lock();
            let Some(callback) = slot.callback.take() else {
                return false;
            };
            (callback, slot.generation)
        };
        if catch_unwind(AssertUnwindSafe(|| with(&mut callback))).is_err() {
            log::error!("a callback of the program panicked; it is called no more");
            return true;
        }
        let mut slot = self.slot.lock();
        if slot.generation == generation {
            slot.callback = Some(callback);
        } else {
            drop(slot);
            drop(callback);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    type Count = dyn FnMut(u32) + Send + Sync;

    #[test]
    fn a_callback_may_remove_itself() {
        let callback: Arc<Callback<Count>> = Arc::default();
        let inner = Arc::clone(&callback);
        callback.set(Some(Box::new(move |_| inner.set(None))));
        assert!(callback.call(|callback| callback(1)));
        assert!(!callback.call(|callback| callback(2)));
    }

    #[test]
    fn a_callback_may_replace_itself() {
        let callback: Arc<Callback<Count>> = Arc::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (inner, later) = (Arc::clone(&callback), Arc::clone(&seen));
        callback.set(Some(Box::new(move |_| {
            let later = Arc::clone(&later);
            inner.set(Some(Box::new(move |value| later.lock().push(value))));
        })));
        callback.call(|callback| callback(1));
        callback.call(|callback| callback(2));
        assert_eq!(*seen.lock(), [2]);
    }

    #[test]
    fn a_callback_that_panics_is_called_no_more() {
        let callback: Callback<Count> = Callback::default();
        callback.set(Some(Box::new(|value| panic!("{value}"))));
        assert!(callback.call(|callback| callback(1)));
        assert!(!callback.call(|callback| callback(2)));
    }
}
