//! The consuming end of an [`EventQueue`].

use std::{mem, sync::Arc, thread, time::Instant};

use prost::Message as _;

use super::{EventQueue, EventSink, Phase, kept::Next};
use crate::proto::{self, ffi_event::Message};

/// The encoding buffer is given back when an event needed more than this many bytes.
const BUFFER_LIMIT: usize = 256 * 1024;

/// The consuming end of an [`EventQueue`].
///
/// `while let Some(bytes) = pump.next_event() { sink.deliver(bytes) }` is the whole event thread.
/// Nothing is held between the calls but the buffer.
#[derive(Debug)]
pub struct Pump {
    queue: Arc<EventQueue>,
    buffer: Vec<u8>,
}

impl Pump {
    pub(super) fn new(queue: Arc<EventQueue>) -> Self {
        Self {
            queue,
            buffer: Vec::new(),
        }
    }

    /// Waits for the next event and encodes it; `None` once the queue has stopped.
    ///
    /// The event before counts as delivered with this call.
    pub fn next_event(&mut self) -> Option<&[u8]> {
        loop {
            let next = self.wait()?;
            if self.buffer.capacity() > BUFFER_LIMIT {
                self.buffer = Vec::new();
            }
            let message = match next {
                Next::Message(message) => Some(message),
                Next::Stored(stored) => match stored.read(&mut self.buffer) {
                    Ok(()) => break,
                    Err(error) => stored.broken(&error),
                },
            };
            if let Some(message) = message {
                self.encode(message);
                break;
            }
        }
        Some(&self.buffer)
    }

    /// Delivers to `sink` until the queue stops.
    pub fn run(mut self, sink: &dyn EventSink) {
        while let Some(bytes) = self.next_event() {
            sink.deliver(bytes);
        }
    }

    fn encode(&mut self, message: Message) {
        self.buffer.clear();
        let event = proto::FfiEvent {
            message: Some(message),
        };
        self.buffer.reserve(event.encoded_len());
        event.encode_raw(&mut self.buffer);
    }

    fn wait(&self) -> Option<Next> {
        let queue = &*self.queue;
        let mut state = queue.state.lock();
        state.pump.get_or_insert_with(|| thread::current().id());
        if mem::take(&mut state.delivering) {
            queue.idle.notify_all();
        }
        loop {
            if state.phase == Phase::Stopped {
                return None;
            }
            let draining = state.phase == Phase::Draining;
            let next = match state.logs.due() {
                Some(due) if draining || due <= Instant::now() => {
                    Some(Next::Message(state.logs.take()))
                }
                _ => state.pop(),
            };
            if let Some(next) = next {
                state.delivering = true;
                return Some(next);
            }
            if draining && state.is_empty() {
                state.phase = Phase::Stopped;
                queue.idle.notify_all();
                return None;
            }
            match state.logs.due() {
                Some(due) => {
                    queue.work.wait_until(&mut state, due);
                }
                None => queue.work.wait(&mut state),
            }
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        // However the event thread ended, nobody waits for it any more.
        state.delivering = false;
        state.phase = Phase::Stopped;
        self.queue.idle.notify_all();
    }
}
