//! Data channels: opening, order, limits, accounting, closing.

mod common;

use std::time::Duration;

use common::{Call, Line, PATIENCE, SIDES, Session, other};
use lk_engine::{ChannelError, ChannelInit, ChannelKey, ChannelState, Event};
use lk_testkit::{Link, Rng, Side};

fn session() -> Session {
    Session::new(vec![Line::audio("0", 100, 200)])
}

fn negotiated(label: &str, id: u16) -> ChannelInit {
    ChannelInit {
        negotiated: Some(id),
        ..ChannelInit::reliable(label)
    }
}

fn lossy(label: &str) -> ChannelInit {
    ChannelInit {
        ordered: false,
        max_retransmits: Some(0),
        ..ChannelInit::reliable(label)
    }
}

/// A call with an in-band channel of A's; its key on both sides.
fn with_channel(init: ChannelInit, link: Link) -> (Call, ChannelKey, ChannelKey) {
    let mut call = Call::idle(session(), Link::clean());
    let label = init.label.clone();
    let a = call.open(Side::A, init);
    call.apply();
    call.exchange_candidates();
    call.await_connected();
    call.await_open(Side::A, a);
    let b = call.await_announced(Side::B, &label);
    call.pair.set_links(link);
    (call, a, b)
}

#[test]
fn messages_keep_content_kind_and_order_over_a_lossy_path() {
    let (mut call, a, b) = with_channel(ChannelInit::reliable("chat"), Link::lossy(0.05));
    let mut rng = Rng::new(3);
    let sent: Vec<Vec<u8>> = (0..200)
        .map(|_| {
            let mut message = vec![0; usize::try_from(rng.below(15_000)).expect("small")];
            rng.fill(&mut message);
            message
        })
        .collect();
    for message in &sent {
        call.send(Side::A, a, message);
    }
    assert!(call.pair.run_until(Duration::from_secs(600), |pair| {
        let count = pair
            .events(Side::B)
            .iter()
            .filter(|(_, event)| matches!(event, Event::ChannelData { .. }))
            .count();
        count == sent.len()
    }));
    let got = call.messages(Side::B, b);
    assert!(
        got.iter().zip(&sent).all(|(got, sent)| got == sent),
        "order or content changed"
    );
}

#[test]
fn text_and_binary_are_told_apart_and_empty_is_an_error() {
    let (mut call, a, _) = with_channel(ChannelInit::reliable("chat"), Link::clean());
    let sent: [(bool, &[u8]); 2] = [(true, b"bytes"), (false, "häh".as_bytes())];
    for (binary, data) in sent {
        call.with(Side::A, |engine, now| {
            engine.send_channel(a, binary, data, now)
        })
        .expect("sent");
        let empty = call.with(Side::A, |engine, now| {
            engine.send_channel(a, binary, b"", now)
        });
        assert_eq!(empty, Err(ChannelError::Empty));
    }
    call.run(500);
    let got: Vec<(bool, Vec<u8>)> = call
        .pair
        .take_events(Side::B)
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::ChannelData { binary, data, .. } => Some((binary, data)),
            _ => None,
        })
        .collect();
    assert_eq!(got, sent.map(|(binary, data)| (binary, data.to_vec())));
}

#[test]
fn an_announced_channel_is_described_as_it_was_opened() {
    let init = ChannelInit {
        protocol: "proto".to_owned(),
        ..lossy("lossy")
    };
    let (mut call, _, b) = with_channel(init.clone(), Link::clean());
    assert!(
        call.pair
            .events(Side::B)
            .iter()
            .any(|(_, event)| matches!(event,
        Event::ChannelAnnounced { key, init: seen } if *key == b && *seen == init))
    );
    call.send(Side::B, b, b"back");
    call.run(200);
    assert!(
        call.pair
            .events(Side::A)
            .iter()
            .any(|(_, event)| matches!(event,
        Event::ChannelData { data, .. } if data == b"back"))
    );
    let timed = ChannelInit {
        max_packet_life_time: Some(250),
        ..ChannelInit::reliable("timed")
    };
    call.open(Side::A, timed.clone());
    let key = call.await_announced(Side::B, "timed");
    assert!(
        call.pair
            .events(Side::B)
            .iter()
            .any(|(_, event)| matches!(event,
        Event::ChannelAnnounced { key: seen, init } if *seen == key && *init == timed))
    );
}

#[test]
fn an_unreliable_channel_loses_and_does_not_wait() {
    let (mut call, a, b) = with_channel(lossy("lossy"), Link::lossy(0.2));
    for number in 0..300_u32 {
        call.send(Side::A, a, &number.to_be_bytes());
        call.run(20);
    }
    call.run(5000);
    let got = call.messages(Side::B, b).len();
    assert!((150..300).contains(&got), "{got}");
    assert_eq!(
        call.engine(Side::A).buffered_amount(a),
        0,
        "what was given up is not kept"
    );
    assert_eq!(call.reported(Side::A, a), 300 * 4);
}

#[test]
fn negotiated_channels_open_without_being_announced() {
    let mut call = Call::idle(session(), Link::clean());
    let keys: Vec<[ChannelKey; 2]> = [100, 101, 102]
        .into_iter()
        .map(|id| SIDES.map(|side| call.open(side, negotiated("n", id))))
        .collect();
    call.apply();
    call.exchange_candidates();
    call.await_connected();
    for [a, b] in &keys {
        call.await_open(Side::A, *a);
        call.await_open(Side::B, *b);
        call.send(Side::A, *a, b"to b");
        call.send(Side::B, *b, b"to a");
    }
    call.run(300);
    for ([a, b], id) in keys.into_iter().zip([100, 101, 102]) {
        assert_eq!(call.messages(Side::A, a), [b"to a"]);
        assert_eq!(call.messages(Side::B, b), [b"to b"]);
        assert_eq!(call.engine(Side::A).channel_id(a), Some(id));
    }
    for side in SIDES {
        assert!(
            !call
                .pair
                .events(side)
                .iter()
                .any(|(_, event)| matches!(event, Event::ChannelAnnounced { .. }))
        );
    }
}

#[test]
fn channels_closed_before_the_first_plan_leave_nothing_behind() {
    let mut call = Call::idle(session(), Link::clean());
    // The client first tries negotiated channels and learns from the answer that it should not.
    for id in [100, 101, 102] {
        let key = call.open(Side::A, negotiated("n", id));
        assert_eq!(
            call.with(Side::A, |engine, now| engine
                .open_channel(negotiated("again", id), now)),
            Err(ChannelError::NegotiatedId(id))
        );
        call.with(Side::A, |engine, now| engine.close_channel(key, now));
        assert!(call.closed(Side::A, key));
        let again = call.open(Side::A, negotiated("n", id));
        call.with(Side::A, |engine, now| engine.close_channel(again, now));
        assert_ne!(key, again);
    }
    let labels = ["_reliable", "_lossy", "_data_track"];
    let keys = labels.map(|label| call.open(Side::A, ChannelInit::reliable(label)));
    call.apply();
    call.exchange_candidates();
    for (label, key) in labels.into_iter().zip(keys) {
        call.await_open(Side::A, key);
        call.await_announced(Side::B, label);
    }
    call.run(3000);
    let announced = call
        .pair
        .events(Side::B)
        .iter()
        .filter(|(_, event)| matches!(event, Event::ChannelAnnounced { .. }))
        .count();
    assert_eq!(announced, 3);
    assert_eq!(call.engine(Side::A).stats().channels.len(), 3);
}

#[test]
fn a_channel_closed_between_plan_and_connection_stays_closed() {
    let mut call = Call::idle(session(), Link::clean());
    let first = call.open(Side::A, negotiated("n", 100));
    call.apply();
    call.with(Side::A, |engine, now| engine.close_channel(first, now));
    let second = call.open(Side::A, negotiated("n", 100));
    let b = call.open(Side::B, negotiated("n", 100));
    call.exchange_candidates();
    assert!(call.closed(Side::A, first));
    call.await_open(Side::A, second);
    call.await_open(Side::B, b);
    assert!(
        !call
            .pair
            .events(Side::A)
            .iter()
            .any(|(_, event)| matches!(event, Event::ChannelOpen(key) if *key == first))
    );
}

#[test]
fn reports_of_sent_bytes_add_up() {
    let (mut call, a, b) = with_channel(ChannelInit::reliable("bulk"), Link::clean());
    let other_a = call.open(Side::A, ChannelInit::reliable("second"));
    call.await_open(Side::A, other_a);
    for _ in 0..100 {
        call.send(Side::A, a, &[1; 15_000]);
    }
    call.send(Side::A, other_a, &[2; 777]);
    let queued = call.engine(Side::A).buffered_amount(a);
    assert!(queued > 1_000_000, "{queued}");
    assert!(call.pair.run_until(Duration::from_secs(120), |pair| {
        pair.peer(Side::A).engine.buffered_amount(a) == 0
    }));
    call.run(100);
    assert_eq!(call.reported(Side::A, a), 1_500_000);
    assert_eq!(call.reported(Side::A, other_a), 777);
    assert_eq!(call.messages(Side::B, b).len(), 100);
    assert_eq!(
        call.pair
            .events(Side::A)
            .iter()
            .filter(|(_, event)| matches!(event, Event::ChannelBuffered { amount: 0, .. }))
            .count(),
        0
    );
    let stats = call.engine(Side::A).stats();
    let figures = stats
        .channels
        .iter()
        .find(|channel| channel.key == a)
        .expect("figures");
    assert_eq!(
        (figures.messages_sent, figures.bytes_sent),
        (100, 1_500_000)
    );
}

#[test]
fn a_small_channel_is_not_starved_by_a_big_one() {
    let (mut call, bulk, _) = with_channel(ChannelInit::reliable("bulk"), Link::clean());
    let chat = call.open(Side::A, ChannelInit::reliable("chat"));
    call.await_open(Side::A, chat);
    for _ in 0..500 {
        call.send(Side::A, bulk, &[1; 15_000]);
    }
    call.send(Side::A, chat, b"hello");
    let chat_b = call.await_announced(Side::B, "chat");
    assert!(call.pair.run_until(Duration::from_secs(2), |pair| {
        pair.events(Side::B)
            .iter()
            .any(|(_, event)| matches!(event, Event::ChannelData { key, .. } if *key == chat_b))
    }));
    assert!(
        call.engine(Side::A).buffered_amount(bulk) > 0,
        "the big one was still at it"
    );
}

#[test]
fn a_message_too_big_for_the_peer_is_an_error() {
    let (mut call, a, b) = with_channel(ChannelInit::reliable("chat"), Link::clean());
    assert_eq!(
        call.with(Side::A, |engine, now| engine.send_channel(
            a,
            true,
            &vec![0; 65_536],
            now
        )),
        Err(ChannelError::TooLarge {
            size: 65_536,
            limit: 65_535
        })
    );
    call.send(Side::A, a, &vec![5; 65_535]);
    call.run(3000);
    assert_eq!(
        call.messages(Side::B, b)
            .first()
            .map(|message| message.len()),
        Some(65_535)
    );
}

#[test]
fn a_peer_without_a_limit_gets_big_messages() {
    let mut session = session();
    session.max_message_size = 0;
    let mut call = Call::idle(session, Link::clean());
    let a = call.open(Side::A, ChannelInit::reliable("big"));
    call.apply();
    call.exchange_candidates();
    call.await_open(Side::A, a);
    let b = call.await_announced(Side::B, "big");
    call.send(Side::A, a, &vec![5; 250_000]);
    call.send(Side::A, a, &vec![6; 200_000]);
    call.run(20_000);
    let sizes: Vec<usize> = call
        .messages(Side::B, b)
        .iter()
        .map(|message| message.len())
        .collect();
    assert_eq!(sizes, [250_000, 200_000]);
    assert_eq!(call.reported(Side::A, a), 450_000);
}

#[test]
fn sending_needs_an_open_channel() {
    let mut call = Call::idle(session(), Link::clean());
    let key = call.open(Side::A, ChannelInit::reliable("x"));
    assert_eq!(
        call.with(Side::A, |engine, now| engine
            .send_channel(key, true, b"x", now)),
        Err(ChannelError::NotOpen(key))
    );
    call.with(Side::A, |engine, now| engine.close_channel(key, now));
    assert_eq!(
        call.with(Side::A, |engine, now| engine
            .send_channel(key, true, b"x", now)),
        Err(ChannelError::Closed(key))
    );
    let both = ChannelInit {
        max_retransmits: Some(1),
        max_packet_life_time: Some(1),
        ..ChannelInit::reliable("x")
    };
    assert_eq!(
        call.with(Side::A, |engine, now| engine.open_channel(both, now)),
        Err(ChannelError::Reliability)
    );
}

#[test]
fn closing_sends_what_is_queued_and_both_sides_hear_of_it() {
    let (mut call, a, b) = with_channel(ChannelInit::reliable("bulk"), Link::clean());
    for _ in 0..30 {
        call.send(Side::A, a, &[1; 15_000]);
    }
    call.with(Side::A, |engine, now| engine.close_channel(a, now));
    assert_eq!(call.engine(Side::A).channel_state(a), ChannelState::Closing);
    assert_eq!(
        call.with(Side::A, |engine, now| engine
            .send_channel(a, true, b"x", now)),
        Err(ChannelError::Closed(a))
    );
    call.run(10_000);
    assert_eq!(call.messages(Side::B, b).len(), 30);
    assert!(call.closed(Side::A, a) && call.closed(Side::B, b));
    assert_eq!(call.reported(Side::A, a), 30 * 15_000);
    for side in SIDES {
        assert!(call.engine(side).stats().channels.is_empty());
    }
}

#[test]
fn an_in_band_channel_can_be_closed_and_opened_again_and_again() {
    let mut call = Call::connected(session(), Link::clean());
    for round in 0..5 {
        for side in SIDES {
            let label = format!("{side:?}{round}");
            let ours = call.open(side, ChannelInit::reliable(&label));
            call.await_open(side, ours);
            let theirs = call.await_announced(other(side), &label);
            call.send(side, ours, b"hi");
            call.run(200);
            assert_eq!(call.messages(other(side), theirs), [b"hi"]);
            call.with(other(side), |engine, now| engine.close_channel(theirs, now));
            assert!(call.pair.run_until(PATIENCE, |pair| {
                pair.events(side)
                    .iter()
                    .any(|(_, event)| matches!(event, Event::ChannelClosed(key) if *key == ours))
            }));
        }
    }
}

#[test]
fn a_negotiated_channel_can_be_closed_and_opened_again() {
    let mut call = Call::idle(session(), Link::clean());
    let mut keys = SIDES.map(|side| call.open(side, negotiated("n", 7)));
    call.apply();
    call.exchange_candidates();
    for round in 0..3_u8 {
        for (side, key) in SIDES.into_iter().zip(keys) {
            call.await_open(side, key);
        }
        call.send(Side::A, keys[0], &[round]);
        call.run(200);
        assert_eq!(call.messages(Side::B, keys[1]), [[round]]);
        for (side, key) in SIDES.into_iter().zip(keys) {
            call.with(side, |engine, now| engine.close_channel(key, now));
        }
        keys = SIDES.map(|side| call.open(side, negotiated("n", 7)));
    }
}

#[test]
fn the_end_of_the_connection_closes_channels_and_settles_accounts() {
    let (mut call, a, b) = with_channel(ChannelInit::reliable("bulk"), Link::clean());
    call.pair.set_links(Link::cut());
    for _ in 0..30 {
        call.send(Side::A, a, &[1; 15_000]);
    }
    call.pair.set_links(Link::clean());
    call.with(Side::A, |engine, now| engine.close(now));
    call.run(2000);
    assert!(call.closed(Side::A, a), "ours");
    assert!(call.closed(Side::B, b), "theirs");
    assert_eq!(call.reported(Side::A, a), 30 * 15_000);
    assert!(call.engine(Side::A).is_closed());
    assert_eq!(
        call.engine(Side::B).dtls_state(),
        lk_engine::DtlsState::Closed
    );
}

/// Sends for `seconds` as an owner does that keeps little in the queue (`livekit`'s data tracks: 8 KiB), messages of
/// 1,000 bytes that begin with the millisecond in which they were sent. How late each came, in milliseconds.
fn keep_sending(call: &mut Call, a: ChannelKey, b: ChannelKey, seconds: u32) -> Vec<u32> {
    let millis = |call: &Call| u32::try_from(call.pair.elapsed().as_millis()).expect("short");
    let until = millis(call) + seconds * 1000;
    let mut late = Vec::new();
    let before = call.messages(Side::B, b).len();
    while millis(call) < until {
        while call.engine(Side::A).buffered_amount(a) <= 8192 {
            let mut message = [0; 1000];
            message[..4].copy_from_slice(&millis(call).to_be_bytes());
            call.send(Side::A, a, &message);
        }
        call.run(1);
        let now = millis(call);
        let messages = call.messages(Side::B, b);
        for message in &messages[before + late.len()..] {
            let sent = u32::from_be_bytes(message[..4].try_into().expect("four bytes"));
            late.push(now - sent);
        }
    }
    late
}

#[test]
fn a_short_queue_is_enough_for_a_far_peer() {
    let link = Link {
        delay: Duration::from_millis(50),
        ..Link::clean()
    };
    let (mut call, a, b) = with_channel(lossy("far"), link);
    keep_sending(&mut call, a, b, 2);
    let late = keep_sending(&mut call, a, b, 1);
    // One queue a round trip were 80.
    assert!(late.len() > 800, "{} messages a second", late.len());
}

#[test]
fn a_path_that_is_full_makes_messages_late_by_a_bounded_time() {
    let link = Link {
        rate: Some(1_000_000),
        queue: Duration::from_secs(10),
        ..Link::clean()
    };
    let (mut call, a, b) = with_channel(lossy("full"), link);
    keep_sending(&mut call, a, b, 3);
    let late = keep_sending(&mut call, a, b, 5);
    assert!(late.len() > 500, "{} messages in five seconds", late.len());
    let latest = late.iter().max().expect("some");
    assert!(*latest < 500, "{latest} ms");
}
