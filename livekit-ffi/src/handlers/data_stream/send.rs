//! Sending data streams.

use std::sync::Arc;

use livekit::{
    SendByteOptions, SendTextOptions, StreamByteOptions, StreamTextOptions, StreamWriter as _,
};

use super::answer;
use crate::{
    error::FfiError,
    events::{
        data_stream::{ByteWriter, TextWriter},
        given::owned,
    },
    handlers::local_participant,
    proto::{self, ffi_event::Message},
    server::{Server, handles::Ownership},
};

/// Sends a text as a whole.
pub(crate) fn text(
    server: &Arc<Server>,
    request: proto::StreamSendTextRequest,
) -> Result<proto::StreamSendTextResponse, FfiError> {
    use proto::stream_send_text_callback::Result as Outcome;
    const OPERATION: &str = "send_text";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).and_then(
        |(local, _)| {
            let options = SendTextOptions::try_from(request.options)?;
            Ok(async move { local.send_text(&request.text, options).await })
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        let result = match outcome {
            Ok(info) => Outcome::Info((&info).into()),
            Err(error) => Outcome::Error(error),
        };
        Message::SendText(proto::StreamSendTextCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::StreamSendTextResponse { async_id })
}

/// Sends bytes as a whole.
pub(crate) fn bytes(
    server: &Arc<Server>,
    request: proto::StreamSendBytesRequest,
) -> Result<proto::StreamSendBytesResponse, FfiError> {
    use proto::stream_send_bytes_callback::Result as Outcome;
    const OPERATION: &str = "send_bytes";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).map(
        |(local, _)| async move {
            local
                .send_bytes(request.bytes, SendByteOptions::from(request.options))
                .await
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        let result = match outcome {
            Ok(info) => Outcome::Info((&info).into()),
            Err(error) => Outcome::Error(error),
        };
        Message::SendBytes(proto::StreamSendBytesCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::StreamSendBytesResponse { async_id })
}

/// Sends a file.
pub(crate) fn file(
    server: &Arc<Server>,
    request: proto::StreamSendFileRequest,
) -> Result<proto::StreamSendFileResponse, FfiError> {
    use proto::stream_send_file_callback::Result as Outcome;
    const OPERATION: &str = "send_file";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).map(
        |(local, _)| async move {
            local
                .send_file(request.file_path, SendByteOptions::from(request.options))
                .await
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        let result = match outcome {
            Ok(info) => Outcome::Info((&info).into()),
            Err(error) => Outcome::Error(error),
        };
        Message::SendFile(proto::StreamSendFileCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::StreamSendFileResponse { async_id })
}

/// Opens a byte stream that the host writes piece by piece.
pub(crate) fn open_bytes(
    server: &Arc<Server>,
    request: proto::ByteStreamOpenRequest,
) -> Result<proto::ByteStreamOpenResponse, FfiError> {
    use proto::byte_stream_open_callback::Result as Outcome;
    const OPERATION: &str = "byte_stream_open";
    let async_id = server.async_id(request.request_async_id);
    let to = Arc::clone(server);
    let task = local_participant(server, request.local_participant_handle, OPERATION).map(
        |(local, object)| async move {
            let writer = local
                .stream_bytes(StreamByteOptions::from(request.options))
                .await?;
            let info = proto::ByteStreamInfo::from(writer.info());
            let ownership = Ownership::of(object.session.handle);
            let handle = to.handles().insert(Arc::new(ByteWriter(writer)), ownership);
            Ok(proto::OwnedByteStreamWriter {
                handle: owned(handle),
                info,
            })
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        let result = match outcome {
            Ok(writer) => Outcome::Writer(writer),
            Err(error) => Outcome::Error(error),
        };
        Message::ByteStreamOpen(proto::ByteStreamOpenCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::ByteStreamOpenResponse { async_id })
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
        .map(|writer| async move { writer.0.write(&request.bytes).await });
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
            let attributes =
                (!request.attributes.is_empty()).then(|| request.attributes.into_iter().collect());
            writer
                .0
                .clone()
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

/// Opens a text stream that the host writes piece by piece.
pub(crate) fn open_text(
    server: &Arc<Server>,
    request: proto::TextStreamOpenRequest,
) -> Result<proto::TextStreamOpenResponse, FfiError> {
    use proto::text_stream_open_callback::Result as Outcome;
    const OPERATION: &str = "text_stream_open";
    let async_id = server.async_id(request.request_async_id);
    let to = Arc::clone(server);
    let task = local_participant(server, request.local_participant_handle, OPERATION).and_then(
        |(local, object)| {
            let options = StreamTextOptions::try_from(request.options)?;
            Ok(async move {
                let writer = local.stream_text(options).await?;
                let info = proto::TextStreamInfo::from(writer.info());
                let ownership = Ownership::of(object.session.handle);
                let handle = to.handles().insert(Arc::new(TextWriter(writer)), ownership);
                Ok(proto::OwnedTextStreamWriter {
                    handle: owned(handle),
                    info,
                })
            })
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        let result = match outcome {
            Ok(writer) => Outcome::Writer(writer),
            Err(error) => Outcome::Error(error),
        };
        Message::TextStreamOpen(proto::TextStreamOpenCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::TextStreamOpenResponse { async_id })
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
        .map(|writer| async move { writer.0.write(&request.text).await });
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
            let attributes =
                (!request.attributes.is_empty()).then(|| request.attributes.into_iter().collect());
            writer
                .0
                .clone()
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
