//! Streams that follow whatever track of one source a participant has.

use livekit::{
    participant::{Participant, RemoteParticipant},
    track::TrackSource,
    webrtc::prelude::MediaStreamTrack,
};

use super::session::RoomSession;

/// Runs `pump` on one track after the other, with its sid: those of `source` for which `pick` has an answer, until the
/// participant leaves or the room closes.
pub(super) async fn tracks<T, F: Future<Output = ()>>(
    session: &RoomSession,
    participant: &Participant,
    source: TrackSource,
    pick: fn(MediaStreamTrack) -> Option<T>,
    pump: impl Fn(String, T) -> F,
) {
    let mut changes = session.changes();
    loop {
        changes.mark_unchanged();
        if !is_present(session, participant) {
            return;
        }
        match current(participant, source, pick) {
            Some((sid, track)) => {
                let gone = async {
                    while changes.changed().await.is_ok() {
                        let now = current(participant, source, pick).map(|(sid, _)| sid);
                        if session.is_closed() || now.as_ref() != Some(&sid) {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = pump(sid.clone(), track) => {
                        // The track ended before the room said so: the next change tells more.
                        if changes.changed().await.is_err() {
                            return;
                        }
                    }
                    () = gone => {}
                }
            }
            None => {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether the participant is still the one in the room.
fn is_present(session: &RoomSession, participant: &Participant) -> bool {
    let Ok(room) = session.room("follow a participant") else {
        return false;
    };
    match participant {
        Participant::Local(_) => !session.is_closed(),
        Participant::Remote(remote) => room
            .remote_participants()
            .get(&remote.identity())
            .is_some_and(|present: &RemoteParticipant| present.sid() == remote.sid()),
    }
}

/// The participant's track of `source`, with its sid, if there is one now.
fn current<T>(
    participant: &Participant,
    source: TrackSource,
    pick: fn(MediaStreamTrack) -> Option<T>,
) -> Option<(String, T)> {
    participant
        .track_publications()
        .into_values()
        .filter(|publication| publication.source() == source)
        .find_map(|publication| {
            let track = publication.track()?;
            pick(track.rtc_track()).map(|picked| (track.sid().to_string(), picked))
        })
}
