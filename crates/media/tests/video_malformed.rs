//! Damaged, made-up and endless input: no panic, bounded memory, and a key frame mends everything.

mod video_support {
    pub(crate) mod frames;
}

use std::sync::Arc;
use std::time::Duration;

use lk_media::video::{
    FrameBuffer, FrameBufferConfig, PacketizeError, Packetizer, PacketizerConfig, RtpPacket,
};
use lk_testkit::{Rng, start};
use lk_types::{Codec, ScalabilityMode};
use video_support::frames::{Encoder, tags};

const CODECS: [Codec; 5] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];

fn mode(codec: Codec) -> ScalabilityMode {
    let name = match codec {
        Codec::Vp9 | Codec::Av1 => "L2T2_KEY",
        _ => "L1T3",
    };
    ScalabilityMode::parse(name).unwrap()
}

fn packetizer(codec: Codec) -> Packetizer {
    let config = PacketizerConfig {
        mode: mode(codec),
        descriptor: true,
        ..PacketizerConfig::default()
    };
    Packetizer::new(codec, config).unwrap()
}

#[test]
fn damage_passes_and_the_next_key_frame_is_shown() {
    for codec in CODECS {
        let mut rng = Rng::new(17);
        let mut encoder = Encoder::new(codec, mode(codec), 1);
        let mut packetizer = packetizer(codec);
        let config = FrameBufferConfig {
            max_packets: 100,
            max_bytes: 60_000,
            ..FrameBufferConfig::default()
        };
        let mut buffer = FrameBuffer::new(codec, config).unwrap();
        let mut now = start();
        let mut sequence = 65_000;
        let mut shown_keys = 0;
        for number in 0..1_200_u32 {
            // After each hundred pictures of which many are damaged, some that are not.
            let damage = number % 120 < 100;
            let key = number % 120 == 110;
            let picture = encoder.picture(key);
            packetizer
                .packetize(&picture, |packet| {
                    let mut payload = packet.payload.to_vec();
                    let mut descriptor = packet.descriptor.map(<[u8]>::to_vec);
                    let mut marker = packet.marker;
                    if damage && rng.chance(0.3) {
                        let at = rng.below(payload.len().min(12) as u64) as usize;
                        match rng.below(6) {
                            0 => payload[at] ^= 1 << rng.below(8),
                            1 => payload.truncate(at),
                            2 => marker = !marker,
                            3 => rng.fill(&mut payload),
                            4 => descriptor.iter_mut().for_each(|bytes| rng.fill(bytes)),
                            _ => sequence += rng.below(90),
                        }
                    }
                    buffer.push(
                        RtpPacket {
                            sequence,
                            timestamp: number * 3_000,
                            marker,
                            arrival: now,
                            payload: payload.into(),
                            descriptor: descriptor.map(Arc::from),
                        },
                        now,
                    );
                    sequence += 1;
                })
                .unwrap();
            now += Duration::from_millis(33);
            while let Some(frame) = buffer.poll(now) {
                let whole = frame.timestamp == number * 3_000 && key;
                if whole && frame.keyframe && tags(&frame.payload).len() == picture.len() {
                    shown_keys += 1;
                }
            }
            let _asks = buffer.wants_keyframe(now);
            let (packets, bytes) = buffer.queued();
            assert!(
                packets <= 100 && bytes <= 60_000,
                "{packets} packets, {bytes} bytes"
            );
        }
        assert_eq!(shown_keys, 10, "{codec}: {:?}", buffer.stats());
    }
}

#[test]
fn endless_packets_of_one_picture_are_bounded() {
    for codec in CODECS {
        let config = FrameBufferConfig {
            max_packets: 300,
            max_bytes: 100_000,
            ..FrameBufferConfig::default()
        };
        let mut buffer = FrameBuffer::new(codec, config).unwrap();
        let now = start();
        let payload: Arc<[u8]> = match codec {
            Codec::Vp8 => [0x00, 1].into(),
            Codec::Vp9 => [0x00, 1].into(),
            Codec::H264 => [0x7c, 0x05, 1].into(),
            Codec::H265 => [0x62, 0x01, 0x13, 1].into(),
            _ => [0xd0, 1].into(),
        };
        for sequence in 0..20_000 {
            buffer.push(
                RtpPacket {
                    sequence: sequence * 2,
                    timestamp: 1,
                    marker: false,
                    arrival: now,
                    payload: payload.clone(),
                    descriptor: None,
                },
                now,
            );
            assert!(buffer.poll(now).is_none());
            assert!(buffer.queued().0 <= 300);
        }
    }
}

#[test]
fn a_picture_of_many_layer_frames_and_gaps_costs_no_more_than_its_packets() {
    // VP9 with picture ID, layers and flexible mode, a layer frame in each packet: a key picture, then such as refer to
    // the picture before. Were each of them looked at from each gap, this would take hours.
    let key: Arc<[u8]> = [0xbc, 0x81, 0x00, 0x00, 1].into();
    let delta: Arc<[u8]> = [0xfc, 0x81, 0x01, 0x00, 0x02, 1].into();
    let mut buffer = FrameBuffer::new(Codec::Vp9, FrameBufferConfig::default()).unwrap();
    let mut now = start();
    let mut given = 0;
    for number in 0..2_000_u64 {
        let first = number == 0;
        let packet = RtpPacket {
            sequence: number * 2,
            timestamp: u32::from(!first),
            marker: first,
            arrival: now,
            payload: if first { &key } else { &delta }.clone(),
            descriptor: None,
        };
        buffer.push(packet, now);
        given += u32::from(buffer.poll(now).is_some());
        now += Duration::from_millis(1);
    }
    assert_eq!(given, 1);
    assert!(buffer.queued().0 <= 4_096);
}

#[test]
fn frames_that_cannot_be_sent_are_errors() {
    assert_eq!(
        Packetizer::new(Codec::Opus, PacketizerConfig::default()).err(),
        Some(PacketizeError::Codec { codec: Codec::Opus })
    );
    assert!(FrameBuffer::new(Codec::Rtx, FrameBufferConfig::default()).is_err());
    let small = PacketizerConfig {
        max_payload: 399,
        ..PacketizerConfig::default()
    };
    assert!(matches!(
        Packetizer::new(Codec::Vp8, small).err(),
        Some(PacketizeError::MaxPayload {
            max_payload: 399,
            least: 400
        })
    ));
    let mut sent = 0;
    let mut try_send = |codec, change: fn(&mut lk_types::EncodedVideo)| {
        let mut frame = Encoder::new(Codec::Av1, mode(Codec::Av1), 1)
            .picture(true)
            .remove(0);
        change(&mut frame);
        packetizer(codec).packetize(&[frame], |_| sent += 1)
    };
    assert!(matches!(
        try_send(Codec::Vp8, |_| {}),
        Err(PacketizeError::OtherCodec { .. })
    ));
    assert!(matches!(
        try_send(Codec::Av1, |frame| frame.payload.clear()),
        Err(PacketizeError::Empty { .. })
    ));
    assert!(matches!(
        try_send(Codec::Av1, |frame| frame.payload = vec![0x80, 1]),
        Err(PacketizeError::Malformed { .. })
    ));
    assert!(matches!(
        try_send(Codec::Av1, |frame| frame.layer.temporal = 2),
        Err(PacketizeError::Layer { .. })
    ));
    assert!(matches!(
        try_send(Codec::Av1, |frame| {
            frame.keyframe = false;
            frame.layer.references = vec![5_000];
        }),
        Err(PacketizeError::Descriptor(_))
    ));
    assert_eq!(sent, 0);
}
