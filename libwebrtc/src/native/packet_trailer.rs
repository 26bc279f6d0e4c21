//! Metadata that travels behind encoded frames.
//!
//! Handlers keep what is stored and looked up; writing trailers into frames and reading them out is not part
//! of this build, so a receiver's look-ups find only what was stored by hand.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    peer_connection_factory::PeerConnectionFactory, rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
};

/// How far a local frame has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishTimingStage {
    /// It goes into the encoder.
    EncoderUpload,
    /// It came out of the encoder.
    EncoderOutput,
    /// It goes into packets.
    WebrtcPacketize,
}

/// How far a remote frame has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeTimingStage {
    /// Its packets are complete.
    WebrtcReceive,
    /// It goes into the decoder.
    DecoderUpload,
    /// It came out of the decoder.
    DecoderOutput,
}

/// A local frame reached a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishTimingEvent {
    /// Which.
    pub stage: PublishTimingStage,
    /// When, in microseconds since the Unix epoch.
    pub timestamp_us: u64,
    /// When it was captured, in microseconds since the Unix epoch.
    pub capture_timestamp_us: u64,
    /// The program's number for it.
    pub frame_id: Option<u32>,
}

/// A remote frame reached a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscribeTimingEvent {
    /// Which.
    pub stage: SubscribeTimingStage,
    /// When, in microseconds since the Unix epoch.
    pub timestamp_us: u64,
    /// When it was captured, in microseconds since the Unix epoch.
    pub capture_timestamp_us: u64,
    /// The sender's number for it.
    pub frame_id: Option<u32>,
}

/// Told of local frames' stages.
pub type PublishTimingObserver = Arc<dyn Fn(PublishTimingEvent) + Send + Sync + 'static>;
/// Told of remote frames' stages.
pub type SubscribeTimingObserver = Arc<dyn Fn(SubscribeTimingEvent) + Send + Sync + 'static>;

/// Entries kept for frames that never come; the oldest give way.
const MOST_ENTRIES: usize = 300;

/// Metadata of one sender's or receiver's frames. Clones share it.
#[derive(Clone)]
pub struct PacketTrailerHandler {
    inner: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    enabled: bool,
    /// By capture time (sender) or RTP timestamp (receiver).
    entries: HashMap<i64, Entry>,
    /// Keys in the order they came.
    order: std::collections::VecDeque<i64>,
    publish_observer: Option<PublishTimingObserver>,
    subscribe_observer: Option<SubscribeTimingObserver>,
}

struct Entry {
    user_timestamp: u64,
    frame_id: u32,
    user_data: Vec<u8>,
}

impl PacketTrailerHandler {
    fn new() -> Self {
        Self {
            inner: Arc::new(Mutex::new(State {
                enabled: true,
                ..State::default()
            })),
        }
    }

    /// Switches trailers on or off.
    pub fn set_enabled(&self, enabled: bool) {
        self.inner.lock().enabled = enabled;
    }

    /// Whether trailers are on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.inner.lock().enabled
    }

    /// The user timestamp, frame id and user data of a received frame, which are then forgotten.
    #[must_use]
    pub fn lookup_frame_metadata(&self, rtp_timestamp: u32) -> Option<(u64, u32, Vec<u8>)> {
        let mut state = self.inner.lock();
        let key = i64::from(rtp_timestamp);
        let entry = state.entries.remove(&key)?;
        state.order.retain(|kept| *kept != key);
        Some((entry.user_timestamp, entry.frame_id, entry.user_data))
    }

    /// Keeps a frame's metadata until the frame is sent.
    pub fn store_frame_metadata(
        &self,
        capture_timestamp_us: i64,
        user_timestamp: u64,
        frame_id: u32,
        user_data: &[u8],
    ) {
        let mut state = self.inner.lock();
        let entry = Entry {
            user_timestamp,
            frame_id,
            user_data: user_data.to_vec(),
        };
        if state.entries.insert(capture_timestamp_us, entry).is_none() {
            state.order.push_back(capture_timestamp_us);
        }
        if state.order.len() > MOST_ENTRIES
            && let Some(oldest) = state.order.pop_front()
        {
            state.entries.remove(&oldest);
        }
    }

    /// Sets or removes who is told of local frames' stages.
    pub fn set_publish_timing_observer(&self, observer: Option<PublishTimingObserver>) {
        self.inner.lock().publish_observer = observer;
    }

    /// Sets or removes who is told of remote frames' stages.
    pub fn set_subscribe_timing_observer(&self, observer: Option<SubscribeTimingObserver>) {
        self.inner.lock().subscribe_observer = observer;
    }
}

impl fmt::Debug for PacketTrailerHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.lock();
        f.debug_struct("PacketTrailerHandler")
            .field("enabled", &state.enabled)
            .field("entries", &state.entries.len())
            .field("publish_observer", &state.publish_observer.is_some())
            .field("subscribe_observer", &state.subscribe_observer.is_some())
            .finish()
    }
}

/// A handler for what a sender sends.
#[must_use]
pub fn create_sender_handler(
    _peer_factory: &PeerConnectionFactory,
    _sender: &RtpSender,
) -> PacketTrailerHandler {
    PacketTrailerHandler::new()
}

/// A handler for what a receiver receives.
#[must_use]
pub fn create_receiver_handler(
    _peer_factory: &PeerConnectionFactory,
    _receiver: &RtpReceiver,
) -> PacketTrailerHandler {
    PacketTrailerHandler::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_found_once() {
        let handler = PacketTrailerHandler::new();
        handler.store_frame_metadata(90, 1, 2, &[3]);
        assert_eq!(handler.lookup_frame_metadata(90), Some((1, 2, vec![3])));
        assert_eq!(handler.lookup_frame_metadata(90), None);
    }

    #[test]
    fn entries_stay_bounded() {
        let handler = PacketTrailerHandler::new();
        for time in 0..1_000 {
            handler.store_frame_metadata(time, 0, 0, &[]);
        }
        assert_eq!(handler.inner.lock().entries.len(), MOST_ENTRIES);
        assert!(handler.lookup_frame_metadata(0).is_none());
        assert!(handler.lookup_frame_metadata(999).is_some());
    }
}
