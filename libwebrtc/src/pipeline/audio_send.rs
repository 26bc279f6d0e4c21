//! A sent audio track: one task from the source's samples to RTP payloads.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lk_types::Pt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::FollowsMute;
use super::audio_source::AudioSource;
use super::level::AudioLevels;
use super::opus_packets::OpusPackets;
use super::tap::Tap;

/// How long the source may be late before the stream goes over to silence: twice a packet, so that a host whose timer
/// slips now and then is not cut.
const GRACE: Duration = Duration::from_millis(40);
/// Frames of silence at the end of sound at most: Opus falls silent after 200 ms of nothing to hear.
const TAIL_FRAMES: u32 = 15;
/// Spacing of headers without sound while an unmuted track has nothing to send: that of Opus's own DTX. Without them
/// the server takes the track for stalled.
const KEEP_ALIVE: Duration = Duration::from_millis(400);

/// What negotiation and the host say about a sent track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AudioSendParams {
    /// Payload type of Opus.
    pub(crate) pt: Pt,
    /// Payload type of RED, where it goes first in the negotiated list.
    pub(crate) red_pt: Option<Pt>,
    /// The receiver wants stereo (`stereo=1` of the remote description, RFC 7587 §6.1).
    pub(crate) stereo: bool,
    /// Silence need not be sent (`usedtx=1`).
    pub(crate) dtx: bool,
    /// The receiver uses in-band FEC (`useinbandfec=1`).
    pub(crate) fec: bool,
    /// `maxaveragebitrate`, bit/s.
    pub(crate) max_average_bitrate: Option<u32>,
    /// `maxplaybackrate`, Hz.
    pub(crate) max_playback_rate: Option<u32>,
    /// Of the sender's encoding parameters, bit/s; the target where it is lower than `max_average_bitrate`.
    pub(crate) max_bitrate: Option<u32>,
    /// Milliseconds in a packet: 10, anything else is taken as 20.
    pub(crate) ptime_ms: u32,
}

impl AudioSendParams {
    /// Plain Opus: mono, FEC, 20 ms.
    pub(crate) fn new(pt: Pt) -> Self {
        Self {
            pt,
            red_pt: None,
            stereo: false,
            dtx: false,
            fec: true,
            max_average_bitrate: None,
            max_playback_rate: None,
            max_bitrate: None,
            ptime_ms: 20,
        }
    }
}

/// A packet to send. SSRC and sequence number are the session's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingAudio {
    /// Opus's or RED's.
    pub(crate) pt: Pt,
    /// 48 kHz; goes on over pauses.
    pub(crate) timestamp: u32,
    /// First packet after a pause (RFC 3551 §4.1).
    pub(crate) marker: bool,
    /// The payload.
    pub(crate) payload: Vec<u8>,
    /// −dBov, 0 to 127 (RFC 6464 §3).
    pub(crate) level: u8,
    /// The V bit of the same extension.
    pub(crate) voice: bool,
}

/// Handle to the task of one sent track; dropping it stops the task.
///
/// While the source gives samples, every frame is sent at once. When it pauses, or the track is disabled, the stream
/// ends in up to 300 ms of silence, so that nothing is cut hard at the receivers. Then an enabled track sends a
/// header every 400 ms, a disabled one nothing and without any timer.
#[derive(Debug)]
pub(crate) struct AudioSend {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    control: Mutex<Control>,
    changed: Notify,
    levels: Mutex<AudioLevels>,
    /// The encoder's target, bit/s.
    bitrate: AtomicU32,
}

#[derive(Debug)]
struct Control {
    params: AudioSendParams,
    enabled: bool,
    /// Reports since the task looked.
    loss: Option<f64>,
    restart: bool,
}

impl AudioSend {
    /// Starts sending `source` on `handle`. Every packet goes to `out`, which must not block.
    ///
    /// It starts with silence, also where the track is disabled, because the server only announces a track that it
    /// has had packets of.
    ///
    /// # Errors
    /// Where libopus has no memory for an encoder.
    pub(crate) fn spawn(
        handle: &Handle,
        source: AudioSource,
        params: AudioSendParams,
        enabled: bool,
        out: impl FnMut(OutgoingAudio) + Send + 'static,
    ) -> Result<Self, lk_codecs::opus::Error> {
        let packets = OpusPackets::new(source.format(), params.clone(), clock_now())?;
        let tap = source.tap(threshold_ms(&params));
        let control = Control {
            params,
            enabled,
            loss: None,
            restart: false,
        };
        let shared = Arc::new(Shared {
            control: Mutex::new(control),
            changed: Notify::new(),
            levels: Mutex::default(),
            bitrate: AtomicU32::new(packets.bitrate()),
        });
        let sender = Sender {
            shared: shared.clone(),
            source,
            tap,
            packets,
            out,
            enabled,
            phase: Phase::Tail { sent: 0 },
            last: Instant::now(),
            buffer: Vec::new(),
        };
        let task = handle.spawn(sender.run());
        Ok(Self { shared, task })
    }

    /// Takes newly negotiated parameters.
    pub(crate) fn set_params(&self, params: AudioSendParams) {
        self.change(|control| control.params = params);
    }

    /// Takes the share of lost packets of a receiver report in, 0 to 1.
    pub(crate) fn report_loss(&self, lost: f64) {
        self.change(|control| control.loss = Some(lost));
    }

    /// The transport came up, and may have lost what was sent before: sends as at the start.
    pub(crate) fn restart(&self) {
        self.change(|control| control.restart = true);
    }

    /// Level and energy of what was encoded.
    pub(crate) fn levels(&self) -> AudioLevels {
        *self.shared.levels.lock()
    }

    /// What the encoder aims at, bit/s.
    pub(crate) fn bitrate(&self) -> u32 {
        self.shared.bitrate.load(Ordering::Relaxed)
    }

    /// Ends the stream; so does dropping.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }

    fn change(&self, change: impl FnOnce(&mut Control)) {
        change(&mut self.shared.control.lock());
        self.shared.changed.notify_one();
    }
}

impl FollowsMute for AudioSend {
    fn set_enabled(&self, enabled: bool) {
        self.change(|control| control.enabled = enabled);
    }
}

impl Drop for AudioSend {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the stream is between sound and silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The source gives samples.
    Active,
    /// Silence, as many frames of it as were sent.
    Tail { sent: u32 },
    /// Nothing, but a sign of life while enabled.
    Idle,
}

struct Sender<F> {
    shared: Arc<Shared>,
    /// Kept so that its queue goes on while the host has dropped it.
    source: AudioSource,
    tap: Arc<Tap>,
    packets: OpusPackets,
    out: F,
    enabled: bool,
    phase: Phase,
    /// When the last packet, or the first of the frames in it, was due.
    last: Instant,
    buffer: Vec<i16>,
}

impl<F: FnMut(OutgoingAudio) + Send + 'static> Sender<F> {
    async fn run(mut self) {
        loop {
            // libopus refuses nothing that was checked before; a stream that cannot be encoded ends.
            if let Err(error) = self.step().await {
                log::error!("audio sender ends: {error}");
                return;
            }
        }
    }

    async fn step(&mut self) -> Result<(), lk_codecs::opus::Error> {
        self.apply()?;
        let tap = self.enabled.then(|| self.tap.clone());
        if let Some(tap) = &tap
            && self.take(tap)?
        {
            return Ok(());
        }
        let deadline = self.deadline();
        let shared = self.shared.clone();
        tokio::select! {
            biased;
            () = shared.changed.notified() => Ok(()),
            () = ready(tap.as_deref()) => Ok(()),
            () = at(deadline) => self.silence(tap.as_deref()),
        }
    }

    /// Brings the task in line with what was asked of it.
    fn apply(&mut self) -> Result<(), lk_codecs::opus::Error> {
        let (params, enabled, loss, restart) = {
            let mut control = self.shared.control.lock();
            (
                control.params.clone(),
                control.enabled,
                control.loss.take(),
                std::mem::take(&mut control.restart),
            )
        };
        if threshold_ms(&params) != threshold_ms(self.packets.params()) {
            self.tap = self.source.tap(threshold_ms(&params));
        }
        self.packets.set_params(params)?;
        self.shared
            .bitrate
            .store(self.packets.bitrate(), Ordering::Relaxed);
        if let Some(loss) = loss {
            self.packets.report_loss(loss)?;
        }
        if enabled != self.enabled {
            self.enabled = enabled;
            // Nothing from before is heard: neither a word after muting, nor one spoken while muted.
            self.packets.discard_pending();
            self.buffer.clear();
            self.tap.take_all(&mut self.buffer);
            if !enabled && self.phase == Phase::Active {
                self.begin_tail()?;
            }
        }
        if restart && self.phase != Phase::Active {
            self.begin_tail()?;
        }
        Ok(())
    }

    /// Sends what the source has given, and says whether there was anything.
    fn take(&mut self, tap: &Tap) -> Result<bool, lk_codecs::opus::Error> {
        self.buffer.clear();
        while tap.take_block(&mut self.buffer) {}
        if self.buffer.is_empty() {
            return Ok(false);
        }
        if self.phase != Phase::Active {
            if self.phase == Phase::Idle {
                self.skip_pause();
            }
            self.phase = Phase::Active;
            self.packets.force_dtx(false)?;
        }
        self.packets.push(&self.buffer, &mut self.out)?;
        self.publish_levels();
        self.last = Instant::now();
        Ok(true)
    }

    /// When something has to be done about silence.
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Active => Some(self.last + GRACE),
            Phase::Tail { sent: 0 } => Some(self.last),
            Phase::Tail { .. } => Some(self.last + FRAME),
            Phase::Idle if self.enabled => Some(self.last + KEEP_ALIVE),
            Phase::Idle => None,
        }
    }

    fn silence(&mut self, tap: Option<&Tap>) -> Result<(), lk_codecs::opus::Error> {
        match self.phase {
            Phase::Active => {
                if let Some(tap) = tap {
                    // Less than a frame was left; silence fills it up.
                    self.buffer.clear();
                    tap.take_all(&mut self.buffer);
                    self.packets.push(&self.buffer, &mut self.out)?;
                }
                self.begin_tail()?;
            }
            Phase::Tail { sent } => {
                let encoded = self.packets.push_silence(&mut self.out)?;
                let quiet = !encoded.voice_activity || sent + 1 >= TAIL_FRAMES;
                self.phase = if quiet {
                    Phase::Idle
                } else {
                    Phase::Tail { sent: sent + 1 }
                };
                self.last = if sent == 0 {
                    Instant::now()
                } else {
                    self.last + FRAME
                };
                self.publish_levels();
            }
            Phase::Idle => {
                self.skip_pause();
                self.packets.keep_alive(&mut self.out);
                self.last = Instant::now();
            }
        }
        Ok(())
    }

    fn begin_tail(&mut self) -> Result<(), lk_codecs::opus::Error> {
        if self.phase == Phase::Idle {
            self.skip_pause();
        }
        self.phase = Phase::Tail { sent: 0 };
        self.last = Instant::now();
        self.packets.force_dtx(true)
    }

    /// Lets the RTP clock catch up with the time in which nothing was sent.
    fn skip_pause(&mut self) {
        let pause = self.last.elapsed().saturating_sub(FRAME);
        let ticks = pause.as_micros() * 48 / 1_000;
        self.packets.skip(u64::try_from(ticks).unwrap_or(u64::MAX));
    }

    fn publish_levels(&self) {
        *self.shared.levels.lock() = self.packets.levels;
    }
}

/// Where a stream that starts now has its RTP clock: random in the process (RFC 3550 §5.1), and the same clock for all
/// senders, so that one that takes another's SSRC over goes on where that one would be.
fn clock_now() -> u32 {
    static START: OnceLock<(Instant, u32)> = OnceLock::new();
    let (origin, random) =
        START.get_or_init(|| (Instant::now(), RandomState::new().hash_one(0_u8) as u32));
    random.wrapping_add((origin.elapsed().as_micros() * 48 / 1_000) as u32)
}

/// How much of the source makes a packet.
fn threshold_ms(params: &AudioSendParams) -> usize {
    if params.ptime_ms == 10 { 10 } else { 20 }
}

/// Sound in a packet of silence.
const FRAME: Duration = Duration::from_millis(20);

async fn ready(tap: Option<&Tap>) {
    match tap {
        Some(tap) => tap.ready().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
