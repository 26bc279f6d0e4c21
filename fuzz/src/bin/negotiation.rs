//! Two sessions negotiate while lists of operations change them: what one prints the other can apply, and a refused
//! call leaves both able to go on.

use std::process::ExitCode;

use lk_jsep::plan::Fingerprint;
use lk_jsep::{
    Capabilities, OfferOptions, SdpType, Session, SessionConfig, SignalingState, TransceiverInit,
};
use lk_types::{Direction, MediaKind};

fn session(seed: u8) -> Session {
    Session::new(SessionConfig {
        capabilities: Capabilities::default(),
        fingerprint: Fingerprint {
            algorithm: "sha-256".into(),
            value: vec!["AB"; 32].join(":"),
        },
        seed: [seed; 32],
        receive_simulcast: false,
    })
}

fn direction(byte: u8) -> Direction {
    [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ][usize::from(byte % 4)]
}

/// Offer from `from`, answer from `to`; where both stood still it must succeed.
fn exchange(from: &mut Session, to: &mut Session, restart: bool) {
    let able = from.signaling_state() == SignalingState::Stable
        && to.signaling_state() == SignalingState::Stable;
    let options = OfferOptions {
        ice_restart: restart,
        ..OfferOptions::default()
    };
    let done = (|| {
        let offer = from.create_offer(&options)?;
        from.set_local(SdpType::Offer, &offer)?;
        to.set_remote(SdpType::Offer, &offer)?;
        let answer = to.create_answer()?;
        to.set_local(SdpType::Answer, &answer)?;
        from.set_remote(SdpType::Answer, &answer)
    })();
    if able {
        done.expect("two quiet sessions can always negotiate");
    }
}

fn main() -> ExitCode {
    livekit_ffi_fuzz::run("negotiation", &[], |input| {
        let mut sessions = [session(1), session(2)];
        // Three bytes are one operation: whose, which, with what.
        for step in input.chunks_exact(3).take(60) {
            let [first, second] = &mut sessions;
            let (one, other) = if step[0] & 1 == 0 {
                (first, second)
            } else {
                (second, first)
            };
            let chosen = {
                let all = one.transceivers();
                all.get(usize::from(step[2]) % all.len().max(1))
                    .map(lk_jsep::Transceiver::id)
            };
            match step[1] % 10 {
                0 => {
                    let kind = if step[2] & 1 == 0 {
                        MediaKind::Audio
                    } else {
                        MediaKind::Video
                    };
                    let init = TransceiverInit {
                        direction: direction(step[2] >> 1),
                        ..TransceiverInit::default()
                    };
                    let _refused = one.add_transceiver(kind, init);
                }
                1 => {
                    let _refused =
                        one.add_track(MediaKind::Audio, &format!("t{}", step[2]), vec!["s".into()]);
                }
                2 => one.open_data(),
                3 => one.restart_ice(),
                4 => {
                    if let Some(id) = chosen {
                        let _refused = one.set_direction(id, direction(step[0] >> 1));
                    }
                }
                5 => {
                    if let Some(id) = chosen {
                        let _refused = one.stop(id);
                    }
                }
                6 => {
                    if let Some(id) = chosen {
                        let _refused = one.remove_track(id);
                    }
                }
                7 => {
                    // An offer of our own that is taken back.
                    if let Ok(offer) = one.create_offer(&OfferOptions::default()) {
                        let set = one.set_local(SdpType::Offer, &offer).is_ok();
                        let _refused = one.set_local(SdpType::Rollback, "");
                        assert!(!set || one.signaling_state() == SignalingState::Stable);
                    }
                }
                8 => exchange(one, other, true),
                _ => exchange(one, other, false),
            }
        }
    })
}
