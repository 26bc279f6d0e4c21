//! Messages of a data channel between the actor and a program that says what it has read.
//!
//! Not more than a [`WINDOW`] is in the program's hands at a time. What comes beyond waits here: a little in memory,
//! then on the disk, for LiveKit's protocol has no word by which its server could be slowed down, and drops what a
//! reader does not take. Messages of a channel that gives none of its own again once they are lost are not worth that:
//! there the oldest give way.
//!
//! While nothing waits, the actor itself gives each message. What waits is given by one task on a thread for blocking
//! calls, which runs only while there is something to do.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lk_spool::{Place, Spool};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::channel::OnData;
use crate::data_channel::DataBuffer;
use crate::native::receipts::{Awaiting, MakeReceipt, Receipt};

/// Bytes in the program's hands at most, but for one message.
const WINDOW: usize = 2 * 1024 * 1024;
/// Bytes between two receipts.
const RECEIPT_EVERY: usize = 256 * 1024;
/// Bytes that wait in memory.
const IN_MEMORY: usize = 4 * 1024 * 1024;
/// A program from which no receipt comes for so long has lost one, or reads for other reasons nothing; what it was
/// given then counts as read. A brake, not a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a channel's messages pass through. See the module's documentation.
pub(crate) struct Inbox {
    label: String,
    make: MakeReceipt,
    give: Arc<OnData>,
    /// Whether each message must come out.
    reliable: bool,
    runtime: Handle,
    state: Mutex<State>,
}

struct State {
    /// Bytes given since the last receipt was asked for, and the receipts that are out with the bytes they stand for.
    since: usize,
    asked: VecDeque<(Receipt, usize)>,
    /// All of these bytes.
    given: usize,
    /// Receipts that came back.
    returned: u64,
    /// What waits, in order: first on the disk, then in memory.
    stored: VecDeque<(bool, Place)>,
    spool: Spool,
    held: VecDeque<(bool, Vec<u8>)>,
    held_bytes: usize,
    /// The disk did not take the first of what is held; it is not asked again before something left.
    refused: bool,
    working: bool,
    /// Somebody watches that receipts come.
    watched: bool,
    closed: bool,
}

/// What there is to do for who gives what waits.
enum Work {
    Give(bool, Vec<u8>),
    Read(bool, Place),
    Store(bool, Vec<u8>, Place),
}

impl Inbox {
    pub(crate) fn new(
        label: &str,
        make: MakeReceipt,
        give: Arc<OnData>,
        reliable: bool,
        runtime: Handle,
    ) -> Arc<Self> {
        Arc::new(Self {
            label: label.to_owned(),
            make,
            give,
            reliable,
            runtime,
            state: Mutex::new(State {
                since: 0,
                asked: VecDeque::new(),
                given: 0,
                returned: 0,
                stored: VecDeque::new(),
                spool: Spool::new("data messages that the program has not read"),
                held: VecDeque::new(),
                held_bytes: 0,
                refused: false,
                working: false,
                watched: false,
                closed: false,
            }),
        })
    }

    /// A message came in. Called by the actor alone.
    pub(crate) fn take(self: &Arc<Self>, binary: bool, data: Vec<u8>) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        if !state.working && !state.waits() && state.has_room() {
            drop(state);
            self.hand_over(binary, &data);
            return;
        }
        state.held_bytes += data.len();
        state.held.push_back((binary, data));
        if !self.reliable {
            while state.held_bytes > IN_MEMORY
                && let Some((_, oldest)) = state.held.pop_front()
            {
                state.held_bytes -= oldest.len();
            }
        }
        self.go_on(&mut state);
    }

    /// The channel is closed: what waits is nobody's any more.
    pub(crate) fn close(&self) {
        let (held, stored) = {
            let mut state = self.state.lock();
            state.closed = true;
            for (receipt, _) in state.asked.drain(..) {
                receipt.forget();
            }
            state.held_bytes = 0;
            (
                std::mem::take(&mut state.held),
                std::mem::take(&mut state.stored),
            )
        };
        // Outside the lock: the file closes with its last place.
        drop((held, stored));
    }

    /// Gives one message to the program, and a receipt behind it where one is due. One caller at a time.
    fn hand_over(self: &Arc<Self>, binary: bool, data: &[u8]) {
        self.call(binary, data);
        let due = {
            let mut state = self.state.lock();
            state.given += data.len();
            state.since += data.len();
            state.since >= RECEIPT_EVERY && !state.closed
        };
        if !due {
            return;
        }
        let awaiting: Arc<dyn Awaiting> = self.clone();
        let receipt = Receipt::new(&awaiting);
        let Some(message) = (self.make)(&self.label, receipt) else {
            receipt.forget();
            return;
        };
        {
            let mut state = self.state.lock();
            let bytes = std::mem::take(&mut state.since);
            state.asked.push_back((receipt, bytes));
        }
        self.call(true, &message);
    }

    fn call(&self, binary: bool, data: &[u8]) {
        self.give
            .call(|callback| callback(DataBuffer { data, binary }));
    }

    /// Lets the worker run if there is something for it, and sees to it that what waits does not wait for ever.
    fn go_on(self: &Arc<Self>, state: &mut State) {
        if state.closed || state.working {
            return;
        }
        if state.waits() && (state.has_room() || self.overflows(state)) {
            state.working = true;
            let inbox = Arc::clone(self);
            // A runtime that shuts down drops it: the channel is at its end, too.
            let _task = self.runtime.spawn_blocking(move || inbox.work());
        } else if state.waits() && !state.watched {
            state.watched = true;
            let _task = self
                .runtime
                .spawn(watch(Arc::downgrade(self), state.returned));
        }
    }

    fn overflows(&self, state: &State) -> bool {
        self.reliable && state.held_bytes > IN_MEMORY && !state.refused
    }

    fn work(self: Arc<Self>) {
        let mut buffer = Vec::new();
        while let Some(work) = self.next() {
            match work {
                Work::Give(binary, data) => self.hand_over(binary, &data),
                Work::Read(binary, place) => match place.read(&mut buffer) {
                    Ok(()) => self.hand_over(binary, &buffer),
                    // Those who read streams see by the numbers that a piece is missing, and end with an error.
                    Err(error) => log::error!(
                        "a message on channel {} that waited on the disk could not be read back: {error}; point TMPDIR \
                         to another disk",
                        self.label
                    ),
                },
                Work::Store(binary, data, place) => self.store(binary, data, place),
            }
        }
    }

    /// Takes what is to be done next; `None` ends the work.
    fn next(self: &Arc<Self>) -> Option<Work> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if !state.closed {
            if state.has_room() {
                if let Some((binary, place)) = state.stored.pop_front() {
                    return Some(Work::Read(binary, place));
                }
                if let Some((binary, data)) = state.held.pop_front() {
                    state.held_bytes -= data.len();
                    state.refused = false;
                    return Some(Work::Give(binary, data));
                }
            } else if self.overflows(state)
                && let Some((binary, data)) = state.held.front_mut()
            {
                match state.spool.place(data.len()) {
                    Some(place) => {
                        return Some(Work::Store(*binary, std::mem::take(data), place));
                    }
                    None => state.refused = true,
                }
            }
        }
        state.working = false;
        self.go_on(state);
        None
    }

    /// Writes the first of what is held, which has its turn until it is written.
    fn store(&self, binary: bool, data: Vec<u8>, place: Place) {
        let written = place.write(data.clone());
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        if written.is_ok() {
            state.held.pop_front();
            state.held_bytes -= data.len();
            state.stored.push_back((binary, place));
        } else if let Some(first) = state.held.front_mut() {
            first.1 = data;
            state.refused = true;
        }
    }
}

impl State {
    fn waits(&self) -> bool {
        !self.stored.is_empty() || !self.held.is_empty()
    }

    fn has_room(&self) -> bool {
        self.given < WINDOW
    }
}

impl Awaiting for Inbox {
    fn returned(self: Arc<Self>, receipt: Receipt) {
        let mut state = self.state.lock();
        let Some(index) = state.asked.iter().position(|(asked, _)| *asked == receipt) else {
            return;
        };
        // What came before was read before.
        for (earlier, bytes) in state.asked.drain(..=index).collect::<Vec<_>>() {
            state.given -= bytes;
            if earlier != receipt {
                earlier.forget();
            }
        }
        state.returned += 1;
        self.go_on(&mut state);
    }
}

/// Counts what was given as read where no receipt comes while messages wait.
async fn watch(inbox: Weak<Inbox>, mut before: u64) {
    loop {
        tokio::time::sleep(PATIENCE).await;
        let Some(inbox) = inbox.upgrade() else { return };
        let mut state = inbox.state.lock();
        if state.closed || !state.waits() {
            state.watched = false;
            return;
        }
        if state.returned == before && !state.has_room() {
            log::debug!(
                "nothing was read from channel {} for {PATIENCE:?}: {} bytes count as read",
                inbox.label,
                state.given
            );
            for (receipt, _) in state.asked.drain(..) {
                receipt.forget();
            }
            state.since = 0;
            state.given = 0;
            inbox.go_on(&mut state);
        }
        before = state.returned;
    }
}

#[cfg(test)]
mod tests;
