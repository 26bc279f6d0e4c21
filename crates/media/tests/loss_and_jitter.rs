//! Lossy, uneven networks: how late, how whole and how smooth the sound comes out.
//!
//! All delays are from capture to pull and hold 20 ms of packet and 20 ms of network.

mod support;

use support::measure::{Likeness, likeness, quantile, report, slope, steepest};
use support::network::NetworkConfig;
use support::opus_decoder::OpusDecoder;
use support::sender::{SendConfig, encode};
use support::session::{Outcome, run};
use support::{network, signal};

const SECONDS: usize = 20;

/// What packet and network take.
const UNAVOIDABLE: f64 = 40.0;

fn speech() -> Vec<i16> {
    signal::speech(1, SECONDS * 48_000)
}

fn tone() -> Vec<i16> {
    signal::tone(440.0, 8_000.0, SECONDS * 48_000)
}

fn quiet() -> NetworkConfig {
    NetworkConfig {
        seed: 1,
        jitter_ms: 2.0,
        ..NetworkConfig::default()
    }
}

fn jittery() -> NetworkConfig {
    NetworkConfig {
        seed: 2,
        jitter_ms: 30.0,
        ..NetworkConfig::default()
    }
}

fn bad() -> NetworkConfig {
    NetworkConfig {
        seed: 4,
        jitter_ms: 30.0,
        loss: 0.1,
        duplicates: 0.02,
        ..NetworkConfig::default()
    }
}

fn plain() -> SendConfig {
    SendConfig::default()
}

fn fec() -> SendConfig {
    SendConfig {
        fec: true,
        bitrate: 32_000,
        ..SendConfig::default()
    }
}

fn red(generations: usize) -> SendConfig {
    SendConfig {
        red: generations,
        ..SendConfig::default()
    }
}

fn measured(
    name: &str,
    sound: &[i16],
    send: SendConfig,
    network: &NetworkConfig,
) -> (Outcome, Likeness) {
    let outcome = run(sound, send, network);
    let heard = likeness(&outcome, 200, SECONDS * 100 - 20);
    report(name, &outcome, heard);
    (outcome, heard)
}

/// Delay above what cannot be avoided, once settled: median and 99th percentile.
fn delay(outcome: &Outcome) -> (f64, f64) {
    let delays = outcome.delays_between(3_000.0, SECONDS as f64 * 1e3 - 200.0);
    (
        quantile(&delays, 0.5) - UNAVOIDABLE,
        quantile(&delays, 0.99) - UNAVOIDABLE,
    )
}

/// Share of pulls that held made-up sound, without the end of the stream.
fn concealed(outcome: &Outcome) -> f64 {
    let end = SECONDS * 100;
    outcome.kinds[10..end]
        .iter()
        .filter(|kind| **kind != lk_media::audio::PullKind::Decoded)
        .count() as f64
        / end as f64
}

#[test]
fn a_quiet_network_costs_a_packet_of_delay_and_no_quality() {
    for (name, sound) in [("speech", speech()), ("tone", tone())] {
        let (outcome, heard) = measured(&format!("{name}, quiet"), &sound, plain(), &quiet());
        let (median, highest) = delay(&outcome);
        assert!(median < 25.0 && highest < 30.0, "{median} {highest}");
        assert!(outcome.target_ms <= 10.0);
        assert!(heard.good > 0.995 && heard.median_db > 50.0, "{heard:?}");
        assert_eq!(concealed(&outcome), 0.0);
        assert!(slope(&outcome) < 1.02);
    }
}

#[test]
fn an_even_stream_is_not_stretched_back_and_forth() {
    // Its period divides nothing evenly, and every lag fits: the worst case for hunting around the target.
    let sound = signal::tone(160.0, 8_000.0, SECONDS * 48_000);
    for phase in [0.0, 2.5, 5.0, 6.9, 7.1, 9.0] {
        let network = NetworkConfig {
            pull_phase: phase,
            ..NetworkConfig::default()
        };
        let stats = run(&sound, plain(), &network).stats;
        assert_eq!(
            stats.inserted_samples_for_deceleration, 0,
            "pulls at {phase} ms"
        );
        assert!(
            stats.removed_samples_for_acceleration <= 1_440,
            "pulls at {phase} ms"
        );
    }
}

#[test]
fn sound_begins_within_two_packets() {
    let outcome = run(&speech(), plain(), &quiet());
    let first = outcome
        .kinds
        .iter()
        .position(|kind| *kind == lk_media::audio::PullKind::Decoded);
    // Captured by 20 ms, there by 42 ms.
    assert!(first.is_some_and(|pull| pull <= 7), "{first:?}");
}

#[test]
fn jitter_is_absorbed_without_made_up_sound() {
    let (outcome, heard) = measured("speech, 30 ms jitter", &speech(), plain(), &jittery());
    let (median, highest) = delay(&outcome);
    assert!(median < 45.0 && highest < 60.0, "{median} {highest}");
    assert!(heard.good > 0.98, "{heard:?}");
    assert!(concealed(&outcome) < 0.01);
    assert!(slope(&outcome) < 1.1);
}

#[test]
fn ten_percent_loss_is_concealed_without_clicks() {
    for (name, sound) in [("speech", speech()), ("tone", tone())] {
        let (outcome, heard) =
            measured(&format!("{name}, loss and jitter"), &sound, plain(), &bad());
        let (median, highest) = delay(&outcome);
        assert!(median < 55.0 && highest < 75.0, "{median} {highest}");
        assert!(concealed(&outcome) < 0.13);
        assert!(heard.good > 0.55, "{heard:?}");
        assert!(slope(&outcome) < 1.1, "{}", slope(&outcome));
    }
}

#[test]
fn in_band_redundancy_restores_most_of_what_is_lost() {
    let (outcome, heard) = measured("speech, FEC, loss and jitter", &speech(), fec(), &bad());
    let (median, highest) = delay(&outcome);
    assert!(median < 75.0 && highest < 90.0, "{median} {highest}");
    assert!(outcome.stats.fec_recovered as f64 > 0.75 * outcome.stats.packets_lost as f64);
    assert!(concealed(&outcome) < 0.04);
    assert!(heard.good > 0.7, "{heard:?}");
    assert!(slope(&outcome) < 1.1);
}

#[test]
fn redundant_blocks_restore_what_is_lost_exactly() {
    for generations in [1, 2] {
        let name = format!("speech, RED {generations}, loss and jitter");
        let (outcome, heard) = measured(&name, &speech(), red(generations), &bad());
        let (median, highest) = delay(&outcome);
        assert!(median < 80.0 && highest < 95.0, "{median} {highest}");
        assert!(outcome.stats.red_recovered as f64 > 0.85 * outcome.stats.packets_lost as f64);
        assert!(concealed(&outcome) < 0.03);
        assert!(heard.good > 0.9, "{heard:?}");
        assert!(slope(&outcome) < 1.1);
    }
}

#[test]
fn seams_are_no_steeper_than_libopus_own_concealment() {
    // A tone in SILK: its concealment is not smooth by itself, so the measure is what libopus gives for the same losses.
    let sound = tone();
    let (outcome, _) = measured("tone, FEC, loss and jitter", &sound, fec(), &bad());
    let sent = encode(&sound, fec());
    let mut arrived = vec![false; sent.len()];
    for arrival in network::transmit(&sent, fec().packet, &bad()) {
        arrived[arrival.packet] = true;
    }
    let mut decoder = OpusDecoder::new(1);
    let mut scratch = vec![0; 5_760];
    let mut bare = Vec::new();
    for (packet, arrived) in sent.iter().zip(arrived) {
        use lk_media::audio::AudioDecoder;
        if arrived {
            let frames = decoder.decode(&packet.payload, &mut scratch).unwrap();
            bare.extend_from_slice(&scratch[..frames]);
        } else {
            for _ in 0..2 {
                let frames = decoder.conceal(480, &mut scratch).unwrap();
                bare.extend_from_slice(&scratch[..frames]);
            }
        }
    }
    let (ours, theirs) = (steepest(&outcome.pcm, 1), steepest(&bare, 1));
    assert!(
        f64::from(ours) < 1.15 * f64::from(theirs),
        "{ours} against {theirs}"
    );
}

#[test]
fn stereo_stays_stereo() {
    let (left, right) = (tone(), signal::tone(660.0, 6_000.0, SECONDS * 48_000));
    let sound: Vec<i16> = left
        .iter()
        .zip(&right)
        .flat_map(|(left, right)| [*left, *right])
        .collect();
    let send = SendConfig {
        channels: 2,
        bitrate: 96_000,
        red: 1,
        ..SendConfig::default()
    };
    let (outcome, heard) = measured("stereo tones, RED, bad network", &sound, send, &bad());
    assert!(heard.good > 0.9, "{heard:?}");
    assert!(slope(&outcome) < 1.1);
}

#[test]
fn packets_of_any_length_are_played_alike() {
    for packet in [480, 1_920, 2_880] {
        let send = SendConfig {
            packet,
            ..SendConfig::default()
        };
        let (outcome, heard) = measured(
            &format!("packets of {} ms", packet / 48),
            &speech(),
            send,
            &jittery(),
        );
        let (median, _) = delay(&outcome);
        assert!(median - packet as f64 / 48.0 + 20.0 < 45.0, "{median}");
        assert!(heard.good > 0.97, "{heard:?}");
        assert!(concealed(&outcome) < 0.015);
    }
}
