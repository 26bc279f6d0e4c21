//! The event queue: what waits for the host's callback, in order.
//!
//! One consumer, the [`Pump`], on a thread of its own; producers never wait
//! for it. Kinds of events:
//!
//! - **kept** ([`EventQueue::send`]): delivered, every one. Pieces of data streams
//!   wait in memory as far as [`PIECES_IN_MEMORY`] goes and beyond that in a file;
//! - **media** ([`EventQueue::send_media`]): bounded per stream, the oldest
//!   frame gives way and its buffer handle is freed, so a slow host costs
//!   frames and no memory;
//! - **logs** ([`EventQueue::log`]): gathered for [`LOG_DELAY`], sent as one
//!   batch, outside the order of the others.
//!
//! Kept and media events come out in the order in which they were put in.
//! The lock is never held during a callback. For "this one not before that
//! one" see [`super::lane`].

mod kept;
mod logs;
mod piece;
mod pump;

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
    thread::{self, ThreadId},
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task,
};

pub use self::{
    kept::PIECES_IN_MEMORY,
    logs::{LOG_DELAY, LOG_LIMIT},
    pump::Pump,
};
use self::{
    kept::{Kept, Next},
    logs::Logs,
};
use super::handles::{HandleId, HandleTable};
use crate::proto::{self, ffi_event::Message};

/// Frames a media stream keeps for a slow host, if the host named no figure: a second of audio.
pub const DEFAULT_MEDIA_LIMIT: usize = 100;

/// Receives events, one at a time, on the event thread.
pub trait EventSink: Send + Sync {
    /// `bytes` is an encoded `FfiEvent`, valid during the call.
    fn deliver(&self, bytes: &[u8]);
}

/// See the module's documentation.
#[derive(Debug)]
pub struct EventQueue {
    state: Mutex<State>,
    /// The pump waits here for work.
    work: Condvar,
    /// [`EventQueue::stop`] and [`EventQueue::wait_idle`] wait here for the pump.
    idle: Condvar,
    handles: Arc<HandleTable>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    sequence: u64,
    kept: Kept,
    streams: HashMap<HandleId, Stream>,
    logs: Logs,
    delivering: bool,
    pump: Option<ThreadId>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Running,
    /// What is queued is delivered, then [`Phase::Stopped`].
    Draining,
    /// Nothing is accepted and no callback starts.
    Stopped,
}

#[derive(Debug, Default)]
struct Stream {
    frames: VecDeque<Frame>,
    /// Its end was sent: forget the stream once it is empty.
    finished: bool,
}

#[derive(Debug)]
struct Frame {
    sequence: u64,
    message: Message,
    buffer: HandleId,
}

impl EventQueue {
    /// An empty queue; buffers of dropped frames are freed in `handles`. The [`Pump`] empties it.
    pub fn new(handles: Arc<HandleTable>) -> (Arc<Self>, Pump) {
        let queue = Arc::new(Self {
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            handles,
        });
        let pump = Pump::new(Arc::clone(&queue));
        (queue, pump)
    }

    /// Queues an event that must arrive. After [`Self::stop`] it is discarded.
    pub fn send(&self, message: Message) {
        self.send_all([message]);
    }

    /// Queues events with nothing in between.
    pub fn send_all(&self, messages: impl IntoIterator<Item = Message>) {
        let mut state = self.state.lock();
        if state.phase == Phase::Stopped {
            return;
        }
        let mut to_disk = Vec::new();
        for message in messages {
            let sequence = state.advance();
            to_disk.extend(state.kept.push(sequence, message));
        }
        drop(state);
        self.work.notify_one();
        for departing in to_disk {
            let (sequence, written) = aside(|| departing.write());
            self.state.lock().kept.written(sequence, written);
            self.work.notify_one();
        }
    }

    /// Queues a frame of the stream `stream`, keeping at most `limit` (at least 1) of them.
    ///
    /// `buffer` is the handle that the event gives to the host; it is freed if the event is never
    /// delivered. Returns how many older frames had to go.
    pub fn send_media(
        &self,
        stream: HandleId,
        limit: usize,
        message: Message,
        buffer: HandleId,
    ) -> usize {
        let mut overdue = Vec::new();
        let mut state = self.state.lock();
        if state.phase == Phase::Running {
            let sequence = state.advance();
            let frames = &mut state.streams.entry(stream).or_default().frames;
            while frames.len() >= limit.max(1) {
                overdue.extend(frames.pop_front());
            }
            frames.push_back(Frame {
                sequence,
                message,
                buffer,
            });
            drop(state);
            self.work.notify_one();
        } else {
            drop(state);
            self.handles.drop_handle(buffer);
        }
        let dropped = overdue.len();
        self.free(overdue);
        dropped
    }

    /// Queues a stream's last event, behind the frames that still wait.
    pub fn finish_stream(&self, stream: HandleId, end: Message) {
        let mut state = self.state.lock();
        if state.phase == Phase::Stopped {
            return;
        }
        match state.streams.get_mut(&stream) {
            Some(entry) if entry.frames.is_empty() => drop(state.streams.remove(&stream)),
            Some(entry) => entry.finished = true,
            None => {}
        }
        let sequence = state.advance();
        let departing = state.kept.push(sequence, end);
        debug_assert!(departing.is_none(), "an end is not a piece");
        drop(state);
        self.work.notify_one();
    }

    /// Discards the frames of a stream that the host dropped, and frees their buffers.
    pub fn discard_stream(&self, stream: HandleId) {
        let removed = self.state.lock().streams.remove(&stream);
        if let Some(stream) = removed {
            self.free(stream.frames);
        }
    }

    /// Queues a log record. Too many at once are counted and reported instead.
    pub fn log(&self, record: proto::LogRecord) {
        let mut state = self.state.lock();
        if state.phase == Phase::Stopped {
            return;
        }
        let first = state.logs.push(record);
        drop(state);
        if first {
            self.work.notify_one();
        }
    }

    /// Whether the calling thread is inside a callback.
    pub fn is_event_thread(&self) -> bool {
        self.state.lock().pump == Some(thread::current().id())
    }

    /// Delivers what is queued until `drain`, then ends the queue: no callback starts once this
    /// has returned. A callback that runs is not waited for, see [`Self::wait_idle`].
    ///
    /// With `drain` in the past, what is queued is discarded: so it must be from inside a
    /// callback, which nobody may wait for.
    pub fn stop(&self, drain: Instant) {
        let mut state = self.state.lock();
        if state.phase == Phase::Running && drain > Instant::now() {
            state.phase = Phase::Draining;
            self.work.notify_one();
        }
        while state.phase == Phase::Draining && !self.idle.wait_until(&mut state, drain).timed_out()
        {
        }
        state.phase = Phase::Stopped;
        let kept = mem::take(&mut state.kept);
        let streams = mem::take(&mut state.streams);
        state.logs = Logs::default();
        self.work.notify_one();
        drop(state);
        drop(kept);
        for stream in streams.into_values() {
            self.free(stream.frames);
        }
    }

    /// Waits until no callback runs; false if one still did at `limit`.
    pub fn wait_idle(&self, limit: Instant) -> bool {
        let mut state = self.state.lock();
        while state.delivering && !self.idle.wait_until(&mut state, limit).timed_out() {}
        !state.delivering
    }

    fn free(&self, frames: impl IntoIterator<Item = Frame>) {
        for frame in frames {
            self.handles.drop_handle(frame.buffer);
        }
    }
}

impl State {
    fn advance(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The oldest event of all.
    fn pop(&mut self) -> Option<Next> {
        // A scan over the streams: there are few, and it keeps the order exact without
        // an allocation per frame.
        let media = self
            .streams
            .iter()
            .filter_map(|(id, stream)| stream.frames.front().map(|frame| (frame.sequence, *id)))
            .min();
        match (media, self.kept.front()) {
            (Some((sequence, id)), kept) if kept.is_none_or(|kept| sequence < kept) => {
                let stream = self.streams.get_mut(&id)?;
                let frame = stream.frames.pop_front()?;
                if stream.finished && stream.frames.is_empty() {
                    self.streams.remove(&id);
                }
                Some(Next::Message(frame.message))
            }
            _ => self.kept.pop(),
        }
    }

    /// Nothing waits, on its way to the disk or otherwise.
    fn is_empty(&self) -> bool {
        self.kept.front().is_none() && self.streams.values().all(|stream| stream.frames.is_empty())
    }
}

/// Does what may have to wait for a disk without holding up the tasks of the thread that it is on.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => task::block_in_place(work),
        _ => work(),
    }
}
