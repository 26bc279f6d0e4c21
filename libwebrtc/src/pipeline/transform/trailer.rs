//! Packet trailers of one track's frames, as a pipeline uses them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use lk_media::video::FrameTrailer;
use parking_lot::Mutex;

/// Entries kept for frames that never come; the oldest give way.
const MOST_ENTRIES: usize = 300;

/// How far a frame has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Sending: it goes into the encoder.
    Captured,
    /// It came out of the encoder.
    Encoded,
    /// It goes into packets.
    Packetized,
    /// Receiving: its packets are complete.
    Received,
    /// It goes into the decoder.
    Decoding,
    /// It came out of the decoder.
    Decoded,
}

/// Told of a frame's stages, with its user timestamp and number.
pub(crate) type StageObserver = Arc<dyn Fn(Stage, u64, u32) + Send + Sync>;

/// Metadata of one track's frames.
pub(crate) struct Trailers {
    state: Mutex<State>,
}

struct State {
    enabled: bool,
    /// By capture time.
    entries: HashMap<i64, Arc<FrameTrailer>>,
    /// Keys in the order they came.
    order: VecDeque<i64>,
    observer: Option<StageObserver>,
}

impl Default for Trailers {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                enabled: true,
                entries: HashMap::new(),
                order: VecDeque::new(),
                observer: None,
            }),
        }
    }
}

impl Trailers {
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.state.lock().enabled = enabled;
    }

    pub(crate) fn enabled(&self) -> bool {
        self.state.lock().enabled
    }

    /// Keeps a frame's metadata.
    pub(crate) fn store(&self, key: i64, trailer: Arc<FrameTrailer>) {
        let mut state = self.state.lock();
        if state.entries.insert(key, trailer).is_none() {
            state.order.push_back(key);
        }
        if state.order.len() > MOST_ENTRIES
            && let Some(oldest) = state.order.pop_front()
        {
            state.entries.remove(&oldest);
        }
    }

    /// A frame's metadata; it stays, for all streams of a track send it.
    pub(crate) fn find(&self, key: i64) -> Option<Arc<FrameTrailer>> {
        self.state.lock().entries.get(&key).cloned()
    }

    /// A frame's metadata, which is then forgotten.
    pub(crate) fn take(&self, key: i64) -> Option<Arc<FrameTrailer>> {
        let mut state = self.state.lock();
        let trailer = state.entries.remove(&key)?;
        state.order.retain(|kept| *kept != key);
        Some(trailer)
    }

    pub(crate) fn observe(&self, observer: Option<StageObserver>) {
        let old = std::mem::replace(&mut self.state.lock().observer, observer);
        // Outside the lock: it may own handles whose drop comes back here.
        drop(old);
    }

    /// Tells that a frame has come so far.
    pub(crate) fn reached(&self, stage: Stage, trailer: Option<&FrameTrailer>) {
        let observer = self.state.lock().observer.clone();
        if let Some(observer) = observer {
            let (timestamp, id) =
                trailer.map_or((0, 0), |trailer| (trailer.user_timestamp, trailer.frame_id));
            observer(stage, timestamp, id);
        }
    }
}

impl fmt::Debug for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Trailers")
            .field("enabled", &state.enabled)
            .field("entries", &state.entries.len())
            .field("observed", &state.observer.is_some())
            .finish()
    }
}
