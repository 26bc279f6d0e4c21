//! How the program says what it has read of what data channels gave it.
//!
//! W3C's `message` event has no word for "enough": a program that puts messages into a queue of its own, as `livekit`
//! does, lets that grow for as long as they come in faster than it reads. Who knows the program's messages can
//! [`install`] receipts: messages of its own making, which are slipped in between those of the peer. When one comes
//! out at the other end, everything before it was read, and [`Receipt::returned`] says so. Channels with receipts keep
//! back what is too much (`session::inbox`); without, and for all other channels, each message is given at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use parking_lot::Mutex;

/// Names one receipt in the process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(u64);

/// Makes the message that stands for a receipt, on the channel with that label; `None` where that one has none.
pub type MakeReceipt = fn(label: &str, receipt: Receipt) -> Option<Vec<u8>>;

/// Who waits for a receipt.
pub(crate) trait Awaiting: Send + Sync {
    /// It came back.
    fn returned(self: Arc<Self>, receipt: Receipt);
}

static MAKE: OnceLock<MakeReceipt> = OnceLock::new();

static LAST: AtomicU64 = AtomicU64::new(0);

/// Who waits for which receipt.
static OUT: LazyLock<Mutex<HashMap<Receipt, Weak<dyn Awaiting>>>> = LazyLock::new(Mutex::default);

/// Lets channels that are opened from now on ask for receipts. The first maker stays for the process's life; returns
/// whether this was it.
pub fn install(make: MakeReceipt) -> bool {
    MAKE.set(make).is_ok()
}

/// The maker, if there is one.
pub(crate) fn maker() -> Option<MakeReceipt> {
    MAKE.get().copied()
}

impl Receipt {
    /// A new one for `awaiting`.
    pub(crate) fn new(awaiting: &Arc<dyn Awaiting>) -> Self {
        let receipt = Self(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        OUT.lock().insert(receipt, Arc::downgrade(awaiting));
        receipt
    }

    /// The receipt with this number, as [`number`](Self::number) gave it.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number, to be put into the message that stands for it.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// It came out where messages are read. One that is unknown, or has come back before, changes nothing.
    pub fn returned(self) {
        let awaiting = OUT.lock().remove(&self);
        if let Some(awaiting) = awaiting.and_then(|awaiting| awaiting.upgrade()) {
            awaiting.returned(self);
        }
    }

    /// Nobody waits for it any more.
    pub(crate) fn forget(self) {
        OUT.lock().remove(&self);
    }
}
