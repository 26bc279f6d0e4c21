//! Audio as it goes on the wire: Opus and RED payloads, levels, counters.

mod common;

use common::{Call, Line, OPUS, PATIENCE, RED, SIDES, Session, other};
use lk_engine::{AudioLevel, Event, MAX_PAYLOAD, OutgoingRtp, SendError};
use lk_testkit::{Link, Side};
use lk_types::{Pt, Ssrc};

fn call(link: Link) -> Call {
    Call::connected(Session::new(vec![Line::audio("0", 100, 200)]), link)
}

fn ssrc(side: Side) -> u32 {
    match side {
        Side::A => 100,
        Side::B => 200,
    }
}

#[test]
fn every_packet_arrives_as_it_was_sent() {
    let mut call = call(Link::clean());
    for number in 0..100 {
        for side in SIDES {
            call.send_audio(side, ssrc(side), number, &number.to_be_bytes())
                .expect("sent");
        }
        call.run(20);
    }
    call.run(100);
    for side in SIDES {
        let got = call.rtp(side);
        assert_eq!(got.len(), 100);
        for (number, packet) in (0_u64..).zip(got) {
            assert_eq!(packet.ssrc, Ssrc(ssrc(other(side))));
            assert_eq!(packet.mid.as_str(), "0");
            assert_eq!(packet.pt, OPUS);
            assert_eq!(packet.sequence_number, number);
            assert_eq!(u64::from(packet.timestamp), number * 960);
            assert_eq!(packet.marker, number == 0);
            assert_eq!(&packet.payload[..], number.to_be_bytes());
        }
    }
}

#[test]
fn either_side_may_be_the_dtls_client() {
    let mut session = Session::new(vec![Line::audio("0", 100, 200)]);
    session.a_is_client = true;
    let mut call = Call::connected(session, Link::clean());
    call.send_audio(Side::A, 100, 0, b"hello").expect("sent");
    call.run(100);
    assert_eq!(call.rtp(Side::B).len(), 1);
}

#[test]
fn sequence_numbers_go_on_beyond_sixteen_bits() {
    let mut call = call(Link::clean());
    for number in 65_500..65_600 {
        call.send_audio(Side::A, 100, number, b"x").expect("sent");
        call.run(20);
    }
    call.run(100);
    assert_eq!(
        call.numbers(Side::B, 100),
        (65_500..65_600).collect::<Vec<_>>()
    );
}

#[test]
fn level_and_red_pass_raw() {
    let mut call = call(Link::clean());
    let payload = [0x80 | 111, 0, 0, 2, 111, 9, 9, 1, 2, 3];
    call.with(Side::A, |engine, now| {
        engine.send_rtp(
            &OutgoingRtp {
                ssrc: Ssrc(100),
                pt: RED,
                sequence_number: 0,
                timestamp: 0,
                marker: false,
                rotation: None,
                dependency_descriptor: None,
                captured: now,
                audio_level: Some(AudioLevel {
                    level: 37,
                    voice: true,
                }),
                nackable: false,
                payload: &payload,
            },
            now,
        )
    })
    .expect("sent");
    call.run(100);
    let got = call.rtp(Side::B);
    let packet = got.first().expect("a packet");
    assert_eq!(packet.pt, RED);
    assert_eq!(&packet.payload[..], payload);
    assert_eq!(
        packet.audio_level,
        Some(AudioLevel {
            level: 37,
            voice: true
        })
    );
}

#[test]
fn loss_is_counted_and_reported_back() {
    let mut call = call(Link::clean());
    call.pair.set_links(Link::lossy(0.1));
    for number in 0..1500 {
        call.send_audio(Side::A, 100, number, &[0; 80])
            .expect("sent");
        call.run(20);
    }
    call.run(1000);
    let stats = call.engine(Side::B).stats();
    let inbound = stats
        .inbound
        .iter()
        .find(|inbound| inbound.ssrc == Ssrc(100))
        .expect("figures");
    let got = call.numbers(Side::B, 100).len() as u64;
    assert_eq!(inbound.packets_received, got);
    assert_eq!(inbound.bytes_received, got * 80);
    assert!(
        (80..250).contains(&inbound.packets_lost),
        "{}",
        inbound.packets_lost
    );
    let reports: Vec<f32> = call
        .pair
        .events(Side::A)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::ReceiverReport {
                ssrc: Ssrc(100),
                fraction_lost,
                ..
            } => Some(*fraction_lost),
            _ => None,
        })
        .collect();
    assert!(reports.len() >= 2, "{reports:?}");
    assert!(
        reports.iter().any(|lost| (0.02..0.3).contains(lost)),
        "{reports:?}"
    );
    assert!(
        call.pair
            .events(Side::B)
            .iter()
            .any(|(_, event)| matches!(event, Event::SenderReport(report)
        if report.ssrc == Ssrc(100) && report.packets > 0))
    );
}

#[test]
fn jitter_is_what_the_network_adds() {
    let mut link = Link::clean();
    link.jitter = std::time::Duration::from_millis(18);
    let mut call = call(link);
    for number in 0..500 {
        call.send_audio(Side::A, 100, number, b"x").expect("sent");
        call.run(20);
    }
    let stats = call.engine(Side::B).stats();
    let jitter = stats.inbound.first().expect("figures").jitter;
    // Differences of two evenly spread delays are 6 ms on average.
    assert!((0.003..0.010).contains(&jitter), "{jitter}");
}

#[test]
fn what_cannot_be_sent_is_an_error() {
    let mut call = call(Link::clean());
    let big = vec![0; MAX_PAYLOAD + 1];
    assert_eq!(
        call.send_audio(Side::A, 100, 0, &big),
        Err(SendError::TooLarge {
            size: MAX_PAYLOAD + 1,
            limit: MAX_PAYLOAD
        })
    );
    assert_eq!(
        call.send_audio(Side::A, 999, 0, b"x"),
        Err(SendError::UnknownSsrc(Ssrc(999)))
    );
    let wrong = call.with(Side::A, |engine, now| {
        engine.send_rtp(
            &OutgoingRtp {
                ssrc: Ssrc(100),
                pt: Pt(96),
                sequence_number: 0,
                timestamp: 0,
                marker: false,
                rotation: None,
                dependency_descriptor: None,
                captured: now,
                audio_level: None,
                nackable: false,
                payload: b"x",
            },
            now,
        )
    });
    assert_eq!(wrong, Err(SendError::UnknownPayloadType(Pt(96))));
    call.send_audio(Side::A, 100, 0, &vec![7; MAX_PAYLOAD])
        .expect("the largest payload");
    call.run(100);
    assert_eq!(
        call.rtp(Side::B).first().expect("a packet").payload.len(),
        MAX_PAYLOAD
    );
}

#[test]
fn nothing_is_sent_before_there_are_keys() {
    let mut call = Call::started(
        Session::new(vec![Line::audio("0", 100, 200)]),
        Link::clean(),
    );
    assert_eq!(
        call.send_audio(Side::A, 100, 0, b"x"),
        Err(SendError::NotConnected)
    );
    call.await_connected();
    call.send_audio(Side::A, 100, 1, b"x").expect("sent");
    assert!(call.pair.run_until(PATIENCE, |pair| {
        pair.events(Side::B)
            .iter()
            .any(|(_, event)| matches!(event, Event::Rtp(packet) if packet.sequence_number == 1))
    }));
}
