//! Remote procedure calls, made and served.

use std::sync::{Arc, Weak};

use livekit::prelude::{PerformRpcData, RpcError, RpcErrorCode, RpcInvocationData};

use super::{OPERATION_LIMIT, attempt, local_participant};
use crate::{
    error::FfiError,
    events::{objects::ParticipantObject, session::RoomSession},
    proto::{self, ffi_event::Message},
    server::Server,
};

/// Calls a method of another participant. The callback carries its answer or an RPC error.
pub(crate) fn perform(
    server: &Arc<Server>,
    request: proto::PerformRpcRequest,
) -> Result<proto::PerformRpcResponse, FfiError> {
    const OPERATION: &str = "perform_rpc";
    let async_id = server.async_id(request.request_async_id);
    let callback = move |outcome: Result<String, RpcError>| {
        let (payload, error) = match outcome {
            Ok(payload) => (Some(payload), None),
            Err(error) => (None, Some(error.into())),
        };
        Message::PerformRpc(proto::PerformRpcCallback {
            async_id,
            payload,
            error,
        })
    };
    match local_participant(server, request.local_participant_handle, OPERATION) {
        Ok((local, _)) => {
            let to = Arc::clone(server);
            server.spawn(OPERATION, async move {
                let call = PerformRpcData::from(request);
                let limit = call
                    .response_timeout
                    .saturating_add(call.max_round_trip_latency)
                    .saturating_add(OPERATION_LIMIT);
                let call = async { Ok::<_, String>(local.perform_rpc(call).await) };
                let outcome = attempt(OPERATION, limit, call)
                    .await
                    .unwrap_or_else(|error| Err(failed(error)));
                to.send(callback(outcome));
            })?;
        }
        Err(error) => server.send(callback(Err(failed(error.to_string())))),
    }
    Ok(proto::PerformRpcResponse { async_id })
}

/// Serves a method: each call of it becomes an event that the host answers.
pub(crate) fn register(
    server: &Arc<Server>,
    request: proto::RegisterRpcMethodRequest,
) -> proto::RegisterRpcMethodResponse {
    let outcome = serve(server, request);
    proto::RegisterRpcMethodResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Serves a method no more.
pub(crate) fn unregister(
    server: &Arc<Server>,
    request: proto::UnregisterRpcMethodRequest,
) -> proto::UnregisterRpcMethodResponse {
    let outcome = local_participant(
        server,
        request.local_participant_handle,
        "unregister_rpc_method",
    )
    .map(|(local, _)| local.unregister_rpc_method(request.method));
    proto::UnregisterRpcMethodResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// The host's answer to a call.
pub(crate) fn respond(
    server: &Server,
    request: proto::RpcMethodInvocationResponseRequest,
) -> proto::RpcMethodInvocationResponseResponse {
    let outcome = deliver(server, request);
    proto::RpcMethodInvocationResponseResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

fn serve(server: &Arc<Server>, request: proto::RegisterRpcMethodRequest) -> Result<(), FfiError> {
    const OPERATION: &str = "register_rpc_method";
    let (local, object) = local_participant(server, request.local_participant_handle, OPERATION)?;
    object.session.connected_room(OPERATION)?;
    let participant = object.handle;
    // The method lives in the room: a strong reference would keep the room alive by itself.
    let session = Arc::downgrade(&object.session);
    let method = request.method.clone();
    let _inside = server.runtime()?.enter();
    local.register_rpc_method(request.method, move |call| {
        Box::pin(forward(session.clone(), participant, method.clone(), call))
    });
    Ok(())
}

/// Tells the host of a call and waits for its answer as long as the caller does.
async fn forward(
    session: Weak<RoomSession>,
    local_participant_handle: u64,
    method: String,
    call: RpcInvocationData,
) -> Result<String, RpcError> {
    let gone = || RpcError::built_in(RpcErrorCode::ApplicationError, None);
    let session = session.upgrade().ok_or_else(gone)?;
    let invocation_id = session.server.handles().next_id();
    let answer = session.await_rpc_answer(invocation_id);
    let limit = call.response_timeout;
    session.server.send(Message::RpcMethodInvocation(
        proto::RpcMethodInvocationEvent {
            local_participant_handle,
            invocation_id,
            method,
            request_id: call.request_id,
            caller_identity: call.caller_identity.into(),
            payload: call.payload,
            response_timeout_ms: u32::try_from(limit.as_millis()).unwrap_or(u32::MAX),
        },
    ));
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(gone()),
        Err(_) => {
            session.take_rpc_waiter(invocation_id);
            Err(RpcError::built_in(RpcErrorCode::ResponseTimeout, None))
        }
    }
}

fn deliver(
    server: &Server,
    request: proto::RpcMethodInvocationResponseRequest,
) -> Result<(), FfiError> {
    let object = server
        .handles()
        .get::<ParticipantObject>(request.local_participant_handle)?;
    let waiter = object
        .session
        .take_rpc_waiter(request.invocation_id)
        .ok_or_else(|| {
            FfiError::field(
                "invocation_id",
                request.invocation_id,
                "nobody waits for this answer",
            )
        })?;
    let answer = match request.error {
        Some(error) => Err(error.into()),
        None => Ok(request.payload.unwrap_or_default()),
    };
    waiter.send(answer).map_err(|_| {
        FfiError::operation("rpc_method_invocation_response", "the caller waits no more")
    })
}

/// A failure on our side, as RPC has it.
fn failed(reason: String) -> RpcError {
    RpcError::built_in(RpcErrorCode::SendFailed, Some(reason))
}
