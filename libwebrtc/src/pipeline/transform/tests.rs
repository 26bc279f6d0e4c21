//! Frames that a host encoded itself, encrypted, through packets and back: `tests/golden/video`.

use std::time::{Duration, Instant};

use lk_crypto::{Derivation, KeyOptions, KeyStore};
use lk_media::video::{FrameBuffer, FrameBufferConfig, Packetizer, PacketizerConfig, RtpPacket};
use lk_testkit::ivf;
use lk_types::LayerFrame;

use super::*;

/// As `tests/python/lkhost/bitstreams.py` makes them.
const KEY_INTERVAL: usize = 12;
const SIZE: (u32, u32) = (640, 360);
const SSRC: Ssrc = Ssrc(77);
const CODECS: [(Codec, &str); 5] = [
    (Codec::Vp8, "vp8"),
    (Codec::Vp9, "vp9"),
    (Codec::H264, "h264"),
    (Codec::H265, "h265"),
    (Codec::Av1, "av1"),
];

/// Both sides of a track: what is sent with one key and received with another.
struct Path {
    send: SendTransform,
    recv: RecvTransform,
    states: [Arc<Mutex<Vec<Cryption>>>; 2],
    packetizer: Packetizer,
    buffer: FrameBuffer,
    now: Instant,
    sequence: u64,
    /// Of the last picture.
    packets: Vec<Vec<u8>>,
}

impl Path {
    fn new(codec: Codec, keys: [&[u8]; 2]) -> Self {
        let states = [Arc::default(), Arc::default()];
        let [sender, receiver] = [0, 1].map(|at| {
            let store = KeyStore::new(KeyOptions {
                shared: true,
                ratchet_window: 0,
                salt: b"salt".to_vec(),
                failure_tolerance: 0,
                ring_size: 16,
                derivation: Derivation::Hkdf,
            });
            assert!(store.set_shared(0, keys[at]));
            let told: Arc<Mutex<Vec<Cryption>>> = Arc::clone(&states[at]);
            let cryptor = Cryptor::new(Arc::new(store), "alice", true, move |state| {
                told.lock().push(state);
            });
            cryptor.set_enabled(true);
            Arc::new(cryptor)
        });
        let (send, recv) = (SendTransform::default(), RecvTransform::default());
        send.set_cryptor(sender);
        recv.set_cryptor(receiver);
        let config = PacketizerConfig {
            max_payload: 400,
            ..PacketizerConfig::default()
        };
        Self {
            send,
            recv,
            states,
            packetizer: Packetizer::new(codec, config).expect("a packetiser"),
            buffer: FrameBuffer::new(codec, FrameBufferConfig::default()).expect("a buffer"),
            now: Instant::now(),
            sequence: 1_000,
            packets: Vec::new(),
        }
    }

    /// What arrives of a picture, and whether it may be decoded.
    fn pass(&mut self, codec: Codec, at: usize, payload: &[u8]) -> (bool, AssembledFrame) {
        let frame = EncodedVideo {
            codec,
            payload: payload.to_vec(),
            keyframe: at.is_multiple_of(KEY_INTERVAL),
            width: SIZE.0,
            height: SIZE.1,
            end_of_picture: true,
            layer: LayerFrame::default(),
            qp: None,
        };
        let timestamp = u32::try_from(at).expect("few frames") * 3_000;
        let sent = Sent {
            ssrc: SSRC,
            timestamp,
            captured_us: 0,
        };
        let frames = [frame];
        let mut scratch = Vec::new();
        let sealed = self.send.video(&frames, sent, &mut scratch);
        let sealed = sealed.expect("there is a key");
        let Self {
            packetizer,
            buffer,
            now,
            sequence,
            packets,
            ..
        } = self;
        packets.clear();
        packetizer
            .packetize(sealed, |packet| {
                packets.push(packet.payload.to_vec());
                let packet = RtpPacket {
                    sequence: *sequence,
                    timestamp,
                    marker: packet.marker,
                    arrival: *now,
                    payload: Arc::from(packet.payload),
                    descriptor: packet.descriptor.map(Arc::from),
                };
                buffer.push(packet, *now);
                *sequence += 1;
            })
            .expect("it fits");
        let mut given = buffer.poll(*now).expect("a picture");
        assert_eq!(given.keyframe, frames[0].keyframe, "{codec} {at}");
        *now += Duration::from_millis(33);
        let (passes, _) = self.recv.video(SSRC, &mut given);
        (passes, given)
    }

    fn told(&self) -> [Vec<Cryption>; 2] {
        [0, 1].map(|at| self.states[at].lock().clone())
    }
}

/// The units of an Annex B stream, without start codes.
fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = vec![Vec::new()];
    for byte in stream {
        let unit = units.last_mut().expect("never empty");
        unit.push(*byte);
        if unit.ends_with(&[0, 0, 1]) {
            unit.truncate(unit.len() - 3);
            while unit.last() == Some(&0) {
                unit.pop();
            }
            units.push(Vec::new());
        }
    }
    units.retain(|unit| !unit.is_empty());
    units
}

/// What must be the same on both sides, whatever stands around it. What is in front of the first slice and no
/// parameter set is left out where frames are encrypted.
fn content(codec: Codec, frame: &[u8]) -> Vec<Vec<u8>> {
    let other = |unit: &[u8]| match codec {
        Codec::H265 => unit[0] >> 1 >= 35,
        _ => matches!(unit[0] & 0x1f, 6 | 9 | 12),
    };
    match codec {
        Codec::H264 | Codec::H265 => {
            let mut units = units(frame);
            units.retain(|unit| !other(unit));
            units
        }
        Codec::Av1 => vec![frame.strip_prefix(&[0x12, 0]).unwrap_or(frame).to_vec()],
        _ => vec![frame.to_vec()],
    }
}

#[test]
fn encoded_frames_of_every_codec_pass_encrypted_and_come_back() {
    for (codec, name) in CODECS {
        let mut path = Path::new(codec, [b"key", b"key"]);
        for (at, (_, payload)) in ivf(name).iter().enumerate() {
            let (passes, given) = path.pass(codec, at, payload);
            assert!(passes, "{codec} {at}");
            assert_eq!(
                content(codec, &given.payload),
                content(codec, payload),
                "{codec} {at}"
            );
            // Nothing of what was encoded is in the packets, parameter sets and headers excepted.
            let body = &payload[payload.len() - payload.len().min(48)..];
            let clear = body
                .windows(12)
                .any(|piece| path.packets.iter().any(|one| contains(one, piece)));
            assert!(!clear, "{codec} {at}");
        }
        assert_eq!(path.told(), [vec![Cryption::Ok], vec![Cryption::Ok]]);
    }
}

#[test]
fn encoded_frames_of_another_key_do_not_pass() {
    for (codec, name) in CODECS {
        let mut path = Path::new(codec, [b"key", b"another"]);
        for (at, (_, payload)) in ivf(name).iter().enumerate() {
            assert!(!path.pass(codec, at, payload).0, "{codec} {at}");
        }
        assert_eq!(
            path.told(),
            [vec![Cryption::Ok], vec![Cryption::DecryptionFailed]],
            "{codec}"
        );
    }
}

/// RFC 7798: what a forwarder reads of a packet without the key.
#[test]
fn packets_of_encrypted_h265_say_what_they_are() {
    const AGGREGATION: u8 = 48;
    const FRAGMENT: u8 = 49;
    let kind = |unit: &[u8]| unit[0] >> 1 & 0x3f;
    let mut path = Path::new(Codec::H265, [b"key", b"key"]);
    for (at, (_, payload)) in ivf("h265").iter().enumerate() {
        path.pass(Codec::H265, at, payload);
        let mut sent: Vec<Vec<u8>> = Vec::new();
        for packet in &path.packets {
            match kind(packet) {
                AGGREGATION => {
                    let mut rest = &packet[2..];
                    while let Some((len, behind)) = rest.split_first_chunk::<2>() {
                        let (unit, behind) = behind.split_at(u16::from_be_bytes(*len).into());
                        sent.push(unit.to_vec());
                        rest = behind;
                    }
                }
                FRAGMENT if packet[2] & 0x80 != 0 => {
                    let first = packet[0] & 0x81 | (packet[2] & 0x3f) << 1;
                    sent.push([&[first, packet[1]], &packet[3..]].concat());
                }
                FRAGMENT => sent.last_mut().expect("a first piece").extend(&packet[3..]),
                _ => sent.push(packet.clone()),
            }
        }
        let slice = |unit: &&Vec<u8>| kind(unit) < 32;
        let given = units(payload);
        // Both bytes of each unit's header, the type and the temporal layer among them.
        let headers = |units: &[Vec<u8>]| {
            let sets = units.iter().filter(|unit| (32..35).contains(&kind(unit)));
            sets.chain(units.iter().find(slice))
                .map(|unit| [unit[0], unit[1]])
                .collect::<Vec<_>>()
        };
        assert_eq!(headers(&sent), headers(&given), "{at}");
        // Parameter sets stand as they were; the slice, and whatever was behind it, is one unit.
        for set in given.iter().filter(|unit| (32..35).contains(&kind(unit))) {
            assert!(sent.contains(set), "{at}");
        }
        assert_eq!(sent.iter().filter(slice).count(), 1, "{at}");
        for unit in &sent {
            let start = unit
                .windows(3)
                .any(|three| three[..2] == [0, 0] && three[2] < 3);
            assert!(!start, "{at}: a start code inside a unit");
        }
    }
}

fn contains(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}
