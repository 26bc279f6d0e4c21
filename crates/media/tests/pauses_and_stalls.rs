//! Nothing comes for a while, and then it goes on: the network stalled or broke, the sender paused, the puller slept.

mod support;

use lk_media::audio::PullKind;
use support::measure::{likeness, quantile, report, slope};
use support::network::{NetworkConfig, transmit};
use support::sender::{SendConfig, encode};
use support::session::{Outcome, receive, run};
use support::signal;

const SECONDS: usize = 12;

fn speech() -> Vec<i16> {
    signal::speech(3, SECONDS * 48_000)
}

fn network() -> NetworkConfig {
    NetworkConfig {
        seed: 5,
        jitter_ms: 4.0,
        ..NetworkConfig::default()
    }
}

fn shown(name: &str, outcome: Outcome) -> Outcome {
    let heard = likeness(&outcome, 100, outcome.positions.len() - 30);
    report(name, &outcome, heard);
    outcome
}

fn delay_between(outcome: &Outcome, from: f64, to: f64) -> f64 {
    quantile(&outcome.delays_between(from, to), 0.9) - 40.0
}

#[test]
fn a_gap_of_two_seconds_fades_out_and_leaves_no_delay_behind() {
    let gap = NetworkConfig {
        outages: vec![(4_000.0, 6_000.0)],
        ..network()
    };
    let outcome = shown("2 s gap", run(&speech(), SendConfig::default(), &gap));
    assert_eq!(outcome.stats.packets_lost, 100);
    assert_eq!(outcome.kinds[405], PullKind::Concealed);
    assert!(
        outcome.kinds[425..600]
            .iter()
            .all(|kind| *kind == PullKind::Silence)
    );
    assert!(
        outcome.pcm[425 * 480..600 * 480]
            .iter()
            .all(|value| *value == 0)
    );
    assert_eq!(outcome.kinds[610], PullKind::Decoded);
    assert!(delay_between(&outcome, 6_100.0, 11_000.0) < 30.0);
    assert!(slope(&outcome) < 1.1);
    let heard = likeness(&outcome, 620, 1_150);
    assert!(heard.good > 0.99, "{heard:?}");
}

#[test]
fn the_backlog_of_a_short_stall_is_played_faster() {
    let stall = NetworkConfig {
        stalls: vec![(4_000.0, 4_250.0)],
        ..network()
    };
    let outcome = shown(
        "250 ms stall",
        run(&speech(), SendConfig::default(), &stall),
    );
    assert_eq!(outcome.stats.packets_discarded, 0);
    assert!(outcome.stats.removed_samples_for_acceleration > 9_000);
    assert!(delay_between(&outcome, 6_000.0, 11_000.0) < 30.0);
    assert!(slope(&outcome) < 1.1);
}

#[test]
fn the_backlog_of_a_long_stall_is_dropped() {
    let stall = NetworkConfig {
        stalls: vec![(4_000.0, 6_000.0)],
        ..network()
    };
    let outcome = shown("2 s stall", run(&speech(), SendConfig::default(), &stall));
    assert!(outcome.stats.packets_discarded > 80);
    assert!(
        delay_between(&outcome, 6_200.0, 11_000.0) < 30.0,
        "{}",
        delay_between(&outcome, 6_200.0, 11_000.0)
    );
    assert!(slope(&outcome) < 1.1);
}

#[test]
fn a_sender_that_pauses_with_its_clock_is_played_at_once() {
    // Sequence numbers and timestamps go on where they stopped, wall time does not.
    for pause in [300.0, 700.0, 3_000.0] {
        let sent = encode(&speech(), SendConfig::default());
        let mut arrivals = transmit(&sent, 960, &network());
        for arrival in &mut arrivals {
            if arrival.packet >= 200 {
                arrival.at += pause;
            }
        }
        let outcome = receive(
            speech().len(),
            &sent,
            &arrivals,
            SendConfig::default(),
            &network(),
        );
        let outcome = shown(&format!("{pause} ms pause"), outcome);
        assert_eq!(outcome.stats.packets_discarded, 0);
        let after = delay_between(&outcome, 4_100.0 + pause, 11_000.0) - pause;
        assert!(after < 35.0, "{after} ms after a pause of {pause} ms");
        assert!(outcome.target_ms < 20.0, "{}", outcome.target_ms);
    }
}

#[test]
fn announced_silence_is_comfort_noise_and_no_loss() {
    let mut sound = speech();
    for (index, value) in sound.iter_mut().enumerate() {
        if (index / 48_000) % 4 >= 2 {
            *value = (index % 7) as i16 - 3;
        }
    }
    let send = SendConfig {
        dtx: true,
        bitrate: 24_000,
        ..SendConfig::default()
    };
    let outcome = shown("DTX", run(&sound, send, &network()));
    let comfort = outcome
        .kinds
        .iter()
        .filter(|kind| **kind == PullKind::Comfort)
        .count();
    assert!(comfort > 300, "{comfort} pulls of comfort noise");
    let before_end = &outcome.kinds[10..SECONDS * 100];
    assert!(
        before_end
            .iter()
            .filter(|kind| **kind == PullKind::Concealed)
            .count()
            <= 6
    );
    assert_eq!(outcome.stats.packets_lost, 0);
    for spurt in [4_300.0, 8_300.0] {
        let delay = delay_between(&outcome, spurt, spurt + 1_600.0);
        assert!(delay < 30.0, "{delay}");
    }
    assert!(slope(&outcome) < 1.1);
}

#[test]
fn a_puller_that_stalls_and_catches_up_changes_nothing() {
    let late = NetworkConfig {
        puller_stalls: vec![(4_000.0, 4_150.0), (7_000.0, 7_060.0)],
        ..network()
    };
    let outcome = shown("late puller", run(&speech(), SendConfig::default(), &late));
    assert_eq!(outcome.stats.packets_discarded, 0);
    assert!(outcome.stats.removed_samples_for_acceleration < 1_500);
    assert!(outcome.stats.inserted_samples_for_deceleration < 1_500);
    let heard = likeness(&outcome, 200, 1_150);
    assert!(heard.good > 0.995, "{heard:?}");
}

#[test]
fn a_network_that_turns_bad_and_good_again_is_followed() {
    let sound = signal::speech(3, 45 * 48_000);
    let sent = encode(&sound, SendConfig::default());
    let mut arrivals = transmit(&sent, 960, &network());
    let worse = transmit(
        &sent,
        960,
        &NetworkConfig {
            jitter_ms: 80.0,
            ..network()
        },
    );
    arrivals.retain(|arrival| !(400..1_000).contains(&arrival.packet));
    arrivals.extend(
        worse
            .into_iter()
            .filter(|arrival| (400..1_000).contains(&arrival.packet)),
    );
    arrivals.sort_by(|left, right| left.at.total_cmp(&right.at));
    let outcome = shown(
        "80 ms jitter from 8 to 20 s",
        receive(
            sound.len(),
            &sent,
            &arrivals,
            SendConfig::default(),
            &network(),
        ),
    );
    let bad = delay_between(&outcome, 12_000.0, 20_000.0);
    assert!(bad > 60.0 && bad < 120.0, "{bad}");
    let concealed = outcome.kinds[1_200..2_000]
        .iter()
        .filter(|kind| **kind != PullKind::Decoded)
        .count();
    assert!(concealed < 24, "{concealed} of 800");
    let good = delay_between(&outcome, 39_000.0, 44_000.0);
    assert!(good < 30.0, "{good}");
    assert!(slope(&outcome) < 1.1);
}
