//! Joining and leaving rooms.

use std::{sync::Arc, time::Duration};

use livekit::{Room, RoomEvent, RoomOptions};

use super::{answer, attempt};
use crate::{
    convert::{participant::disconnect_reason, room::scenario},
    error::FfiError,
    events::{
        audio_filter,
        objects::RoomObject,
        receipts,
        room::{self, CLOSE_LIMIT},
        session::{Feed, RoomSession},
    },
    proto::{self, connect_callback, ffi_event::Message, get_session_stats_callback},
    server::Server,
};

/// What one attempt to join may take beyond its signalling: the media connection.
const MEDIA_CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// What joining may take altogether, whatever the host's options say.
const CONNECT_LIMIT: Duration = Duration::from_secs(180);

/// Joins a room. The callback comes before any event of the room.
pub(crate) fn connect(
    server: &Arc<Server>,
    request: proto::ConnectRequest,
) -> Result<proto::ConnectResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let to = Arc::clone(server);
    server.spawn("connect", async move {
        let callback = |message| {
            Message::Connect(proto::ConnectCallback {
                async_id,
                message: Some(message),
            })
        };
        let options = match room_options(&to, request.options) {
            Ok(options) => options,
            Err(error) => {
                to.send(callback(connect_callback::Message::Error(
                    error.to_string(),
                )));
                return;
            }
        };
        let limit = connect_limit(&options);
        let join = join(&to, &request.url, &request.token, options);
        match attempt("connect", limit, join).await {
            Ok((session, feed, state)) => {
                to.send(callback(connect_callback::Message::Result(state)));
                if let Err(error) = room::start(&session, feed) {
                    to.log_error(error.to_string());
                }
            }
            Err(error) => to.send(callback(connect_callback::Message::Error(error))),
        }
    })?;
    Ok(proto::ConnectResponse { async_id })
}

/// Leaves a room. The callback comes after the room's EOS.
pub(crate) fn disconnect(
    server: &Arc<Server>,
    request: proto::DisconnectRequest,
) -> Result<proto::DisconnectResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let task = disconnect_reason(request.reason).and_then(|reason| {
        let session = session(server, request.room_handle)?;
        Ok(async move {
            room::close(&session, reason, CLOSE_LIMIT).await;
            Ok::<(), String>(())
        })
    });
    answer(server, "disconnect", task, move |outcome| {
        Message::Disconnect(proto::DisconnectCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::DisconnectResponse { async_id })
}

/// The host listens: room events may come.
pub(crate) fn ready_for_room_event(
    server: &Server,
    request: &proto::ReadyForRoomEventRequest,
) -> proto::ReadyForRoomEventResponse {
    let ready = session(server, request.room_handle).and_then(|session| {
        session.set_ready();
        session.room("ready_for_room_event").map(drop)
    });
    proto::ReadyForRoomEventResponse {
        error: ready.err().map(|error| error.to_string()),
    }
}

/// Statistics of both connections.
pub(crate) fn session_stats(
    server: &Arc<Server>,
    request: &proto::GetSessionStatsRequest,
) -> Result<proto::GetSessionStatsResponse, FfiError> {
    const OPERATION: &str = "get_session_stats";
    let async_id = server.async_id(request.request_async_id);
    let task = session(server, request.room_handle)
        .and_then(|session| session.room(OPERATION))
        .map(|room| async move { room.get_stats().await });
    answer(server, OPERATION, task, move |outcome| {
        use get_session_stats_callback::{Message as Outcome, Result as Stats};
        let message = match outcome {
            Ok(stats) => Outcome::Result(Stats {
                publisher_stats: stats.publisher_stats.into_iter().map(Into::into).collect(),
                subscriber_stats: stats.subscriber_stats.into_iter().map(Into::into).collect(),
            }),
            Err(error) => Outcome::Error(error),
        };
        Message::GetSessionStats(proto::GetSessionStatsCallback {
            async_id,
            message: Some(message),
        })
    })?;
    Ok(proto::GetSessionStatsResponse { async_id })
}

/// Provokes a failure, for tests of hosts.
pub(crate) fn simulate_scenario(
    server: &Arc<Server>,
    request: &proto::SimulateScenarioRequest,
) -> Result<proto::SimulateScenarioResponse, FfiError> {
    const OPERATION: &str = "simulate_scenario";
    let async_id = server.async_id(request.request_async_id);
    let task = scenario(request.scenario).and_then(|scenario| {
        let room = session(server, request.room_handle)?.connected_room(OPERATION)?;
        Ok(async move { room.simulate_scenario(scenario).await })
    });
    answer(server, OPERATION, task, move |outcome| {
        Message::SimulateScenario(proto::SimulateScenarioCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::SimulateScenarioResponse { async_id })
}

/// The session behind a room's handle.
pub(super) fn session(server: &Server, handle: u64) -> Result<Arc<RoomSession>, FfiError> {
    Ok(Arc::clone(
        &server.handles().get::<RoomObject>(handle)?.session,
    ))
}

async fn join(
    server: &Arc<Server>,
    url: &str,
    token: &str,
    options: RoomOptions,
) -> Result<(Arc<RoomSession>, Feed, connect_callback::Result), String> {
    let text = |error: FfiError| error.to_string();
    receipts::install();
    let (room, mut events) = Room::connect(url, token, options)
        .await
        .map_err(|error| error.to_string())?;
    audio_filter::room_joined(server, url, token).await;
    // `livekit` puts it first; who is in the room already stands there and nowhere else.
    let Some(RoomEvent::Connected {
        participants_with_tracks,
    }) = events.recv().await
    else {
        return Err(FfiError::operation("connect", "the room closed at once").to_string());
    };
    let (session, feed) = RoomSession::new(server, url, room, events).map_err(text)?;
    let state = session
        .own_initial_state(participants_with_tracks)
        .map_err(text)?;
    Ok((session, feed, state))
}

fn room_options(server: &Server, options: proto::RoomOptions) -> Result<RoomOptions, FfiError> {
    let mut options = RoomOptions::try_from(options)?;
    let host = server.config();
    if !host.sdk.is_empty() {
        options.sdk_options.sdk = host.sdk.clone();
        options.sdk_options.sdk_version = host.sdk_version.clone();
    }
    Ok(options)
}

/// Every attempt with its signalling and its media connection, within reason.
fn connect_limit(options: &RoomOptions) -> Duration {
    let attempt = options.connect_timeout.saturating_add(MEDIA_CONNECT_LIMIT);
    attempt
        .saturating_mul(options.join_retries.saturating_add(1))
        .min(CONNECT_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connect_limit_covers_every_attempt_and_no_more() {
        let mut options = RoomOptions::default();
        options.connect_timeout = Duration::from_secs(5);
        options.join_retries = 1;
        assert_eq!(connect_limit(&options), Duration::from_secs(50));
        options.join_retries = u32::MAX;
        options.connect_timeout = Duration::MAX;
        assert_eq!(connect_limit(&options), CONNECT_LIMIT);
    }
}
