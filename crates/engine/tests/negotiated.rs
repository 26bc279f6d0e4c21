//! The whole way: descriptions made by lk-jsep, plans out of them, packets between two engines.

mod common;

use std::time::Duration;

use common::{Node, PATIENCE, SIDES, address, other};
use lk_engine::{
    ChannelInit, ChannelState, DtlsState, Event, IceState, LocalCandidate, OutgoingRtp,
};
use lk_jsep::plan::Plan;
use lk_jsep::{
    Capabilities, Encoding, OfferOptions, SdpType, Session, SessionConfig, TransceiverId,
    TransceiverInit,
};
use lk_testkit::{Link, Pair, Side};
use lk_types::{Direction, MediaKind, Pt, Rid, Ssrc};

struct Peers {
    pair: Pair<Node>,
    sessions: [Session; 2],
    plans: [Option<Plan>; 2],
}

fn index(side: Side) -> usize {
    usize::from(side == Side::B)
}

impl Peers {
    fn new(link: Link) -> Self {
        let mut pair = Pair::new(link, 21, |side, now| Node::new(address(side), now));
        let sessions = SIDES.map(|side| {
            Session::new(SessionConfig {
                capabilities: Capabilities::default(),
                fingerprint: pair.peer(side).engine.fingerprint().clone(),
                seed: [index(side) as u8 + 1; 32],
                receive_simulcast: side == Side::B,
            })
        });
        for side in SIDES {
            let line = pair
                .with(side, |node, now| {
                    node.engine
                        .add_local_candidate(LocalCandidate::host(address(side)), now)
                })
                .expect("a candidate");
            pair.with(other(side), |node, now| {
                node.engine.add_remote_candidate(&line, now)
            })
            .expect("its line");
        }
        Self {
            pair,
            sessions,
            plans: [None, None],
        }
    }

    fn session(&mut self, side: Side) -> &mut Session {
        &mut self.sessions[index(side)]
    }

    /// One exchange that `side` begins.
    fn negotiate(&mut self, side: Side, options: &OfferOptions) {
        let answerer = other(side);
        let offer = self.session(side).create_offer(options).expect("an offer");
        let mut plans = [None, None];
        let mut note = |side: Side, plan: Option<Plan>| {
            if plan.is_some() {
                plans[index(side)] = plan;
            }
        };
        let applied = self
            .session(side)
            .set_local(SdpType::Offer, &offer)
            .expect("our offer");
        note(side, applied.plan);
        let applied = self
            .session(answerer)
            .set_remote(SdpType::Offer, &offer)
            .expect("their offer");
        note(answerer, applied.plan);
        let answer = self.session(answerer).create_answer().expect("an answer");
        let applied = self
            .session(answerer)
            .set_local(SdpType::Answer, &answer)
            .expect("our answer");
        note(answerer, applied.plan);
        let applied = self
            .session(side)
            .set_remote(SdpType::Answer, &answer)
            .expect("their answer");
        note(side, applied.plan);
        for side in SIDES {
            let plan = plans[index(side)].take().expect("a plan after an exchange");
            self.pair
                .with(side, |node, now| node.engine.apply(&plan, now))
                .unwrap_or_else(|error| panic!("{side:?}: {error}\n{offer}\n{answer}"));
            self.plans[index(side)] = Some(plan);
        }
    }

    fn await_connected(&mut self) {
        let up = self.pair.run_until(PATIENCE, |pair| {
            SIDES.iter().all(|side| {
                let engine = &pair.peer(*side).engine;
                engine.dtls_state() == DtlsState::Connected
                    && matches!(
                        engine.ice_state(),
                        IceState::Connected | IceState::Completed
                    )
            })
        });
        assert!(up, "not connected");
    }

    /// Sources, with the first payload type, that the side may send on the transceiver's m-line.
    fn sources(&self, side: Side, id: TransceiverId) -> Vec<(Ssrc, Pt)> {
        let mid = self.sessions[index(side)]
            .transceiver(id)
            .and_then(|transceiver| transceiver.mid())
            .expect("a mid");
        let plan = self.plans[index(side)].as_ref().expect("a plan");
        let media = plan
            .media
            .iter()
            .find(|media| media.mid == *mid)
            .expect("an m-line");
        media
            .send
            .iter()
            .filter_map(|stream| Some((stream.ssrc?, media.codecs.first()?.pt)))
            .collect()
    }

    /// Sends packets on every source of a transceiver and checks that they come out at the other side.
    fn exchange(&mut self, side: Side, id: TransceiverId, from: u64) {
        let sources = self.sources(side, id);
        assert!(!sources.is_empty(), "nothing to send on");
        self.pair.take_events(other(side));
        for number in from..from + 20 {
            for (ssrc, pt) in &sources {
                let packet = OutgoingRtp {
                    ssrc: *ssrc,
                    pt: *pt,
                    sequence_number: number,
                    timestamp: u32::try_from(number * 960).expect("small"),
                    marker: true,
                    rotation: None,
                    dependency_descriptor: None,
                    captured: self.pair.now(),
                    audio_level: None,
                    nackable: true,
                    payload: b"payload",
                };
                self.pair
                    .with(side, |node, now| node.engine.send_rtp(&packet, now))
                    .expect("sent");
            }
            self.pair.run(Duration::from_millis(30));
        }
        self.pair.run(Duration::from_millis(500));
        for (ssrc, pt) in sources {
            let got = self
                .pair
                .events(other(side))
                .iter()
                .filter(|(_, event)| matches!(event, Event::Rtp(packet) if packet.ssrc == ssrc && packet.pt == pt))
                .count();
            assert_eq!(got, 20, "{ssrc} with {pt}");
        }
    }
}

fn sends(track: &str) -> TransceiverInit {
    TransceiverInit {
        direction: Direction::SendOnly,
        stream_ids: vec!["stream".to_owned()],
        track_id: Some(track.to_owned()),
        encodings: Vec::new(),
    }
}

fn layers() -> TransceiverInit {
    let encodings = ["q", "h", "f"].map(|rid| Encoding {
        rid: Some(Rid::new(rid)),
        ..Encoding::default()
    });
    TransceiverInit {
        encodings: encodings.to_vec(),
        ..sends("video")
    }
}

#[test]
fn data_alone_then_media_then_more_media() {
    let mut peers = Peers::new(Link::clean());
    peers.session(Side::B).open_data();
    let channel = peers
        .pair
        .with(Side::B, |node, now| {
            node.engine.open_channel(ChannelInit::reliable("chat"), now)
        })
        .expect("a channel");
    peers.negotiate(Side::B, &OfferOptions::default());
    peers.await_connected();
    assert!(peers.pair.run_until(PATIENCE, |pair| {
        pair.peer(Side::B).engine.channel_state(channel) == ChannelState::Open
    }));
    let audio = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Audio, sends("audio"))
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.exchange(Side::A, audio, 0);
    let video = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Video, sends("video"))
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.exchange(Side::A, video, 0);
    peers.exchange(Side::A, audio, 20);
}

#[test]
fn both_sides_send_on_lines_of_their_own() {
    let mut peers = Peers::new(Link::clean());
    let a = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Audio, sends("a"))
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.await_connected();
    let b = peers
        .session(Side::B)
        .add_transceiver(MediaKind::Audio, sends("b"))
        .expect("a transceiver");
    let v = peers
        .session(Side::B)
        .add_transceiver(MediaKind::Video, sends("v"))
        .expect("a transceiver");
    peers.negotiate(Side::B, &OfferOptions::default());
    peers.exchange(Side::A, a, 0);
    peers.exchange(Side::B, b, 0);
    peers.exchange(Side::B, v, 0);
}

#[test]
fn simulcast_layers_come_out_apart() {
    let mut peers = Peers::new(Link::clean());
    let video = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Video, layers())
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.await_connected();
    assert_eq!(peers.sources(Side::A, video).len(), 3);
    peers.exchange(Side::A, video, 0);
}

#[test]
fn a_track_goes_and_another_takes_the_line() {
    let mut peers = Peers::new(Link::clean());
    let audio = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Audio, sends("one"))
        .expect("a transceiver");
    let video = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Video, sends("two"))
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.await_connected();
    peers.exchange(Side::A, audio, 0);
    for round in 1..4 {
        peers.session(Side::A).remove_track(audio).expect("removed");
        peers.negotiate(Side::A, &OfferOptions::default());
        peers.exchange(Side::A, video, round * 20);
        peers
            .session(Side::A)
            .set_direction(audio, Direction::SendOnly)
            .expect("a direction");
        peers
            .session(Side::A)
            .set_track(audio, Some("again".to_owned()))
            .expect("a track");
        peers.negotiate(Side::A, &OfferOptions::default());
        peers.exchange(Side::A, audio, round * 20);
    }
    peers.session(Side::A).stop(audio).expect("stopped");
    peers.negotiate(Side::A, &OfferOptions::default());
    let recycled = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Audio, sends("three"))
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.exchange(Side::A, recycled, 0);
}

#[test]
fn ice_restarts_by_either_side() {
    let mut peers = Peers::new(Link::clean());
    let audio = peers
        .session(Side::A)
        .add_transceiver(MediaKind::Audio, sends("one"))
        .expect("a transceiver");
    peers.negotiate(Side::A, &OfferOptions::default());
    peers.await_connected();
    peers.exchange(Side::A, audio, 0);
    for (round, side) in (1..).zip([Side::A, Side::B, Side::A]) {
        let before = peers.plans[0].as_ref().map(|plan| plan.local_ice.clone());
        peers.negotiate(
            side,
            &OfferOptions {
                ice_restart: true,
                ..OfferOptions::default()
            },
        );
        assert_ne!(
            peers.plans[0].as_ref().map(|plan| plan.local_ice.clone()),
            before
        );
        for side in SIDES {
            let theirs = address(other(side));
            let line = format!(
                "candidate:1 1 udp 2130706431 {} {} typ host",
                theirs.ip(),
                theirs.port()
            );
            peers
                .pair
                .with(side, |node, now| {
                    node.engine.add_remote_candidate(&line, now)
                })
                .expect("a line");
        }
        peers.await_connected();
        peers.exchange(Side::A, audio, round * 20);
    }
}
