//! Data tracks and their schemas.

use std::sync::Arc;

use livekit::{
    data_track::{DataTrackFrame, DataTrackOptions, DataTrackSchemaId},
    prelude::ParticipantIdentity,
};

use super::{OPERATION_LIMIT, answer, attempt, local_participant};
use crate::{
    error::FfiError,
    events::{
        data_track::{DataTrackStreamObject, RemoteDataTrackObject, subscribe},
        given::owned,
        local_data_track::LocalDataTrackObject,
    },
    proto::{self, ffi_event::Message, publish_data_track_callback::Result as Published},
    server::{Server, handles::Ownership},
};

/// Publishes a data track.
pub(crate) fn publish(
    server: &Arc<Server>,
    request: proto::PublishDataTrackRequest,
) -> Result<proto::PublishDataTrackResponse, FfiError> {
    const OPERATION: &str = "publish_data_track";
    let async_id = server.async_id(request.request_async_id);
    let callback = move |result| {
        Message::PublishDataTrack(proto::PublishDataTrackCallback {
            async_id,
            result: Some(result),
        })
    };
    let prepared = local_participant(server, request.local_participant_handle, OPERATION)
        .map_err(|error| {
            let code = match error {
                FfiError::Handle(_) => proto::PublishDataTrackErrorCode::InvalidHandle,
                _ => proto::PublishDataTrackErrorCode::Disconnected,
            };
            publish_error(code, error)
        })
        .and_then(|found| {
            DataTrackOptions::try_from(request.options)
                .map(|options| (found, options))
                .map_err(|error| {
                    publish_error(proto::PublishDataTrackErrorCode::InvalidSchema, error)
                })
        });
    match prepared {
        Ok(((local, object), options)) => {
            let to = Arc::clone(server);
            server.spawn(OPERATION, async move {
                let publish = async { Ok::<_, String>(local.publish_data_track(options).await) };
                let result = match attempt(OPERATION, OPERATION_LIMIT, publish).await {
                    Ok(Ok(track)) => {
                        let info = proto::DataTrackInfo::from(track.info());
                        let (track, feed) = LocalDataTrackObject::new(track);
                        // Without a runtime there is nobody left to push.
                        let _task = to.spawn("a data track's frames", feed);
                        let ownership = Ownership::of(object.session.handle);
                        let handle = to.handles().insert(track, ownership);
                        Published::Track(proto::OwnedLocalDataTrack {
                            handle: owned(handle),
                            info,
                        })
                    }
                    Ok(Err(error)) => Published::Error(error.into()),
                    Err(error) => Published::Error(publish_error(
                        proto::PublishDataTrackErrorCode::Internal,
                        error,
                    )),
                };
                to.send(callback(result));
            })?;
        }
        Err(error) => server.send(callback(Published::Error(error))),
    }
    Ok(proto::PublishDataTrackResponse { async_id })
}

/// Sends a frame on a data track of ours.
pub(crate) fn try_push(
    server: &Server,
    request: proto::LocalDataTrackTryPushRequest,
) -> proto::LocalDataTrackTryPushResponse {
    let error = match server
        .handles()
        .get::<LocalDataTrackObject>(request.track_handle)
    {
        Ok(track) => track
            .try_push(DataTrackFrame::from(request.frame))
            .err()
            .map(Into::into),
        Err(error) => Some(proto::LocalDataTrackTryPushError {
            code: proto::LocalDataTrackTryPushErrorCode::InvalidHandle.into(),
            message: error.to_string(),
        }),
    };
    proto::LocalDataTrackTryPushResponse { error }
}

/// Ends a data track of ours.
pub(crate) fn unpublish(
    server: &Server,
    request: &proto::LocalDataTrackUnpublishRequest,
) -> Result<proto::LocalDataTrackUnpublishResponse, FfiError> {
    server
        .handles()
        .get::<LocalDataTrackObject>(request.track_handle)?
        .track
        .unpublish();
    Ok(proto::LocalDataTrackUnpublishResponse {})
}

/// Whether a data track of ours is published.
pub(crate) fn local_is_published(
    server: &Server,
    request: &proto::LocalDataTrackIsPublishedRequest,
) -> Result<proto::LocalDataTrackIsPublishedResponse, FfiError> {
    let track = server
        .handles()
        .get::<LocalDataTrackObject>(request.track_handle)?;
    Ok(proto::LocalDataTrackIsPublishedResponse {
        is_published: track.track.is_published(),
    })
}

/// Whether another participant's data track is published.
pub(crate) fn remote_is_published(
    server: &Server,
    request: &proto::RemoteDataTrackIsPublishedRequest,
) -> Result<proto::RemoteDataTrackIsPublishedResponse, FfiError> {
    let track = server
        .handles()
        .get::<RemoteDataTrackObject>(request.track_handle)?;
    Ok(proto::RemoteDataTrackIsPublishedResponse {
        is_published: track.0.is_published(),
    })
}

/// Changes how frames of another participant's data track are put together.
pub(crate) fn set_pipeline_options(
    server: &Server,
    request: &proto::RemoteDataTrackSetPipelineOptionsRequest,
) -> Result<proto::RemoteDataTrackSetPipelineOptionsResponse, FfiError> {
    let track = server
        .handles()
        .get::<RemoteDataTrackObject>(request.track_handle)?;
    track.0.set_pipeline_options(request.options.into());
    Ok(proto::RemoteDataTrackSetPipelineOptionsResponse {})
}

/// Listens to another participant's data track.
pub(crate) fn subscribe_to(
    server: &Arc<Server>,
    request: &proto::SubscribeDataTrackRequest,
) -> Result<proto::SubscribeDataTrackResponse, FfiError> {
    let track = server
        .handles()
        .get::<RemoteDataTrackObject>(request.track_handle)?;
    let handle = server.handles().next_id();
    let (object, feed) = subscribe(
        Arc::clone(server),
        handle,
        track.0.clone(),
        request.options.into(),
    );
    server.spawn("subscribe_data_track", feed)?;
    server.handles().insert_at(handle, object, Ownership::HOST);
    Ok(proto::SubscribeDataTrackResponse {
        stream: proto::OwnedDataTrackStream {
            handle: owned(handle),
        },
    })
}

/// Asks for the next frame of a data track.
pub(crate) fn read(
    server: &Server,
    request: &proto::DataTrackStreamReadRequest,
) -> Result<proto::DataTrackStreamReadResponse, FfiError> {
    let stream = server
        .handles()
        .get::<DataTrackStreamObject>(request.stream_handle)?;
    Ok(proto::DataTrackStreamReadResponse {
        eos_event: stream.read(),
    })
}

/// Stores a schema with the server.
pub(crate) fn define_schema(
    server: &Arc<Server>,
    request: proto::DefineSchemaRequest,
) -> Result<proto::DefineSchemaResponse, FfiError> {
    const OPERATION: &str = "define_schema";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).and_then(
        |(local, _)| {
            let id = DataTrackSchemaId::try_from(request.schema_id)?;
            Ok(async move { local.define_schema(id, request.definition).await })
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        Message::DefineSchema(proto::DefineSchemaCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::DefineSchemaResponse { async_id })
}

/// Fetches a schema that a participant stored.
pub(crate) fn get_schema(
    server: &Arc<Server>,
    request: proto::GetSchemaRequest,
) -> Result<proto::GetSchemaResponse, FfiError> {
    const OPERATION: &str = "get_schema";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).and_then(
        |(local, _)| {
            let id = DataTrackSchemaId::try_from(request.schema_id)?;
            let owner = ParticipantIdentity::from(request.participant_identity);
            Ok(async move { local.get_schema(id, owner).await })
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        let (definition, error) = match outcome {
            Ok(definition) => (Some(definition), None),
            Err(error) => (None, Some(error)),
        };
        Message::GetSchema(proto::GetSchemaCallback {
            async_id,
            definition,
            error,
        })
    })?;
    Ok(proto::GetSchemaResponse { async_id })
}

fn publish_error(
    code: proto::PublishDataTrackErrorCode,
    message: impl ToString,
) -> proto::PublishDataTrackError {
    proto::PublishDataTrackError {
        code: code.into(),
        message: message.to_string(),
    }
}
