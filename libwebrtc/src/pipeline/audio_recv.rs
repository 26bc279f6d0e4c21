//! A received audio track: packets in, frames out to every listener, one decoder for all of them.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use lk_dsp::AudioFormat;
use lk_media::audio::{AudioPacket, AudioStats, JitterBuffer, JitterConfig, SAMPLE_RATE};
use lk_types::Pt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

pub(crate) use lk_media::audio::AudioPacket as IncomingAudio;

use super::audio_sink::{AudioFrames, SinkConfig, SinkSet};
use super::opus_stream::OpusStream;
use super::transform::RecvTransform;

/// Sound in one pull.
const TICK: Duration = Duration::from_millis(10);
/// Packets that may wait while nobody listens; what a listener hears first is newer than they are.
const UNHEARD_PACKETS: usize = 50;

/// How a track's packets are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AudioRecvParams {
    /// Payload type of Opus.
    pub(crate) opus_pt: Pt,
    /// Payload type of RED (RFC 2198), where negotiated.
    pub(crate) red_pt: Option<Pt>,
}

/// One received track. Clones are the same track.
///
/// From its first packet on, a task pulls 10 ms every 10 ms while somebody listens. A listener gets silence where
/// nothing comes, as long as it stays: hosts tell the time, and the end of speech, by the frames they get. While
/// nobody listens nothing runs, and packets are only counted.
#[derive(Clone, Debug)]
pub(crate) struct AudioRecv {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    handle: Handle,
    transform: Arc<RecvTransform>,
    /// Decrypted packets, one after the other.
    opened: Mutex<Vec<u8>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    params: AudioRecvParams,
    jitter: JitterBuffer<OpusStream>,
    sinks: SinkSet,
    pcm: Vec<i16>,
    pulling: bool,
    ended: bool,
}

impl AudioRecv {
    /// A track whose task runs on `handle`. Sound is decoded in stereo, so that nothing is lost whatever comes.
    ///
    /// # Errors
    /// Where libopus has no memory for a decoder.
    pub(crate) fn new(
        handle: Handle,
        params: AudioRecvParams,
    ) -> Result<Self, lk_codecs::opus::Error> {
        let jitter = JitterBuffer::new(OpusStream::new(2)?, JitterConfig::default());
        let state = State {
            params,
            jitter,
            sinks: SinkSet::default(),
            pcm: Vec::new(),
            pulling: false,
            ended: false,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                handle,
                transform: Arc::default(),
                opened: Mutex::default(),
                state: Mutex::new(state),
            }),
        })
    }

    /// What decrypts its packets.
    pub(crate) fn transform(&self) -> &Arc<RecvTransform> {
        &self.shared.transform
    }

    /// What came so far is of no use: it was taken in before its cryptor was there.
    pub(crate) fn forget(&self) {
        self.shared.state.lock().jitter.reset();
    }

    /// Takes other payload types from now on, as after a renegotiation.
    pub(crate) fn set_params(&self, params: AudioRecvParams) {
        self.shared.state.lock().params = params;
    }

    /// Takes a packet in. Payload types other than the two known ones, and malformed RED, are ignored.
    pub(crate) fn push(&self, pt: Pt, packet: &IncomingAudio<'_>) {
        let params = self.shared.state.lock().params;
        if pt != params.opus_pt && Some(pt) != params.red_pt {
            return;
        }
        // Taken out, so that no lock is held while somebody is told of keys.
        let mut opened = std::mem::take(&mut *self.shared.opened.lock());
        let transform = &self.shared.transform;
        if let Some(payload) = transform.audio(packet.ssrc, packet.payload, &mut opened) {
            self.insert(pt, &IncomingAudio { payload, ..*packet });
        }
        *self.shared.opened.lock() = opened;
    }

    fn insert(&self, pt: Pt, packet: &IncomingAudio<'_>) {
        let mut state = self.shared.state.lock();
        if state.ended || !state.insert(pt, packet) || state.pulling {
            return;
        }
        if state.sinks.is_empty() {
            if state.jitter.queued().0 > UNHEARD_PACKETS {
                state.jitter.reset();
            }
            return;
        }
        state.pulling = true;
        drop(state);
        self.shared.handle.spawn(pull(Arc::downgrade(&self.shared)));
    }

    /// Attaches a listener. Its stream ends when the track does.
    pub(crate) fn add_sink(&self, config: SinkConfig) -> AudioFrames {
        let mut state = self.shared.state.lock();
        if !state.pulling {
            // What nobody heard is not played to a newcomer.
            state.jitter.reset();
        }
        state.sinks.add(config)
    }

    /// The track is over: every listener's stream ends after what is queued.
    pub(crate) fn end(&self) {
        let mut state = self.shared.state.lock();
        state.ended = true;
        state.sinks.end();
    }

    /// Ends the streams of those who listen now: the peer took its source away. The track may carry another one
    /// later, for new listeners.
    pub(crate) fn end_streams(&self) {
        let mut state = self.shared.state.lock();
        state.sinks.end_current();
        state.jitter.reset();
        drop(state);
        self.shared.transform.ended();
    }

    /// Figures up to now.
    pub(crate) fn stats(&self) -> AudioStats {
        self.shared.state.lock().jitter.stats()
    }
}

impl State {
    /// Whether the packet was of a kind that makes sound.
    fn insert(&mut self, pt: Pt, packet: &AudioPacket<'_>) -> bool {
        if pt == self.params.opus_pt {
            self.jitter.insert(packet);
            true
        } else if Some(pt) == self.params.red_pt {
            self.jitter.insert_red(packet).is_ok()
        } else {
            false
        }
    }
}

/// Pulls while somebody listens.
async fn pull(shared: Weak<Shared>) {
    let mut due = aligned(Instant::now());
    loop {
        tokio::time::sleep_until(due).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let now = Instant::now();
        let state = &mut *shared.state.lock();
        if state.ended || state.sinks.is_empty() {
            state.pulling = false;
            return;
        }
        state.jitter.pull_into(now.into_std(), &mut state.pcm);
        let channels =
            u32::try_from(state.jitter.channels()).expect("a decoder has 1 or 2 channels");
        state.sinks.push(
            &state.pcm,
            AudioFormat {
                sample_rate: SAMPLE_RATE,
                channels,
            },
        );
        // After a long stall of the whole process the missed pulls are not made up for.
        due = if now > due + 20 * TICK {
            aligned(now)
        } else {
            due + TICK
        };
    }
}

/// The next instant on a grid that all receivers of the process share: one wake-up serves them all.
fn aligned(now: Instant) -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let since = now.saturating_duration_since(*ORIGIN.get_or_init(|| now));
    let tick = TICK.as_micros();
    let over = since.as_micros() % tick;
    if over == 0 {
        now
    } else {
        now + Duration::from_micros(u64::try_from(tick - over).expect("below a tick"))
    }
}
