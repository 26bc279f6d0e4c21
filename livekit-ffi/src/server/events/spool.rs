//! Where pieces of data streams wait once memory holds enough of them: on the disk.
//!
//! LiveKit's protocol has no word by which a reader slows its sender down, so what a host does not take has to wait
//! somewhere. The file has no name and is gone with the process. It is sealed, piece by piece, with a key that is
//! nowhere else: the stream may have come end-to-end encrypted, and disks keep what was deleted.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{Once, OnceLock},
};

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};

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

/// Where an event lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Of its first byte; never used twice in a file's life, so that it can be the nonce.
    pub(super) offset: u64,
    /// Bytes in the file, the tag among them.
    pub(super) len: usize,
}

impl Place {
    /// Room for an event of `len` bytes behind all others.
    pub(super) fn after(end: u64, len: usize) -> Self {
        Self {
            offset: end,
            len: len + AES_128_GCM.tag_len(),
        }
    }

    /// The byte behind it.
    pub(super) fn end(self) -> u64 {
        self.offset + self.len as u64
    }

    fn nonce(self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.offset.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The file. It is opened by the first who writes.
#[derive(Debug)]
pub(super) struct Spool {
    file: OnceLock<File>,
    key: LessSafeKey,
    refused: Once,
}

impl Spool {
    /// An empty one; `None` where the system gives no random key.
    pub(super) fn new() -> Option<Self> {
        let mut key = [0; 16];
        rand::fill(&mut key).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        Some(Self {
            file: OnceLock::new(),
            key,
            refused: Once::new(),
        })
    }

    /// Says, once, that the disk did not take a piece.
    pub(super) fn warn(&self, why: &io::Error) {
        self.refused.call_once(|| {
            log::warn!(
                "pieces of data streams wait for the host in memory, for the disk does not take them: {why}; take \
                 events sooner, or point TMPDIR to another disk"
            );
        });
    }

    /// Seals the encoded `event` and puts it where it has its place.
    pub(super) fn write(&self, place: Place, mut event: Vec<u8>) -> io::Result<()> {
        self.key
            .seal_in_place_append_tag(place.nonce(), Aad::empty(), &mut event)
            .map_err(|_| io::Error::other("it could not be sealed"))?;
        self.file()?.write_all_at(&event, place.offset)
    }

    /// Reads an event that was written into `buffer`, which then holds that and nothing else.
    pub(super) fn read(&self, place: Place, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        buffer.resize(place.len, 0);
        self.file()?.read_exact_at(buffer, place.offset)?;
        let len = self
            .key
            .open_in_place(place.nonce(), Aad::empty(), buffer)
            .map_err(|_| io::Error::other("it is not what was written"))?
            .len();
        buffer.truncate(len);
        Ok(())
    }

    fn file(&self) -> io::Result<&File> {
        match self.file.get() {
            Some(file) => Ok(file),
            None => {
                let opened = open(env::var_os("TMPDIR"))?;
                Ok(self.file.get_or_init(|| opened))
            }
        }
    }
}

/// The folder for temporary files that the user names; else the one for large files, which is on a disk where
/// `/tmp` often is memory; else that.
fn open(named: Option<OsString>) -> io::Result<File> {
    match named {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile_in("/var/tmp").or_else(|_| tempfile::tempfile()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_is_sealed_on_the_disk() {
        let spool = Spool::new().unwrap();
        let first = Place::after(0, 5);
        let second = Place::after(first.end(), 7);
        spool.write(second, b"seventh".to_vec()).unwrap();
        spool.write(first, b"fifth".to_vec()).unwrap();
        let mut buffer = b"left over from before".to_vec();
        spool.read(first, &mut buffer).unwrap();
        assert_eq!(buffer, b"fifth");
        spool.read(second, &mut buffer).unwrap();
        assert_eq!(buffer, b"seventh");
        let mut on_disk = vec![0; second.end() as usize];
        spool
            .file()
            .unwrap()
            .read_exact_at(&mut on_disk, 0)
            .unwrap();
        assert!(!on_disk.windows(5).any(|window| window == b"fifth"));
    }

    #[test]
    fn what_the_disk_changed_is_an_error_and_not_a_piece() {
        let spool = Spool::new().unwrap();
        let place = Place::after(0, 5);
        spool.write(place, b"fifth".to_vec()).unwrap();
        spool.file().unwrap().write_all_at(b"x", 2).unwrap();
        let error = spool.read(place, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "it is not what was written");
        spool.file().unwrap().set_len(3).unwrap();
        assert!(spool.read(place, &mut Vec::new()).is_err());
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
    fn a_folder_that_does_not_exist_is_an_error() {
        assert!(open(Some("/nowhere/at/all".into())).is_err());
        assert!(open(None).is_ok());
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
