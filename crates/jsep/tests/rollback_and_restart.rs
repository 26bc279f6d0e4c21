//! Offers that are taken back, and new ICE credentials.

mod common;

use common::*;
use lk_jsep::{JsepEvent, OfferOptions, SdpType, SessionError, SignalingState};
use lk_types::{Direction, MediaKind};

const RESTART: OfferOptions = OfferOptions {
    ice_restart: true,
    offer_to_receive_audio: false,
    offer_to_receive_video: false,
};

#[test]
fn an_ice_restart_changes_both_sides_credentials_and_nothing_else() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    let before = negotiate(&mut alice, &mut bob);
    let after = negotiate_with(&mut alice, &mut bob, &RESTART, str::to_owned);
    let (before, after) = (plan(&before.offerer), plan(&after.offerer));
    assert_ne!(before.local_ice, after.local_ice);
    assert_ne!(before.remote_ice, after.remote_ice);
    assert_eq!(before.media, after.media);
    assert_eq!(before.dtls_role, after.dtls_role);
    assert_eq!(alice.local_ice(), after.local_ice);
}

#[test]
fn an_ordinary_offer_keeps_the_credentials() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    let first = negotiate(&mut alice, &mut bob);
    let second = negotiate(&mut alice, &mut bob);
    assert_eq!(
        plan(&first.offerer).local_ice,
        plan(&second.offerer).local_ice
    );
    assert_eq!(
        plan(&first.offerer).remote_ice,
        plan(&second.offerer).remote_ice
    );
}

#[test]
fn restart_ice_asks_for_negotiation_until_the_credentials_changed() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.restart_ice();
    assert!(
        !alice.negotiation_needed(),
        "there is nothing to restart yet"
    );
    alice.open_data();
    let before = negotiate(&mut alice, &mut bob);
    alice.restart_ice();
    assert!(alice.negotiation_needed());
    let after = negotiate(&mut alice, &mut bob);
    assert_ne!(
        plan(&before.offerer).local_ice,
        plan(&after.offerer).local_ice
    );
    assert!(!alice.negotiation_needed());
    let third = negotiate(&mut alice, &mut bob);
    assert_eq!(
        plan(&third.offerer).local_ice,
        plan(&after.offerer).local_ice
    );
}

#[test]
fn the_old_answer_applied_again_cancels_an_unanswered_restart() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    let first = negotiate(&mut alice, &mut bob);
    // The signal connection was lost while an offer with a restart was on its way.
    let lost = alice.create_offer(&RESTART).unwrap();
    alice.set_local(SdpType::Offer, &lost).unwrap();
    let again = alice
        .current_remote_description()
        .unwrap()
        .text()
        .to_owned();
    assert_eq!(again, first.answer);
    let applied = alice.set_remote(SdpType::Answer, &again).unwrap();
    assert_eq!(
        applied.plan, None,
        "the engine keeps running on what was agreed"
    );
    assert_eq!(
        applied.events,
        [JsepEvent::SignalingState(SignalingState::Stable)]
    );
    assert_eq!(alice.local_ice(), plan(&first.offerer).local_ice);

    let after = negotiate_with(&mut alice, &mut bob, &RESTART, str::to_owned);
    assert_ne!(
        plan(&after.offerer).local_ice,
        plan(&first.offerer).local_ice
    );
}

#[test]
fn the_old_answer_applied_again_cancels_an_offer_with_more_m_lines() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    let first = negotiate(&mut alice, &mut bob);
    let id = alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    let lost = offer(&mut alice);
    alice.set_local(SdpType::Offer, &lost).unwrap();
    assert!(alice.transceiver(id).unwrap().mid().is_some());
    alice.set_remote(SdpType::Answer, &first.answer).unwrap();
    assert_eq!(alice.signaling_state(), SignalingState::Stable);
    assert_eq!(alice.transceiver(id).unwrap().mid(), None);
    assert!(alice.negotiation_needed());
    let exchange = negotiate_with(&mut alice, &mut bob, &RESTART, str::to_owned);
    assert_eq!(plan(&exchange.offerer).media.len(), 1);
}

#[test]
fn the_old_answer_completes_an_offer_it_fits() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    let first = negotiate(&mut alice, &mut bob);
    let second = offer(&mut alice);
    alice.set_local(SdpType::Offer, &second).unwrap();
    let applied = alice.set_remote(SdpType::Answer, &first.answer).unwrap();
    assert_eq!(plan(&applied), plan(&first.offerer));
}

#[test]
fn a_rollback_of_a_remote_offer_removes_what_it_made() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    negotiate(&mut alice, &mut bob);
    alice
        .add_track(MediaKind::Audio, "TR", vec!["S".to_owned()])
        .unwrap();
    let text = offer(&mut alice);
    bob.set_remote(SdpType::Offer, &text).unwrap();
    let id = bob.transceivers()[0].id();
    let applied = bob.set_remote(SdpType::Rollback, "").unwrap();
    assert_eq!(
        applied.events,
        [
            JsepEvent::SignalingState(SignalingState::Stable),
            JsepEvent::TrackRemoved { id },
            JsepEvent::Stopped(id),
        ]
    );
    assert!(bob.transceivers().is_empty());
    assert!(bob.pending_remote_description().is_none());
    // The offer may come again.
    let exchange = negotiate(&mut alice, &mut bob);
    assert_eq!(plan(&exchange.answerer).media.len(), 1);
}

#[test]
fn a_rollback_of_a_local_offer_keeps_the_applications_wishes() {
    let (mut alice, mut bob) = (session(1), session(2));
    let id = alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    negotiate(&mut alice, &mut bob);
    alice.set_direction(id, Direction::Inactive).unwrap();
    let text = offer(&mut alice);
    alice.set_local(SdpType::Offer, &text).unwrap();
    alice.set_local(SdpType::Rollback, "").unwrap();
    let transceiver = alice.transceiver(id).unwrap();
    assert_eq!(
        transceiver
            .mid()
            .map(|mid| mid.as_str().to_owned())
            .as_deref(),
        Some("0")
    );
    assert_eq!(transceiver.direction(), Direction::Inactive);
    assert!(alice.negotiation_needed());
}

#[test]
fn a_remote_offer_in_have_local_offer_wins() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice.open_data();
    negotiate(&mut alice, &mut bob);
    let mine = alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    bob.add_transceiver(MediaKind::Video, publish("B")).unwrap();
    let lost = offer(&mut alice);
    alice.set_local(SdpType::Offer, &lost).unwrap();
    let text = offer(&mut bob);
    bob.set_local(SdpType::Offer, &text).unwrap();
    let applied = alice.set_remote(SdpType::Offer, &text).unwrap();
    assert_eq!(
        applied.events[0],
        JsepEvent::SignalingState(SignalingState::HaveRemoteOffer)
    );
    assert_eq!(alice.transceiver(mine).unwrap().mid(), None);
    let answer = alice.create_answer().unwrap();
    alice.set_local(SdpType::Answer, &answer).unwrap();
    bob.set_remote(SdpType::Answer, &answer).unwrap();
    let exchange = negotiate(&mut alice, &mut bob);
    assert_eq!(plan(&exchange.offerer).media.len(), 2);
}

#[test]
fn a_refused_description_leaves_no_trace() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    alice.open_data();
    let text = offer(&mut alice);
    alice.set_local(SdpType::Offer, &text).unwrap();
    bob.set_remote(SdpType::Offer, &text).unwrap();
    let answer = bob.create_answer().unwrap();
    for broken in [
        answer.replace("a=fingerprint", "a=x-fingerprint"),
        answer.replace("a=ice-pwd", "a=x-ice-pwd"),
        answer.replace("a=mid:1", "a=mid:7"),
        answer.split("m=application").next().unwrap().to_owned(),
        answer.replace("m=application", "m=audio"),
        answer.replace("a=setup:active", "a=setup:holdconn"),
    ] {
        let error = alice.set_remote(SdpType::Answer, &broken).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert_eq!(alice.signaling_state(), SignalingState::HaveLocalOffer);
        assert!(alice.current_remote_description().is_none());
    }
    let applied = alice.set_remote(SdpType::Answer, &answer).unwrap();
    assert!(applied.plan.is_some());
}

#[test]
fn descriptions_at_the_wrong_time_are_refused() {
    let mut alice = session(1);
    alice.open_data();
    let text = offer(&mut alice);
    let wrong = alice.set_remote(SdpType::Answer, &text);
    assert!(matches!(
        wrong,
        Err(SessionError::WrongState {
            side: "remote",
            state: SignalingState::Stable,
            ..
        })
    ));
    assert!(matches!(
        alice.create_answer(),
        Err(SessionError::NoOffer { .. })
    ));
    assert!(matches!(
        alice.set_local(SdpType::Rollback, ""),
        Err(SessionError::WrongState { .. })
    ));
}

#[test]
fn a_later_offer_may_not_drop_or_swap_m_lines() {
    let (mut alice, mut bob) = (session(1), session(2));
    alice
        .add_transceiver(MediaKind::Audio, publish("A"))
        .unwrap();
    alice
        .add_transceiver(MediaKind::Video, publish("V"))
        .unwrap();
    negotiate(&mut alice, &mut bob);
    let text = offer(&mut alice);
    let shorter = text.split("m=video").next().unwrap();
    assert_eq!(
        bob.set_remote(SdpType::Offer, shorter),
        Err(SessionError::MlineCount {
            got: 1,
            expected: 2
        })
    );
    let renamed = text.replace("a=mid:1", "a=mid:9");
    assert!(matches!(
        bob.set_remote(SdpType::Offer, &renamed),
        Err(SessionError::Mline { index: 1, .. })
    ));
}
