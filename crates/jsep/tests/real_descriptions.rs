//! Descriptions that Google's library, Chrome, pion and livekit-server wrote, and what they mean for the plan.

mod common;

use common::*;
use lk_jsep::plan::{DtlsRole, MediaPlan};
use lk_jsep::sdp::Sdp;
use lk_jsep::{CodecPreference, JsepEvent, SdpType, Session};
use lk_types::{Codec, Direction, MediaKind, Pt, Ssrc};

const GOOGLE: [&str; 4] = [
    "google-first-offer",
    "google-publish-offer",
    "google-subscriber-answer",
    "chrome-simulcast-offer",
];
const OTHERS: [&str; 10] = [
    "livekit-first-answer",
    "livekit-publish-answer",
    "livekit-unpublish-answer",
    "livekit-republish-answer",
    "livekit-subscribe-answer",
    "livekit-subscriber-first-offer",
    "livekit-subscriber-audio-offer",
    "livekit-subscriber-tracks-offer",
    "livekit-subscriber-video-offer",
    "pion-data-offer",
];

/// What `livekit` adds before its first offer in the single-connection shape.
fn joining(seed: u8) -> Session {
    let mut session = session(seed);
    session.open_data();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        for _ in 0..3 {
            session
                .add_transceiver(kind, init(Direction::RecvOnly))
                .unwrap();
        }
    }
    session
}

fn exchange(session: &mut Session, answer: &str) -> lk_jsep::Applied {
    let text = offer(session);
    session.set_local(SdpType::Offer, &text).unwrap();
    session
        .set_remote(SdpType::Answer, &golden(answer))
        .unwrap()
}

fn of<'a>(media: &'a [MediaPlan], mid: &str) -> &'a MediaPlan {
    media
        .iter()
        .find(|media| media.mid.as_str() == mid)
        .expect("mid")
}

#[test]
fn googles_descriptions_are_printed_byte_for_byte() {
    for name in GOOGLE {
        let text = golden(name);
        assert_eq!(Sdp::parse(&text).unwrap().print(), text, "{name}");
    }
}

#[test]
fn nothing_is_lost_when_others_descriptions_are_printed() {
    for name in GOOGLE.into_iter().chain(OTHERS) {
        let text = golden(name);
        let sdp = Sdp::parse(&text).unwrap();
        let printed = sdp.print();
        assert_eq!(Sdp::parse(&printed).unwrap(), sdp, "{name}");
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&printed), sorted(&text), "{name}");
    }
}

#[test]
fn line_ends_do_not_matter() {
    for name in OTHERS {
        let text = golden(name);
        assert_eq!(
            Sdp::parse(&text.replace("\r\n", "\n")).unwrap(),
            Sdp::parse(&text).unwrap()
        );
        assert_eq!(
            Sdp::parse(text.trim_end()).unwrap(),
            Sdp::parse(&text).unwrap()
        );
    }
}

#[test]
fn our_first_offer_has_googles_m_lines_and_numbers() {
    let theirs = Sdp::parse(&golden("google-first-offer")).unwrap();
    let ours = Sdp::parse(&offer(&mut joining(1))).unwrap();
    assert_eq!(ours.bundle(), theirs.bundle());
    for (ours, theirs) in ours.media.iter().zip(&theirs.media) {
        assert_eq!(
            (&ours.kind, &ours.mid, ours.direction),
            (&theirs.kind, &theirs.mid, theirs.direction)
        );
        assert_eq!(ours.protocol, theirs.protocol);
        for format in ours
            .formats
            .iter()
            .filter(|format| format.name != "H265" && format.apt() != Some(Pt(49)))
        {
            assert_eq!(
                Some(format),
                theirs.format(format.pt),
                "same number, same meaning"
            );
        }
        for extmap in &ours.extmaps {
            assert!(theirs.extmaps.contains(extmap), "{extmap:?}");
        }
    }
    assert_eq!(ours.media.len(), theirs.media.len());
}

#[test]
fn the_servers_first_answer_becomes_a_plan() {
    let mut session = joining(1);
    let applied = exchange(&mut session, "livekit-first-answer");
    let plan = plan(&applied);
    assert!(plan.we_offered_first);
    assert_eq!(plan.dtls_role, DtlsRole::Server);
    assert!(!plan.remote_ice.lite);
    assert_eq!(plan.remote_fingerprint.algorithm, "sha-256");
    assert!(
        plan.remote_fingerprint.value.starts_with("E1:45:"),
        "it stands at session level"
    );
    assert_eq!(plan.media.len(), 6);
    let data = plan.data.as_ref().unwrap();
    assert_eq!(
        (data.mid.as_str(), data.index, data.max_message_size),
        ("6", 6, 65_535)
    );

    let audio = &plan.media[0];
    assert_eq!(audio.direction, Direction::RecvOnly);
    assert_eq!(
        audio
            .codecs
            .iter()
            .map(|codec| codec.codec)
            .collect::<Vec<_>>(),
        [Codec::Opus, Codec::Red]
    );
    assert!(audio.recv.is_empty() && audio.send.is_empty());
    assert!(
        !audio.transport_cc,
        "the server keeps transport-cc away from audio"
    );
    assert_eq!(audio.extensions.len(), 2);

    let video = &plan.media[3];
    let vp8 = &video.codecs[0];
    assert_eq!(
        (vp8.pt, vp8.codec, vp8.rtx, vp8.clock_rate),
        (Pt(96), Codec::Vp8, Some(Pt(97)), 90_000)
    );
    assert_eq!(
        vp8.feedback,
        ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]
    );
    assert!(video.remb && video.transport_cc);
    assert_eq!(video.codecs.len(), 7, "four of H.264, AV1, VP8, VP9");

    // The slots are announced as sending before anything is in them.
    let added: Vec<_> = applied
        .events
        .iter()
        .filter(|event| matches!(event, JsepEvent::TrackAdded { .. }))
        .collect();
    assert_eq!(added.len(), 6);
    assert!(!session.negotiation_needed());
}

#[test]
fn a_subscription_fills_slots_and_leaves_them_again() {
    let mut session = joining(1);
    exchange(&mut session, "livekit-first-answer");
    let applied = exchange(&mut session, "livekit-subscribe-answer");
    let media = &plan(&applied).media;
    let audio = of(media, "0");
    assert_eq!(
        audio
            .recv
            .iter()
            .map(|stream| stream.ssrc)
            .collect::<Vec<_>>(),
        [Some(Ssrc(1_816_766_259))]
    );
    let video = of(media, "3");
    assert_eq!(video.recv[0].ssrc, Some(Ssrc(1_996_991_830)));
    assert_eq!(video.recv[0].rtx_ssrc, Some(Ssrc(2_001_195_725)));
    assert_eq!(
        video.recv.len(),
        1,
        "the retransmission source is no stream of its own"
    );
    let stream = "PA_mXqUKS7KcwtD|TR_AMtuiJBfByyhPm";
    let first = &session.transceivers()[0];
    assert_eq!(first.receiver().stream_ids, [stream]);
    let changed = JsepEvent::StreamsChanged {
        id: first.id(),
        stream_ids: vec![stream.to_owned()],
    };
    assert!(applied.events.contains(&changed));

    // The server empties a slot: the receiver's streams go, the m-line stays.
    let text = offer(&mut session);
    session.set_local(SdpType::Offer, &text).unwrap();
    let emptied = golden("livekit-subscribe-answer").replacen("a=sendonly", "a=inactive", 1);
    let applied = session.set_remote(SdpType::Answer, &emptied).unwrap();
    let first = &session.transceivers()[0];
    assert!(
        applied
            .events
            .contains(&JsepEvent::TrackRemoved { id: first.id() })
    );
    assert!(first.receiver().stream_ids.is_empty());
    assert_eq!(first.current_direction(), Some(Direction::Inactive));
    assert!(of(&plan(&applied).media, "0").recv.is_empty());
    assert_eq!(first.direction(), Direction::RecvOnly);
    // And fills it again.
    let applied = exchange(&mut session, "livekit-subscribe-answer");
    let id = session.transceivers()[0].id();
    assert!(applied.events.contains(&JsepEvent::TrackAdded {
        id,
        stream_ids: vec![stream.to_owned()]
    }));
}

#[test]
fn publishing_follows_the_servers_answers() {
    let mut session = joining(1);
    exchange(&mut session, "livekit-first-answer");
    session
        .add_transceiver(MediaKind::Audio, publish("mic"))
        .unwrap();
    let camera = session
        .add_transceiver(MediaKind::Video, layers("cam", &["f", "h", "q"]))
        .unwrap();
    let prefer = |mime: &str, fmtp: Option<&str>| CodecPreference {
        mime_type: mime.to_owned(),
        fmtp: fmtp.map(str::to_owned),
    };
    session
        .set_codec_preferences(camera, &[prefer("video/VP8", None)])
        .unwrap();
    let screen = session
        .add_transceiver(MediaKind::Video, publish("scr"))
        .unwrap();
    let h264 = [
        prefer(
            "video/H264",
            Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
        ),
        prefer("video/H264", None),
    ];
    session.set_codec_preferences(screen, &h264).unwrap();
    let text = offer(&mut session);
    assert!(section(&text, "8").contains(&"a=simulcast:send f;h;q"));
    assert!(section(&text, "8")[0].starts_with("video 9 UDP/TLS/RTP/SAVPF 96 97"));
    assert!(
        !section(&text, "8")
            .iter()
            .any(|line| line.starts_with("a=ssrc")),
        "layers are announced by name"
    );
    assert!(
        section(&text, "9")[0].contains("SAVPF 109 114 "),
        "the preferred variant comes first"
    );
    session.set_local(SdpType::Offer, &text).unwrap();
    let applied = session
        .set_remote(SdpType::Answer, &golden("livekit-publish-answer"))
        .unwrap();
    let media = &plan(&applied).media;

    let mic = of(media, "7");
    assert_eq!(mic.direction, Direction::SendOnly);
    assert_eq!(
        mic.codecs[0].codec,
        Codec::Red,
        "the server prefers RED here"
    );
    let opus = &mic.codecs[1];
    assert!(
        opus.remote_fmtp
            .contains(&("usedtx".to_owned(), "1".to_owned()))
    );
    assert!(!opus.local_fmtp.iter().any(|(name, _)| name == "usedtx"));

    let cam = of(media, "8");
    let rids: Vec<_> = cam
        .send
        .iter()
        .map(|stream| stream.rid.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(rids, ["f", "h", "q"]);
    let mut sources: Vec<_> = cam.send.iter().map(|stream| stream.ssrc.unwrap()).collect();
    sources.sort();
    sources.dedup();
    assert_eq!(sources.len(), 3);
    assert_eq!(cam.codecs.len(), 1);
    assert_eq!(
        cam.codecs[0].rtx, None,
        "this answer has no retransmission format"
    );

    let scr = of(media, "9");
    assert_eq!(scr.codecs[0].pt, Pt(109));
    assert_eq!(scr.send.len(), 1);
    assert_eq!(
        session
            .transceiver(camera)
            .unwrap()
            .sender()
            .encodings
            .len(),
        3
    );

    session.remove_track(camera).unwrap();
    assert!(session.negotiation_needed());
    let applied = exchange(&mut session, "livekit-unpublish-answer");
    assert_eq!(
        of(&plan(&applied).media, "8").direction,
        Direction::Inactive
    );
    assert!(of(&plan(&applied).media, "8").send.is_empty());
    let next = session
        .add_transceiver(MediaKind::Video, publish("cam2"))
        .unwrap();
    session
        .set_codec_preferences(next, &[prefer("video/vp9", None)])
        .unwrap();
    let applied = exchange(&mut session, "livekit-republish-answer");
    assert_eq!(of(&plan(&applied).media, "10").codecs[0].pt, Pt(98));
    assert!(!session.negotiation_needed());
}

#[test]
fn a_subscriber_answers_the_servers_offers() {
    let mut session = session(1);
    let mut answer = |name: &str| {
        let offered = session.set_remote(SdpType::Offer, &golden(name)).unwrap();
        let text = session.create_answer().unwrap();
        let applied = session.set_local(SdpType::Answer, &text).unwrap();
        (offered.events, text, applied.plan.unwrap(), session.clone())
    };
    let (_, text, plan, _) = answer("livekit-subscriber-first-offer");
    assert!(text.contains("a=setup:active"));
    assert_eq!(
        (plan.dtls_role, plan.we_offered_first),
        (DtlsRole::Client, false)
    );
    assert!(plan.media.is_empty() && plan.data.is_some());

    let (events, text, plan, session) = answer("livekit-subscriber-audio-offer");
    assert!(
        section(&text, "1").contains(&"a=recvonly"),
        "sendrecv is answered with recvonly"
    );
    assert_eq!(plan.media[0].recv[0].ssrc, Some(Ssrc(3_680_305_094)));
    assert!(plan.media[0].send.is_empty() && plan.media[0].extensions.is_empty());
    let track = &session.transceivers()[0];
    assert_eq!(track.receiver().track_id, "TR_AMZckiKVW64Vw9");
    let streams = vec!["PA_Snif64bLKBLh|TR_AMZckiKVW64Vw9".to_owned()];
    assert!(events.contains(&JsepEvent::TransceiverAdded(track.id())));
    assert!(events.contains(&JsepEvent::TrackAdded {
        id: track.id(),
        stream_ids: streams
    }));

    let (_, text, plan, session) = answer("livekit-subscriber-tracks-offer");
    assert_eq!(session.transceivers().len(), 3);
    let numbers: Vec<_> = plan.media[1]
        .codecs
        .iter()
        .map(|codec| (codec.codec, codec.pt, codec.rtx))
        .collect();
    assert!(
        numbers.contains(&(Codec::H264, Pt(108), Some(Pt(109)))),
        "the server's own numbers: {numbers:?}"
    );
    assert!(numbers.contains(&(Codec::Av1, Pt(35), Some(Pt(36)))));
    assert!(
        !numbers.iter().any(|(_, pt, _)| *pt == Pt(100)),
        "VP9 profile 1 is not ours"
    );
    assert!(
        plan.media[1].remb && !plan.media[1].transport_cc,
        "the server asks for REMB by default"
    );
    let profile = section(&text, "2")
        .into_iter()
        .find(|line| line.starts_with("a=fmtp:108 "))
        .unwrap();
    assert!(profile.contains("packetization-mode=1;profile-level-id=42e01f"));

    let (events, _, plan, session) = answer("livekit-subscriber-video-offer");
    let gone = session.transceivers()[1].id();
    assert_eq!(events[1..], [JsepEvent::TrackRemoved { id: gone }]);
    assert_eq!(plan.media[1].direction, Direction::Inactive);
    assert_eq!(plan.media[2].recv[0].rtx_ssrc, Some(Ssrc(645_659_210)));
}

#[test]
fn chromes_simulcast_is_answered_by_a_client_with_one_layer_and_by_an_sfu_with_all() {
    let answer = |mut session: Session| {
        session
            .set_remote(SdpType::Offer, &golden("chrome-simulcast-offer"))
            .unwrap();
        let text = session.create_answer().unwrap();
        (
            session
                .set_local(SdpType::Answer, &text)
                .unwrap()
                .plan
                .unwrap(),
            text,
        )
    };
    let (plan, text) = answer(session(1));
    assert!(!text.contains("a=simulcast") && !text.contains("a=rid"));
    assert!(plan.media[0].recv.is_empty());
    assert_eq!(plan.media[1].recv[0].ssrc, Some(Ssrc(1_001_847_265)));
    assert_eq!(
        plan.media[1].codecs.len(),
        2,
        "of eight audio formats we have two"
    );

    let (plan, text) = answer(sfu(1));
    assert!(section(&text, "0").contains(&"a=simulcast:recv q;h;~f"));
    let rids: Vec<_> = plan.media[0]
        .recv
        .iter()
        .map(|stream| stream.rid.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(rids, ["q", "h", "f"]);
}

#[test]
fn candidates_and_ice_lite_are_read_from_the_description() {
    let mut session = session(1);
    session
        .set_remote(SdpType::Offer, &golden("pion-data-offer"))
        .unwrap();
    let text = session.create_answer().unwrap();
    let plan = session
        .set_local(SdpType::Answer, &text)
        .unwrap()
        .plan
        .unwrap();
    assert!(plan.remote_ice.lite);
    assert_eq!(plan.remote_candidates.len(), 3);
    assert!(plan.remote_candidates[0].starts_with("candidate:2272144013 1 udp "));
    assert_eq!(plan.data.unwrap().max_message_size, 1_073_741_823);
}
