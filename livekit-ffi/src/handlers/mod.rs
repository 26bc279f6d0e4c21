//! What each request does, by subject: look up, call, answer.
//!
//! A handler returns its response. What cannot be done at once runs as a task behind an
//! [`answer`], whose callback always comes: with the outcome, a time-out, or the error of a
//! panic. An error goes into the field that the response or callback has for it; only where there
//! is none does the request itself fail.

pub(crate) mod apm;
pub(crate) mod audio_filter;
pub(crate) mod audio_source;
pub(crate) mod audio_stream;
pub(crate) mod capture;
pub(crate) mod data_stream;
pub(crate) mod data_track;
pub(crate) mod e2ee;
pub(crate) mod message;
pub(crate) mod participant;
pub(crate) mod platform_audio;
pub(crate) mod publication;
pub(crate) mod publish;
pub(crate) mod resample;
pub(crate) mod room;
pub(crate) mod rpc;
pub(crate) mod sox_resampler;
pub(crate) mod track;
pub(crate) mod video_buffer;
pub(crate) mod video_source;
pub(crate) mod video_stream;
#[cfg(test)]
mod video_tests;

use std::{sync::Arc, time::Duration};

use livekit::participant::LocalParticipant;
use tokio::time::timeout;

use crate::{
    error::FfiError,
    events::objects::ParticipantObject,
    proto::ffi_event::Message,
    server::{Server, panics::Caught},
};

/// What an operation on the server may take. `livekit` gives up earlier by itself where it asks
/// and waits; this bounds what it does not bound, such as waiting for a reconnect.
const OPERATION_LIMIT: Duration = Duration::from_secs(60);

/// Runs `task` in the background and sends what `callback` makes of its outcome. A task that
/// could not even be made is answered as well.
///
/// # Errors
///
/// If the runtime is gone: no callback will come.
fn answer<T, E, F>(
    server: &Arc<Server>,
    operation: &'static str,
    task: Result<F, FfiError>,
    callback: impl FnOnce(Result<T, String>) -> Message + Send + 'static,
) -> Result<(), FfiError>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: ToString + Send + 'static,
{
    let task = match task {
        Ok(task) => task,
        Err(error) => {
            server.ensure_running()?;
            server.send(callback(Err(error.to_string())));
            return Ok(());
        }
    };
    let to = Arc::clone(server);
    server.spawn(operation, async move {
        let outcome = attempt(operation, OPERATION_LIMIT, task).await;
        to.send(callback(outcome));
    })?;
    Ok(())
}

/// Runs `task` for `limit` at most; a time-out and a panic become error texts like any other.
async fn attempt<T, E: ToString>(
    operation: &'static str,
    limit: Duration,
    task: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match timeout(limit, Caught::new(operation, task)).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| error.to_string()),
        Ok(Err(panic)) => Err(panic.to_string()),
        Err(_) => Err(FfiError::operation(
            operation,
            format_args!("no answer within {} s", limit.as_secs()),
        )
        .to_string()),
    }
}

/// The local participant behind a handle, with its object.
fn local_participant(
    server: &Server,
    handle: u64,
    operation: &'static str,
) -> Result<(LocalParticipant, Arc<ParticipantObject>), FfiError> {
    let object = server.handles().get::<ParticipantObject>(handle)?;
    let participant = object.local(operation)?;
    Ok((participant, object))
}
