//! Data streams: sent as a whole or piece by piece, and read.

use std::sync::Arc;

use livekit::StreamError;

use crate::{
    error::FfiError,
    proto::{self, ffi_event::Message},
    server::{Server, panics::Caught},
};

pub(crate) mod read;
pub(crate) mod send;

/// Runs `task` and sends what `callback` makes of its outcome. A stream lasts as long as its data,
/// so nothing but the room's end bounds it: that fails what is under way.
fn answer<T, F>(
    server: &Arc<Server>,
    operation: &'static str,
    task: Result<F, FfiError>,
    callback: impl FnOnce(Result<T, proto::StreamError>) -> Message + Send + 'static,
) -> Result<(), FfiError>
where
    F: Future<Output = Result<T, StreamError>> + Send + 'static,
    T: Send + 'static,
{
    let failed = |error: FfiError| proto::StreamError {
        description: error.to_string(),
    };
    match task {
        Ok(task) => {
            let to = Arc::clone(server);
            server.spawn(operation, async move {
                let outcome = match Caught::new(operation, task).await {
                    Ok(outcome) => outcome.map_err(proto::StreamError::from),
                    Err(panic) => Err(failed(panic)),
                };
                to.send(callback(outcome));
            })?;
        }
        Err(error) => server.send(callback(Err(failed(error)))),
    }
    Ok(())
}
