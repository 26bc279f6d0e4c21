//! Frames and messages there and back, against vectors made with other programs' ciphers.

use std::sync::Arc;

use lk_crypto::{
    Derivation, FrameKind, FrameOpener, FrameSealer, KeyOptions, KeyStore, OVERHEAD, Verdict,
    open_data, seal_data,
};

fn options(derivation: Derivation) -> KeyOptions {
    KeyOptions {
        shared: true,
        ratchet_window: 4,
        salt: b"LKFrameEncryptionKey".to_vec(),
        failure_tolerance: 0,
        ring_size: 16,
        derivation,
    }
}

fn store(key: &[u8]) -> Arc<KeyStore> {
    let keys = KeyStore::new(options(Derivation::Hkdf));
    assert!(keys.set_shared(0, key));
    Arc::new(keys)
}

fn sealer(keys: &Arc<KeyStore>) -> FrameSealer {
    FrameSealer::new(keys.clone(), "alice".to_owned())
}

fn opener(keys: &Arc<KeyStore>) -> FrameOpener {
    FrameOpener::new(keys.clone(), "alice".to_owned())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// A frame of a kind, and how much of it stays readable.
fn frames() -> Vec<(FrameKind, Vec<u8>, usize)> {
    let body: Vec<u8> = (0..2_000_u32).map(|at| (at * 7 / 3) as u8).collect();
    let frame = |head: &[u8]| [head, &body].concat();
    vec![
        (FrameKind::Audio, frame(&[0x78]), 1),
        (
            FrameKind::Vp8,
            frame(&[0x10, 2, 0, 0x9d, 1, 0x2a, 8, 0, 8, 0]),
            10,
        ),
        (FrameKind::Vp8, frame(&[0x31, 2, 3]), 3),
        (FrameKind::Vp9, frame(&[]), 0),
        (
            FrameKind::H264,
            frame(&[
                0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0x88,
            ]),
            18,
        ),
        (
            FrameKind::H265,
            frame(&[0, 0, 0, 1, 0x40, 1, 9, 0, 0, 0, 1, 0x26, 1]),
            13,
        ),
        (FrameKind::Av1 { key: true }, frame(&[0x0a, 1, 2]), 0),
        (FrameKind::Av1 { key: false }, frame(&[0x32]), 0),
    ]
}

#[test]
fn frames_of_every_kind_come_back_as_they_were() {
    let keys = store(b"key");
    let (sealer, opener) = (sealer(&keys), opener(&keys));
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    for (kind, frame, readable) in frames() {
        sealer
            .seal(kind, 0, 1, 90_000, &frame, &mut sealed)
            .unwrap();
        assert!(sealed.len() >= frame.len() + OVERHEAD, "{kind:?}");
        assert_eq!(sealed[..readable], frame[..readable], "{kind:?}");
        let clear = frame[readable..]
            .windows(16)
            .step_by(16)
            .any(|piece| sealed.windows(16).any(|window| window == piece));
        assert!(!clear, "{kind:?}");
        let outcome = opener.open(kind, &sealed, &mut opened);
        assert_eq!(outcome.verdict, Verdict::Passed, "{kind:?}");
        assert_eq!(opened, frame, "{kind:?}");
    }
}

#[test]
fn layers_of_av1_that_were_sealed_one_by_one_come_back_together() {
    let keys = store(b"key");
    let (sealer, opener) = (sealer(&keys), opener(&keys));
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    let mut picture = Vec::new();
    for (key, layer) in [(true, [0x0a, 1, 5]), (false, [0x32, 1, 6])] {
        let kind = FrameKind::Av1 { key };
        sealer.seal(kind, 0, 1, 9, &layer, &mut sealed).unwrap();
        picture.extend_from_slice(&sealed);
    }
    let kind = FrameKind::Av1 { key: false };
    let outcome = opener.open(kind, &picture, &mut opened);
    assert_eq!(outcome.verdict, Verdict::Passed);
    assert_eq!(opened, [0x0a, 1, 5, 0x32, 1, 6]);
}

#[test]
fn changed_bytes_anywhere_are_noticed() {
    let keys = store(b"key");
    let (sealer, opener) = (sealer(&keys), opener(&keys));
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    for (kind, frame, _) in frames() {
        let frame = &frame[..60];
        sealer.seal(kind, 0, 1, 90_000, frame, &mut sealed).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x10;
            let verdict = opener.open(kind, &changed, &mut opened).verdict;
            assert!(
                !matches!(verdict, Verdict::Passed | Verdict::Clear),
                "{kind:?} byte {at}"
            );
        }
        for len in 1..sealed.len() {
            let verdict = opener.open(kind, &sealed[..len], &mut opened).verdict;
            assert!(
                !matches!(verdict, Verdict::Passed | Verdict::Clear),
                "{kind:?} of {len}"
            );
        }
    }
}

#[test]
fn whatever_comes_in_is_an_outcome() {
    let keys = store(b"key");
    let opener = opener(&keys);
    let mut out = Vec::new();
    let mut seed = 1_u32;
    for round in 0..20_000_usize {
        let bytes: Vec<u8> = (0..round % 64)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                [0, 0, 1, (seed >> 24) as u8, 12, 0x32, 0x0a, 0x65][(seed >> 16) as usize % 8]
            })
            .collect();
        for (kind, ..) in frames() {
            let verdict = opener.open(kind, &bytes, &mut out).verdict;
            assert!(bytes.is_empty() || verdict != Verdict::Passed);
        }
    }
}

#[test]
fn failures_are_told_beyond_the_tolerance_and_forgotten_with_the_first_success() {
    let sending = store(b"right");
    let receiving = Arc::new(KeyStore::new(KeyOptions {
        failure_tolerance: 2,
        ratchet_window: 0,
        ..options(Derivation::Hkdf)
    }));
    let (sealer, opener) = (sealer(&sending), opener(&receiving));
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    sealer
        .seal(FrameKind::Audio, 0, 1, 2, b"frame", &mut sealed)
        .unwrap();
    let mut open = || opener.open(FrameKind::Audio, &sealed, &mut opened).verdict;
    assert!(matches!(open(), Verdict::MissingKey(_)));
    receiving.set_shared(0, b"wrong");
    assert!(matches!(open(), Verdict::Tolerated(_)));
    assert!(matches!(open(), Verdict::Tolerated(_)));
    assert!(matches!(open(), Verdict::Failed(_)));
    receiving.set_shared(0, b"right");
    assert_eq!(open(), Verdict::Passed);
    receiving.set_shared(0, b"wrong");
    assert!(matches!(open(), Verdict::Tolerated(_)));
}

#[test]
fn a_receiver_follows_a_sender_that_went_on() {
    let (sending, receiving) = (store(b"key"), store(b"key"));
    let (sealer, opener) = (sealer(&sending), opener(&receiving));
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        sending.ratchet_shared(0).unwrap();
    }
    sealer
        .seal(FrameKind::Vp9, 0, 1, 2, b"frame", &mut sealed)
        .unwrap();
    let outcome = opener.open(FrameKind::Vp9, &sealed, &mut opened);
    assert!(matches!(outcome.verdict, Verdict::Failed(_)));
    receiving.look_ahead(&outcome.look_ahead.unwrap());
    let outcome = opener.open(FrameKind::Vp9, &sealed, &mut opened);
    assert_eq!(outcome.verdict, Verdict::Passed);
    assert!(outcome.ratcheted);
    assert_eq!(opened, b"frame");
    let outcome = opener.open(FrameKind::Vp9, &sealed, &mut opened);
    assert!(!outcome.ratcheted && outcome.look_ahead.is_none());
    assert_eq!(receiving.material("alice", 0), sending.shared_material(0));
    assert_eq!(receiving.shared_material(0), Some(b"key".to_vec()));
}

#[test]
fn a_receiver_does_not_go_further_than_the_window() {
    let (sending, receiving) = (store(b"key"), store(b"key"));
    for _ in 0..5 {
        sending.ratchet_shared(0).unwrap();
    }
    let sealed = seal_data(&sending, "alice", 0, b"message").unwrap();
    let error = open_data(&receiving, "alice", 0, &sealed.iv, &sealed.data).unwrap_err();
    assert_eq!(error.to_string(), "no key fits: index 0, 5 keys tried");
    receiving.ratchet_shared(0).unwrap();
    let opened = open_data(&receiving, "alice", 0, &sealed.iv, &sealed.data).unwrap();
    assert_eq!(opened, b"message");
    assert_eq!(receiving.material("alice", 0), sending.shared_material(0));
}

#[test]
fn messages_come_back_and_refusals_say_why() {
    let keys = store(b"key");
    for message in [&b""[..], b"x", &[7; 60_000]] {
        let sealed = seal_data(&keys, "alice", 0, message).unwrap();
        assert_ne!(seal_data(&keys, "alice", 0, message).unwrap().iv, sealed.iv);
        let opened = open_data(&keys, "bob", 0, &sealed.iv, &sealed.data).unwrap();
        assert_eq!(opened, message);
    }
    let text = |result: Result<Vec<u8>, lk_crypto::CryptoError>| result.unwrap_err().to_string();
    assert_eq!(
        text(open_data(&keys, "alice", 3, &[0; 12], &[0; 20])),
        "there is no key with index 3"
    );
    assert_eq!(
        text(open_data(&keys, "alice", 0, &[0; 11], &[0; 20])),
        "the length of the initialisation vector is 11: must be 12"
    );
    assert_eq!(
        text(open_data(&keys, "alice", 0, &[0; 12], &[0; 15])),
        "15 bytes are too few for a tag"
    );
    assert!(seal_data(&keys, "alice", u32::MAX, b"x").is_err());
}

/// Made with Python's `hashlib` and `cryptography` (OpenSSL): password `password`, LiveKit's salt, vector
/// 01020304 00015f90 00015f8f, key index 0.
#[test]
fn frames_that_another_program_sealed_are_opened() {
    let keys = KeyStore::new(options(Derivation::Pbkdf2));
    keys.set_shared(0, b"password");
    let opener = opener(&Arc::new(keys));
    let mut opened = Vec::new();
    for (kind, sealed, frame) in VECTORS {
        let outcome = opener.open(*kind, &hex(sealed), &mut opened);
        assert_eq!(outcome.verdict, Verdict::Passed, "{kind:?}");
        assert_eq!(opened, hex(frame), "{kind:?}");
    }
}

const VECTORS: &[(FrameKind, &str, &str)] = &[
    (
        FrameKind::Audio,
        "78ad62064407de877de7a1c4c89eb9fce7fb4a9f222416c04301f148b8525b3042a72ce3b615b198dd0102030400015f9000015f8f0c00",
        "78000102030405060708090a0b0c0d0e0f1011121314151617",
    ),
    (
        FrameKind::Vp8,
        "1002009d012a08000800ad62064407de877de7a1c4c89eb9fce7fb4a9f222416c0436e01c00b33529824c61c75ce3b79ec7a0102030400015f9000015f8f0c00",
        "1002009d012a08000800000102030405060708090a0b0c0d0e0f1011121314151617",
    ),
    (
        FrameKind::Vp8,
        "310203ad62064407de877de7a1c4c89eb9fce7fb4a9f222416c043b7f4cf0083276116d527ba319c5e4c420102030400015f9000015f8f0c00",
        "310203000102030405060708090a0b0c0d0e0f1011121314151617",
    ),
    (
        FrameKind::Vp9,
        "ad62064407de877de7a1c4c89eb9fce7fb4a9f222416c0435f949015f70d7de609bd1e8a02c7c35a0102030400015f9000015f8f0c00",
        "000102030405060708090a0b0c0d0e0f1011121314151617",
    ),
    (
        FrameKind::H264,
        "0000000167420000000168ce00000001658800000301000003030000efa9ccc096b1f4efe352873a3c0ed85bcf3c01fee68b7998d3f49ca87e724533b83195b6e6fdb7e10102030400015f9000015f8f0c00",
        "0000000167420000000168ce000000016588ad63054703d8817a000102030405060708090a0b0c0d0e0f1011121314151617",
    ),
    (
        FrameKind::Av1 { key: true },
        "0a00323700ad62064407de877de7a1c4c89eb9fce7fb4a9f222416c043256253417b4994dc63d99bc1414ed2ff0102030400015f9000015f8f0c00",
        "000102030405060708090a0b0c0d0e0f1011121314151617",
    ),
];
