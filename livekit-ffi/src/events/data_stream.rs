//! Readers and writers of data streams, and the pumps that feed a host piece by piece.

use std::sync::Arc;

use livekit::{
    ByteStreamReader, ByteStreamWriter, StreamError, StreamReader as _, TextStreamReader,
    TextStreamWriter,
};
use parking_lot::Mutex;
use tokio_stream::StreamExt as _;

use crate::{
    proto::{
        self, byte_stream_reader_event as byte_event, ffi_event::Message,
        text_stream_reader_event as text_event,
    },
    server::{
        Server,
        handles::{HandleId, Resource},
    },
};

/// A stream that came in. Reading it consumes the handle.
pub(crate) struct Incoming<R>(Mutex<Option<R>>);

impl<R> Incoming<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self(Mutex::new(Some(reader)))
    }

    /// The reader, once.
    pub(crate) fn take(&self) -> Option<R> {
        self.0.lock().take()
    }
}

impl Resource for Incoming<ByteStreamReader> {
    const KIND: &'static str = "byte stream reader";
}

impl Resource for Incoming<TextStreamReader> {
    const KIND: &'static str = "text stream reader";
}

/// A byte stream that the host writes. Closing it consumes the handle.
pub(crate) struct ByteWriter(pub(crate) ByteStreamWriter);

impl Resource for ByteWriter {
    const KIND: &'static str = "byte stream writer";
}

/// A text stream that the host writes. Closing it consumes the handle.
pub(crate) struct TextWriter(pub(crate) TextStreamWriter);

impl Resource for TextWriter {
    const KIND: &'static str = "text stream writer";
}

/// Sends each piece as it comes, and EOS at the end, with the error if there was one.
pub(crate) async fn pump_bytes(
    server: Arc<Server>,
    handle: HandleId,
    mut reader: ByteStreamReader,
) {
    let mut error: Option<StreamError> = None;
    while let Some(piece) = reader.next().await {
        match piece {
            Ok(content) => server.send(byte_message(
                handle,
                byte_event::Detail::ChunkReceived(proto::ByteStreamReaderChunkReceived {
                    content: content.to_vec(),
                }),
            )),
            Err(failure) => {
                error = Some(failure);
                break;
            }
        }
    }
    server.send(byte_message(
        handle,
        byte_event::Detail::Eos(proto::ByteStreamReaderEos {
            error: error.map(Into::into),
            attributes: reader.info().attributes().into_iter().collect(),
        }),
    ));
}

/// As [`pump_bytes`], for text.
pub(crate) async fn pump_text(server: Arc<Server>, handle: HandleId, mut reader: TextStreamReader) {
    let mut error: Option<StreamError> = None;
    while let Some(piece) = reader.next().await {
        match piece {
            Ok(content) => server.send(text_message(
                handle,
                text_event::Detail::ChunkReceived(proto::TextStreamReaderChunkReceived { content }),
            )),
            Err(failure) => {
                error = Some(failure);
                break;
            }
        }
    }
    server.send(text_message(
        handle,
        text_event::Detail::Eos(proto::TextStreamReaderEos {
            error: error.map(Into::into),
            attributes: reader.info().attributes().into_iter().collect(),
        }),
    ));
}

fn byte_message(reader_handle: HandleId, detail: byte_event::Detail) -> Message {
    Message::ByteStreamReaderEvent(proto::ByteStreamReaderEvent {
        reader_handle,
        detail: Some(detail),
    })
}

fn text_message(reader_handle: HandleId, detail: text_event::Detail) -> Message {
    Message::TextStreamReaderEvent(proto::TextStreamReaderEvent {
        reader_handle,
        detail: Some(detail),
    })
}
