//! Two sessions whose applications do anything at any time end up agreeing.

mod common;

use common::*;
use lk_jsep::{OfferOptions, SdpType, Session, SignalingState, TransceiverId};
use lk_types::{Direction, MediaKind};

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }

    fn transceiver(&mut self, session: &Session) -> Option<TransceiverId> {
        let list = session.transceivers();
        (!list.is_empty()).then(|| list[self.roll(list.len())].id())
    }
}

const DIRECTIONS: [Direction; 4] = [
    Direction::SendRecv,
    Direction::SendOnly,
    Direction::RecvOnly,
    Direction::Inactive,
];

/// One step of an application. What W3C forbids is an error here; nothing may panic.
fn act(session: &mut Session, dice: &mut Dice, name: &str) {
    let kind = if dice.roll(2) == 0 {
        MediaKind::Audio
    } else {
        MediaKind::Video
    };
    let id = dice.transceiver(session);
    match (dice.roll(10), id) {
        (0, _) if session.transceivers().len() < 12 => {
            session
                .add_transceiver(kind, init(DIRECTIONS[dice.roll(4)]))
                .unwrap();
        }
        (1, _) if session.transceivers().len() < 12 => {
            session
                .add_transceiver(MediaKind::Video, layers(name, &["q", "h", "f"]))
                .unwrap();
        }
        (2, _) if session.transceivers().len() < 12 => {
            let _ = session.add_track(kind, name, vec![format!("S{}", dice.roll(3))]);
        }
        (3, Some(id)) => session.remove_track(id).unwrap(),
        (4, Some(id)) => drop(session.set_direction(id, DIRECTIONS[dice.roll(4)])),
        (5, Some(id)) => session.stop(id).unwrap(),
        (6, Some(id)) => drop(session.set_streams(id, vec![format!("S{}", dice.roll(3))])),
        (7, _) => session.open_data(),
        (8, _) => session.restart_ice(),
        _ => drop(session.create_offer(&OfferOptions::default()).unwrap()),
    }
}

/// An exchange that may stop half-way, be taken back, or meet an offer from the other side.
fn talk(one: &mut Session, other: &mut Session, dice: &mut Dice, round: usize) {
    let options = OfferOptions {
        ice_restart: dice.roll(5) == 0,
        ..OfferOptions::default()
    };
    let offer = one.create_offer(&options).unwrap();
    act(one, dice, &format!("between{round}"));
    one.set_local(SdpType::Offer, &offer).unwrap();
    match dice.roll(6) {
        0 => drop(one.set_local(SdpType::Rollback, "").unwrap()),
        1 => {
            other.set_remote(SdpType::Offer, &offer).unwrap();
            act(other, dice, &format!("lost{round}"));
            other.set_remote(SdpType::Rollback, "").unwrap();
            // The old answer instead of a new one, as `livekit` does it; without one, a rollback.
            let old = one
                .current_remote_description()
                .filter(|old| old.sdp_type() == SdpType::Answer);
            let old = old.map(|old| old.text().to_owned());
            let again = old.is_some_and(|old| one.set_remote(SdpType::Answer, &old).is_ok());
            if !again {
                one.set_local(SdpType::Rollback, "").unwrap();
            }
        }
        2 => {
            let theirs = other.create_offer(&OfferOptions::default()).unwrap();
            other.set_local(SdpType::Offer, &theirs).unwrap();
            one.set_remote(SdpType::Offer, &theirs).unwrap();
            let answer = one.create_answer().unwrap();
            let mine = one.set_local(SdpType::Answer, &answer).unwrap();
            let back = other.set_remote(SdpType::Answer, &answer).unwrap();
            compare(&mine, &back);
        }
        _ => {
            other.set_remote(SdpType::Offer, &offer).unwrap();
            act(other, dice, &format!("meanwhile{round}"));
            let answer = other.create_answer().unwrap();
            let theirs = other.set_local(SdpType::Answer, &answer).unwrap();
            let mine = one.set_remote(SdpType::Answer, &answer).unwrap();
            compare(&mine, &theirs);
        }
    }
}

fn compare(one: &lk_jsep::Applied, other: &lk_jsep::Applied) {
    assert_eq!(one.plan.is_some(), other.plan.is_some());
    if let (Some(one), Some(other)) = (&one.plan, &other.plan) {
        assert_mirrored(one, other);
        assert_eq!(one.data.is_some(), other.data.is_some());
    }
}

fn walk(seed: u64) {
    let mut dice = Dice(seed);
    let (mut alice, mut bob) = (session(1), sfu(2));
    for round in 0..16 {
        for _ in 0..dice.roll(4) {
            act(&mut alice, &mut dice, &format!("a{round}"));
            act(&mut bob, &mut dice, &format!("b{round}"));
        }
        if dice.roll(2) == 0 {
            talk(&mut alice, &mut bob, &mut dice, round);
        } else {
            talk(&mut bob, &mut alice, &mut dice, round);
        }
        assert_eq!(alice.signaling_state(), SignalingState::Stable);
        assert_eq!(bob.signaling_state(), SignalingState::Stable);
    }
    // W3C has a side ask for negotiation for as long as it wants to send and the other does not want to receive.
    for side in [&mut alice, &mut bob] {
        let ids: Vec<_> = side
            .transceivers()
            .iter()
            .map(|transceiver| transceiver.id())
            .collect();
        for id in ids {
            // Stopped ones refuse, and are none the worse for it.
            let _ = side.set_direction(id, Direction::SendRecv);
        }
    }
    // Left alone, both are content after each has offered what it wants.
    for _ in 0..3 {
        if alice.negotiation_needed() {
            negotiate(&mut alice, &mut bob);
        }
        if bob.negotiation_needed() {
            negotiate(&mut bob, &mut alice);
        }
    }
    assert!(!alice.negotiation_needed() && !bob.negotiation_needed());
    let last = negotiate(&mut alice, &mut bob);
    if let Some(plan) = &last.offerer.plan {
        let mut sources: Vec<_> = plan
            .media
            .iter()
            .flat_map(|media| &media.send)
            .flat_map(|stream| [stream.ssrc, stream.rtx_ssrc])
            .flatten()
            .collect();
        let count = sources.len();
        sources.sort();
        sources.dedup();
        assert_eq!(sources.len(), count, "no source is used twice");
    }
    for transceiver in alice.transceivers().iter().chain(bob.transceivers()) {
        assert!(transceiver.mid().is_some() && !transceiver.stopped());
    }
}

#[test]
fn whatever_happens_both_sides_agree_in_the_end() {
    for seed in 0..16 {
        let outcome = std::panic::catch_unwind(|| walk(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
