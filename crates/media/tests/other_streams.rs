//! The stream changes under way: another SSRC, other numbers, other packets.

mod support;

use std::time::Duration;

use lk_media::audio::{AudioPacket, JitterBuffer, JitterConfig, PullKind};
use lk_types::Ssrc;
use support::measure::{likeness, slope};
use support::network::{NetworkConfig, transmit};
use support::opus_decoder::OpusDecoder;
use support::sender::{SendConfig, Sent, encode};
use support::session::{Outcome, receive};
use support::{epoch, signal};

const SECONDS: usize = 8;

fn network() -> NetworkConfig {
    NetworkConfig {
        seed: 6,
        jitter_ms: 4.0,
        ..NetworkConfig::default()
    }
}

/// A recording whose packets from 4 s on are changed.
fn changed(change: impl Fn(&mut Sent)) -> Outcome {
    let sound = signal::speech(4, SECONDS * 48_000);
    let mut sent = encode(&sound, SendConfig::default());
    let arrivals = transmit(&sent, 960, &network());
    sent.iter_mut().skip(200).for_each(change);
    receive(
        sound.len(),
        &sent,
        &arrivals,
        SendConfig::default(),
        &network(),
    )
}

fn goes_on(outcome: &Outcome, within: usize) {
    let from = 404 + within;
    assert!(
        outcome.kinds[from..780]
            .iter()
            .all(|kind| *kind == PullKind::Decoded)
    );
    assert!(slope(outcome) < 1.1, "{}", slope(outcome));
    assert!(
        outcome.stats.packets_discarded <= 3,
        "{}",
        outcome.stats.packets_discarded
    );
    assert_eq!(outcome.stats.packets_lost, 0);
}

#[test]
fn another_ssrc_is_another_stream() {
    let outcome = changed(|sent| {
        sent.ssrc = 8;
        sent.sequence = sent.sequence.wrapping_add(30_000);
        sent.timestamp = sent.timestamp.wrapping_add(3_000_000_000);
    });
    goes_on(&outcome, 6);
}

#[test]
fn timestamps_that_jump_either_way_go_on() {
    for jump in [
        48_000_u32 * 60,
        48_000 * 2,
        48_000 * 600_u32,
        0_u32.wrapping_sub(48_000 * 60),
        0_u32.wrapping_sub(48_000),
    ] {
        let outcome = changed(|sent| sent.timestamp = sent.timestamp.wrapping_add(jump));
        goes_on(&outcome, 8);
    }
}

#[test]
fn sequence_numbers_that_jump_go_on() {
    let outcome = changed(|sent| sent.sequence = sent.sequence.wrapping_add(20_000));
    goes_on(&outcome, 6);
    assert!(likeness(&outcome, 420, 780).good > 0.99);
}

#[test]
fn a_reset_buffer_takes_any_stream() {
    let sent = encode(&signal::speech(4, 48_000), SendConfig::default());
    let mut buffer = JitterBuffer::new(OpusDecoder::new(1), JitterConfig::default());
    let start = epoch();
    let mut out = Vec::new();
    let mut decoded = 0;
    for round in 0..3_u64 {
        for (index, one) in sent.iter().enumerate() {
            let at = start + Duration::from_millis(round * 1_000 + index as u64 * 20);
            buffer.insert(&AudioPacket {
                ssrc: Ssrc(1),
                sequence: one.sequence.wrapping_add(17_000 * round as u16),
                timestamp: one.timestamp.wrapping_sub(900_000 * round as u32),
                arrival: at,
                marker: false,
                payload: &one.payload,
            });
            for half in 0..2 {
                let pulled = buffer.pull_into(at + Duration::from_millis(half * 10), &mut out);
                decoded += usize::from(pulled.kind == PullKind::Decoded);
            }
        }
        buffer.reset();
        assert_eq!(buffer.queued(), (0, 0));
    }
    assert!(decoded > 270, "{decoded} of 300");
}

#[test]
fn a_puller_that_slept_hears_the_newest_sound_and_nothing_of_before() {
    let sent = encode(
        &signal::tone(440.0, 8_000.0, 6 * 48_000),
        SendConfig::default(),
    );
    let mut buffer = JitterBuffer::new(OpusDecoder::new(1), JitterConfig::default());
    let start = epoch();
    let mut out = Vec::new();
    for (index, one) in sent.iter().enumerate() {
        let at = start + Duration::from_millis(index as u64 * 20);
        let asleep = (100..200).contains(&index);
        if index == 200 {
            assert_eq!(buffer.queued().0, 100);
            // Nothing queued at first: only what comes after the reset can be heard.
            buffer.reset();
            let pulled = buffer.pull_into(at, &mut out);
            assert_eq!(pulled.kind, PullKind::Silence);
            assert!(out.iter().all(|value| *value == 0));
        }
        buffer.insert(&AudioPacket {
            ssrc: Ssrc(1),
            sequence: one.sequence,
            timestamp: one.timestamp,
            arrival: at,
            marker: false,
            payload: &one.payload,
        });
        if asleep {
            continue;
        }
        for half in 0..2 {
            buffer.pull_into(at + Duration::from_millis(half * 10), &mut out);
        }
    }
    let next = buffer.playout_timestamp().unwrap();
    let newest = sent.last().unwrap().timestamp;
    assert!(newest.wrapping_sub(next) as i32 / 48 < 40);
}

#[test]
fn a_stream_that_ends_becomes_idle_and_wakes() {
    let sound = signal::speech(4, 48_000);
    let sent = encode(&sound, SendConfig::default());
    let mut buffer = JitterBuffer::new(OpusDecoder::new(1), JitterConfig::default());
    let start = epoch();
    let mut out = Vec::new();
    assert!(buffer.is_idle(start));
    assert!(buffer.pull_into(start, &mut out).idle);
    let insert = |buffer: &mut JitterBuffer<OpusDecoder>, index: usize, at| {
        buffer.insert(&AudioPacket {
            ssrc: Ssrc(1),
            sequence: sent[index].sequence,
            timestamp: sent[index].timestamp,
            arrival: at,
            marker: false,
            payload: &sent[index].payload,
        });
    };
    for index in 0..10 {
        insert(
            &mut buffer,
            index,
            start + Duration::from_millis(index as u64 * 20),
        );
    }
    let mut idle_from = None;
    for pull in 0..300_u64 {
        let pulled = buffer.pull_into(start + Duration::from_millis(190 + pull * 10), &mut out);
        if pulled.idle && idle_from.is_none() {
            idle_from = Some(pull * 10);
        }
        assert!(idle_from.is_none() || pulled.idle);
    }
    assert!(
        idle_from.is_some_and(|ms| (900..1_200).contains(&ms)),
        "{idle_from:?}"
    );

    // After a minute of sleep the next packet plays within two packets' time.
    let later = start + Duration::from_secs(60);
    for index in 10..20 {
        let at = later + Duration::from_millis((index as u64 - 10) * 20);
        insert(&mut buffer, index, at);
        assert!(!buffer.is_idle(at));
        let first = buffer.pull_into(at, &mut out);
        let second = buffer.pull_into(at + Duration::from_millis(10), &mut out);
        if index >= 12 {
            assert_eq!(
                (first.kind, second.kind),
                (PullKind::Decoded, PullKind::Decoded),
                "packet {index}"
            );
        }
    }
}

#[test]
fn a_marker_on_every_packet_means_nothing() {
    // As pion's packetiser sets it: one packet is a whole frame.
    let sound = signal::speech(4, SECONDS * 48_000);
    let send = SendConfig {
        fec: true,
        bitrate: 32_000,
        ..SendConfig::default()
    };
    let lossy = NetworkConfig {
        loss: 0.1,
        ..network()
    };
    let mut sent = encode(&sound, send);
    let arrivals = transmit(&sent, 960, &lossy);
    let without = receive(sound.len(), &sent, &arrivals, send, &lossy);
    sent.iter_mut().for_each(|sent| sent.marker = true);
    let with = receive(sound.len(), &sent, &arrivals, send, &lossy);
    assert!(without.stats.fec_recovered > 20);
    assert_eq!(with.stats.fec_recovered, without.stats.fec_recovered);
}

#[test]
fn a_delay_that_is_asked_for_is_kept() {
    let sent = encode(&signal::speech(4, 6 * 48_000), SendConfig::default());
    let mut buffer = JitterBuffer::new(OpusDecoder::new(1), JitterConfig::default());
    let start = epoch();
    let mut out = Vec::new();
    let mut late = Vec::new();
    for (index, one) in sent.iter().enumerate() {
        let at = start + Duration::from_millis(index as u64 * 20);
        if index == 100 {
            buffer.set_min_delay(Duration::from_millis(150));
        }
        buffer.insert(&AudioPacket {
            ssrc: Ssrc(1),
            sequence: one.sequence,
            timestamp: one.timestamp,
            arrival: at,
            marker: false,
            payload: &one.payload,
        });
        for half in 0..2 {
            buffer.pull_into(at + Duration::from_millis(half * 10), &mut out);
        }
        let next = buffer.playout_timestamp().unwrap_or(one.timestamp);
        late.push(one.timestamp.wrapping_add(960).wrapping_sub(next) as i32 / 48);
    }
    assert!(late[99] < 40, "{}", late[99]);
    assert!((140..180).contains(&late[280]), "{}", late[280]);
    assert!(buffer.stats().inserted_samples_for_deceleration > 4_000);
    assert!(buffer.stats().jitter_buffer_target_delay > buffer.stats().jitter_buffer_minimum_delay);
}
