//! Readers and writers of data streams, and the pumps that feed a host piece by piece.

use std::sync::Arc;

use livekit::{
    ByteStreamReader, ByteStreamWriter, StreamError, StreamReader as _, StreamWriter as _,
    TextStreamReader, TextStreamWriter,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;
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

/// The reason that readers are given when the host drops a writer that it did not close.
const DROPPED: &str = "the writer was dropped before the stream was closed";

/// A stream that the host writes. Closing it consumes the handle; a writer that is dropped instead
/// ends its stream with a reason, so that no reader takes what came for the whole.
pub(crate) struct Outgoing<W: Writer> {
    open: Mutex<Option<W>>,
    runtime: Handle,
}

/// What is common to `livekit`'s writers of bytes and of text.
pub(crate) trait Writer: Clone + Send + 'static {
    /// Ends the stream as one that is not whole. That nobody can be told is no matter here.
    fn give_up(self) -> impl Future<Output = ()> + Send;
}

impl Writer for ByteStreamWriter {
    async fn give_up(self) {
        let _ = self.close_with_options(Some(DROPPED), None).await;
    }
}

impl Writer for TextStreamWriter {
    async fn give_up(self) {
        let _ = self.close_with_options(Some(DROPPED), None).await;
    }
}

impl<W: Writer> Outgoing<W> {
    /// Holds `writer`; what its end needs to send runs on `runtime`.
    pub(crate) fn new(writer: W, runtime: Handle) -> Self {
        Self {
            open: Mutex::new(Some(writer)),
            runtime,
        }
    }

    /// The writer, unless the stream is closed.
    pub(crate) fn writer(&self) -> Result<W, StreamError> {
        self.open.lock().clone().ok_or(StreamError::AlreadyClosed)
    }

    /// The writer, for its end.
    pub(crate) fn finish(&self) -> Result<W, StreamError> {
        self.open.lock().take().ok_or(StreamError::AlreadyClosed)
    }
}

impl<W: Writer> Drop for Outgoing<W> {
    fn drop(&mut self) {
        if let Some(writer) = self.open.get_mut().take() {
            self.runtime.spawn(writer.give_up());
        }
    }
}

/// A byte stream that the host writes.
pub(crate) type ByteWriter = Outgoing<ByteStreamWriter>;

impl Resource for ByteWriter {
    const KIND: &'static str = "byte stream writer";
}

/// A text stream that the host writes.
pub(crate) type TextWriter = Outgoing<TextStreamWriter>;

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
