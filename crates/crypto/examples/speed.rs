//! Prints what sealing, opening and deriving cost: `cargo run --release -p lk-crypto --example speed`.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program measures time; the crate does not"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_crypto::{Derivation, FrameKind, FrameOpener, FrameSealer, KeyOptions, KeyStore, Verdict};

const ROUNDS: u32 = 2_000;

fn main() {
    let keys = Arc::new(KeyStore::new(KeyOptions {
        shared: true,
        ratchet_window: 16,
        salt: b"LKFrameEncryptionKey".to_vec(),
        failure_tolerance: 0,
        ring_size: 16,
        derivation: Derivation::Pbkdf2,
    }));
    let began = Instant::now();
    keys.set_shared(0, b"a password");
    println!("PBKDF2 key: {:?}", began.elapsed());
    let sealer = FrameSealer::new(keys.clone(), "alice".to_owned());
    let opener = FrameOpener::new(keys, "alice".to_owned());
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    for (name, kind, head, len) in [
        ("Opus", FrameKind::Audio, &[0x78][..], 160),
        ("VP8", FrameKind::Vp8, &[1, 2, 3][..], 8_000),
        (
            "H.264",
            FrameKind::H264,
            &[0, 0, 0, 1, 0x41, 0x9a][..],
            8_000,
        ),
    ] {
        let frame: Vec<u8> = head
            .iter()
            .copied()
            .chain((0..len).map(|at| (at * 7 / 3) as u8))
            .collect();
        let (mut sealing, mut opening) = (Duration::ZERO, Duration::ZERO);
        for at in 0..ROUNDS {
            let began = Instant::now();
            let done = sealer.seal(kind, 0, 1, at, &frame, &mut sealed);
            sealing += began.elapsed();
            assert!(done.is_ok());
            let began = Instant::now();
            let outcome = opener.open(kind, &sealed, &mut opened);
            opening += began.elapsed();
            assert_eq!(outcome.verdict, Verdict::Passed);
        }
        println!(
            "{name}, {len} bytes: seal {:?}, open {:?}",
            sealing / ROUNDS,
            opening / ROUNDS
        );
    }
}
