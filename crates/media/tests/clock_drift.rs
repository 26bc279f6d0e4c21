//! A sender whose clock is not ours.

mod support;

use support::measure::{likeness, quantile, report, slope};
use support::network::{NetworkConfig, transmit};
use support::sender::{SendConfig, Sent, encode};
use support::session::receive;
use support::signal;

fn ten_minutes_at(drift_ppm: f64, jitter_ms: f64, loss: f64, red: usize) {
    // A minute of whole periods, ten times over.
    let minute = signal::tone(440.0, 8_000.0, 60 * 48_000);
    let send = SendConfig {
        red,
        ..SendConfig::default()
    };
    let once = encode(&minute, send);
    let sent: Vec<Sent> = (0..10)
        .flat_map(|round| {
            once.iter().cloned().map(move |mut packet| {
                packet.frame += round * 60 * 48_000;
                packet.timestamp = packet.timestamp.wrapping_add(round as u32 * 60 * 48_000);
                packet.sequence = packet.sequence.wrapping_add(round as u16 * 3_000);
                packet
            })
        })
        .collect();
    let network = NetworkConfig {
        seed: 9,
        jitter_ms,
        drift_ppm,
        loss,
        ..NetworkConfig::default()
    };
    let arrivals = transmit(&sent, send.packet, &network);
    let outcome = receive(10 * minute.len(), &sent, &arrivals, send, &network);
    let heard = likeness(&outcome, 57_000, 58_500);
    report(&format!("{drift_ppm:+} ppm, 10 min"), &outcome, heard);

    let stats = outcome.stats;
    let net = stats.removed_samples_for_acceleration as f64
        - stats.inserted_samples_for_deceleration as f64;
    // 200 ppm of 600 s are 120 ms; the start may add some.
    let drifted = drift_ppm * 1e-6 * 600.0 * 48_000.0;
    if loss == 0.0 {
        assert!((net - drifted).abs() < 3_000.0, "{net} against {drifted}");
    }
    let worst = if red > 0 { 100.0 } else { 60.0 };
    for minute in 0..9 {
        let delays = outcome.delays_between(
            f64::from(minute) * 6e4 + 3e3,
            f64::from(minute) * 6e4 + 6.3e4,
        );
        let (least, highest) = (
            quantile(&delays, 0.01) - 40.0,
            quantile(&delays, 0.99) - 40.0,
        );
        assert!(
            least > 5.0 && highest < worst,
            "minute {minute}: {least} to {highest}"
        );
    }
    assert!(slope(&outcome) < 1.1, "{}", slope(&outcome));
    assert!(heard.good > 0.95, "{heard:?}");
}

#[test]
fn a_fast_sender_does_not_fill_the_buffer() {
    ten_minutes_at(200.0, 30.0, 0.0, 0);
}

#[test]
fn a_slow_sender_does_not_drain_it() {
    ten_minutes_at(-200.0, 30.0, 0.0, 0);
}

#[test]
fn drift_under_loss_with_redundancy_stays_bounded() {
    ten_minutes_at(200.0, 30.0, 0.1, 1);
}
