//! The room's events on their way to the host, and the room's end.

use std::{sync::Arc, time::Duration};

use livekit::{RoomEvent, publication::TrackPublication};
use tokio::time::timeout;

use super::{
    order::LocalChange,
    receipts, room_event,
    session::{Feed, READY_GRACE, RoomSession},
};
use crate::{
    convert::participant::SignalDisconnectReason,
    error::FfiError,
    proto::{self, room_event::Message},
    server::panics::Caught,
};

/// What leaving a room may cost: the server's answer is not worth more. Dispose allows less.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(4);

/// What of it dispose allows.
const DISPOSE_LIMIT: Duration = Duration::from_millis(900);

/// How long the forwarding may still take once `livekit` has closed the room.
const DRAIN_LIMIT: Duration = Duration::from_millis(300);

/// Starts forwarding the events of a session whose connect callback is queued.
///
/// # Errors
///
/// If the runtime is gone; the session is then finished.
pub(crate) fn start(session: &Arc<RoomSession>, feed: Feed) -> Result<(), FfiError> {
    let server = &session.server;
    let for_closer = Arc::clone(session);
    server.register_closer(
        session.handle,
        Box::new(move || {
            Box::pin(async move {
                close(
                    &for_closer,
                    SignalDisconnectReason::ClientInitiated,
                    DISPOSE_LIMIT,
                )
                .await;
            })
        }),
    );
    let started = server.spawn("forwarding room events", forward(Arc::clone(session), feed));
    if let Err(error) = started {
        session.finish([]);
        return Err(error);
    }
    server.spawn("opening room events", open_after_grace(Arc::clone(session)))?;
    server.spawn("waiting for the room's sid", tell_sid(Arc::clone(session)))?;
    Ok(())
}

/// Leaves the room, tells the host the rest of its events, and returns once EOS is queued.
/// A room that is closed, or closing, already is only waited for.
pub(crate) async fn close(
    session: &Arc<RoomSession>,
    reason: SignalDisconnectReason,
    limit: Duration,
) {
    if let Ok(room) = session.room("disconnect") {
        // Already closed is what was wanted; a time-out and a panic are dealt with below.
        let closing = Caught::new("disconnect", room.close_with_reason(reason));
        let _ = timeout(limit, closing).await;
    }
    if timeout(DRAIN_LIMIT, session.closed()).await.is_err() {
        session.abandon();
        let _ = timeout(DRAIN_LIMIT, session.closed()).await;
    }
    session.server.remove_closer(session.handle);
}

/// Finishes the session even if a bug of ours ends the forwarding.
struct Finish(Arc<RoomSession>);

impl Drop for Finish {
    fn drop(&mut self) {
        if !self.0.is_closed() {
            self.0.finish([]);
        }
        self.0.server.remove_closer(self.0.handle);
    }
}

async fn forward(session: Arc<RoomSession>, mut feed: Feed) {
    let _finish = Finish(Arc::clone(&session));
    loop {
        tokio::select! {
            biased;
            event = feed.events.recv() => match event {
                Some(event) => forward_event(&session, event),
                None => break,
            },
            Some(callback) = feed.after_events.recv() => {
                // Whatever was dispatched before the callback was asked for is there by now.
                drain(&session, &mut feed);
                session.lane.send(callback);
            }
            () = session.stopped() => break,
        }
    }
    drain(&session, &mut feed);
    feed.after_events.close();
    let mut callbacks = Vec::new();
    while let Ok(callback) = feed.after_events.try_recv() {
        callbacks.push(callback);
    }
    session.finish(callbacks);
}

fn drain(session: &Arc<RoomSession>, feed: &mut Feed) {
    while let Ok(event) = feed.events.try_recv() {
        forward_event(session, event);
    }
}

/// Forwards one event. What concerns our own tracks is put in order first; what comes or goes
/// gets or loses its handle; the rest is only translated.
fn forward_event(session: &Arc<RoomSession>, event: RoomEvent) {
    match event {
        RoomEvent::LocalTrackPublished { publication, .. } => {
            let sid = publication.sid().to_string();
            let message = Message::LocalTrackPublished(proto::LocalTrackPublished {
                track_sid: sid.clone(),
            });
            session.send_local(sid, LocalChange::Published, message);
            session.note_change();
        }
        RoomEvent::LocalTrackUnpublished { publication, .. } => {
            let sid = publication.sid().to_string();
            let message = Message::LocalTrackUnpublished(proto::LocalTrackUnpublished {
                publication_sid: sid.clone(),
            });
            session.send_local(sid, LocalChange::Unpublished, message);
            session.note_change();
        }
        RoomEvent::LocalTrackRepublished {
            previous_sid,
            publication,
            ..
        } => {
            session.send_republished(previous_sid.as_str(), &publication);
        }
        RoomEvent::LocalTrackSubscribed { track } => {
            let sid = track.sid().to_string();
            let message = Message::LocalTrackSubscribed(proto::LocalTrackSubscribed {
                track_sid: sid.clone(),
            });
            session.send_local(sid, LocalChange::Subscribed, message);
        }
        RoomEvent::TrackMuted {
            participant,
            publication,
        } => {
            let track_sid = publication.sid().to_string();
            let message = Message::TrackMuted(proto::TrackMuted {
                participant_identity: participant.identity().into(),
                track_sid: track_sid.clone(),
            });
            send_detail(session, &publication, track_sid, message);
        }
        RoomEvent::TrackUnmuted {
            participant,
            publication,
        } => {
            let track_sid = publication.sid().to_string();
            let message = Message::TrackUnmuted(proto::TrackUnmuted {
                participant_identity: participant.identity().into(),
                track_sid: track_sid.clone(),
            });
            send_detail(session, &publication, track_sid, message);
        }
        RoomEvent::TrackSubscribed {
            track, participant, ..
        } => {
            let track = session.own_remote_track(track.into());
            session.send(Message::TrackSubscribed(proto::TrackSubscribed {
                participant_identity: participant.identity().into(),
                track,
            }));
            session.note_change();
        }
        RoomEvent::TrackUnsubscribed {
            track, participant, ..
        } => {
            let track_sid = track.sid().to_string();
            session.end_remote_track(&track_sid);
            session.send(Message::TrackUnsubscribed(proto::TrackUnsubscribed {
                participant_identity: participant.identity().into(),
                track_sid,
            }));
            session.note_change();
        }
        RoomEvent::ParticipantDisconnected(participant) => {
            session.send(Message::ParticipantDisconnected(
                proto::ParticipantDisconnected {
                    participant_identity: participant.identity().into(),
                    disconnect_reason: proto::DisconnectReason::from(
                        participant.disconnect_reason(),
                    )
                    .into(),
                },
            ));
            session.note_change();
        }
        RoomEvent::Reconnecting => {
            session.reconnecting();
            session.send(Message::Reconnecting(proto::Reconnecting {}));
        }
        RoomEvent::Reconnected => {
            session.reconnected();
            session.send(Message::Reconnected(proto::Reconnected {}));
        }
        // The connect callback told it.
        RoomEvent::Connected { .. } => {}
        RoomEvent::DataReceived {
            payload,
            participant: None,
            topic: None,
            ..
        } if let Some(receipt) = receipts::receipt(&payload) => receipt.returned(),
        other => {
            if let Some(message) = room_event::translate(session, other) {
                session.send(message);
            }
        }
    }
}

/// Mute and unmute: those of our own tracks come after the publication is known.
fn send_detail(
    session: &Arc<RoomSession>,
    publication: &TrackPublication,
    sid: String,
    message: Message,
) {
    match publication {
        TrackPublication::Local(_) => session.send_local(sid, LocalChange::Detail, message),
        TrackPublication::Remote(_) => session.send(message),
    }
}

async fn open_after_grace(session: Arc<RoomSession>) {
    if timeout(READY_GRACE, session.closed()).await.is_err() {
        session.set_ready();
    }
}

/// The sid may come after the join; hosts wait for this event rather than for the sid.
async fn tell_sid(session: Arc<RoomSession>) {
    let Ok(room) = session.room("read the sid") else {
        return;
    };
    let sid = tokio::select! {
        sid = room.sid() => sid,
        () = session.closed() => return,
    };
    session.send(Message::RoomSidChanged(proto::RoomSidChanged {
        sid: sid.into(),
    }));
}
