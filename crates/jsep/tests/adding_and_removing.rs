//! Tracks and m-lines come, go, and are used again.

mod common;

use common::*;
use lk_jsep::plan::DtlsRole;
use lk_jsep::{JsepEvent, SdpType, SessionError, SignalingState};
use lk_types::{Direction, MediaKind, Mid};

#[test]
fn a_data_channel_alone_is_negotiated() {
    let (mut alice, mut bob) = (session(1), session(2));
    assert!(!alice.negotiation_needed());
    alice.open_data();
    assert!(alice.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(
        exchange
            .offer
            .contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")
    );
    assert!(
        exchange
            .offer
            .contains("a=sctp-port:5000\r\na=max-message-size:262144\r\n")
    );
    let plan = plan(&exchange.offerer);
    assert!(plan.we_offered_first);
    assert_eq!(
        plan.dtls_role,
        DtlsRole::Server,
        "the answerer of actpass calls"
    );
    let data = plan.data.as_ref().expect("data m-line");
    assert_eq!(
        (data.mid.as_str(), data.index, data.max_message_size),
        ("0", 0, 262_144)
    );
    assert_eq!(
        exchange.offerer.events,
        [JsepEvent::SignalingState(SignalingState::Stable)]
    );
    assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    assert_eq!(bob.data_mid(), Some(&Mid::new("0")));
}

#[test]
fn a_published_track_reaches_the_peer() {
    let (mut alice, mut bob) = (session(1), session(2));
    let id = alice
        .add_transceiver(MediaKind::Video, publish("TR_1"))
        .unwrap();
    assert!(alice.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut bob);
    let lines = section(&exchange.offer, "0");
    assert!(
        lines.contains(&"a=msid:- TR_1"),
        "no stream is printed as a dash"
    );
    assert!(lines.contains(&"a=sendonly"));
    let media = &plan(&exchange.offerer).media[0];
    assert_eq!(media.direction, Direction::SendOnly);
    let [stream] = media.send.as_slice() else {
        panic!("one stream: {:?}", media.send)
    };
    assert!(stream.ssrc.is_some() && stream.rtx_ssrc.is_some() && stream.rid.is_none());
    let received = &plan(&exchange.answerer).media[0];
    assert_eq!(received.recv, media.send, "the peer learns the sources");
    assert_eq!(received.cname, bob.cname());
    assert!(media.remb && media.transport_cc);

    let theirs = bob.transceivers()[0].id();
    assert_eq!(
        exchange.offered.events,
        [
            JsepEvent::SignalingState(SignalingState::HaveRemoteOffer),
            JsepEvent::TransceiverAdded(theirs),
            JsepEvent::TrackAdded {
                id: theirs,
                stream_ids: vec![]
            },
        ]
    );
    assert_eq!(bob.transceivers()[0].receiver().track_id, "TR_1");
    assert_eq!(
        bob.transceivers()[0].current_direction(),
        Some(Direction::RecvOnly)
    );
    assert_eq!(
        alice.transceiver(id).unwrap().current_direction(),
        Some(Direction::SendOnly)
    );
    assert!(!alice.negotiation_needed());
}

#[test]
fn an_audio_stream_has_no_retransmission_source() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice
        .add_transceiver(MediaKind::Audio, publish("TR_A"))
        .unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    let media = &plan(&exchange.offerer).media[0];
    assert_eq!(media.send[0].rtx_ssrc, None);
    assert!(!exchange.offer.contains("ssrc-group"));
    let lines = section(&exchange.offer, "0");
    assert!(lines.contains(&"a=fmtp:111 minptime=10;useinbandfec=1"));
    assert!(lines.contains(&"a=fmtp:63 111/111"));
}

#[test]
fn removing_a_track_makes_the_m_line_inactive_and_keeps_it() {
    let (mut alice, mut bob) = (session(1), session(2));
    let id = alice
        .add_transceiver(MediaKind::Audio, publish("TR_A"))
        .unwrap();
    negotiate(&mut alice, &mut bob);
    alice.remove_track(id).unwrap();
    assert!(alice.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut bob);
    assert_eq!(
        plan(&exchange.offerer).media[0].direction,
        Direction::Inactive
    );
    assert!(!plan(&exchange.offerer).media[0].rejected);
    let theirs = bob.transceivers()[0].id();
    assert!(
        exchange
            .offered
            .events
            .contains(&JsepEvent::TrackRemoved { id: theirs })
    );
    assert!(bob.transceivers()[0].receiver().stream_ids.is_empty());
    assert_eq!(alice.transceivers().len(), 1);

    alice
        .add_transceiver(MediaKind::Audio, publish("TR_B"))
        .unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    assert_eq!(
        plan(&exchange.offerer).media.len(),
        2,
        "addTransceiver always makes a new one"
    );
    assert_eq!(
        section(&exchange.offer, "0")
            .iter()
            .filter(|line| **line == "a=inactive")
            .count(),
        1
    );
}

#[test]
fn add_track_takes_a_receiving_transceiver_that_never_sent() {
    let (mut alice, mut bob) = (session(1), session(2));
    let id = alice
        .add_transceiver(MediaKind::Video, init(Direction::RecvOnly))
        .unwrap();
    negotiate(&mut alice, &mut bob);
    assert_eq!(
        alice
            .add_track(MediaKind::Video, "TR_V", vec!["S".to_owned()])
            .unwrap(),
        id
    );
    assert_eq!(
        alice.transceiver(id).unwrap().direction(),
        Direction::SendRecv
    );
    assert!(alice.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(section(&exchange.offer, "0").contains(&"a=msid:S TR_V"));
    assert!(matches!(
        alice.add_track(MediaKind::Video, "TR_V", vec![]),
        Err(SessionError::DuplicateTrack(track)) if track == "TR_V"
    ));
    // It has sent now: another track gets another m-line, even once this one is removed.
    alice.remove_track(id).unwrap();
    assert_ne!(
        alice.add_track(MediaKind::Video, "TR_W", vec![]).unwrap(),
        id
    );
}

#[test]
fn a_stopped_transceivers_slot_is_recycled_for_another_kind() {
    let (mut alice, mut bob) = (session(1), session(2));
    let first = alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    negotiate(&mut alice, &mut bob);
    alice.stop(first).unwrap();
    assert!(alice.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(exchange.offer.contains("m=audio 0 "));
    assert!(exchange.offer.contains("a=group:BUNDLE 1\r\n"));
    let media = &plan(&exchange.offerer).media[0];
    assert!(media.rejected && media.direction == Direction::Inactive && media.codecs.is_empty());
    assert!(exchange.offerer.events.contains(&JsepEvent::Stopped(first)));
    assert_eq!(alice.transceivers().len(), 1);
    assert_eq!(bob.transceivers().len(), 1);
    assert!(!alice.negotiation_needed());

    let next = alice
        .add_transceiver(MediaKind::Video, publish("V2"))
        .unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    let media = &plan(&exchange.offerer).media;
    assert_eq!(media.len(), 2, "the refused slot is used again");
    assert_eq!(
        (media[0].kind, media[0].mid.as_str(), media[0].index),
        (MediaKind::Video, "2", 0)
    );
    assert_eq!(alice.transceiver(next).unwrap().mline_index(), Some(0));
    assert_eq!(bob.transceivers()[1].mid(), Some(&Mid::new("2")));
}

#[test]
fn the_answerer_may_stop_a_transceiver() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    alice.open_data();
    negotiate(&mut alice, &mut bob);
    bob.stop(bob.transceivers()[0].id()).unwrap();
    assert!(bob.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(exchange.answer.contains("m=audio 0 "));
    assert!(plan(&exchange.offerer).media[0].rejected);
    assert!(alice.transceivers().is_empty() && bob.transceivers().is_empty());
    assert!(!bob.negotiation_needed());
}

#[test]
fn an_m_line_without_a_common_codec_is_refused() {
    let mut bob_config = config(2);
    bob_config.capabilities.video.codecs.clear();
    let (mut alice, mut bob) = (session(1), lk_jsep::Session::new(bob_config));
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(exchange.answer.contains("m=video 0 "));
    assert!(exchange.answer.contains("a=group:BUNDLE 1\r\n"));
    let plan = plan(&exchange.offerer);
    assert!(plan.media[0].rejected && !plan.media[1].rejected);
    assert_eq!(alice.transceivers().len(), 1);
}

#[test]
fn the_peer_moves_a_track_between_streams_and_reuses_its_slot() {
    let (mut sender, mut receiver) = (session(1), session(2));
    let id = sender
        .add_track(MediaKind::Audio, "TR_1", vec!["PA_1".to_owned()])
        .unwrap();
    negotiate(&mut sender, &mut receiver);
    let theirs = receiver.transceivers()[0].id();
    assert_eq!(receiver.transceivers()[0].receiver().stream_ids, ["PA_1"]);

    sender.set_streams(id, vec!["PA_2".to_owned()]).unwrap();
    assert!(sender.negotiation_needed());
    let exchange = negotiate(&mut sender, &mut receiver);
    let moved = JsepEvent::StreamsChanged {
        id: theirs,
        stream_ids: vec!["PA_2".to_owned()],
    };
    assert!(exchange.offered.events.contains(&moved));

    sender.set_direction(id, Direction::Inactive).unwrap();
    let exchange = negotiate(&mut sender, &mut receiver);
    assert!(
        exchange
            .offered
            .events
            .contains(&JsepEvent::TrackRemoved { id: theirs })
    );

    sender.set_direction(id, Direction::SendOnly).unwrap();
    sender.set_streams(id, vec!["PA_3".to_owned()]).unwrap();
    let exchange = negotiate(&mut sender, &mut receiver);
    let added = JsepEvent::TrackAdded {
        id: theirs,
        stream_ids: vec!["PA_3".to_owned()],
    };
    assert!(exchange.offered.events.contains(&added));
    assert_eq!(receiver.transceivers().len(), 1);
}

#[test]
fn both_sides_may_offer_in_turn_and_roles_stay() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    negotiate(&mut alice, &mut bob);
    bob.add_transceiver(MediaKind::Audio, publish("B")).unwrap();
    let exchange = negotiate(&mut bob, &mut alice);
    let (bobs, alices) = (plan(&exchange.offerer), plan(&exchange.answerer));
    assert_eq!(
        (bobs.dtls_role, alices.dtls_role),
        (DtlsRole::Client, DtlsRole::Server)
    );
    assert!(alices.we_offered_first && !bobs.we_offered_first);
    assert!(exchange.offer.contains("a=setup:actpass"));
    assert!(exchange.answer.contains("a=setup:passive"));
    assert_eq!(
        bobs.media[0].mid.as_str(),
        "1",
        "mid 0 is the data m-line's"
    );
}

#[test]
fn track_names_cannot_add_lines() {
    let (mut alice, mut bob) = (session(1), session(2));
    let mut evil = publish("x\r\na=ice-lite");
    evil.stream_ids = vec!["s t\nm=audio".to_owned(), String::new()];
    alice.add_transceiver(MediaKind::Audio, evil).unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(section(&exchange.offer, "0").contains(&"a=msid:s_t_m=audio x__a=ice-lite"));
    assert_eq!(plan(&exchange.offerer).media.len(), 1);
}

#[test]
fn closing_ends_everything() {
    let mut alice = session(1);
    let id = alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    alice.close();
    assert_eq!(alice.signaling_state(), SignalingState::Closed);
    assert_eq!(
        alice.create_offer(&Default::default()),
        Err(SessionError::Closed)
    );
    assert_eq!(
        alice.set_local(SdpType::Offer, "v=0"),
        Err(SessionError::Closed)
    );
    assert_eq!(
        alice.set_direction(id, Direction::Inactive),
        Err(SessionError::Closed)
    );
    assert!(!alice.negotiation_needed());
}
