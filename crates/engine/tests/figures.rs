//! Figures that the engine reads off the datagrams and the handshake: both sides agree on them.

mod common;

use common::{Call, Line, Session, source};
use lk_testkit::{Link, Side};

const SIZE: usize = 300;

fn lossy_call() -> Call {
    let mut line = Line::video("v", 1000);
    line.a_sends = vec![source(1000, Some(1001), None)];
    let mut call = Call::connected(Session::new(vec![line]), Link::clean());
    call.pair.network_from(Side::A).loss = 0.05;
    for number in 0..500 {
        call.send_video(Side::A, 1000, number, SIZE).expect("sent");
        call.run(10);
    }
    call.pair.network_from(Side::A).loss = 0.0;
    call.run(2_000);
    call
}

#[test]
fn retransmissions_and_headers_are_counted_on_both_sides() {
    let call = lossy_call();
    let (sent, received) = (call.engine(Side::A).stats(), call.engine(Side::B).stats());
    let (sent, received) = (&sent.outbound[0], &received.inbound[0]);
    assert_eq!(sent.packets_sent, 500);
    assert_eq!(sent.bytes_sent, 500 * SIZE as u64);
    assert!(sent.header_bytes_sent >= 500 * 12);
    assert!(sent.header_bytes_sent < 500 * 60);
    assert_eq!(received.rtx_ssrc, sent.rtx_ssrc);
    // Some retransmissions are lost as well.
    assert!(received.retransmitted_packets_received > 0, "{received:?}");
    assert!(received.retransmitted_packets_received <= sent.retransmitted_packets_sent);
    assert_eq!(
        sent.retransmitted_bytes_sent,
        sent.retransmitted_packets_sent * SIZE as u64,
        "what is repeated, less what repeating needs"
    );
    assert_eq!(
        received.retransmitted_bytes_received,
        received.retransmitted_packets_received * SIZE as u64
    );
    assert!(received.header_bytes_received >= received.packets_received * 12);
    assert!(received.last_packet.is_some());
    let remote = sent.remote.expect("a report");
    assert!(remote.rtt_measurements > 0);
    assert!(remote.total_rtt >= remote.rtt.expect("measured"));
}

#[test]
fn the_handshake_is_told_alike_on_both_sides() {
    let call = lossy_call();
    let (a, b) = (call.engine(Side::A).stats(), call.engine(Side::B).stats());
    assert_eq!(a.security.version, Some(0xfefd));
    for (name, one, other) in [
        ("cipher", a.security.cipher, b.security.cipher),
        ("SRTP", a.security.srtp_profile, b.security.srtp_profile),
    ] {
        assert!(one.is_some_and(|one| !one.is_empty()), "{name}");
        assert_eq!(one, other, "{name}");
    }
    assert_ne!(a.security.client, b.security.client);
    assert_ne!(a.ice_controlling, b.ice_controlling);
    let shown = a.security.remote_certificate.expect("shown");
    assert_eq!(shown, b.security.local_certificate);
    assert!(!shown.certificate.is_empty());
    assert_eq!(
        (&a.local_ufrag, &a.remote_ufrag),
        (&b.remote_ufrag, &b.local_ufrag)
    );
    let (a, b) = (a.pair.expect("a pair"), b.pair.expect("a pair"));
    assert!(a.consent_requests_sent > 0 && a.requests_sent > a.consent_requests_sent);
    assert!(a.responses_received <= a.requests_sent);
    assert!(b.requests_received > 0 && b.requests_received <= a.requests_sent);
    assert!(b.responses_sent <= b.requests_received);
    assert!(a.last_sent.is_some() && b.last_received.is_some());
}
