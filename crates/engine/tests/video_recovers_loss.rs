//! Video: retransmission, key frame requests, simulcast layers, bandwidth and limits both ways.

mod common;

use std::time::Duration;

use common::{Call, Line, Session, VP8, source};
use lk_engine::{Arrival, Event, KeyframeKind};
use lk_testkit::{Link, Side};
use lk_types::{Rid, Ssrc};

fn call(link: Link) -> Call {
    Call::connected(Session::new(vec![Line::video("v", 1000)]), link)
}

#[test]
fn lost_packets_are_sent_again() {
    let mut call = call(Link::clean());
    call.with(Side::A, |engine, now| engine.set_bitrate(1_000_000, now));
    call.pair.network_from(Side::A).loss = 0.05;
    for number in 0..2000 {
        call.send_video(Side::A, 1000, number, 300).expect("sent");
        call.run(10);
    }
    call.run(2000);
    let got = call.numbers(Side::B, 1000);
    assert!(got.len() >= 1995, "{} of 2000", got.len());
    assert!(
        got.windows(2).all(|pair| pair[0] < pair[1]),
        "a packet was delivered twice"
    );
    for packet in call.rtp(Side::B) {
        assert_eq!(packet.pt, VP8);
        assert_eq!(packet.ssrc, Ssrc(1000));
        assert_eq!(packet.payload.len(), 300);
    }
    let sent = call.engine(Side::A).stats();
    let outbound = sent.outbound.first().expect("figures");
    assert!(
        outbound.nacks > 0 && outbound.retransmitted_packets_sent > 0,
        "{outbound:?}"
    );
    let received = call.engine(Side::B).stats();
    let inbound = received.inbound.first().expect("figures");
    assert!(inbound.nacks > 0, "{inbound:?}");
    assert!(inbound.packets_lost <= 5, "{inbound:?}");
}

#[test]
fn what_comes_again_behind_hundreds_of_packets_is_given_too() {
    let mut call = call(Link {
        delay: Duration::from_millis(100),
        ..Link::clean()
    });
    call.with(Side::A, |engine, now| engine.set_bitrate(8_000_000, now));
    call.pair.network_from(Side::A).loss = 0.2;
    for number in 0..1000 {
        call.send_video(Side::A, 1000, number, 300).expect("sent");
        call.run(1);
    }
    call.run(3000);
    let got = call.numbers(Side::B, 1000);
    assert!(got.len() >= 990, "{} of 1000", got.len());
    assert!(
        got.windows(2).all(|pair| pair[0] < pair[1]),
        "a packet was delivered twice"
    );
    for packet in call.rtp(Side::B) {
        assert_eq!(packet.pt, VP8);
        assert_eq!(packet.payload.len(), 300);
        let content = packet.sequence_number.to_le_bytes()[0];
        assert!(packet.payload.iter().all(|byte| *byte == content));
    }
}

#[test]
fn what_only_measures_the_path_is_told_with_its_size() {
    let mut call = call(Link::clean());
    // Little is sent of what could be: the rest of a probe is filled up.
    call.with(Side::A, |engine, now| engine.set_bitrate(3_000_000, now));
    for number in 0..500 {
        call.send_video(Side::A, 1000, number, 300).expect("sent");
        call.run(10);
    }
    call.run(200);
    let (mut media, mut arrivals) = (0, Vec::new());
    for (_, event) in call.pair.take_events(Side::B) {
        match event {
            Event::Rtp(packet) => media += packet.payload.len(),
            Event::Arrival(arrival) => arrivals.push(arrival),
            _ => {}
        }
    }
    assert_eq!(media, 500 * 300);
    let wire: usize = arrivals.iter().map(|arrival| arrival.bytes).sum();
    // Headers, extensions and authentication are 40 bytes of each.
    let filling = wire - arrivals.len() * 40;
    assert!(filling > media * 11 / 10, "{filling} of {media}");
    assert!(arrivals.windows(2).all(|pair| {
        let apart =
            |late: &Arrival, early: &Arrival| late.sent.saturating_duration_since(early.sent);
        apart(&pair[1], &pair[0]) < Duration::from_millis(50)
    }));
}

#[test]
fn key_frames_are_asked_for_and_the_asking_is_seen() {
    let mut call = call(Link::clean());
    for number in 0..10 {
        call.send_video(Side::A, 1000, number, 100).expect("sent");
        call.run(20);
    }
    for kind in [KeyframeKind::Pli, KeyframeKind::Fir] {
        call.with(Side::B, |engine, now| {
            engine.request_keyframe(Ssrc(1000), kind, now)
        });
        call.run(200);
        assert!(call.pair.take_events(Side::A).iter().any(|(_, event)| matches!(event,
            Event::KeyframeRequest { ssrc: Ssrc(1000), rid: None, kind: seen, .. } if *seen == kind)));
    }
    call.with(Side::B, |engine, now| {
        engine.request_keyframe(Ssrc(77), KeyframeKind::Pli, now)
    });
    call.run(1200);
    let stats = call.engine(Side::B).stats();
    let inbound = stats.inbound.first().expect("figures");
    assert_eq!((inbound.plis, inbound.firs), (1, 1));
}

#[test]
fn layers_arrive_apart_without_being_announced() {
    let mut line = Line::video("v", 1000);
    line.announced = false;
    line.a_sends = vec![
        source(1000, Some(1001), Some("q")),
        source(1010, Some(1011), Some("h")),
        source(1020, Some(1021), Some("f")),
    ];
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    assert_eq!(
        call.engine(Side::A).stats().outbound.len(),
        3,
        "no source was made up"
    );
    for number in 0..20 {
        for ssrc in [1000, 1010, 1020] {
            call.send_video(Side::A, ssrc, number, 200).expect("sent");
        }
        call.run(30);
    }
    call.run(300);
    for (ssrc, rid) in [(1000, "q"), (1010, "h"), (1020, "f")] {
        assert_eq!(call.numbers(Side::B, ssrc).len(), 20, "{rid}");
        assert!(
            call.rtp(Side::B)
                .iter()
                .filter(|packet| packet.ssrc == Ssrc(ssrc))
                .all(|packet| packet.rid == Some(Rid::new(rid)) && packet.mid.as_str() == "v")
        );
    }
    call.with(Side::B, |engine, now| {
        engine.request_keyframe(Ssrc(1010), KeyframeKind::Pli, now)
    });
    call.run(200);
    assert!(
        call.pair
            .events(Side::A)
            .iter()
            .any(|(_, event)| matches!(event,
        Event::KeyframeRequest { ssrc: Ssrc(1010), rid: Some(rid), .. } if rid.as_str() == "h"))
    );
}

#[test]
fn a_source_nobody_announced_is_told_by_its_m_line() {
    let mut line = Line::audio("a", 100, 200);
    line.announced = false;
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    for number in 0..10 {
        call.send_audio(Side::A, 100, number, b"x").expect("sent");
        call.run(20);
    }
    call.run(100);
    assert_eq!(call.numbers(Side::B, 100).len(), 10);
    assert!(
        call.rtp(Side::B)
            .iter()
            .all(|packet| packet.mid.as_str() == "a")
    );
}

#[test]
fn a_limit_by_remb_reaches_the_sender() {
    let mut call = call(Link::clean());
    for number in 0..20 {
        call.send_video(Side::A, 1000, number, 100).expect("sent");
        call.run(20);
    }
    call.with(Side::B, |engine, now| {
        engine.send_remb(750_000, &[Ssrc(1000)], now)
    });
    call.run(200);
    let limits: Vec<u64> = call
        .pair
        .events(Side::A)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Remb { mid, bitrate } if mid.as_str() == "v" => Some(*bitrate),
            _ => None,
        })
        .collect();
    assert_eq!(limits.len(), 1);
    assert!((740_000..=750_000).contains(&limits[0]), "{limits:?}");
}

#[test]
fn the_estimate_rises_on_a_clean_path_and_falls_on_a_narrow_one() {
    let mut call = call(Link::clean());
    call.with(Side::A, |engine, now| engine.set_bitrate(2_500_000, now));
    let mut number = 0;
    let mut send = |call: &mut Call, seconds: u64| {
        // 100 packets a second of 1,000 bytes: 800 kbit/s.
        for _ in 0..seconds * 100 {
            call.send_video(Side::A, 1000, number, 1000).expect("sent");
            number += 1;
            call.run(10);
        }
        call.pair
            .take_events(Side::A)
            .into_iter()
            .filter_map(|(_, event)| match event {
                Event::Bandwidth { bitrate, .. } => Some(bitrate),
                _ => None,
            })
            .next_back()
    };
    let risen = send(&mut call, 15).expect("an estimate");
    assert!(risen > 900_000, "{risen}");
    let mut narrow = Link::clean();
    narrow.rate = Some(400_000);
    narrow.queue = Duration::from_millis(300);
    *call.pair.network_from(Side::A) = narrow;
    let fallen = send(&mut call, 15).expect("an estimate");
    assert!(fallen < 600_000, "{fallen}");
}
