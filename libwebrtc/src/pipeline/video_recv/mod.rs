//! A received video track: packets in, pictures out, one decoder for all who watch.
//!
//! Packets are put together where they come in, which is cheap; decoding is a thread's work, which runs while
//! somebody watches. Frames since the last key frame are kept while nobody does, within bounds, so that whoever begins
//! to watch sees a picture at once.

mod clock;
mod stats;
mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lk_media::video::{AssembledFrame, FrameBuffer, FrameBufferConfig, FrameTrailer, RtpPacket};
use lk_types::{Codec, I420Picture, Pt, Rotation, Ssrc};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

pub(crate) use stats::VideoRecvStats;

use super::transform::RecvTransform;

/// Frames, and bytes of them, that wait for the decoder or for somebody who watches: some two seconds. Behind more of
/// them a key frame is there sooner.
const WAITING_FRAMES: usize = 60;
const WAITING_BYTES: usize = 8 << 20;

/// A decoded picture.
pub(crate) struct DecodedPicture {
    pub(crate) image: I420Picture,
    pub(crate) rotation: Rotation,
    /// Microseconds of the system's clock, in step with the sender's.
    pub(crate) timestamp_us: i64,
    /// What came with it.
    pub(crate) metadata: Option<FrameTrailer>,
}

/// Who gets the pictures.
pub(crate) trait PictureSink: Send + Sync {
    /// Whether anybody watches.
    fn watched(&self) -> bool;
    /// Gives a picture to all who watch; must not block.
    fn deliver(&self, picture: DecodedPicture);
    /// Those who watch now get no more; others may come later.
    fn end_streams(&self);
    /// No more pictures come.
    fn end(&self);
}

/// A packet as the session has it.
pub(crate) struct IncomingVideo {
    pub(crate) ssrc: Ssrc,
    pub(crate) pt: Pt,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) packet: RtpPacket,
}

/// One received track. Clones are the same track.
#[derive(Clone)]
pub(crate) struct VideoRecv {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Handle,
    sinks: Arc<dyn PictureSink>,
    transform: Arc<RecvTransform>,
    /// Asks the sender of a source for a key frame.
    ask: Box<dyn Fn(Ssrc) + Send + Sync>,
    state: Mutex<State>,
    news: Condvar,
    stats: Mutex<VideoRecvStats>,
}

#[derive(Default)]
struct State {
    codecs: Vec<(Pt, Codec)>,
    /// Of the path, once it is known.
    rtt: Option<Duration>,
    stream: Option<Stream>,
    ready: VecDeque<AssembledFrame>,
    ready_bytes: usize,
    worker: Option<JoinHandle<()>>,
    running: bool,
    ended: bool,
}

/// What comes from one source.
struct Stream {
    ssrc: Ssrc,
    codec: Codec,
    buffer: FrameBuffer,
    rotation: Rotation,
    /// Frames were thrown away: the next one to be decoded is a key frame.
    from_keyframe: bool,
}

impl VideoRecv {
    /// A track whose pictures go to `sinks`; `ask` sends a wish for a key frame and must not block.
    pub(crate) fn new(
        runtime: Handle,
        sinks: Arc<dyn PictureSink>,
        ask: impl Fn(Ssrc) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                runtime,
                sinks,
                transform: Arc::default(),
                ask: Box::new(ask),
                state: Mutex::default(),
                news: Condvar::new(),
                stats: Mutex::default(),
            }),
        }
    }

    /// What decrypts its frames.
    pub(crate) fn transform(&self) -> &Arc<RecvTransform> {
        &self.shared.transform
    }

    /// Takes the payload types of a new exchange over.
    pub(crate) fn set_codecs(&self, codecs: Vec<(Pt, Codec)>) {
        self.shared.state.lock().codecs = codecs;
    }

    /// Takes the path's round trip time, which retransmissions are waited for by.
    pub(crate) fn set_rtt(&self, rtt: Duration) {
        let mut state = self.shared.state.lock();
        state.rtt = Some(rtt);
        if let Some(stream) = &mut state.stream {
            stream.buffer.set_rtt(rtt);
        }
    }

    /// Takes a packet in. Payload types that are not video, or not known, are ignored.
    pub(crate) fn push(&self, incoming: IncomingVideo) {
        let now = incoming.packet.arrival;
        let watched = self.shared.sinks.watched();
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        if state.ended {
            return;
        }
        let Some(codec) = state
            .codecs
            .iter()
            .find(|(pt, _)| *pt == incoming.pt)
            .map(|(_, codec)| *codec)
        else {
            return;
        };
        let same = state
            .stream
            .as_ref()
            .is_some_and(|stream| stream.ssrc == incoming.ssrc && stream.codec == codec);
        if !same {
            if incoming.packet.payload.is_empty() {
                // Padding in front of a stream says nothing about it.
                return;
            }
            state.forget();
            state.stream = Stream::new(incoming.ssrc, codec, state.rtt);
        }
        let Some(stream) = &mut state.stream else {
            return;
        };
        if let Some(rotation) = incoming.rotation {
            stream.rotation = rotation;
        }
        stream.buffer.push(incoming.packet, now);
        state.collect(now);
        if let Some(ssrc) = state.wish(watched, now) {
            (self.shared.ask)(ssrc);
        }
        if state.running {
            if !state.ready.is_empty() {
                self.shared.news.notify_one();
            }
        } else if watched {
            self.shared.start(state);
        }
    }

    /// Somebody began to watch.
    pub(crate) fn watched(&self) {
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        if state.ended || state.stream.is_none() {
            return;
        }
        if !state.running {
            self.shared.start(state);
        }
        if let Some(ssrc) = state.wish(true, Instant::now()) {
            (self.shared.ask)(ssrc);
        }
    }

    /// Ends the streams of those who watch now: the peer took its source away. The track may carry another one later.
    pub(crate) fn end_streams(&self) {
        {
            let mut state = self.shared.state.lock();
            state.forget();
            state.stream = None;
        }
        self.shared.transform.ended();
        self.shared.sinks.end_streams();
    }

    /// The track is over.
    pub(crate) fn end(&self) {
        let worker = {
            let mut state = self.shared.state.lock();
            state.ended = true;
            state.forget();
            state.stream = None;
            state.worker.take()
        };
        self.shared.news.notify_one();
        self.shared.sinks.end();
        if let Some(worker) = worker {
            // It may be in the middle of a picture; whoever ends the track may not wait for it.
            self.shared.runtime.spawn_blocking(move || {
                let _ = worker.join();
            });
        }
    }

    /// Figures up to now.
    pub(crate) fn stats(&self) -> VideoRecvStats {
        let buffer = self
            .shared
            .state
            .lock()
            .stream
            .as_ref()
            .map(|stream| stream.buffer.stats());
        let mut stats = self.shared.stats.lock().clone();
        if let Some(buffer) = buffer {
            stats.buffer = buffer;
        }
        stats
    }
}

impl Shared {
    fn start(self: &Arc<Self>, state: &mut State) {
        let shared = self.clone();
        let thread = std::thread::Builder::new()
            .name("lk-decode".to_owned())
            .spawn(move || super::guarded("video decoder", move || worker::run(&shared)));
        match thread {
            Ok(thread) => {
                state.worker = Some(thread);
                state.running = true;
            }
            Err(error) => log::error!("video track: no thread to decode in: {error}"),
        }
    }
}

impl State {
    fn forget(&mut self) {
        self.ready.clear();
        self.ready_bytes = 0;
    }

    /// Takes what is complete out of the buffer.
    fn collect(&mut self, now: Instant) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        while let Some(frame) = stream.buffer.poll(now) {
            if frame.keyframe {
                stream.from_keyframe = false;
                if !self.running {
                    // Whoever begins to watch starts here.
                    self.ready.clear();
                    self.ready_bytes = 0;
                }
            } else if stream.from_keyframe {
                continue;
            }
            self.ready_bytes += frame.payload.len();
            self.ready.push_back(frame);
            if self.ready.len() > WAITING_FRAMES || self.ready_bytes > WAITING_BYTES {
                self.ready.clear();
                self.ready_bytes = 0;
                stream.from_keyframe = true;
                if self.running {
                    stream.buffer.decode_failed(now);
                }
            }
        }
    }

    /// The source that a key frame is wanted of, if somebody watches.
    fn wish(&mut self, watched: bool, now: Instant) -> Option<Ssrc> {
        let stream = self.stream.as_mut().filter(|_| watched)?;
        if stream.from_keyframe && !stream.awaits() {
            stream.buffer.decode_failed(now);
        }
        stream.buffer.wants_keyframe(now).then_some(stream.ssrc)
    }
}

impl Stream {
    fn new(ssrc: Ssrc, codec: Codec, rtt: Option<Duration>) -> Option<Self> {
        let mut config = FrameBufferConfig::default();
        config.rtt = rtt.unwrap_or(config.rtt);
        match FrameBuffer::new(codec, config) {
            Ok(buffer) => Some(Self {
                ssrc,
                codec,
                buffer,
                rotation: Rotation::None,
                from_keyframe: true,
            }),
            Err(error) => {
                log::warn!("video source {ssrc}: {error}");
                None
            }
        }
    }

    /// The buffer itself waits for a key frame, or for the first packets.
    fn awaits(&self) -> bool {
        self.buffer.deadline().is_some() || self.buffer.stats().frames == 0
    }
}
