//! Sends a stream over a seeded network and keeps what comes out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_media::video::{
    AssembledFrame, FrameBuffer, FrameBufferConfig, Packetizer, PacketizerConfig, RtpPacket,
    VideoReceiveStats,
};
use lk_testkit::{Link, Network, start};
use lk_types::{Codec, EncodedVideo, ScalabilityMode};

use super::frames::{Encoder, tags};
use super::retransmission::{Forwarded, Requests};

/// What to run.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) codec: Codec,
    pub(crate) mode: ScalabilityMode,
    pub(crate) descriptor: bool,
    pub(crate) pictures: u64,
    pub(crate) link: Link,
    /// Lost packets are sent again on request.
    pub(crate) retransmit: bool,
    pub(crate) seed: u64,
    pub(crate) first_sequence: u64,
    pub(crate) first_timestamp: u32,
    /// Every so many packets the sender puts padding in.
    pub(crate) padding_every: Option<u64>,
}

impl Scenario {
    pub(crate) fn new(codec: Codec, mode: &str) -> Self {
        Self {
            codec,
            mode: ScalabilityMode::parse(mode).unwrap(),
            descriptor: false,
            pictures: 300,
            link: Link::clean(),
            retransmit: true,
            seed: 1,
            first_sequence: 65_000,
            first_timestamp: u32::MAX - 90_000,
            padding_every: None,
        }
    }
}

/// What came out.
pub(crate) struct Outcome {
    pub(crate) frames: Vec<AssembledFrame>,
    /// Of each frame that came out: capture to output.
    pub(crate) delays: Vec<Duration>,
    pub(crate) stats: VideoReceiveStats,
    pub(crate) pictures_sent: u64,
    /// Of those that came out, how many in their highest layer.
    pub(crate) full: u64,
    pub(crate) packets_lost_on_the_way: u64,
}

impl Outcome {
    pub(crate) fn shown(&self) -> f64 {
        self.frames.len() as f64 / self.pictures_sent as f64
    }

    /// As [`Self::shown`], those in their highest layer only.
    pub(crate) fn shown_in_full(&self) -> f64 {
        self.full as f64 / self.pictures_sent as f64
    }

    pub(crate) fn delay(&self, quantile: f64) -> Duration {
        let mut sorted = self.delays.clone();
        sorted.sort();
        sorted[((sorted.len() - 1) as f64 * quantile) as usize]
    }
}

const TICK: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_nanos(33_333_333);

/// Runs the scenario; checks on the way that every picture is bit-exact, in order, and made from references that were
/// given before.
pub(crate) fn run(scenario: &Scenario) -> Outcome {
    let begin = start();
    let mut encoder = Encoder::new(scenario.codec, scenario.mode, scenario.seed);
    let mut packetizer = Packetizer::new(
        scenario.codec,
        PacketizerConfig {
            mode: scenario.mode,
            descriptor: scenario.descriptor,
            first_picture_id: 0x7ff0,
            ..PacketizerConfig::default()
        },
    )
    .unwrap();
    let mut buffer = FrameBuffer::new(scenario.codec, FrameBufferConfig::default()).unwrap();
    let rtt = scenario.link.delay * 2;
    buffer.set_rtt(rtt);
    let mut forward: Network<RtpPacket> = Network::new(scenario.link, scenario.seed);
    let mut back: Network<Feedback> = Network::new(
        Link {
            duplicate: 0.0,
            ..scenario.link
        },
        scenario.seed + 1,
    );
    let mut requests = Requests::new(rtt);
    let mut forwarded = Forwarded::new(rtt);
    let mut sequence = scenario.first_sequence;
    let mut expected: HashMap<u32, (Vec<EncodedVideo>, Instant)> = HashMap::new();
    let mut given: HashSet<u64> = HashSet::new();
    let mut last_number = None;
    let mut outcome = Outcome {
        frames: Vec::new(),
        delays: Vec::new(),
        stats: VideoReceiveStats::default(),
        pictures_sent: 0,
        full: 0,
        packets_lost_on_the_way: 0,
    };
    let mut key_wanted = false;
    let end = begin + FRAME * scenario.pictures as u32 + Duration::from_secs(2);
    let mut now = begin;
    while now < end {
        while outcome.pictures_sent < scenario.pictures
            && begin + FRAME * outcome.pictures_sent as u32 <= now
        {
            let timestamp = scenario
                .first_timestamp
                .wrapping_add(outcome.pictures_sent as u32 * 3_000);
            let layers = encoder.picture(std::mem::take(&mut key_wanted));
            expected.insert(timestamp, (layers.clone(), now));
            let mut put = |payload: &[u8], marker: bool, descriptor: Option<&[u8]>| {
                let packet = RtpPacket {
                    sequence,
                    timestamp,
                    marker,
                    arrival: now,
                    payload: payload.into(),
                    descriptor: descriptor.map(Arc::from),
                };
                forwarded.sent(packet.clone(), now);
                forward.send(now, payload.len() + 20, packet);
                sequence += 1;
                scenario
                    .padding_every
                    .is_some_and(|every| sequence.is_multiple_of(every))
            };
            let mut pad = false;
            packetizer
                .packetize(&layers, |packet| {
                    assert!(
                        packet.payload.len() + packet.descriptor.map_or(0, <[u8]>::len) <= 1_100
                    );
                    pad |= put(packet.payload, packet.marker, packet.descriptor);
                })
                .unwrap();
            if pad {
                put(&[], false, None);
            }
            outcome.pictures_sent += 1;
        }
        while let Some(feedback) = back.receive(now) {
            match feedback {
                Feedback::Again(sequence) => {
                    if let Some(packet) = forwarded.again(sequence, now) {
                        forward.send(now, packet.payload.len() + 20, packet);
                    }
                }
                Feedback::Keyframe => key_wanted = true,
            }
        }
        while let Some(mut packet) = forward.receive(now) {
            packet.arrival = now;
            requests.arrived(packet.sequence, now);
            buffer.push(packet, now);
        }
        if scenario.retransmit {
            for sequence in requests.due(now) {
                back.send(now, 60, Feedback::Again(sequence));
            }
        }
        while let Some(frame) = buffer.poll(now) {
            let (layers, captured) = &expected[&frame.timestamp];
            let given_numbers = tags(&frame.payload);
            // Layers may be left out, whole ones.
            let kept: Vec<&EncodedVideo> = layers
                .iter()
                .filter(|layer| {
                    let number = tags(&layer.payload)[0].0;
                    given_numbers.iter().any(|(one, _)| *one == number)
                })
                .collect();
            let payload: Vec<u8> = kept
                .iter()
                .flat_map(|layer| layer.payload.clone())
                .collect();
            assert!(
                frame.payload == payload,
                "picture at {} is not what was sent: {given_numbers:?}",
                frame.timestamp,
            );
            let top = kept.last().expect("a layer");
            if scenario.mode.spatial_layers > 1 {
                assert_eq!(frame.spatial, top.layer.spatial);
            }
            if top.end_of_picture {
                outcome.full += 1;
            }
            assert_eq!(frame.layers.iter().sum::<usize>(), payload.len());
            for (index, (number, references)) in tags(&frame.payload).into_iter().enumerate() {
                assert!(last_number < Some(number), "{number} after {last_number:?}");
                last_number = Some(number);
                for reference in &references {
                    assert!(given.contains(reference), "{number} needs {reference}");
                }
                if index == 0 {
                    assert_eq!(references.is_empty(), frame.keyframe, "{number}");
                }
                given.insert(number);
            }
            if frame.keyframe {
                let (width, height) = told_size(scenario.codec);
                let below = scenario.mode.spatial_layers - 1 - top.layer.spatial;
                assert_eq!(frame.size, Some((width >> below, height >> below)));
            }
            outcome.delays.push(now - *captured);
            outcome.frames.push(frame);
        }
        if buffer.wants_keyframe(now) {
            back.send(now, 60, Feedback::Keyframe);
        }
        let (packets, bytes) = buffer.queued();
        assert!(packets <= 4_097 && bytes <= 9 << 20);
        now += TICK;
    }
    outcome.stats = buffer.stats();
    outcome.packets_lost_on_the_way = forward.lost;
    outcome
}

#[derive(Clone)]
enum Feedback {
    Again(u64),
    Keyframe,
}

/// The size that a stream's key pictures tell.
fn told_size(codec: Codec) -> (u32, u32) {
    if codec == Codec::H265 {
        (1_280, 720)
    } else {
        (640, 360)
    }
}
