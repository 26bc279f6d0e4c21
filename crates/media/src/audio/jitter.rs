//! The jitter buffer: packets in as they come, 10 ms of sound out whenever asked.
//!
//! # How the delay is kept
//! The *level* is how long ago, at the moment a packet is needed, the fastest packet would have brought that sound:
//! `now - timestamp - base`, where `base` is the smallest transit of the recent past. A level of 0 means that only
//! the fastest packets come in time. The *target* is a high quantile of the packets' lateness; the buffer stretches
//! time until the level is near it. Neither depends on packet sizes or on how much is queued, and clock drift between
//! sender and puller shows in the base alone.
//!
//! # When sound is missing
//! With nothing queued, the sound is carried on and the place in the timeline stays: a packet that is merely late is
//! played in full, and the delay has grown by what it was late. When instead a later packet comes, time that was spent
//! concealing counts for the lost one. A gap whose end is known is filled from in-band redundancy or by concealment.
//! A gap that the sender made (sequence numbers go on) is no loss and is waited out.

mod insert;
mod playout;

use std::time::{Duration, Instant};

use lk_types::Ssrc;

use super::arrivals::Arrivals;
use super::clock::{FrameClock, PullClock};
use super::decoder::AudioDecoder;
use super::output::Output;
use super::packets::PacketQueue;
use super::red::{self, RedError};
use super::splice::Fader;
use super::stats::AudioStats;
use super::stretch::Stretcher;
use super::target::{Bounds, DelayTarget, frames_of};
use super::unwrap::Unwrapper;
use super::{MAX_PACKET_FRAMES, PULL_FRAMES, SAMPLE_RATE, ms};

/// Without packets for so long, the stream counts as idle.
const IDLE: i64 = ms(1_000);

/// Bounds of a [`JitterBuffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// Delay that is kept even where the network would allow less.
    pub min_delay: Duration,
    /// Delay that is not aimed above, however uneven the network.
    pub max_delay: Duration,
    /// Packets that may wait; the oldest go first.
    pub max_packets: usize,
    /// Bytes of payload that may wait; the oldest go first, one packet always fits.
    pub max_bytes: usize,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            min_delay: Duration::ZERO,
            max_delay: Duration::from_millis(500),
            max_packets: 400,
            max_bytes: 512 * 1_024,
        }
    }
}

/// An RTP packet of one audio stream, headers read and payload decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioPacket<'a> {
    /// Another SSRC than the packet before starts a new stream.
    pub ssrc: Ssrc,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in 48 kHz.
    pub timestamp: u32,
    /// When the datagram was read.
    pub arrival: Instant,
    /// RTP marker: first packet after silence (RFC 7587 §4.1).
    pub marker: bool,
    /// The codec's packet; empty where RTP carried padding only.
    pub payload: &'a [u8],
}

/// What the last 10 ms were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullKind {
    /// Received sound.
    Decoded,
    /// Made-up sound for what was lost or late.
    Concealed,
    /// Comfort noise in a silence that the sender announced.
    Comfort,
    /// Digital silence: nothing has come, or nothing for long.
    Silence,
}

/// Answer to a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// What the sound was made of, at its end.
    pub kind: PullKind,
    /// Nothing is queued and nothing has come for a second: the puller may sleep until the next `insert`.
    pub idle: bool,
}

/// Adaptive jitter buffer of one received audio stream; see the [module](super).
#[derive(Debug)]
pub struct JitterBuffer<D> {
    decoder: D,
    clock: FrameClock,
    pull_clock: PullClock,
    sequences: Unwrapper,
    timestamps: Unwrapper,
    arrivals: Arrivals,
    target: DelayTarget,
    packets: PacketQueue,
    output: Output,
    stretcher: Stretcher,
    fader: Fader,
    scratch: Vec<i16>,
    stats: AudioStats,

    ssrc: Option<Ssrc>,
    highest: Option<Highest>,
    /// Packets lost up to the last restart.
    lost_before: i64,
    /// First frame that is neither decoded nor given up; `None` before the first packet is played.
    next: Option<i64>,
    /// Sequence number of the last decoded packet.
    decoded_sequence: Option<i64>,
    /// Play-out pauses until the level has reached the target.
    waiting: bool,
    /// Frames made up since the last received sound.
    run: i64,
    /// The last decoded packet announced silence.
    dtx: bool,
    /// The next packet's sound does not continue what the decoder gave last.
    splice: bool,
    reset_decoder: bool,
    /// The last packet had the RTP marker.
    marked: bool,
    packet_frames: i64,
    kind: PullKind,
}

/// The newest packet, and the counters of RFC 3550 appendix A.3.
#[derive(Clone, Copy, Debug)]
struct Highest {
    sequence: i64,
    timestamp: i64,
    first_sequence: i64,
    received: i64,
}

impl Highest {
    fn lost(self) -> i64 {
        self.sequence - self.first_sequence + 1 - self.received
    }
}

impl<D: AudioDecoder> JitterBuffer<D> {
    /// An empty buffer that decodes with `decoder`.
    pub fn new(decoder: D, config: JitterConfig) -> Self {
        let channels = decoder.channels().clamp(1, 8);
        let max = frames_of(config.max_delay).max(ms(10));
        let bounds = Bounds {
            min: frames_of(config.min_delay).min(max),
            max,
        };
        Self {
            decoder,
            clock: FrameClock::default(),
            pull_clock: PullClock::default(),
            sequences: Unwrapper::default(),
            timestamps: Unwrapper::default(),
            arrivals: Arrivals::default(),
            target: DelayTarget::new(bounds),
            packets: PacketQueue::new(config.max_packets, config.max_bytes),
            output: Output::new(channels),
            stretcher: Stretcher::default(),
            fader: Fader::default(),
            scratch: vec![0; MAX_PACKET_FRAMES * channels],
            stats: AudioStats::default(),
            ssrc: None,
            highest: None,
            lost_before: 0,
            next: None,
            decoded_sequence: None,
            waiting: true,
            run: 0,
            dtx: false,
            splice: false,
            reset_decoder: false,
            marked: false,
            packet_frames: ms(20),
            kind: PullKind::Silence,
        }
    }

    /// Takes a packet in. Duplicates and late ones are counted and dropped.
    pub fn insert(&mut self, packet: &AudioPacket<'_>) {
        self.insert_with_reach(packet, None);
    }

    /// Takes in a packet whose payload is `audio/red` (RFC 2198): the primary, and older generations where missing.
    /// Blocks of another payload type than the primary's are ignored.
    ///
    /// # Errors
    /// Where the payload is malformed; nothing was inserted then.
    pub fn insert_red(&mut self, packet: &AudioPacket<'_>) -> Result<(), RedError> {
        let blocks = red::split(packet.payload)?;
        let primary = blocks.primary();
        let usable = || blocks.redundant().filter(|block| block.pt == primary.pt);
        let nearest = usable().map(|block| i64::from(block.offset)).min();
        // The primary first: it alone says whether this is still the same stream.
        let place = self.insert_with_reach(
            &AudioPacket {
                payload: primary.payload,
                ..*packet
            },
            nearest,
        );
        for block in usable() {
            self.insert_redundant(place, block);
        }
        Ok(())
    }

    /// Gives the next 10 ms of sound into `out` (emptied first): interleaved, 48 kHz, the decoder's channels.
    /// Call it every 10 ms; being late now and then and catching up does no harm. After more than 200 ms without a
    /// pull, the sound starts anew with what is the newest then. Allocates nothing once warm, if `out` is kept.
    pub fn pull_into(&mut self, now: Instant, out: &mut Vec<i16>) -> Pulled {
        let now = self.clock.frames(now);
        let (due, slept) = self.pull_clock.pull(now);
        if slept {
            self.begin_from_silence();
        }
        while self.output.pending() < PULL_FRAMES {
            self.step(playout::Time { now, due });
        }
        self.output.pull(out);
        self.count_pull(out);
        let idle = self.idle_at(now);
        if idle {
            // A puller that sleeps now must not look late when it comes back.
            self.pull_clock = PullClock::default();
        }
        Pulled {
            kind: self.kind,
            idle,
        }
    }

    /// Forgets stream and queue: what comes next is another stream. Learnt delays and statistics stay.
    pub fn reset(&mut self) {
        self.restart();
        self.ssrc = None;
        self.reset_decoder = true;
    }

    /// Channels of the sound that [`Self::pull_into`] gives.
    pub fn channels(&self) -> usize {
        self.output.channels()
    }

    /// Changes the delay that is kept even where the network would allow less, as W3C's `jitterBufferTarget` asks;
    /// never above the configured maximum. The sound is stretched towards it.
    pub fn set_min_delay(&mut self, delay: Duration) {
        self.target.set_min(frames_of(delay));
    }

    /// Whether nothing is queued and nothing has come for a second, so that pulls would give silence only.
    pub fn is_idle(&mut self, now: Instant) -> bool {
        let now = self.clock.frames(now);
        self.idle_at(now)
    }

    /// Figures up to now.
    pub fn stats(&self) -> AudioStats {
        AudioStats {
            packets_lost: self.lost_before + self.highest.map_or(0, |highest| highest.lost()),
            jitter: self.arrivals.jitter() / f64::from(SAMPLE_RATE),
            ..self.stats
        }
    }

    /// Delay aimed at, beyond the network's fastest packet.
    pub fn target_delay(&self) -> Duration {
        Duration::from_micros(self.target.frames().unsigned_abs() * 1_000 / 48)
    }

    /// RTP timestamp of the sound that the next pull begins with, to keep in step with video; `None` before the first
    /// packet is played.
    pub fn playout_timestamp(&self) -> Option<u32> {
        self.next
            .map(|next| (next - self.output.pending() as i64) as u32)
    }

    /// Packets and bytes of payload that wait.
    pub fn queued(&self) -> (usize, usize) {
        (self.packets.len(), self.packets.bytes())
    }
}
