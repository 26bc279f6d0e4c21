//! Panics on demand, for tests alone (feature `fault-injection`).
//!
//! A `connect` to [`IN_HANDLER`] panics on the host's own stack, one to
//! [`IN_TASK`] in the task behind an asynchronous request.

use std::sync::Arc;

use crate::{
    error::FfiError,
    proto::{
        self, connect_callback, ffi_event::Message as Event, ffi_request::Message as Request,
        ffi_response::Message as Response,
    },
    server::Server,
};

const IN_HANDLER: &str = "fault:panic-in-handler";
const IN_TASK: &str = "fault:panic-in-task";

/// The answer to a request that asks for a fault; `None` for every other.
pub(crate) fn trip(
    server: &Arc<Server>,
    request: &proto::FfiRequest,
) -> Option<Result<Response, FfiError>> {
    let Some(Request::Connect(request)) = &request.message else {
        return None;
    };
    match request.url.as_str() {
        IN_HANDLER => panic!("injected into a handler"),
        IN_TASK => Some(panicking_task(server, request)),
        _ => None,
    }
}

fn panicking_task(
    server: &Arc<Server>,
    request: &proto::ConnectRequest,
) -> Result<Response, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let answer = move |error: String| {
        Event::Connect(proto::ConnectCallback {
            async_id,
            message: Some(connect_callback::Message::Error(error)),
        })
    };
    server.spawn_answer(
        "connect",
        async move {
            tokio::task::yield_now().await;
            if async_id != 0 {
                panic!("injected into a task");
            }
            answer("no fault".to_owned())
        },
        move |error| answer(error.to_string()),
    )?;
    Ok(Response::Connect(proto::ConnectResponse { async_id }))
}
