//! Reading data streams. Each of these requests consumes the reader's handle.

use std::sync::Arc;

use livekit::{ByteStreamReader, StreamReader as _, TextStreamReader};

use super::answer;
use crate::{
    error::{FfiError, HandleError},
    events::data_stream::{Incoming, pump_bytes, pump_text},
    proto::{self, ffi_event::Message},
    server::{Server, handles::Resource},
};

/// Delivers a byte stream piece by piece.
pub(crate) fn bytes_incremental(
    server: &Arc<Server>,
    request: &proto::ByteStreamReaderReadIncrementalRequest,
) -> Result<proto::ByteStreamReaderReadIncrementalResponse, FfiError> {
    let reader = reader(server, request.reader_handle)?;
    let pump = pump_bytes(Arc::clone(server), request.reader_handle, reader);
    server.spawn("byte_read_incremental", pump)?;
    Ok(proto::ByteStreamReaderReadIncrementalResponse {})
}

/// Delivers a byte stream as a whole.
pub(crate) fn bytes_all(
    server: &Arc<Server>,
    request: &proto::ByteStreamReaderReadAllRequest,
) -> Result<proto::ByteStreamReaderReadAllResponse, FfiError> {
    use proto::byte_stream_reader_read_all_callback::Result as Outcome;
    let async_id = server.async_id(request.request_async_id);
    let task = reader(server, request.reader_handle).map(ByteStreamReader::read_all);
    answer(server, "byte_read_all", task, move |outcome| {
        let result = match outcome {
            Ok(content) => Outcome::Content(content.to_vec()),
            Err(error) => Outcome::Error(error),
        };
        Message::ByteStreamReaderReadAll(proto::ByteStreamReaderReadAllCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::ByteStreamReaderReadAllResponse { async_id })
}

/// Writes a byte stream into a file.
pub(crate) fn bytes_to_file(
    server: &Arc<Server>,
    request: proto::ByteStreamReaderWriteToFileRequest,
) -> Result<proto::ByteStreamReaderWriteToFileResponse, FfiError> {
    use proto::byte_stream_reader_write_to_file_callback::Result as Outcome;
    let async_id = server.async_id(request.request_async_id);
    let task = reader(server, request.reader_handle).map(|reader: ByteStreamReader| async move {
        reader
            .write_to_file(request.directory, request.name_override.as_deref())
            .await
    });
    answer(server, "byte_write_to_file", task, move |outcome| {
        let result = match outcome {
            Ok(path) => Outcome::FilePath(path.to_string_lossy().into_owned()),
            Err(error) => Outcome::Error(error),
        };
        Message::ByteStreamReaderWriteToFile(proto::ByteStreamReaderWriteToFileCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::ByteStreamReaderWriteToFileResponse { async_id })
}

/// Delivers a text stream piece by piece.
pub(crate) fn text_incremental(
    server: &Arc<Server>,
    request: &proto::TextStreamReaderReadIncrementalRequest,
) -> Result<proto::TextStreamReaderReadIncrementalResponse, FfiError> {
    let reader = reader(server, request.reader_handle)?;
    let pump = pump_text(Arc::clone(server), request.reader_handle, reader);
    server.spawn("text_read_incremental", pump)?;
    Ok(proto::TextStreamReaderReadIncrementalResponse {})
}

/// Delivers a text stream as a whole.
pub(crate) fn text_all(
    server: &Arc<Server>,
    request: &proto::TextStreamReaderReadAllRequest,
) -> Result<proto::TextStreamReaderReadAllResponse, FfiError> {
    use proto::text_stream_reader_read_all_callback::Result as Outcome;
    let async_id = server.async_id(request.request_async_id);
    let task = reader(server, request.reader_handle).map(TextStreamReader::read_all);
    answer(server, "text_read_all", task, move |outcome| {
        let result = match outcome {
            Ok(content) => Outcome::Content(content),
            Err(error) => Outcome::Error(error),
        };
        Message::TextStreamReaderReadAll(proto::TextStreamReaderReadAllCallback {
            async_id,
            result: Some(result),
        })
    })?;
    Ok(proto::TextStreamReaderReadAllResponse { async_id })
}

/// The reader behind a handle, which is consumed.
fn reader<R>(server: &Server, handle: u64) -> Result<R, FfiError>
where
    Incoming<R>: Resource,
{
    let object = server.handles().take::<Incoming<R>>(handle)?;
    object.take().ok_or_else(|| {
        FfiError::from(HandleError::Unknown {
            id: handle,
            wanted: Incoming::<R>::KIND,
        })
    })
}
