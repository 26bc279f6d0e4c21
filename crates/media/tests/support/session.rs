//! Runs a stream through a jitter buffer.

use std::time::Duration;

use lk_media::audio::{AudioPacket, AudioStats, JitterBuffer, JitterConfig, PullKind};
use lk_types::Ssrc;

use super::network::{Arrival, NetworkConfig, transmit};
use super::opus_decoder::OpusDecoder;
use super::sender::{SendConfig, Sent, encode};
use super::{Random, epoch};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) channels: usize,
    /// All that was pulled, interleaved.
    pub(crate) pcm: Vec<i16>,
    /// For each pull: the frame of the recording that it began with; `None` before the first.
    pub(crate) positions: Vec<Option<i64>>,
    /// For each pull: what it was made of.
    pub(crate) kinds: Vec<PullKind>,
    /// For each pull: ms between the capture of its first frame and its pull.
    pub(crate) delays: Vec<Option<f64>>,
    pub(crate) stats: AudioStats,
    /// The recording as it sounds after a network that does nothing.
    pub(crate) reference: Vec<i16>,
    pub(crate) target_ms: f64,
}

impl Outcome {
    /// Delays (ms) of the pulls that fall between two times in ms.
    pub(crate) fn delays_between(&self, from: f64, to: f64) -> Vec<f64> {
        let range = (from / 10.0) as usize..((to / 10.0) as usize).min(self.delays.len());
        self.delays[range].iter().flatten().copied().collect()
    }
}

/// Sends a recording and pulls until it is over.
pub(crate) fn run(recording: &[i16], send: SendConfig, network: &NetworkConfig) -> Outcome {
    let sent = encode(recording, send);
    let arrivals = transmit(&sent, send.packet, network);
    receive(
        recording.len() / send.channels,
        &sent,
        &arrivals,
        send,
        network,
    )
}

/// Pulls what arrives of a recording of `frames`.
pub(crate) fn receive(
    frames: usize,
    sent: &[Sent],
    arrivals: &[Arrival],
    send: SendConfig,
    network: &NetworkConfig,
) -> Outcome {
    let start = epoch();
    let instant = |ms: f64| start + Duration::from_nanos((ms * 1e6) as u64);
    let mut buffer = JitterBuffer::new(OpusDecoder::new(send.channels), JitterConfig::default());
    let mut random = Random::new(network.seed ^ 0x5eed);
    let mut waiting = arrivals.iter().peekable();
    let pulls = frames / 480 + 20;
    let mut outcome = Outcome {
        channels: send.channels,
        pcm: Vec::with_capacity(pulls * 480 * send.channels),
        positions: Vec::new(),
        kinds: Vec::new(),
        delays: Vec::new(),
        stats: AudioStats::default(),
        reference: reference(sent, send, frames),
        target_ms: 0.0,
    };
    let mut frame = Vec::new();
    for pull in 0..pulls {
        // The puller is up to 1 ms late, as a timer is.
        let due = pull as f64 * 10.0 + 3.0 + network.pull_phase;
        let stalled = network
            .puller_stalls
            .iter()
            .find(|span| due >= span.0 && due < span.1);
        let now = stalled.map_or(due, |span| span.1) + random.unit();
        while let Some(arrival) = waiting.next_if(|arrival| arrival.at <= now) {
            let one = &sent[arrival.packet];
            let packet = AudioPacket {
                ssrc: Ssrc(one.ssrc),
                sequence: one.sequence,
                timestamp: one.timestamp,
                arrival: instant(arrival.at),
                marker: one.marker,
                payload: &one.payload,
            };
            if send.red > 0 {
                buffer
                    .insert_red(&packet)
                    .expect("our own RED is well-formed");
            } else {
                buffer.insert(&packet);
            }
        }
        // A pull may begin the stream, so the position is read back from where it ends.
        let pulled = buffer.pull_into(instant(now), &mut frame);
        assert_eq!(frame.len(), 480 * send.channels);
        let position = buffer
            .playout_timestamp()
            .zip(sent.first())
            .map(|(end, first)| {
                i64::from(end.wrapping_sub(first.timestamp) as i32) + first.frame as i64 - 480
            });
        outcome.pcm.extend_from_slice(&frame);
        outcome.positions.push(position);
        outcome.kinds.push(pulled.kind);
        let rate = 1.0 + network.drift_ppm * 1e-6;
        outcome
            .delays
            .push(position.map(|position| now - position as f64 / 48.0 / rate));
    }
    outcome.stats = buffer.stats();
    outcome.target_ms = buffer.target_delay().as_secs_f64() * 1e3;
    outcome
}

fn reference(sent: &[Sent], send: SendConfig, frames: usize) -> Vec<i16> {
    use lk_media::audio::{AudioDecoder, red};
    let mut decoder = OpusDecoder::new(send.channels);
    let mut pcm = Vec::with_capacity(frames * send.channels);
    let mut scratch = vec![0; 5_760 * send.channels];
    for one in sent {
        while pcm.len() < one.frame * send.channels {
            let decoded = decoder
                .conceal(480, &mut scratch)
                .expect("libopus conceals");
            pcm.extend_from_slice(&scratch[..decoded * send.channels]);
        }
        let payload = if send.red > 0 {
            red::split(&one.payload)
                .expect("well-formed")
                .primary()
                .payload
        } else {
            &one.payload
        };
        let decoded = decoder
            .decode(payload, &mut scratch)
            .expect("our own packets decode");
        pcm.extend_from_slice(&scratch[..decoded * send.channels]);
    }
    pcm
}
