//! ICE as the outside sees it: states, timers, restarts, and candidates and datagrams of any kind.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Call, Line, PATIENCE, SIDES, Session, address};
use lk_engine::{CandidateError, DtlsState, Event, IceState, LocalCandidate, Transport};
use lk_jsep::plan::Fingerprint;
use lk_testkit::{Link, Rng, Side};

fn session() -> Session {
    Session::new(vec![Line::audio("0", 100, 200)])
}

fn seconds(call: &Call, side: Side, wanted: IceState) -> f64 {
    let start = call.pair.now() - call.pair.elapsed();
    call.pair
        .events(side)
        .iter()
        .rev()
        .find_map(|(at, event)| {
            matches!(event, Event::Ice(state) if *state == wanted)
                .then(|| (*at - start).as_secs_f64())
        })
        .unwrap_or(f64::NAN)
}

#[test]
fn a_connection_comes_up_in_order_and_fast() {
    let call = Call::connected(session(), Link::clean());
    for side in SIDES {
        let states = call.ice_states(side);
        assert!(
            matches!(
                states[..],
                [IceState::Checking, IceState::Completed]
                    | [IceState::Checking, IceState::Connected]
                    | [IceState::Checking, IceState::Connected, IceState::Completed]
            ),
            "{states:?}"
        );
        assert_eq!(call.engine(side).dtls_state(), DtlsState::Connected);
    }
    assert!(
        call.pair.elapsed() < Duration::from_secs(1),
        "{:?}",
        call.pair.elapsed()
    );
}

#[test]
fn candidates_may_come_before_the_first_plan() {
    let mut call = Call::idle(session(), Link::clean());
    call.exchange_candidates();
    call.run(1000);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::New);
    call.apply();
    call.await_connected();
}

#[test]
fn ipv6_carries_a_connection() {
    fn address(side: Side) -> SocketAddr {
        match side {
            Side::A => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 1000).into(),
            Side::B => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2], 2000).into(),
        }
    }
    let mut call = Call::idle_at(session(), Link::clean(), address);
    call.apply();
    call.exchange_candidates();
    call.await_connected();
    call.send_audio(Side::A, 100, 0, b"six").expect("sent");
    call.run(100);
    assert_eq!(call.rtp(Side::B).len(), 1);
    call.run(2000);
    let pair = call.engine(Side::A).stats().pair.expect("a pair");
    assert_eq!(
        (pair.local, pair.remote),
        (address(Side::A), address(Side::B))
    );
}

#[test]
fn candidates_inside_the_description_do() {
    let mut call = Call::idle(session(), Link::clean());
    for side in SIDES {
        let remote = call.engine(common::other(side)).fingerprint().clone();
        let mut plan = call.session.plan(side, &remote);
        let theirs = address(common::other(side));
        plan.remote_candidates = vec![format!(
            "candidate:1 1 udp 2130706431 {} {} typ host",
            theirs.ip(),
            theirs.port()
        )];
        call.with(side, |engine, now| {
            engine
                .add_local_candidate(LocalCandidate::host(address(side)), now)
                .expect("a candidate");
            engine.apply(&plan, now)
        })
        .expect("a plan");
    }
    call.await_connected();
}

#[test]
fn silence_is_disconnected_after_five_seconds_and_failed_after_twenty_five() {
    let mut call = Call::connected(session(), Link::clean());
    call.run(30_000);
    assert!(
        matches!(
            call.engine(Side::A).ice_state(),
            IceState::Connected | IceState::Completed
        ),
        "idle is no silence"
    );
    assert!(!call.ice_states(Side::A).contains(&IceState::Disconnected));
    let cut = call.pair.elapsed().as_secs_f64();
    call.pair.set_links(Link::cut());
    call.run(40_000);
    for side in SIDES {
        let disconnected = seconds(&call, side, IceState::Disconnected) - cut;
        let failed = seconds(&call, side, IceState::Failed) - cut;
        assert!((3.5..=5.1).contains(&disconnected), "{disconnected}");
        assert!((23.5..=25.1).contains(&failed), "{failed}");
    }
}

#[test]
fn traffic_that_returns_connects_again() {
    let mut call = Call::connected(session(), Link::clean());
    call.run(2000);
    call.pair.set_links(Link::cut());
    call.run(15_000);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Disconnected);
    call.pair.set_links(Link::clean());
    call.run(5000);
    for side in SIDES {
        let states = call.ice_states(side);
        let after: Vec<_> = states
            .iter()
            .skip_while(|state| **state != IceState::Disconnected)
            .collect();
        assert_eq!(after[1], &IceState::Connected, "{states:?}");
    }
    call.send_audio(Side::A, 100, 0, b"x").expect("sent");
    call.run(100);
    assert_eq!(call.rtp(Side::B).len(), 1);
    call.run(30_000);
    assert!(matches!(
        call.engine(Side::A).ice_state(),
        IceState::Connected | IceState::Completed
    ));
}

#[test]
fn checks_that_never_succeed_fail() {
    let mut call = Call::started(session(), Link::cut());
    call.run(24_000);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Checking);
    call.run(2000);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Failed);
}

#[test]
fn without_anything_to_check_there_is_no_hurry() {
    let mut call = Call::idle(session(), Link::clean());
    call.apply();
    call.run(30_000);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Checking);
    call.exchange_candidates();
    call.await_connected();
}

#[test]
fn media_goes_on_through_a_restart() {
    let mut call = Call::connected(session(), Link::clean());
    call.run(1000);
    let mut number = 0;
    for restart in 1..=3 {
        call.session.generation = restart;
        call.apply();
        let addresses = SIDES.map(address);
        for (side, theirs) in SIDES.into_iter().zip([addresses[1], addresses[0]]) {
            let line = format!(
                "candidate:1 1 udp 2130706431 {} {} typ host",
                theirs.ip(),
                theirs.port()
            );
            call.with(side, |engine, now| engine.add_remote_candidate(&line, now))
                .expect("a line");
        }
        for _ in 0..100 {
            call.send_audio(Side::A, 100, number, b"x").expect("sent");
            number += 1;
            call.run(20);
        }
        for side in SIDES {
            let states = call.ice_states(side);
            let checks = states
                .iter()
                .filter(|state| **state == IceState::Checking)
                .count();
            assert_eq!(
                checks,
                usize::try_from(restart).expect("small") + 1,
                "{states:?}"
            );
            assert!(
                matches!(
                    states.last(),
                    Some(IceState::Connected | IceState::Completed)
                ),
                "{states:?}"
            );
        }
    }
    call.run(200);
    assert_eq!(call.numbers(Side::B, 100), (0..number).collect::<Vec<_>>());
}

#[test]
fn a_restart_revives_a_failed_connection_with_candidates_that_came_before_its_answer() {
    let mut call = Call::connected(session(), Link::clean());
    call.pair.set_links(Link::cut());
    call.run(40_000);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Failed);
    call.pair.set_links(Link::clean());
    for side in SIDES {
        let theirs = address(common::other(side));
        let line = format!(
            "candidate:1 1 udp 2130706431 {} {} typ host",
            theirs.ip(),
            theirs.port()
        );
        call.with(side, |engine, now| engine.add_remote_candidate(&line, now))
            .expect("a line");
    }
    call.session.generation = 1;
    call.apply();
    call.await_connected();
    call.send_audio(Side::A, 100, 0, b"x").expect("sent");
    call.run(100);
    assert_eq!(call.rtp(Side::B).len(), 1);
}

#[test]
fn a_restart_moves_to_a_new_socket() {
    let mut call = Call::connected(session(), Link::clean());
    let new = ([10, 0, 0, 9], 999).into();
    call.with(Side::A, |engine, now| {
        engine.remove_local_candidate(LocalCandidate::host(address(Side::A)), now)
    });
    let line = call.with(Side::A, |engine, now| {
        engine.add_local_candidate(LocalCandidate::host(new), now)
    });
    call.session.generation = 1;
    call.apply();
    let theirs = address(Side::B);
    call.with(Side::B, |engine, now| {
        engine.add_remote_candidate(&line.expect("a candidate"), now)
    })
    .expect("a line");
    let line = format!(
        "candidate:1 1 udp 2130706431 {} {} typ host",
        theirs.ip(),
        theirs.port()
    );
    call.with(Side::A, |engine, now| {
        engine.add_remote_candidate(&line, now)
    })
    .expect("a line");
    call.await_connected();
    call.run(2500);
    assert_eq!(
        call.engine(Side::A).stats().pair.expect("a pair").local,
        new
    );
    call.send_audio(Side::B, 200, 0, b"x").expect("sent");
    call.run(100);
    assert_eq!(call.rtp(Side::A).len(), 1);
}

#[test]
fn the_pair_and_the_transport_have_figures() {
    let mut call = Call::connected(session(), Link::clean());
    call.run(5000);
    let stats = call.engine(Side::A).stats();
    let pair = stats.pair.expect("a pair");
    assert_eq!(
        (pair.local, pair.remote),
        (address(Side::A), address(Side::B))
    );
    let rtt = pair.current_rtt.expect("a round trip");
    assert!(
        (Duration::from_millis(38)..Duration::from_millis(50)).contains(&rtt),
        "{rtt:?}"
    );
    assert!(stats.transport.packets_sent > 5 && stats.transport.bytes_received > 500);
    assert_eq!(stats.transport.selected_pair_changes, 1);
    assert_eq!(
        (stats.local_candidates.len(), stats.remote_candidates.len()),
        (1, 1)
    );
}

#[test]
fn strange_candidates_do_no_harm() {
    let mut call = Call::started(session(), Link::clean());
    for line in [
        "candidate:1 2 udp 2130706431 10.0.0.2 2000 typ host",
        "candidate:1 1 tcp 1 10.0.0.2 9 typ host tcptype active",
        "a=candidate:1 1 tcp 1 10.0.0.2 7881 typ host tcptype passive",
        "candidate:1 1 udp 1 abcd.local 2000 typ host",
        "candidate:1 1 udp 1 10.99.99.99 2000 typ host ufrag other",
        "",
    ] {
        call.with(Side::A, |engine, now| {
            engine.add_remote_candidate(line, now)
        })
        .expect(line);
    }
    let mut rng = Rng::new(11);
    for _ in 0..300 {
        let mut bytes = vec![0; usize::try_from(rng.below(80)).expect("small")];
        rng.fill(&mut bytes);
        let line = format!("candidate:{}", String::from_utf8_lossy(&bytes));
        assert!(matches!(
            call.with(Side::A, |engine, now| engine
                .add_remote_candidate(&line, now)),
            Err(CandidateError::Unparsable { .. })
        ));
    }
    for address in ["0.0.0.0:1", "[::]:1"] {
        let candidate = LocalCandidate::host(address.parse().expect("an address"));
        assert!(
            call.with(Side::A, |engine, now| engine
                .add_local_candidate(candidate, now))
                .is_err(),
            "{address}"
        );
    }
    call.await_connected();
}

#[test]
fn rubbish_from_anywhere_changes_nothing() {
    let mut call = Call::connected(session(), Link::clean());
    let mut rng = Rng::new(5);
    let stranger = ([192, 0, 2, 66], 6666).into();
    for round in 0..3000_u32 {
        let mut bytes = vec![0; usize::try_from(rng.below(400)).expect("small")];
        rng.fill(&mut bytes);
        // Look like STUN, DTLS, RTP, RTCP in turn.
        if let Some(first) = bytes.first_mut() {
            *first = [0, 22, 0x80, 0x81, *first][usize::try_from(round % 5).expect("small")];
        }
        let source = if round % 2 == 0 {
            address(Side::B)
        } else {
            stranger
        };
        call.with(Side::A, |engine, now| {
            engine.handle_datagram(now, Transport::Udp, source, address(Side::A), &bytes);
        });
    }
    call.run(1000);
    assert_eq!(call.engine(Side::A).dtls_state(), DtlsState::Connected);
    call.send_audio(Side::A, 100, 0, b"x").expect("sent");
    call.send_audio(Side::B, 200, 0, b"x").expect("sent");
    call.run(200);
    for side in SIDES {
        assert_eq!(call.rtp(side).len(), 1);
    }
}

#[test]
fn a_stranger_cannot_keep_a_dead_connection_alive() {
    let mut call = Call::connected(session(), Link::clean());
    call.pair.set_links(Link::cut());
    for _ in 0..100 {
        call.with(Side::A, |engine, now| {
            engine.handle_datagram(
                now,
                Transport::Udp,
                ([192, 0, 2, 66], 6666).into(),
                address(Side::A),
                &[0x80; 40],
            );
        });
        call.run(100);
    }
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Disconnected);
}

#[test]
fn a_certificate_other_than_the_announced_one_fails() {
    let mut call = Call::idle(session(), Link::clean());
    let wrong = Fingerprint {
        algorithm: "sha-256".to_owned(),
        value: call.engine(Side::A).fingerprint().value.clone(),
    };
    for side in SIDES {
        let plan = call.session.plan(side, &wrong);
        call.with(side, |engine, now| engine.apply(&plan, now))
            .expect("a plan");
    }
    call.exchange_candidates();
    assert!(
        call.pair
            .run_until(PATIENCE, |pair| pair.peer(Side::A).engine.dtls_state()
                == DtlsState::Failed)
    );
    call.run(1000);
    assert_ne!(call.engine(Side::B).dtls_state(), DtlsState::Connected);
}

#[test]
fn closing_tells_the_peer_and_later_calls_do_nothing() {
    let mut call = Call::connected(session(), Link::clean());
    call.with(Side::A, |engine, now| engine.close(now));
    call.run(200);
    assert_eq!(call.engine(Side::A).ice_state(), IceState::Closed);
    assert_eq!(call.engine(Side::B).dtls_state(), DtlsState::Closed);
    assert!(call.send_audio(Side::A, 100, 0, b"x").is_err());
    let plan = call
        .session
        .plan(Side::A, &call.engine(Side::B).fingerprint().clone());
    assert!(
        call.with(Side::A, |engine, now| engine.apply(&plan, now))
            .is_err()
    );
    call.with(Side::A, |engine, now| {
        engine.close(now);
        engine.handle_timeout(now);
    });
    let idle = Call::idle(session(), Link::clean());
    let mut idle = idle;
    idle.with(Side::A, |engine, now| engine.close(now));
    assert_eq!(idle.engine(Side::A).ice_state(), IceState::Closed);
}

#[test]
fn an_idle_connection_sleeps() {
    let mut call = Call::connected(session(), Link::clean());
    call.run(5000);
    let mut wakeups = 0;
    call.pair.run_until(Duration::from_secs(10), |_| {
        wakeups += 1;
        false
    });
    // Both ends together: timers, and the datagrams of connectivity checks.
    assert!(wakeups < 200, "{wakeups} in ten seconds");
}
