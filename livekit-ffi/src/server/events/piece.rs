//! Which events are pieces of data streams: what may wait on the disk.

use std::io;

use crate::{
    proto::{
        self, byte_stream_reader_event as byte_event, ffi_event::Message, room_event,
        text_stream_reader_event as text_event,
    },
    server::handles::HandleId,
};

/// Who waits for a piece of a data stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Bytes(HandleId),
    Text(HandleId),
    /// A host that puts streams together itself, from the room's events.
    Room,
}

/// Who waits for the piece of a data stream that `message` is, and how many bytes long that is; `None` for all else.
pub(super) fn piece(message: &Message) -> Option<(Reader, usize)> {
    match message {
        Message::RoomEvent(event) => match &event.message {
            Some(room_event::Message::StreamChunkReceived(received)) => {
                Some((Reader::Room, received.chunk.content.len()))
            }
            _ => None,
        },
        Message::ByteStreamReaderEvent(event) => match &event.detail {
            Some(byte_event::Detail::ChunkReceived(chunk)) => {
                Some((Reader::Bytes(event.reader_handle), chunk.content.len()))
            }
            _ => None,
        },
        Message::TextStreamReaderEvent(event) => match &event.detail {
            Some(text_event::Detail::ChunkReceived(chunk)) => {
                Some((Reader::Text(event.reader_handle), chunk.content.len()))
            }
            _ => None,
        },
        _ => None,
    }
}

impl Reader {
    /// What ends the stream whose piece cannot be read back: no stream may look whole that is not. The room's events
    /// need no end: their pieces are numbered.
    pub(super) fn broken(self, why: &io::Error) -> Option<Message> {
        let description = format!(
            "a piece of a data stream that waited on the disk for the host could not be read back: {why}; take events \
             sooner, or point TMPDIR to another disk"
        );
        log::error!("{description}");
        let error = Some(proto::StreamError { description });
        let end = match self {
            Self::Room => return None,
            Self::Bytes(reader_handle) => {
                Message::ByteStreamReaderEvent(proto::ByteStreamReaderEvent {
                    reader_handle,
                    detail: Some(byte_event::Detail::Eos(proto::ByteStreamReaderEos {
                        error,
                        ..Default::default()
                    })),
                })
            }
            Self::Text(reader_handle) => {
                Message::TextStreamReaderEvent(proto::TextStreamReaderEvent {
                    reader_handle,
                    detail: Some(text_event::Detail::Eos(proto::TextStreamReaderEos {
                        error,
                        ..Default::default()
                    })),
                })
            }
        };
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_whose_piece_is_gone_ends_with_an_error() {
        let error = io::Error::other("it is not what was written");
        assert!(Reader::Room.broken(&error).is_none());
        let Some(Message::TextStreamReaderEvent(event)) = Reader::Text(7).broken(&error) else {
            panic!("another stream's end");
        };
        let Some(text_event::Detail::Eos(end)) = event.detail else {
            panic!("no end");
        };
        assert_eq!(event.reader_handle, 7);
        assert!(
            end.error
                .unwrap()
                .description
                .contains("not what was written")
        );
    }

    #[test]
    fn only_pieces_of_streams_are_pieces() {
        let chunk = Message::ByteStreamReaderEvent(proto::ByteStreamReaderEvent {
            reader_handle: 3,
            detail: Some(byte_event::Detail::ChunkReceived(
                proto::ByteStreamReaderChunkReceived {
                    content: vec![1, 2],
                },
            )),
        });
        assert_eq!(piece(&chunk), Some((Reader::Bytes(3), 2)));
        let end = Reader::Bytes(3).broken(&io::Error::other("x"));
        assert_eq!(piece(&end.unwrap()), None);
        let packet = Message::RoomEvent(proto::RoomEvent {
            room_handle: 1,
            message: Some(room_event::Message::StreamChunkReceived(
                proto::DataStreamChunkReceived {
                    chunk: proto::data_stream::Chunk {
                        content: vec![1, 2, 3],
                        ..Default::default()
                    },
                    ..Default::default()
                },
            )),
        });
        assert_eq!(piece(&packet), Some((Reader::Room, 3)));
    }
}
