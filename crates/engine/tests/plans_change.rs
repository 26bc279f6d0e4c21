//! One plan after another: nothing, more, less, and something else in the same place.

mod common;

use common::{Call, Line, OPUS, Session, codec, source};
use lk_engine::{ApplyError, SendError};
use lk_testkit::{Link, Side};
use lk_types::{Codec, Direction, MediaKind, Mid, Pt, Ssrc};

fn audio() -> Line {
    Line::audio("0", 100, 200)
}

fn send(call: &mut Call, side: Side, ssrc: u32, numbers: std::ops::Range<u64>) {
    for number in numbers {
        call.send_audio(side, ssrc, number, b"x").expect("sent");
        call.run(20);
    }
    call.run(100);
}

fn outbound(call: &Call, side: Side) -> Vec<u32> {
    let mut ssrcs: Vec<u32> = call
        .engine(side)
        .stats()
        .outbound
        .iter()
        .map(|outbound| outbound.ssrc.0)
        .collect();
    ssrcs.sort_unstable();
    ssrcs
}

#[test]
fn the_same_plan_again_changes_nothing() {
    let mut call = Call::connected(
        Session::new(vec![audio(), Line::video("v", 1000)]),
        Link::clean(),
    );
    for round in 0..5 {
        let before = call.ice_states(Side::A).len();
        call.apply();
        send(&mut call, Side::A, 100, round * 10..round * 10 + 10);
        assert_eq!(call.ice_states(Side::A).len(), before);
        assert_eq!(outbound(&call, Side::A), [100, 1000]);
    }
    assert_eq!(call.numbers(Side::B, 100).len(), 50);
}

#[test]
fn a_plan_that_differs_elsewhere_leaves_streams_alone() {
    let mut call = Call::connected(Session::new(vec![audio()]), Link::clean());
    for (mid, ssrc, numbers) in [
        ("v1", 1000, 0..10),
        ("v2", 2000, 10..20),
        ("v3", 3000, 20..30),
    ] {
        call.session.lines.push(Line::video(mid, ssrc));
        call.apply();
        send(&mut call, Side::A, 100, numbers);
    }
    assert_eq!(call.numbers(Side::B, 100), (0..30).collect::<Vec<_>>());
    for number in 0..10 {
        for ssrc in [1000, 2000, 3000] {
            call.send_video(Side::A, ssrc, number, 100).expect("sent");
        }
        call.run(30);
    }
    call.run(500);
    for ssrc in [1000, 2000, 3000] {
        assert_eq!(call.numbers(Side::B, ssrc).len(), 10);
    }
}

#[test]
fn the_application_line_may_stand_alone_at_first() {
    let mut call = Call::connected(Session::new(Vec::new()), Link::clean());
    call.session.lines.push(audio());
    call.apply();
    send(&mut call, Side::A, 100, 0..5);
    assert_eq!(call.numbers(Side::B, 100).len(), 5);
}

#[test]
fn a_sender_that_has_no_sources_gets_none_made_up() {
    let mut line = audio();
    line.a_sends.clear();
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    assert!(outbound(&call, Side::A).is_empty());
    call.session.lines[0].a_sends = vec![source(100, None, None)];
    call.apply();
    send(&mut call, Side::A, 100, 0..5);
    let got = call.rtp(Side::B);
    assert!(
        got.iter().all(|packet| packet.ssrc == Ssrc(100)),
        "packets of a source nobody declared"
    );
    assert_eq!(got.len(), 5);
}

#[test]
fn a_paused_line_refuses_packets_and_goes_on_where_it_was() {
    let mut call = Call::connected(Session::new(vec![audio()]), Link::clean());
    send(&mut call, Side::A, 100, 0..5);
    call.session.lines[0].direction = Direction::Inactive;
    call.apply();
    assert_eq!(
        call.send_audio(Side::A, 100, 5, b"x"),
        Err(SendError::UnknownSsrc(Ssrc(100)))
    );
    call.session.lines[0].direction = Direction::SendRecv;
    call.apply();
    send(&mut call, Side::A, 100, 5..10);
    send(&mut call, Side::B, 200, 0..5);
    assert_eq!(call.numbers(Side::B, 100), (0..10).collect::<Vec<_>>());
    assert_eq!(call.numbers(Side::A, 200).len(), 5);
}

#[test]
fn a_freed_slot_comes_back_with_another_source() {
    let mut call = Call::connected(Session::new(vec![audio()]), Link::clean());
    for round in 0..4_u32 {
        let ssrc = 5000 + round;
        call.session.lines[0].direction = Direction::RecvOnly;
        call.session.lines[0].b_sends = vec![source(ssrc, None, None)];
        call.apply();
        send(&mut call, Side::B, ssrc, 0..10);
        assert_eq!(call.numbers(Side::A, ssrc).len(), 10, "round {round}");
        call.session.lines[0].direction = Direction::Inactive;
        call.apply();
        call.run(100);
        assert!(call.engine(Side::A).stats().inbound.is_empty());
    }
}

#[test]
fn a_rejected_slot_is_recycled_with_another_mid_and_kind() {
    let mut call = Call::connected(
        Session::new(vec![audio(), Line::video("v", 1000)]),
        Link::clean(),
    );
    call.session.lines[0].rejected = true;
    call.apply();
    call.run(100);
    call.session.lines[0] = Line::video("new", 4000);
    call.apply();
    for number in 0..10 {
        call.send_video(Side::A, 4000, number, 100).expect("sent");
        call.send_video(Side::A, 1000, number, 100).expect("sent");
        call.run(30);
    }
    call.run(300);
    assert_eq!(call.numbers(Side::B, 4000).len(), 10);
    assert_eq!(call.numbers(Side::B, 1000).len(), 10);
    assert_eq!(outbound(&call, Side::A), [1000, 4000]);
}

#[test]
fn a_slot_recycled_in_one_step_works() {
    let mut call = Call::connected(Session::new(vec![audio()]), Link::clean());
    send(&mut call, Side::A, 100, 0..3);
    call.session.lines[0] = Line::audio("fresh", 300, 400);
    call.apply();
    send(&mut call, Side::A, 300, 0..3);
    assert_eq!(call.numbers(Side::B, 300).len(), 3);
    assert!(
        call.rtp(Side::B)
            .iter()
            .any(|packet| packet.mid == Mid::new("fresh"))
    );
}

#[test]
fn a_known_line_learns_a_format_it_did_not_have() {
    let mut line = Line::video("v", 1000);
    line.codecs = vec![codec(Pt(96), Codec::Vp8, Some(Pt(97)))];
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    let mut h264 = codec(Pt(35), Codec::H264, Some(Pt(36)));
    h264.remote_fmtp = [("packetization-mode", "1"), ("profile-level-id", "42e01f")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    call.session.lines[0].codecs.push(h264);
    call.apply();
    call.with(Side::A, |engine, now| {
        engine.send_rtp(
            &lk_engine::OutgoingRtp {
                ssrc: Ssrc(1000),
                pt: Pt(35),
                sequence_number: 0,
                timestamp: 0,
                marker: true,
                rotation: None,
                dependency_descriptor: None,
                captured: now,
                audio_level: None,
                nackable: true,
                payload: b"h264",
            },
            now,
        )
    })
    .expect("sent");
    call.run(200);
    assert_eq!(
        call.rtp(Side::B).first().map(|packet| packet.pt),
        Some(Pt(35))
    );
}

#[test]
fn red_is_learned_even_where_the_first_line_had_none() {
    let mut line = audio();
    line.codecs = vec![codec(OPUS, Codec::Opus, None)];
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    call.session.lines.push(Line::audio("red", 300, 400));
    call.apply();
    call.with(Side::A, |engine, now| {
        engine.send_rtp(
            &lk_engine::OutgoingRtp {
                ssrc: Ssrc(300),
                pt: common::RED,
                sequence_number: 0,
                timestamp: 0,
                marker: true,
                rotation: None,
                dependency_descriptor: None,
                captured: now,
                audio_level: None,
                nackable: false,
                payload: b"\x6fred",
            },
            now,
        )
    })
    .expect("sent");
    call.run(200);
    assert_eq!(
        call.rtp(Side::B).first().map(|packet| packet.pt),
        Some(common::RED)
    );
}

#[test]
fn many_lines_come_and_go() {
    let mut call = Call::connected(Session::new(vec![audio()]), Link::clean());
    let mids = ["1", "2", "3", "4", "5", "6", "7", "8"];
    for (mid, ssrc) in mids.into_iter().zip((1000_u32..).step_by(10)) {
        call.session.lines.push(if ssrc % 20 == 0 {
            Line::video(mid, ssrc)
        } else {
            Line::audio(mid, ssrc, ssrc + 5)
        });
        call.apply();
        call.run(50);
    }
    for line in &mut call.session.lines[1..] {
        line.rejected = true;
    }
    call.apply();
    call.run(500);
    assert_eq!(outbound(&call, Side::A), [100]);
    send(&mut call, Side::A, 100, 0..10);
    assert_eq!(call.numbers(Side::B, 100).len(), 10);
}

#[test]
fn plans_that_cannot_work_are_refused_and_harm_nothing() {
    let mut call = Call::connected(
        Session::new(vec![audio(), Line::video("v", 1000)]),
        Link::clean(),
    );
    let good = call
        .session
        .plan(Side::A, &call.engine(Side::B).fingerprint().clone());
    let refused = |call: &mut Call, change: &dyn Fn(&mut lk_jsep::plan::Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        call.with(Side::A, |engine, now| engine.apply(&plan, now))
            .expect_err("a refusal")
    };
    assert!(matches!(
        refused(&mut call, &|plan| plan.media[1].codecs[0].pt = OPUS),
        ApplyError::PayloadType { pt: OPUS, .. }
    ));
    assert!(matches!(
        refused(&mut call, &|plan| plan.media[1].codecs[0].pt = Pt(200)),
        ApplyError::PayloadType { .. }
    ));
    assert!(matches!(
        refused(&mut call, &|plan| plan.media[1].send[0].ssrc =
            Some(Ssrc(100))),
        ApplyError::Ssrc(Ssrc(100))
    ));
    assert!(matches!(
        refused(&mut call, &|plan| plan.media[1].mid = Mid::new("0")),
        ApplyError::Mid(_)
    ));
    assert!(matches!(
        refused(&mut call, &|plan| plan.media[1].mid =
            Mid::new("a name that is far too long")),
        ApplyError::Mid(_)
    ));
    assert!(matches!(
        refused(&mut call, &|plan| plan.remote_fingerprint.value =
            "zz".to_owned()),
        ApplyError::Description(_)
    ));
    assert!(matches!(
        refused(&mut call, &|plan| plan.media[1].index = 9),
        ApplyError::Description(_)
    ));
    assert!(matches!(
        refused(&mut call, &|plan| {
            plan.media.clear();
            plan.data = None;
        }),
        ApplyError::Empty
    ));
    send(&mut call, Side::A, 100, 0..5);
    assert_eq!(call.numbers(Side::B, 100).len(), 5);
}

#[test]
fn every_codec_of_ours_can_be_negotiated() {
    let fmtp = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let mut line = Line::video("v", 1000);
    let mut push = |pt: u8, kind, parameters: &[(&str, &str)]| {
        let mut codec = codec(Pt(pt), kind, Some(Pt(pt + 1)));
        codec.remote_fmtp = fmtp(parameters);
        line.codecs.push(codec);
    };
    push(98, Codec::Vp9, &[("profile-id", "0")]);
    push(100, Codec::Vp9, &[("profile-id", "2")]);
    push(
        45,
        Codec::Av1,
        &[("level-idx", "5"), ("profile", "0"), ("tier", "0")],
    );
    push(
        39,
        Codec::H265,
        &[
            ("level-id", "180"),
            ("profile-id", "1"),
            ("tier-flag", "0"),
            ("tx-mode", "SRST"),
        ],
    );
    for (pt, mode, profile) in [
        (102, "1", "42001f"),
        (104, "0", "42001f"),
        (106, "1", "42e01f"),
        (108, "0", "42e01f"),
        (114, "1", "4d001f"),
        (116, "0", "4d001f"),
        (118, "1", "64001f"),
    ] {
        push(
            pt,
            Codec::H264,
            &[
                ("level-asymmetry-allowed", "1"),
                ("packetization-mode", mode),
                ("profile-level-id", profile),
            ],
        );
    }
    assert_eq!(line.kind, MediaKind::Video);
    let pts: Vec<Pt> = line.codecs.iter().map(|codec| codec.pt).collect();
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    for (number, pt) in (0_u64..).zip(&pts) {
        call.with(Side::A, |engine, now| {
            engine.send_rtp(
                &lk_engine::OutgoingRtp {
                    ssrc: Ssrc(1000),
                    pt: *pt,
                    sequence_number: number,
                    timestamp: 0,
                    marker: true,
                    rotation: None,
                    dependency_descriptor: None,
                    captured: now,
                    audio_level: None,
                    nackable: true,
                    payload: b"frame",
                },
                now,
            )
        })
        .unwrap_or_else(|error| panic!("{error}"));
        call.run(30);
    }
    call.run(200);
    let got: Vec<Pt> = call.rtp(Side::B).iter().map(|packet| packet.pt).collect();
    assert_eq!(got, pts);
}
