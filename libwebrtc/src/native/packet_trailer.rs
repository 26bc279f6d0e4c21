//! Metadata that travels behind encoded frames.
//!
//! A sender's handler puts behind each frame what was stored for it, whether by hand or with the captured picture; a
//! receiver's takes it off, and the pictures carry it (`VideoFrame::frame_metadata`).

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lk_media::video::FrameTrailer;

use crate::{
    peer_connection_factory::PeerConnectionFactory,
    pipeline::transform::{Stage, Trailers},
    rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
    video_frame::FrameMetadata,
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
    /// When it was captured, as the program said with the frame; 0 where it said nothing.
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
    /// When it was captured, as the sender's program said with the frame; 0 where it said nothing.
    pub capture_timestamp_us: u64,
    /// The sender's number for it.
    pub frame_id: Option<u32>,
}

/// Told of local frames' stages.
pub type PublishTimingObserver = Arc<dyn Fn(PublishTimingEvent) + Send + Sync + 'static>;
/// Told of remote frames' stages.
pub type SubscribeTimingObserver = Arc<dyn Fn(SubscribeTimingEvent) + Send + Sync + 'static>;

/// Metadata of one sender's or receiver's frames. Clones share it.
#[derive(Clone)]
pub struct PacketTrailerHandler {
    trailers: Arc<Trailers>,
}

impl PacketTrailerHandler {
    fn new() -> Self {
        Self {
            trailers: Arc::default(),
        }
    }

    /// Switches trailers on or off; they are on to begin with.
    pub fn set_enabled(&self, enabled: bool) {
        self.trailers.set_enabled(enabled);
    }

    /// Whether trailers are on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.trailers.enabled()
    }

    /// The user timestamp, frame id and user data that were stored under that number, which are then forgotten. What
    /// received frames carried is in the frames themselves.
    #[must_use]
    pub fn lookup_frame_metadata(&self, rtp_timestamp: u32) -> Option<(u64, u32, Vec<u8>)> {
        let trailer = self.trailers.take(i64::from(rtp_timestamp))?;
        Some((
            trailer.user_timestamp,
            trailer.frame_id,
            trailer.user_data.clone(),
        ))
    }

    /// Keeps the metadata of the frame that is captured with that `timestamp_us` until it is sent. A field that is 0 or
    /// empty is not sent.
    pub fn store_frame_metadata(
        &self,
        capture_timestamp_us: i64,
        user_timestamp: u64,
        frame_id: u32,
        user_data: &[u8],
    ) {
        let trailer = FrameTrailer {
            user_timestamp,
            frame_id,
            user_data: user_data.to_vec(),
        };
        self.trailers.store(capture_timestamp_us, Arc::new(trailer));
    }

    /// A source captured a frame.
    pub(crate) fn captured(&self, captured_us: i64, metadata: Option<&FrameMetadata>) {
        let trailer = metadata.map(|metadata| Arc::new(metadata.to_trailer()));
        if let Some(trailer) = &trailer {
            self.trailers.store(captured_us, trailer.clone());
        }
        self.trailers.reached(Stage::Captured, trailer.as_deref());
    }

    /// Sets or removes who is told of local frames' stages. Called on the media's threads, without a lock held.
    pub fn set_publish_timing_observer(&self, observer: Option<PublishTimingObserver>) {
        self.trailers.observe(observer.map(|observer| {
            Arc::new(move |stage, capture_timestamp_us, frame_id| {
                let stage = match stage {
                    Stage::Captured => PublishTimingStage::EncoderUpload,
                    Stage::Encoded => PublishTimingStage::EncoderOutput,
                    Stage::Packetized => PublishTimingStage::WebrtcPacketize,
                    Stage::Received | Stage::Decoding | Stage::Decoded => return,
                };
                observer(PublishTimingEvent {
                    stage,
                    timestamp_us: now_us(),
                    capture_timestamp_us,
                    frame_id: (frame_id != 0).then_some(frame_id),
                });
            }) as Arc<dyn Fn(Stage, u64, u32) + Send + Sync>
        }));
    }

    /// Sets or removes who is told of remote frames' stages. Called on the media's threads, without a lock held.
    pub fn set_subscribe_timing_observer(&self, observer: Option<SubscribeTimingObserver>) {
        self.trailers.observe(observer.map(|observer| {
            Arc::new(move |stage, capture_timestamp_us, frame_id| {
                let stage = match stage {
                    Stage::Received => SubscribeTimingStage::WebrtcReceive,
                    Stage::Decoding => SubscribeTimingStage::DecoderUpload,
                    Stage::Decoded => SubscribeTimingStage::DecoderOutput,
                    Stage::Captured | Stage::Encoded | Stage::Packetized => return,
                };
                observer(SubscribeTimingEvent {
                    stage,
                    timestamp_us: now_us(),
                    capture_timestamp_us,
                    frame_id: (frame_id != 0).then_some(frame_id),
                });
            }) as Arc<dyn Fn(Stage, u64, u32) + Send + Sync>
        }));
    }
}

impl fmt::Debug for PacketTrailerHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketTrailerHandler")
            .field("trailers", &self.trailers)
            .finish()
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A handler for what a sender sends.
#[must_use]
pub fn create_sender_handler(
    _peer_factory: &PeerConnectionFactory,
    sender: &RtpSender,
) -> PacketTrailerHandler {
    let handler = PacketTrailerHandler::new();
    let transform = sender.media().send_transform();
    transform.set_trailers(handler.trailers.clone());
    handler
}

/// A handler for what a receiver receives, until the peer takes that source away.
#[must_use]
pub fn create_receiver_handler(
    _peer_factory: &PeerConnectionFactory,
    receiver: &RtpReceiver,
) -> PacketTrailerHandler {
    let handler = PacketTrailerHandler::new();
    if let Some(transform) = receiver.media().recv_transform() {
        transform.set_trailers(handler.trailers.clone());
    }
    handler
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

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
        assert!(handler.lookup_frame_metadata(0).is_none());
        assert!(handler.lookup_frame_metadata(699).is_none());
        assert!(handler.lookup_frame_metadata(700).is_some());
        assert!(handler.lookup_frame_metadata(999).is_some());
    }

    #[test]
    fn a_captured_frame_is_told_of_with_its_metadata() {
        let handler = PacketTrailerHandler::new();
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = told.clone();
        handler.set_publish_timing_observer(Some(Arc::new(move |event| events.lock().push(event))));
        let metadata = FrameMetadata {
            user_timestamp: Some(5),
            frame_id: None,
            user_data: None,
        };
        handler.captured(1, Some(&metadata));
        handler.captured(2, None);
        let told = told.lock();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].stage, PublishTimingStage::EncoderUpload);
        assert_eq!((told[0].capture_timestamp_us, told[0].frame_id), (5, None));
        assert_eq!(told[1].capture_timestamp_us, 0);
    }
}
