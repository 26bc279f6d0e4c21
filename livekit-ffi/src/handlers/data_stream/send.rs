//! Sending data streams.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

use livekit::{
    SendByteOptions, SendTextOptions, StreamByteOptions, StreamError, StreamTextOptions,
    StreamWriter as _, participant::LocalParticipant,
};
use tokio::runtime::Handle;

use super::answer;
use crate::{
    error::FfiError,
    events::{
        data_stream::{ByteWriter, TextWriter},
        given::owned,
        objects::ParticipantObject,
    },
    handlers::local_participant,
    proto::{self, ffi_event::Message},
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// Sends a text as a whole.
pub(crate) fn text(
    server: &Arc<Server>,
    request: proto::StreamSendTextRequest,
) -> Result<proto::StreamSendTextResponse, FfiError> {
    use proto::stream_send_text_callback::Result as Outcome;
    let participant = request.local_participant_handle;
    let async_id = server.async_id(request.request_async_id);
    by_participant(
        server,
        "send_text",
        participant,
        |local, _| {
            let options = SendTextOptions::try_from(request.options)?;
            Ok(async move { local.send_text(&request.text, options).await })
        },
        move |outcome| {
            let result = outcome.map_or_else(Outcome::Error, |info| Outcome::Info((&info).into()));
            Message::SendText(proto::StreamSendTextCallback {
                async_id,
                result: Some(result),
            })
        },
    )?;
    Ok(proto::StreamSendTextResponse { async_id })
}

/// Sends bytes as a whole.
pub(crate) fn bytes(
    server: &Arc<Server>,
    request: proto::StreamSendBytesRequest,
) -> Result<proto::StreamSendBytesResponse, FfiError> {
    use proto::stream_send_bytes_callback::Result as Outcome;
    let participant = request.local_participant_handle;
    let async_id = server.async_id(request.request_async_id);
    by_participant(
        server,
        "send_bytes",
        participant,
        |local, _| {
            let options = SendByteOptions::from(request.options);
            Ok(async move { local.send_bytes(request.bytes, options).await })
        },
        move |outcome| {
            let result = outcome.map_or_else(Outcome::Error, |info| Outcome::Info((&info).into()));
            Message::SendBytes(proto::StreamSendBytesCallback {
                async_id,
                result: Some(result),
            })
        },
    )?;
    Ok(proto::StreamSendBytesResponse { async_id })
}

/// Sends a file.
pub(crate) fn file(
    server: &Arc<Server>,
    request: proto::StreamSendFileRequest,
) -> Result<proto::StreamSendFileResponse, FfiError> {
    use proto::stream_send_file_callback::Result as Outcome;
    let participant = request.local_participant_handle;
    let async_id = server.async_id(request.request_async_id);
    by_participant(
        server,
        "send_file",
        participant,
        |local, _| {
            let options = SendByteOptions::from(request.options);
            Ok(async move { local.send_file(request.file_path, options).await })
        },
        move |outcome| {
            let result = outcome.map_or_else(Outcome::Error, |info| Outcome::Info((&info).into()));
            Message::SendFile(proto::StreamSendFileCallback {
                async_id,
                result: Some(result),
            })
        },
    )?;
    Ok(proto::StreamSendFileResponse { async_id })
}

/// Opens a byte stream that the host writes piece by piece.
pub(crate) fn open_bytes(
    server: &Arc<Server>,
    request: proto::ByteStreamOpenRequest,
) -> Result<proto::ByteStreamOpenResponse, FfiError> {
    use proto::byte_stream_open_callback::Result as Outcome;
    let participant = request.local_participant_handle;
    let async_id = server.async_id(request.request_async_id);
    let to = Arc::clone(server);
    by_participant(
        server,
        "byte_stream_open",
        participant,
        |local, object| {
            let options = StreamByteOptions::from(request.options);
            Ok(async move {
                let writer = local.stream_bytes(options).await?;
                let info = writer.info().into();
                Ok(proto::OwnedByteStreamWriter {
                    handle: hold(&to, &object, ByteWriter::new(writer, Handle::current())),
                    info,
                })
            })
        },
        move |outcome| {
            Message::ByteStreamOpen(proto::ByteStreamOpenCallback {
                async_id,
                result: Some(outcome.map_or_else(Outcome::Error, Outcome::Writer)),
            })
        },
    )?;
    Ok(proto::ByteStreamOpenResponse { async_id })
}

/// Opens a text stream that the host writes piece by piece.
pub(crate) fn open_text(
    server: &Arc<Server>,
    request: proto::TextStreamOpenRequest,
) -> Result<proto::TextStreamOpenResponse, FfiError> {
    use proto::text_stream_open_callback::Result as Outcome;
    let participant = request.local_participant_handle;
    let async_id = server.async_id(request.request_async_id);
    let to = Arc::clone(server);
    by_participant(
        server,
        "text_stream_open",
        participant,
        |local, object| {
            let options = StreamTextOptions::try_from(request.options)?;
            Ok(async move {
                let writer = local.stream_text(options).await?;
                let info = writer.info().into();
                Ok(proto::OwnedTextStreamWriter {
                    handle: hold(&to, &object, TextWriter::new(writer, Handle::current())),
                    info,
                })
            })
        },
        move |outcome| {
            Message::TextStreamOpen(proto::TextStreamOpenCallback {
                async_id,
                result: Some(outcome.map_or_else(Outcome::Error, Outcome::Writer)),
            })
        },
    )?;
    Ok(proto::TextStreamOpenResponse { async_id })
}

/// Writes a piece of a byte stream.
pub(crate) fn write_bytes(
    server: &Arc<Server>,
    request: proto::ByteStreamWriterWriteRequest,
) -> Result<proto::ByteStreamWriterWriteResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let task = server
        .handles()
        .get::<ByteWriter>(request.writer_handle)
        .map_err(FfiError::from)
        .map(|writer| async move { writer.writer()?.write(&request.bytes).await });
    answer(server, "byte_stream_write", task, move |outcome| {
        Message::ByteStreamWriterWrite(proto::ByteStreamWriterWriteCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::ByteStreamWriterWriteResponse { async_id })
}

/// Ends a byte stream; consumes the writer's handle.
pub(crate) fn close_bytes(
    server: &Arc<Server>,
    request: proto::ByteStreamWriterCloseRequest,
) -> Result<proto::ByteStreamWriterCloseResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let task = server
        .handles()
        .take::<ByteWriter>(request.writer_handle)
        .map_err(FfiError::from)
        .map(|writer| async move {
            let attributes = some_attributes(request.attributes);
            writer
                .finish()?
                .close_with_options(request.reason.as_deref(), attributes)
                .await
        });
    answer(server, "byte_stream_close", task, move |outcome| {
        Message::ByteStreamWriterClose(proto::ByteStreamWriterCloseCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::ByteStreamWriterCloseResponse { async_id })
}

/// Writes a piece of a text stream.
pub(crate) fn write_text(
    server: &Arc<Server>,
    request: proto::TextStreamWriterWriteRequest,
) -> Result<proto::TextStreamWriterWriteResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let task = server
        .handles()
        .get::<TextWriter>(request.writer_handle)
        .map_err(FfiError::from)
        .map(|writer| async move { writer.writer()?.write(&request.text).await });
    answer(server, "text_stream_write", task, move |outcome| {
        Message::TextStreamWriterWrite(proto::TextStreamWriterWriteCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::TextStreamWriterWriteResponse { async_id })
}

/// Ends a text stream; consumes the writer's handle.
pub(crate) fn close_text(
    server: &Arc<Server>,
    request: proto::TextStreamWriterCloseRequest,
) -> Result<proto::TextStreamWriterCloseResponse, FfiError> {
    let async_id = server.async_id(request.request_async_id);
    let task = server
        .handles()
        .take::<TextWriter>(request.writer_handle)
        .map_err(FfiError::from)
        .map(|writer| async move {
            let attributes = some_attributes(request.attributes);
            writer
                .finish()?
                .close_with_options(request.reason.as_deref(), attributes)
                .await
        });
    answer(server, "text_stream_close", task, move |outcome| {
        Message::TextStreamWriterClose(proto::TextStreamWriterCloseCallback {
            async_id,
            error: outcome.err(),
        })
    })?;
    Ok(proto::TextStreamWriterCloseResponse { async_id })
}

/// Runs what `start` makes of the local participant behind a handle, and sends what `callback`
/// makes of the outcome: the frame of every request that begins a stream.
fn by_participant<T, F>(
    server: &Arc<Server>,
    operation: &'static str,
    participant: u64,
    start: impl FnOnce(LocalParticipant, Arc<ParticipantObject>) -> Result<F, FfiError>,
    callback: impl FnOnce(Result<T, proto::StreamError>) -> Message + Send + 'static,
) -> Result<(), FfiError>
where
    F: Future<Output = Result<T, StreamError>> + Send + 'static,
    T: Send + 'static,
{
    let task = local_participant(server, participant, operation)
        .and_then(|(local, object)| start(local, object));
    answer(server, operation, task, callback)
}

/// Gives the host a writer, which goes with the participant's room.
fn hold(
    server: &Server,
    object: &ParticipantObject,
    writer: impl Resource,
) -> proto::FfiOwnedHandle {
    let ownership = Ownership::of(object.session.handle);
    owned(server.handles().insert(Arc::new(writer), ownership))
}

/// No attributes leave those of the stream's beginning as they are.
fn some_attributes(attributes: BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!attributes.is_empty()).then(|| attributes.into_iter().collect())
}
