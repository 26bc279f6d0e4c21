//! Two sessions that talk to each other, and descriptions on disk.
#![expect(
    dead_code,
    reason = "each test binary uses its own part of this module"
)]

use lk_jsep::plan::{Fingerprint, MediaPlan, Plan};
use lk_jsep::{
    Applied, Capabilities, Encoding, OfferOptions, SdpType, Session, SessionConfig, TransceiverInit,
};
use lk_types::{Direction, Rid};

/// Configuration of a test session; `seed` tells its names from others'.
pub(crate) fn config(seed: u8) -> SessionConfig {
    SessionConfig {
        capabilities: Capabilities::default(),
        fingerprint: Fingerprint {
            algorithm: "sha-256".to_owned(),
            value: vec![format!("{seed:02X}"); 32].join(":"),
        },
        seed: [seed; 32],
        receive_simulcast: false,
    }
}

pub(crate) fn session(seed: u8) -> Session {
    Session::new(config(seed))
}

/// A session that answers simulcast as an SFU does.
pub(crate) fn sfu(seed: u8) -> Session {
    Session::new(SessionConfig {
        receive_simulcast: true,
        ..config(seed)
    })
}

pub(crate) fn init(direction: Direction) -> TransceiverInit {
    TransceiverInit {
        direction,
        ..TransceiverInit::default()
    }
}

/// What `livekit` publishes: send only, no stream.
pub(crate) fn publish(track: &str) -> TransceiverInit {
    TransceiverInit {
        direction: Direction::SendOnly,
        track_id: Some(track.to_owned()),
        ..TransceiverInit::default()
    }
}

pub(crate) fn layers(track: &str, rids: &[&str]) -> TransceiverInit {
    let encodings = rids.iter().map(|rid| Encoding {
        rid: Some(Rid::new(rid)),
        ..Encoding::default()
    });
    TransceiverInit {
        encodings: encodings.collect(),
        ..publish(track)
    }
}

pub(crate) fn offer(session: &mut Session) -> String {
    session
        .create_offer(&OfferOptions::default())
        .expect("an open session makes an offer")
}

/// What both sides learn from one exchange.
pub(crate) struct Exchange {
    pub(crate) offer: String,
    pub(crate) answer: String,
    pub(crate) offerer: Applied,
    pub(crate) answerer: Applied,
    /// Events of the remote offer, at the answerer.
    pub(crate) offered: Applied,
}

/// One full exchange.
pub(crate) fn negotiate(offerer: &mut Session, answerer: &mut Session) -> Exchange {
    negotiate_with(offerer, answerer, &OfferOptions::default(), str::to_owned)
}

/// One full exchange; `munge` changes the offer before anybody applies it.
pub(crate) fn negotiate_with(
    offerer: &mut Session,
    answerer: &mut Session,
    options: &OfferOptions,
    munge: impl Fn(&str) -> String,
) -> Exchange {
    let offer = munge(&offerer.create_offer(options).expect("offer"));
    offerer
        .set_local(SdpType::Offer, &offer)
        .expect("local offer");
    let offered = answerer
        .set_remote(SdpType::Offer, &offer)
        .expect("remote offer");
    let answer = answerer.create_answer().expect("answer");
    let at_answerer = answerer
        .set_local(SdpType::Answer, &answer)
        .expect("local answer");
    let at_offerer = offerer
        .set_remote(SdpType::Answer, &answer)
        .expect("remote answer");
    let exchange = Exchange {
        offer,
        answer,
        offerer: at_offerer,
        answerer: at_answerer,
        offered,
    };
    if let (Some(ours), Some(theirs)) = (&exchange.offerer.plan, &exchange.answerer.plan) {
        assert_mirrored(ours, theirs);
    }
    exchange
}

/// Two plans of one exchange agree on everything that both sides have to do alike.
pub(crate) fn assert_mirrored(ours: &Plan, theirs: &Plan) {
    assert_eq!(ours.local_ice, theirs.remote_ice);
    assert_eq!(ours.remote_ice, theirs.local_ice);
    assert_ne!(ours.dtls_role, theirs.dtls_role);
    assert_ne!(ours.we_offered_first, theirs.we_offered_first);
    assert_eq!(ours.media.len(), theirs.media.len());
    for (ours, theirs) in ours.media.iter().zip(&theirs.media) {
        assert_eq!(ours.mid, theirs.mid);
        assert_eq!(
            ours.direction,
            theirs.direction.reversed(),
            "mid {}",
            ours.mid
        );
        assert_eq!(ours.extensions, theirs.extensions, "mid {}", ours.mid);
        let numbers = |media: &MediaPlan| -> Vec<_> {
            media
                .codecs
                .iter()
                .map(|codec| (codec.pt, codec.codec, codec.rtx))
                .collect()
        };
        assert_eq!(numbers(ours), numbers(theirs), "mid {}", ours.mid);
    }
}

pub(crate) fn plan(applied: &Applied) -> &Plan {
    applied
        .plan
        .as_ref()
        .expect("a completed exchange has a plan")
}

/// Lines of the m-line with this mid.
pub(crate) fn section<'a>(sdp: &'a str, mid: &str) -> Vec<&'a str> {
    let wanted = format!("a=mid:{mid}");
    let blocks = sdp.split("\r\nm=").skip(1);
    let block = blocks
        .into_iter()
        .find(|block| block.lines().any(|line| line == wanted));
    block
        .unwrap_or_else(|| panic!("no mid {mid} in\n{sdp}"))
        .lines()
        .collect()
}

/// A description under `tests/golden/sdp/`.
pub(crate) fn golden(name: &str) -> String {
    // Cargo runs tests in their package's folder.
    let path = format!("tests/golden/sdp/{name}.sdp");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    // Golden files are kept with LF for readability; on the wire lines end in CR LF.
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
