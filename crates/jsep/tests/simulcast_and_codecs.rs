//! Layers, codec preferences, profiles, and offers changed on their way.

mod common;

use common::*;
use lk_jsep::{
    Capabilities, CodecPreference, Encoding, JsepEvent, OfferOptions, SdpType, Session,
    SessionConfig, SessionError,
};
use lk_types::{Codec, Direction, MediaKind, Pt, Rid};

fn prefer(mime: &str) -> CodecPreference {
    CodecPreference {
        mime_type: mime.to_owned(),
        fmtp: None,
    }
}

#[test]
fn layers_are_agreed_with_an_sfu() {
    let (mut alice, mut server) = (session(1), sfu(2));
    let id = alice
        .add_transceiver(MediaKind::Video, layers("V", &["q", "h", "f"]))
        .unwrap();
    let exchange = negotiate(&mut alice, &mut server);
    let lines = section(&exchange.offer, "0");
    let rids: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("a=rid:"))
        .collect();
    assert_eq!(rids, [&"a=rid:q send", &"a=rid:h send", &"a=rid:f send"]);
    assert!(lines.contains(&"a=simulcast:send q;h;f"));
    assert!(section(&exchange.answer, "0").contains(&"a=simulcast:recv q;h;f"));
    let sent = &plan(&exchange.offerer).media[0].send;
    let encodings = &alice.transceiver(id).unwrap().sender().encodings;
    for (stream, encoding) in sent.iter().zip(encodings) {
        assert_eq!(
            (stream.ssrc, stream.rtx_ssrc, &stream.rid),
            (encoding.ssrc, encoding.rtx_ssrc, &encoding.rid)
        );
        assert!(stream.rtx_ssrc.is_some());
    }
    assert_eq!(sent.len(), 3);
    // Sources stay the same whatever is negotiated later.
    let again = negotiate(&mut alice, &mut server);
    assert_eq!(&plan(&again.offerer).media[0].send, sent);
}

#[test]
fn a_layer_that_is_off_is_offered_as_paused() {
    let (mut alice, mut server) = (session(1), sfu(2));
    let id = alice
        .add_transceiver(MediaKind::Video, layers("V", &["q", "h"]))
        .unwrap();
    let mut encodings = alice.transceiver(id).unwrap().sender().encodings.clone();
    encodings[1].active = false;
    encodings[1].ssrc = None;
    alice.set_encodings(id, encodings).unwrap();
    let exchange = negotiate(&mut alice, &mut server);
    assert!(section(&exchange.offer, "0").contains(&"a=simulcast:send q;~h"));
    assert!(
        plan(&exchange.offerer).media[0].send[1].ssrc.is_some(),
        "callers cannot change the source"
    );
}

#[test]
fn without_agreement_the_first_layer_is_sent_alone() {
    let (mut alice, mut bob) = (session(1), session(2));
    let id = alice
        .add_transceiver(MediaKind::Video, layers("V", &["q", "h"]))
        .unwrap();
    let first = alice.transceiver(id).unwrap().sender().encodings[0].ssrc;
    let exchange = negotiate(&mut alice, &mut bob);
    let sent = &plan(&exchange.offerer).media[0].send;
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].ssrc, &sent[0].rid), (first, &None));
    assert_eq!(alice.transceiver(id).unwrap().sender().encodings.len(), 1);
    // From then on it is announced by its source.
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(
        section(&exchange.offer, "0")
            .iter()
            .any(|line| line.starts_with("a=ssrc-group:FID "))
    );
    assert_eq!(plan(&exchange.answerer).media[0].recv[0].ssrc, first);
}

#[test]
fn a_layer_the_answer_leaves_out_is_dropped() {
    let (mut alice, mut server) = (session(1), sfu(2));
    let id = alice
        .add_transceiver(MediaKind::Video, layers("V", &["q", "h", "f"]))
        .unwrap();
    let text = offer(&mut alice);
    alice.set_local(SdpType::Offer, &text).unwrap();
    server.set_remote(SdpType::Offer, &text).unwrap();
    let answer = server.create_answer().unwrap();
    let answer = answer
        .replace("a=simulcast:recv q;h;f", "a=simulcast:recv h")
        .replace("a=rid:q recv\r\n", "");
    let applied = alice.set_remote(SdpType::Answer, &answer).unwrap();
    let sent = &plan(&applied).media[0].send;
    assert_eq!(
        sent.iter()
            .map(|stream| stream.rid.clone())
            .collect::<Vec<_>>(),
        [Some(Rid::new("h"))]
    );
    assert_eq!(alice.transceiver(id).unwrap().sender().encodings.len(), 1);
}

#[test]
fn a_single_named_layer_loses_its_name_and_unnamed_layers_get_some() {
    let mut alice = session(1);
    let one = alice
        .add_transceiver(MediaKind::Video, layers("V", &["q"]))
        .unwrap();
    assert_eq!(
        alice.transceiver(one).unwrap().sender().encodings[0].rid,
        None
    );
    let two = alice
        .add_transceiver(
            MediaKind::Video,
            lk_jsep::TransceiverInit {
                encodings: vec![Encoding::default(); 2],
                ..publish("W")
            },
        )
        .unwrap();
    assert!(
        alice
            .transceiver(two)
            .unwrap()
            .sender()
            .encodings
            .iter()
            .all(|encoding| encoding.rid.is_some())
    );
}

#[test]
fn unfit_encodings_are_refused() {
    let mut alice = session(1);
    for rids in [&["q", "q"][..], &["q", ""], &["q", "ä"], &["q", "a b"]] {
        let refused = alice.add_transceiver(MediaKind::Video, layers("V", rids));
        assert!(
            matches!(refused, Err(SessionError::Encodings(_))),
            "{rids:?}"
        );
    }
    let scaled = Encoding {
        scale_resolution_down_by: Some(0.5),
        ..Encoding::default()
    };
    let init = lk_jsep::TransceiverInit {
        encodings: vec![scaled],
        ..publish("V")
    };
    assert!(matches!(
        alice.add_transceiver(MediaKind::Video, init),
        Err(SessionError::Encodings(_))
    ));
    let id = alice
        .add_transceiver(MediaKind::Video, layers("V", &["q", "h"]))
        .unwrap();
    assert!(matches!(
        alice.set_encodings(id, vec![]),
        Err(SessionError::Encodings(_))
    ));
    let mut swapped = alice.transceiver(id).unwrap().sender().encodings.clone();
    swapped.swap(0, 1);
    assert!(matches!(
        alice.set_encodings(id, swapped),
        Err(SessionError::Encodings(_))
    ));
}

#[test]
fn the_dependency_descriptor_is_offered_for_layered_codecs_only() {
    let mut alice = session(1);
    alice
        .add_transceiver(MediaKind::Video, publish("plain"))
        .unwrap();
    let svc = Encoding {
        scalability_mode: Some("L3T3_KEY".to_owned()),
        ..Encoding::default()
    };
    let init = lk_jsep::TransceiverInit {
        encodings: vec![svc],
        ..publish("layered")
    };
    alice.add_transceiver(MediaKind::Video, init).unwrap();
    let text = offer(&mut alice);
    let has = |mid| {
        section(&text, mid)
            .iter()
            .any(|line| line.contains("dependency-descriptor"))
    };
    assert!(!has("0") && has("1"));
}

#[test]
fn preferences_filter_and_order_and_keep_retransmission() {
    let (mut alice, mut bob) = (session(1), session(2));
    let id = alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    alice
        .set_codec_preferences(
            id,
            &[
                prefer("video/VP9"),
                prefer("VIDEO/vp8"),
                prefer("video/rtx"),
            ],
        )
        .unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    assert!(section(&exchange.offer, "0")[0].ends_with(" 98 99 96 97"));
    let codecs: Vec<_> = plan(&exchange.offerer).media[0]
        .codecs
        .iter()
        .map(|codec| (codec.pt, codec.rtx))
        .collect();
    assert_eq!(codecs, [(Pt(98), Some(Pt(99))), (Pt(96), Some(Pt(97)))]);

    assert!(matches!(
        alice.set_codec_preferences(id, &[prefer("video/theora")]),
        Err(SessionError::NoCodec {
            kind: MediaKind::Video,
            ..
        })
    ));
    alice.set_codec_preferences(id, &[]).unwrap();
    assert!(section(&offer(&mut alice), "0")[0].contains(" 96 97 103 104 "));
}

#[test]
fn the_answerers_preferences_order_its_answer() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    let text = offer(&mut alice);
    bob.set_remote(SdpType::Offer, &text).unwrap();
    let id = bob.transceivers()[0].id();
    bob.set_codec_preferences(id, &[prefer("video/AV1"), prefer("video/VP8")])
        .unwrap();
    let answer = bob.create_answer().unwrap();
    assert!(section(&answer, "0")[0].ends_with(" 45 46 96 97"));
}

#[test]
fn h264_is_matched_by_profile_and_mode_whatever_the_number() {
    let with = |numbers: &[(&str, u8)]| {
        let mut capabilities = Capabilities::default();
        let template = capabilities
            .video
            .codecs
            .iter()
            .find(|c| c.codec == Codec::H264)
            .unwrap()
            .clone();
        capabilities.video.codecs = numbers
            .iter()
            .map(|(fmtp, pt)| lk_jsep::CodecCapability {
                fmtp: lk_jsep::fmtp::split(fmtp),
                pt: Pt(*pt),
                rtx: Some(Pt(pt + 1)),
                ..template.clone()
            })
            .collect();
        capabilities
    };
    let high = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f";
    let base = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let mode0 = "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f";
    let alice_config = SessionConfig {
        capabilities: with(&[(high, 100), (base, 102), (mode0, 104)]),
        ..config(1)
    };
    let bob_config = SessionConfig {
        capabilities: with(&[(&base.replace("1f", "34"), 120), (mode0, 122)]),
        ..config(2)
    };
    let (mut alice, mut bob) = (Session::new(alice_config), Session::new(bob_config));
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    let numbers: Vec<_> = plan(&exchange.answerer).media[0]
        .codecs
        .iter()
        .map(|codec| codec.pt)
        .collect();
    assert_eq!(
        numbers,
        [Pt(102), Pt(104)],
        "the offerer's numbers, the common profiles"
    );
    assert!(
        section(&exchange.answer, "0")
            .iter()
            .any(|line| line.starts_with("a=fmtp:102 ") && line.contains("42e034"))
    );

    // Bob's own offers keep those numbers.
    bob.add_transceiver(MediaKind::Video, publish("W")).unwrap();
    let text = offer(&mut bob);
    assert!(section(&text, "0")[0].ends_with(" 102 103 104 105"));
    assert!(section(&text, "1")[0].ends_with(" 102 103 104 105"));
}

#[test]
fn a_munged_offer_is_read_back_as_it_was_applied() {
    let (mut alice, mut server) = (session(1), sfu(2));
    alice
        .add_transceiver(MediaKind::Audio, init(Direction::Inactive))
        .unwrap();
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    let munge = |sdp: &str| {
        sdp.replace("a=inactive", "a=recvonly")
            .replace("useinbandfec=1", "useinbandfec=1;stereo=1")
            .replace(
                "a=rtpmap:96 VP8/90000\r\n",
                "a=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=900\r\n",
            )
    };
    // The peer sends on the m-line that the munging opened.
    let text = munge(&offer(&mut alice));
    alice.set_local(SdpType::Offer, &text).unwrap();
    server
        .add_track(MediaKind::Audio, "TR", vec!["PA|TR".to_owned()])
        .unwrap();
    server.set_remote(SdpType::Offer, &text).unwrap();
    let id = server
        .transceivers()
        .iter()
        .find(|t| t.mid().is_some_and(|mid| mid.as_str() == "0"))
        .unwrap()
        .id();
    server.set_track(id, Some("TR2".to_owned())).unwrap();
    server.set_direction(id, Direction::SendOnly).unwrap();
    let answer = server.create_answer().unwrap();
    server.set_local(SdpType::Answer, &answer).unwrap();
    let applied = alice.set_remote(SdpType::Answer, &answer).unwrap();
    let media = &plan(&applied).media;
    assert_eq!(media[0].direction, Direction::RecvOnly);
    assert!(
        media[0].codecs[0]
            .local_fmtp
            .contains(&("stereo".to_owned(), "1".to_owned()))
    );
    assert!(
        media[1].codecs[0]
            .local_fmtp
            .contains(&("x-google-start-bitrate".to_owned(), "900".to_owned()))
    );
    assert!(
        applied
            .events
            .iter()
            .any(|event| matches!(event, JsepEvent::TrackAdded { .. }))
    );
    assert_eq!(alice.current_local_description().unwrap().text(), text);
    assert_eq!(
        alice.transceivers()[0].current_direction(),
        Some(Direction::RecvOnly)
    );
}

#[test]
fn a_first_offer_may_wait_for_its_answer_before_it_is_applied() {
    let (mut alice, mut server) = (session(1), session(2));
    alice.open_data();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        for _ in 0..3 {
            alice
                .add_transceiver(kind, init(Direction::RecvOnly))
                .unwrap();
        }
    }
    let early = offer(&mut alice);
    assert_eq!(alice.signaling_state(), lk_jsep::SignalingState::Stable);
    // Meanwhile the application goes on.
    let late = alice
        .add_transceiver(MediaKind::Audio, publish("late"))
        .unwrap();
    alice.stop(alice.transceivers()[5].id()).unwrap();
    alice.restart_ice();

    server.set_remote(SdpType::Offer, &early).unwrap();
    let answer = server.create_answer().unwrap();
    server.set_local(SdpType::Answer, &answer).unwrap();
    let local = alice.set_local(SdpType::Offer, &early).unwrap();
    assert!(early.contains(&format!(
        "a=ice-ufrag:{}\r\n",
        local.local_ice.unwrap().ufrag
    )));
    let applied = alice.set_remote(SdpType::Answer, &answer).unwrap();
    assert_eq!(plan(&applied).media.len(), 6);
    assert_eq!(alice.transceiver(late).unwrap().mid(), None);
    assert!(alice.negotiation_needed());
    let exchange = negotiate(&mut alice, &mut server);
    assert_eq!(plan(&exchange.offerer).media.len(), 7);
    assert!(
        plan(&exchange.offerer).media[5].rejected,
        "it was stopped meanwhile"
    );
    assert_eq!(plan(&exchange.offerer).local_ice, plan(&applied).local_ice);
}

#[test]
fn offers_made_twice_name_the_same_m_lines_and_credentials() {
    let mut alice = session(1);
    alice.open_data();
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    let without_origin = |sdp: String| sdp.split_once("s=-").unwrap().1.to_owned();
    assert_eq!(
        without_origin(offer(&mut alice)),
        without_origin(offer(&mut alice))
    );
}

#[test]
fn legacy_options_ask_for_receivers_once() {
    let mut alice = session(1);
    let options = OfferOptions {
        offer_to_receive_audio: true,
        offer_to_receive_video: true,
        ..Default::default()
    };
    alice.create_offer(&options).unwrap();
    let text = alice.create_offer(&options).unwrap();
    assert_eq!(text.matches("m=audio").count(), 1);
    assert_eq!(text.matches("m=video").count(), 1);
    assert_eq!(text.matches("a=recvonly").count(), 2);
}
