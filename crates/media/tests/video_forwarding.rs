//! Streams as a selective forwarder passes them on: layers that come and go, another simulcast layer from a key frame
//! on, padding, pauses, another stream on the same source.

mod video_support {
    pub(crate) mod frames;
}

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_media::video::{
    AssembledFrame, FrameBuffer, FrameBufferConfig, Packetizer, PacketizerConfig, RtpPacket,
};
use lk_testkit::start;
use lk_types::{Codec, InterLayer, ScalabilityMode};
use video_support::frames::{Encoder, tags};

/// A publisher's packet, and the layer it belongs to.
#[derive(Clone)]
struct Sent {
    payload: Arc<[u8]>,
    descriptor: Option<Arc<[u8]>>,
    spatial: u8,
    temporal: u8,
    last_of_frame: bool,
}

struct Publisher {
    encoder: Encoder,
    packetizer: Packetizer,
}

impl Publisher {
    fn new(codec: Codec, mode: &str, seed: u64) -> Self {
        let mode = ScalabilityMode::parse(mode).unwrap();
        let config = PacketizerConfig {
            mode,
            descriptor: true,
            first_picture_id: 0x7ff8 + seed as u16,
            ..PacketizerConfig::default()
        };
        Self {
            encoder: Encoder::new(codec, mode, seed),
            packetizer: Packetizer::new(codec, config).unwrap(),
        }
    }

    fn picture(&mut self, key: bool) -> Vec<Sent> {
        let frames = self.encoder.picture(key);
        let mut sent: Vec<Sent> = Vec::new();
        for frame in &frames {
            self.packetizer
                .packetize(std::slice::from_ref(frame), |packet| {
                    sent.push(Sent {
                        payload: packet.payload.into(),
                        descriptor: packet.descriptor.map(Arc::from),
                        spatial: frame.layer.spatial,
                        temporal: frame.layer.temporal,
                        last_of_frame: false,
                    });
                })
                .unwrap();
            sent.last_mut().unwrap().last_of_frame = true;
        }
        sent
    }
}

/// The way from forwarder to receiver, and what came out.
struct Receiver {
    buffer: FrameBuffer,
    sequence: u64,
    now: Instant,
    frames: Vec<AssembledFrame>,
    given: HashSet<u64>,
}

impl Receiver {
    fn new(codec: Codec) -> Self {
        Self {
            buffer: FrameBuffer::new(codec, FrameBufferConfig::default()).unwrap(),
            sequence: 65_530,
            now: start(),
            frames: Vec::new(),
            given: HashSet::new(),
        }
    }

    fn push(
        &mut self,
        payload: &Arc<[u8]>,
        descriptor: Option<Arc<[u8]>>,
        timestamp: u32,
        marker: bool,
    ) {
        let packet = RtpPacket {
            sequence: self.sequence,
            timestamp,
            marker,
            arrival: self.now,
            payload: payload.clone(),
            descriptor,
        };
        self.sequence += 1;
        self.buffer.push(packet, self.now);
        while let Some(frame) = self.buffer.poll(self.now) {
            for (number, references) in tags(&frame.payload) {
                assert!(
                    references.iter().all(|one| self.given.contains(one)),
                    "{number} of {references:?}"
                );
                self.given.insert(number);
            }
            self.frames.push(frame);
        }
    }

    /// Passes on the packets of a picture that belong to the layers wanted.
    fn forward(&mut self, picture: &[Sent], timestamp: u32, wanted: impl Fn(&Sent) -> bool) {
        self.now += Duration::from_millis(33);
        let passed: Vec<&Sent> = picture.iter().filter(|sent| wanted(sent)).collect();
        for (index, sent) in passed.iter().enumerate() {
            let marker = index + 1 == passed.len();
            self.push(&sent.payload, sent.descriptor.clone(), timestamp, marker);
        }
        assert!(!self.buffer.wants_keyframe(self.now), "at {timestamp}");
    }
}

/// Whether a decoder of layer `top` needs a frame.
fn needed(mode: ScalabilityMode, sent: &Sent, key: bool, top: u8, temporal: u8) -> bool {
    sent.temporal <= temporal
        && match mode.inter_layer {
            InterLayer::Always => sent.spatial <= top,
            InterLayer::KeyOnly => sent.spatial == top || key && sent.spatial < top,
            InterLayer::Never => sent.spatial == top,
        }
}

#[test]
fn layers_come_and_go_without_a_freeze() {
    for (codec, name) in [
        (Codec::Vp9, "L3T3"),
        (Codec::Vp9, "L3T3_KEY"),
        (Codec::Vp9, "S3T3"),
        (Codec::Av1, "L3T3_KEY"),
        (Codec::Av1, "L2T3"),
    ] {
        let mut publisher = Publisher::new(codec, name, 1);
        let mode = publisher.encoder.mode;
        let mut receiver = Receiver::new(codec);
        let mut expected = 0;
        for number in 0..160_u32 {
            let key = number % 32 == 0;
            let picture = publisher.picture(key);
            // Spatial layers change with key pictures, temporal ones go down anywhere and up with the lowest.
            let top = [2, 0, 1, 2, 0][number as usize / 32].min(mode.spatial_layers - 1);
            let temporal = [2, 1, 0, 2][number as usize / 8 % 4];
            let wanted = |sent: &Sent| needed(mode, sent, key, top, temporal);
            expected += usize::from(picture.iter().any(wanted));
            receiver.forward(&picture, number * 3_000, wanted);
            if let Some(last) = receiver.frames.last()
                && last.timestamp == number * 3_000
            {
                assert_eq!(last.spatial, top, "{codec} {name}");
                assert_eq!(last.keyframe, key);
            }
        }
        assert_eq!(receiver.frames.len(), expected, "{codec} {name}");
        assert_eq!(receiver.buffer.stats().frames_dropped, 0);
    }
}

#[test]
fn another_simulcast_layer_takes_over_with_a_key_frame() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut layers = [1, 2, 3].map(|seed| Publisher::new(codec, "L1T1", seed));
        let mut receiver = Receiver::new(codec);
        for number in 0..120_u32 {
            let chosen = (number / 20 % 3) as usize;
            let key = number % 20 == 0;
            for (index, layer) in layers.iter_mut().enumerate() {
                let picture = layer.picture(key && index == chosen);
                if index == chosen {
                    if key {
                        // Each layer counts its frames for itself.
                        receiver.given.clear();
                    }
                    receiver.forward(&picture, number.wrapping_mul(3_000), |_| true);
                }
            }
        }
        assert_eq!(receiver.frames.len(), 120);
    }
}

#[test]
fn padding_between_pictures_and_long_pauses_do_no_harm() {
    let mut publisher = Publisher::new(Codec::Vp8, "L1T3", 1);
    let mut receiver = Receiver::new(Codec::Vp8);
    for number in 0..60_u32 {
        let picture = publisher.picture(false);
        receiver.forward(&picture, number * 3_000, |_| true);
        for _ in 0..number % 4 {
            let nothing: Arc<[u8]> = Arc::from([]);
            receiver.push(&nothing, None, number * 3_000, false);
        }
        if number % 20 == 7 {
            receiver.now += Duration::from_secs(30);
            assert_eq!(
                receiver.buffer.deadline(),
                None,
                "nothing wakes an idle stream"
            );
        }
    }
    assert_eq!(receiver.frames.len(), 60);
    assert_eq!(receiver.buffer.queued().0, 0);
}

#[test]
fn a_stream_without_markers_shows_each_picture_with_the_next() {
    let mut publisher = Publisher::new(Codec::Vp9, "L1T1", 1);
    let mut receiver = Receiver::new(Codec::Vp9);
    for number in 0..10_u32 {
        for sent in publisher.picture(false) {
            receiver.push(&sent.payload, sent.descriptor, number * 3_000, false);
        }
    }
    assert_eq!(receiver.frames.len(), 9);
}

#[test]
fn a_jump_of_sequence_numbers_is_another_stream() {
    let mut publisher = Publisher::new(Codec::Vp8, "L1T1", 1);
    let mut receiver = Receiver::new(Codec::Vp8);
    for number in 0..10_u32 {
        let picture = publisher.picture(false);
        receiver.forward(&picture, number * 3_000, |_| true);
    }
    receiver.sequence += 30_000;
    let picture = publisher.picture(false);
    for sent in &picture {
        receiver.push(&sent.payload, None, 1, sent.last_of_frame);
    }
    assert_eq!(
        receiver.frames.len(),
        10,
        "references of another stream are no references"
    );
    assert!(receiver.buffer.wants_keyframe(receiver.now));
    let picture = publisher.picture(true);
    receiver.forward(&picture, 2, |_| true);
    assert_eq!(receiver.frames.len(), 11);
}

#[test]
fn a_key_frame_is_asked_for_at_once_and_then_ever_more_rarely() {
    let mut publisher = Publisher::new(Codec::Vp8, "L1T1", 1);
    let mut receiver = Receiver::new(Codec::Vp8);
    publisher.picture(true);
    let begin = receiver.now;
    let mut asked = Vec::new();
    for number in 1..600_u32 {
        receiver.now += Duration::from_millis(20);
        for sent in publisher.picture(false) {
            receiver.push(&sent.payload, None, number * 1_800, sent.last_of_frame);
        }
        if receiver.buffer.wants_keyframe(receiver.now) {
            asked.push((receiver.now - begin).as_millis());
        }
    }
    assert!(receiver.frames.is_empty());
    assert_eq!(asked, [20, 220, 620, 1_420, 3_020, 6_020, 9_020]);
    receiver.forward(&publisher.picture(true), 9, |_| true);
    assert_eq!(receiver.frames.len(), 1);
    assert!(receiver.buffer.deadline().is_none());
}

#[test]
fn what_the_decoder_refused_is_not_referred_to() {
    let mut publisher = Publisher::new(Codec::Vp8, "L1T1", 1);
    let mut receiver = Receiver::new(Codec::Vp8);
    for number in 0..5_u32 {
        let picture = publisher.picture(false);
        receiver.forward(&picture, number * 3_000, |_| true);
    }
    receiver.buffer.decode_failed(receiver.now);
    assert!(receiver.buffer.wants_keyframe(receiver.now));
    for number in 5..8_u32 {
        let picture = publisher.picture(false);
        receiver.forward(&picture, number * 3_000, |_| true);
    }
    assert_eq!(receiver.frames.len(), 5);
    receiver.forward(&publisher.picture(true), 24_000, |_| true);
    assert_eq!(receiver.frames.len(), 6);
}

#[test]
fn a_key_picture_that_lacks_a_packet_is_waited_for_before_another_is_asked_for() {
    let mut publisher = Publisher::new(Codec::Vp8, "L1T1", 1);
    let mut receiver = Receiver::new(Codec::Vp8);
    let picture = publisher.picture(true);
    let mut missing = None;
    for (index, sent) in picture.iter().enumerate() {
        if index == 1 {
            missing = Some((receiver.sequence, sent.clone()));
            receiver.sequence += 1;
        } else {
            receiver.push(&sent.payload, None, 0, sent.last_of_frame);
        }
    }
    assert!(!receiver.buffer.wants_keyframe(receiver.now));
    receiver.now += Duration::from_millis(100);
    assert!(receiver.frames.is_empty());
    assert!(!receiver.buffer.wants_keyframe(receiver.now));
    let (sequence, sent) = missing.expect("the key picture takes several packets");
    receiver.sequence = sequence;
    receiver.push(&sent.payload, None, 0, false);
    assert_eq!(receiver.frames.len(), 1);
    assert!(receiver.frames[0].reordered);
}
