//! A sent video track: one thread from the source's pictures to RTP payloads.
//!
//! The newest picture wins: the source's thread leaves it in a slot and goes on, the worker takes what is there when
//! it is ready. Everything else (rates, wishes for key frames, parameters) reaches the worker through the same lock,
//! which is held for moments only.

mod encoding;
mod keyframes;
mod pace;
mod packets;
mod spatial;
mod stats;
mod worker;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use lk_media::video::degradation::DegradationPreference;
use lk_types::{Codec, Pt, ScalabilityMode, Ssrc};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

pub(crate) use packets::OutgoingFrame;
pub(crate) use stats::{Limitation, VideoSendStats};

use super::FollowsMute;
use super::transform::SendTransform;
use super::video_source::{CapturedFrame, CapturedPicture, Taken, VideoSource, VideoTaker};

/// Frames encoded elsewhere that may wait; a program that is further ahead loses a frame and is asked for a key
/// frame.
const WAITING_FRAMES: usize = 30;

/// What negotiation and the program say about a sent track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VideoSendParams {
    pub(crate) codec: Codec,
    pub(crate) pt: Pt,
    /// One for each stream, lowest quality first; at least one.
    pub(crate) encodings: Vec<EncodingParams>,
    /// The layers inside the first stream.
    pub(crate) mode: ScalabilityMode,
    /// The dependency descriptor is negotiated.
    pub(crate) descriptor: bool,
    /// The video orientation extension is negotiated; else pictures are turned before they are encoded.
    pub(crate) orientation: bool,
    /// What gives way first where the path carries too little.
    pub(crate) degradation: DegradationPreference,
}

/// One RTP stream of the track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EncodingParams {
    pub(crate) ssrc: Ssrc,
    pub(crate) active: bool,
    /// bit/s.
    pub(crate) max_bitrate: Option<u64>,
    /// Pictures in a second.
    pub(crate) max_framerate: Option<f64>,
    /// Divisor of width and height, at least 1.
    pub(crate) scale_down_by: f64,
    /// The spatial layers inside the stream, lowest first, each half as wide as the next; empty where it has one.
    pub(crate) layers: Vec<LayerParams>,
}

/// One spatial layer of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerParams {
    pub(crate) active: bool,
    /// bit/s, without the layers below.
    pub(crate) max_bitrate: Option<u64>,
}

/// Handle to the thread of one sent track; dropping it stops the thread.
#[derive(Debug)]
pub(crate) struct VideoSend {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    runtime: Handle,
}

/// What the worker shares with those who feed and steer it.
#[derive(Debug)]
struct Shared {
    inbox: Mutex<Inbox>,
    news: Condvar,
    stats: Mutex<VideoSendStats>,
}

/// What waits for the worker.
#[derive(Debug)]
struct Inbox {
    picture: Option<CapturedPicture>,
    frames: VecDeque<CapturedFrame>,
    /// A frame was lost in front of the queue: nothing but a key frame may follow.
    frame_lost: bool,
    params: Option<VideoSendParams>,
    /// Of the newest parameters.
    codec: Codec,
    /// Sources that somebody wants a key frame of.
    keyframes: Vec<Ssrc>,
    /// What all streams together may send, bit/s.
    bitrate: Option<u64>,
    enabled: bool,
    /// The transport carries media.
    connected: bool,
    stop: bool,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Inbox)) {
        change(&mut self.inbox.lock());
        self.news.notify_one();
    }
}

impl VideoTaker for Shared {
    fn take_picture(&self, picture: &CapturedPicture) -> bool {
        let mut inbox = self.inbox.lock();
        if !inbox.enabled || !inbox.connected || inbox.stop {
            return false;
        }
        inbox.picture = Some(picture.clone());
        drop(inbox);
        self.news.notify_one();
        true
    }

    fn take_frame(&self, frame: &CapturedFrame) -> Taken {
        let mut inbox = self.inbox.lock();
        if !inbox.enabled || !inbox.connected || inbox.stop || frame.frame.codec != inbox.codec {
            return Taken::No;
        }
        if frame.frame.keyframe {
            inbox.frame_lost = false;
        }
        if inbox.frame_lost || inbox.frames.len() >= WAITING_FRAMES {
            inbox.frame_lost = true;
            return Taken::NeedsKeyframe;
        }
        inbox.frames.push_back(frame.clone());
        drop(inbox);
        self.news.notify_one();
        Taken::Yes
    }

    fn codec(&self) -> Codec {
        self.inbox.lock().codec
    }
}

impl VideoSend {
    /// Starts sending `source`. Frames go to `out`, which may block and says whether anybody is still there to take
    /// them; `runtime` waits for the thread where this is dropped.
    ///
    /// # Errors
    /// Where the system has no thread for it.
    pub(crate) fn spawn(
        runtime: Handle,
        source: &VideoSource,
        transform: Arc<SendTransform>,
        params: VideoSendParams,
        enabled: bool,
        connected: bool,
        out: impl FnMut(OutgoingFrame) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            inbox: Mutex::new(Inbox {
                picture: None,
                frames: VecDeque::new(),
                frame_lost: true,
                codec: params.codec,
                params: Some(params),
                keyframes: Vec::new(),
                bitrate: None,
                enabled,
                connected,
                stop: false,
            }),
            news: Condvar::new(),
            stats: Mutex::default(),
        });
        let worker = worker::Worker::new(shared.clone(), source.clone(), transform, out);
        let thread = std::thread::Builder::new()
            .name("lk-encode".to_owned())
            .spawn(move || super::guarded("video encoder", move || worker.run()))?;
        let taker: Arc<dyn VideoTaker> = shared.clone();
        let taker: Weak<dyn VideoTaker> = Arc::downgrade(&taker);
        source.attach(taker);
        Ok(Self {
            shared,
            thread: Some(thread),
            runtime,
        })
    }

    /// Takes newly negotiated parameters.
    pub(crate) fn set_params(&self, params: VideoSendParams) {
        self.shared.change(|inbox| {
            inbox.codec = params.codec;
            inbox.params = Some(params);
        });
    }

    /// The transport came up: pictures are worth encoding, and whatever was sent before is lost.
    pub(crate) fn connected(&self) {
        self.shared.change(|inbox| inbox.connected = true);
        self.want_all_keyframes();
    }

    /// Somebody needs a key frame of one stream.
    pub(crate) fn want_keyframe(&self, ssrc: Ssrc) {
        self.shared.change(|inbox| {
            if !inbox.keyframes.contains(&ssrc) {
                inbox.keyframes.push(ssrc);
            }
        });
    }

    fn want_all_keyframes(&self) {
        let streams = self.stats().encodings;
        for stream in streams {
            self.want_keyframe(stream.ssrc);
        }
    }

    /// What all streams of the track together may send, bit/s.
    pub(crate) fn set_bitrate(&self, bitrate: u64) {
        let mut inbox = self.shared.inbox.lock();
        // Looked at with the next picture: not worth waking anybody.
        inbox.bitrate = Some(bitrate);
    }

    /// Figures up to now.
    pub(crate) fn stats(&self) -> VideoSendStats {
        self.shared.stats.lock().clone()
    }
}

impl FollowsMute for VideoSend {
    fn set_enabled(&self, enabled: bool) {
        self.shared.change(|inbox| {
            inbox.enabled = enabled;
            if !enabled {
                inbox.picture = None;
                inbox.frames.clear();
                inbox.frame_lost = true;
            }
        });
    }
}

impl Drop for VideoSend {
    fn drop(&mut self) {
        self.shared.change(|inbox| {
            inbox.stop = true;
            inbox.picture = None;
            inbox.frames.clear();
        });
        if let Some(thread) = self.thread.take() {
            // The worker may be in the middle of a picture; whoever drops this may not wait for it.
            self.runtime.spawn_blocking(move || {
                let _ = thread.join();
            });
        }
    }
}
