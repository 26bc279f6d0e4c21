//! The events of which every one is delivered.

use std::{collections::VecDeque, io, sync::Arc};

use prost::Message as _;

use super::spool::{Place, Reader, Spool, piece};
use crate::proto::{self, ffi_event::Message};

/// How many bytes of data streams wait in memory at most; what comes beyond goes to the disk.
pub const PIECES_IN_MEMORY: usize = 8 * 1024 * 1024;

/// In the order of their sequence numbers.
#[derive(Debug, Default)]
pub(super) struct Kept {
    waiting: VecDeque<(u64, Waiting)>,
    /// Bytes of data streams among what waits in memory.
    in_memory: usize,
    /// There while anything waits in it, or is about to.
    disk: Option<Disk>,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation for each event"
)]
enum Waiting {
    Here(Message),
    /// Its bytes are on their way to the disk.
    Departing,
    Spooled(Stored),
}

#[derive(Debug)]
struct Disk {
    spool: Arc<Spool>,
    end: u64,
    /// Events in it.
    events: usize,
}

/// A piece in the spool.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    spool: Arc<Spool>,
    place: Place,
    reader: Reader,
}

/// A piece that has its place in the order and is to be written by whoever put it in, with no lock held.
#[derive(Debug)]
#[must_use = "what waits behind it waits until it is written"]
pub(super) struct Departing {
    sequence: u64,
    stored: Stored,
    event: proto::FfiEvent,
}

/// What is to be delivered.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation for each event"
)]
pub(super) enum Next {
    Message(Message),
    Stored(Stored),
}

impl Kept {
    /// Takes `message` in; what is returned goes to the disk, see [`Departing`].
    pub(super) fn push(&mut self, sequence: u64, message: Message) -> Option<Departing> {
        let Some((reader, len)) = piece(&message) else {
            self.waiting.push_back((sequence, Waiting::Here(message)));
            return None;
        };
        if self.in_memory + len > PIECES_IN_MEMORY
            && let Some(disk) = self.disk()
        {
            let event = proto::FfiEvent {
                message: Some(message),
            };
            let place = Place::after(disk.end, event.encoded_len());
            disk.end = place.end();
            disk.events += 1;
            let spool = Arc::clone(&disk.spool);
            self.waiting.push_back((sequence, Waiting::Departing));
            let stored = Stored {
                spool,
                place,
                reader,
            };
            return Some(Departing {
                sequence,
                stored,
                event,
            });
        }
        self.in_memory += len;
        self.waiting.push_back((sequence, Waiting::Here(message)));
        None
    }

    /// The piece with this number is on the disk, or stays here because the disk did not take it. Nothing happens if
    /// the queue has stopped meanwhile.
    pub(super) fn written(&mut self, sequence: u64, written: Result<Stored, Message>) {
        let Ok(index) = self
            .waiting
            .binary_search_by_key(&sequence, |(sequence, _)| *sequence)
        else {
            return;
        };
        self.waiting[index].1 = match written {
            Ok(stored) => Waiting::Spooled(stored),
            Err(message) => {
                self.in_memory += piece(&message).map_or(0, |(_, len)| len);
                self.left_disk();
                Waiting::Here(message)
            }
        };
    }

    /// The number of the first.
    pub(super) fn front(&self) -> Option<u64> {
        self.waiting.front().map(|(sequence, _)| *sequence)
    }

    /// The first, unless it is still on its way to the disk.
    pub(super) fn pop(&mut self) -> Option<Next> {
        if matches!(self.waiting.front()?.1, Waiting::Departing) {
            return None;
        }
        match self.waiting.pop_front()?.1 {
            Waiting::Here(message) => {
                self.in_memory -= piece(&message).map_or(0, |(_, len)| len);
                Some(Next::Message(message))
            }
            Waiting::Spooled(stored) => {
                self.left_disk();
                Some(Next::Stored(stored))
            }
            Waiting::Departing => None,
        }
    }

    fn disk(&mut self) -> Option<&mut Disk> {
        if self.disk.is_none() {
            self.disk = Some(Disk {
                spool: Arc::new(Spool::new()?),
                end: 0,
                events: 0,
            });
        }
        self.disk.as_mut()
    }

    /// An event of the disk's is gone; with the last one the file goes, once it is read.
    fn left_disk(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.events -= 1;
            if disk.events == 0 {
                self.disk = None;
            }
        }
    }
}

impl Departing {
    /// Writes it. Returns its number and what [`Kept::written`] is to be told.
    pub(super) fn write(self) -> (u64, Result<Stored, Message>) {
        let Self {
            sequence,
            stored,
            event,
        } = self;
        let written = stored.spool.write(stored.place, event.encode_to_vec());
        match (written, event.message) {
            (Err(error), Some(message)) => {
                stored.spool.warn(&error);
                (sequence, Err(message))
            }
            _ => (sequence, Ok(stored)),
        }
    }
}

impl Stored {
    /// Reads the encoded event into `buffer`.
    pub(super) fn read(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.spool.read(self.place, buffer)
    }

    /// What is delivered instead of a piece that cannot be read, if anything.
    pub(super) fn broken(&self, why: &io::Error) -> Option<Message> {
        self.reader.broken(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::byte_stream_reader_event::Detail;

    const MIB: usize = 1024 * 1024;

    fn chunk(value: u8, len: usize) -> Message {
        Message::ByteStreamReaderEvent(proto::ByteStreamReaderEvent {
            reader_handle: 3,
            detail: Some(Detail::ChunkReceived(
                proto::ByteStreamReaderChunkReceived {
                    content: vec![value; len],
                },
            )),
        })
    }

    fn other() -> Message {
        Message::Panic(proto::Panic {
            message: "x".to_owned(),
        })
    }

    /// What a piece begins with, wherever it waited, and whether that was the disk; `None` for another event.
    fn begins(next: Next) -> Option<(u8, bool)> {
        let (message, on_disk) = match next {
            Next::Message(message) => (message, false),
            Next::Stored(stored) => {
                let mut bytes = Vec::new();
                stored.read(&mut bytes).unwrap();
                let event = proto::FfiEvent::decode(bytes.as_slice()).unwrap();
                (event.message.unwrap(), true)
            }
        };
        match message {
            Message::ByteStreamReaderEvent(event) => match event.detail {
                Some(Detail::ChunkReceived(chunk)) => Some((chunk.content[0], on_disk)),
                _ => None,
            },
            _ => None,
        }
    }

    #[test]
    fn pieces_beyond_the_memory_go_to_the_disk_and_all_come_back_in_order() {
        let mut kept = Kept::default();
        for number in 0..12 {
            let departing = kept.push(2 * u64::from(number), chunk(number, MIB));
            assert_eq!(departing.is_some(), number >= 8);
            if let Some(departing) = departing {
                let (sequence, written) = departing.write();
                kept.written(sequence, written);
            }
            assert!(kept.push(2 * u64::from(number) + 1, other()).is_none());
        }
        assert_eq!(kept.in_memory, PIECES_IN_MEMORY);
        let out: Vec<_> = std::iter::from_fn(|| kept.pop()).map(begins).collect();
        let expected: Vec<_> = (0..12)
            .flat_map(|number| [Some((number, number >= 8)), None])
            .collect();
        assert_eq!(out, expected);
        assert_eq!(kept.in_memory, 0);
        assert!(kept.disk.is_none(), "the file goes with its last event");
    }

    #[test]
    fn nothing_overtakes_a_piece_on_its_way_to_the_disk() {
        let mut kept = Kept::default();
        assert!(kept.push(0, chunk(0, PIECES_IN_MEMORY)).is_none());
        let departing = kept.push(1, chunk(1, 1)).expect("no room");
        assert!(kept.push(2, other()).is_none());
        assert_eq!(kept.pop().map(begins), Some(Some((0, false))));
        assert!(kept.pop().is_none());
        assert_eq!(kept.front(), Some(1));
        let (sequence, written) = departing.write();
        kept.written(sequence, written);
        assert_eq!(kept.pop().map(begins), Some(Some((1, true))));
        assert_eq!(kept.pop().map(begins), Some(None));
    }

    #[test]
    fn a_piece_that_the_disk_refuses_waits_in_memory() {
        let mut kept = Kept::default();
        assert!(kept.push(0, chunk(0, PIECES_IN_MEMORY)).is_none());
        let refused = kept.push(1, chunk(1, 5)).expect("no room");
        kept.written(refused.sequence, Err(refused.event.message.unwrap()));
        assert_eq!(kept.in_memory, PIECES_IN_MEMORY + 5);
        assert!(kept.disk.is_none());
        assert_eq!(kept.pop().map(begins), Some(Some((0, false))));
        assert_eq!(kept.pop().map(begins), Some(Some((1, false))));
        assert_eq!(kept.in_memory, 0);
    }

    #[test]
    fn what_is_written_after_the_end_is_nobodys() {
        let mut kept = Kept::default();
        assert!(kept.push(0, chunk(0, PIECES_IN_MEMORY)).is_none());
        let departing = kept.push(1, chunk(1, 5)).expect("no room");
        let mut kept = Kept::default();
        let (sequence, written) = departing.write();
        kept.written(sequence, written);
        assert!(kept.pop().is_none());
    }
}
