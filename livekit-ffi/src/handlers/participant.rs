//! What the local participant says about itself, and whom it lets hear its tracks.

use std::sync::Arc;

use livekit::participant::ParticipantTrackPermission;

use super::{answer, local_participant};
use crate::{
    error::FfiError,
    proto::{self, ffi_event::Message},
    server::Server,
};

/// Changes the metadata.
pub(crate) fn set_metadata(
    server: &Arc<Server>,
    request: proto::SetLocalMetadataRequest,
) -> Result<proto::SetLocalMetadataResponse, FfiError> {
    const OPERATION: &str = "set_local_metadata";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION)
        .map(|(local, _)| async move { local.set_metadata(request.metadata).await });
    answer(server, OPERATION, task, move |outcome| {
        Message::SetLocalMetadata(proto::SetLocalMetadataCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::SetLocalMetadataResponse { async_id })
}

/// Changes the name.
pub(crate) fn set_name(
    server: &Arc<Server>,
    request: proto::SetLocalNameRequest,
) -> Result<proto::SetLocalNameResponse, FfiError> {
    const OPERATION: &str = "set_local_name";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION)
        .map(|(local, _)| async move { local.set_name(request.name).await });
    answer(server, OPERATION, task, move |outcome| {
        Message::SetLocalName(proto::SetLocalNameCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::SetLocalNameResponse { async_id })
}

/// Changes the attributes that are named; an empty value removes one.
pub(crate) fn set_attributes(
    server: &Arc<Server>,
    request: proto::SetLocalAttributesRequest,
) -> Result<proto::SetLocalAttributesResponse, FfiError> {
    const OPERATION: &str = "set_local_attributes";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).map(
        |(local, _)| async move {
            let attributes = request
                .attributes
                .into_iter()
                .map(|entry| (entry.key, entry.value))
                .collect();
            local.set_attributes(attributes).await
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        Message::SetLocalAttributes(proto::SetLocalAttributesCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::SetLocalAttributesResponse { async_id })
}

/// Says who may subscribe to what.
pub(crate) fn set_track_subscription_permissions(
    server: &Arc<Server>,
    request: proto::SetTrackSubscriptionPermissionsRequest,
) -> proto::SetTrackSubscriptionPermissionsResponse {
    let outcome = set_permissions(server, request);
    proto::SetTrackSubscriptionPermissionsResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

fn set_permissions(
    server: &Arc<Server>,
    request: proto::SetTrackSubscriptionPermissionsRequest,
) -> Result<(), FfiError> {
    const OPERATION: &str = "set_track_subscription_permissions";
    let (local, object) = local_participant(server, request.local_participant_handle, OPERATION)?;
    object.session.connected_room(OPERATION)?;
    let permissions = request
        .permissions
        .into_iter()
        .map(ParticipantTrackPermission::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let all_allowed = request.all_participants_allowed;
    let to = Arc::clone(server);
    server.spawn(OPERATION, async move {
        if let Err(error) = local
            .set_track_subscription_permissions(all_allowed, permissions)
            .await
        {
            to.log_error(FfiError::operation(OPERATION, error).to_string());
        }
    })?;
    Ok(())
}
