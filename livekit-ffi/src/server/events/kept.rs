//! The events of which every one is delivered.

use std::{collections::VecDeque, io};

use lk_spool::{Place, Spool};
use prost::Message as _;

use super::piece::{Reader, piece};
use crate::proto::{self, ffi_event::Message};

/// How many bytes of data streams wait in memory at most; what comes beyond goes to the disk.
pub const PIECES_IN_MEMORY: usize = 8 * 1024 * 1024;

/// Two queues, each in the order of its sequence numbers. What is on the disk is all that grows with a host that takes
/// nothing, so its entries are small.
#[derive(Debug)]
pub(super) struct Kept {
    here: VecDeque<(u64, Message)>,
    /// Bytes of data streams among them.
    in_memory: usize,
    /// `None` for a piece whose bytes are on their way to the disk.
    away: VecDeque<(u64, Option<Stored>)>,
    disk: Spool,
}

/// A piece on the disk.
#[derive(Clone, Debug)]
pub(super) struct Stored {
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

impl Default for Kept {
    fn default() -> Self {
        Self {
            here: VecDeque::new(),
            in_memory: 0,
            away: VecDeque::new(),
            disk: Spool::new("pieces of data streams that the host has not taken"),
        }
    }
}

impl Kept {
    /// Takes `message` in; what is returned goes to the disk, see [`Departing`].
    pub(super) fn push(&mut self, sequence: u64, message: Message) -> Option<Departing> {
        let Some((reader, len)) = piece(&message) else {
            self.here.push_back((sequence, message));
            return None;
        };
        let event = proto::FfiEvent {
            message: Some(message),
        };
        if self.in_memory + len > PIECES_IN_MEMORY
            && let Some(place) = self.disk.place(event.encoded_len())
        {
            self.away.push_back((sequence, None));
            let stored = Stored { place, reader };
            return Some(Departing {
                sequence,
                stored,
                event,
            });
        }
        let message = event.message?;
        self.in_memory += len;
        self.here.push_back((sequence, message));
        None
    }

    /// The piece with this number is on the disk, or stays here because the disk did not take it. Nothing happens if
    /// the queue has stopped meanwhile.
    pub(super) fn written(&mut self, sequence: u64, written: Result<Stored, Message>) {
        let Ok(index) = self.away.binary_search_by_key(&sequence, |(away, _)| *away) else {
            return;
        };
        match written {
            Ok(stored) => self.away[index].1 = Some(stored),
            Err(message) => {
                self.away.remove(index);
                self.in_memory += piece(&message).map_or(0, |(_, len)| len);
                let index = self.here.partition_point(|(here, _)| *here < sequence);
                self.here.insert(index, (sequence, message));
            }
        }
    }

    /// The number of the first.
    pub(super) fn front(&self) -> Option<u64> {
        let here = self.here.front().map(|(sequence, _)| *sequence);
        let away = self.away.front().map(|(sequence, _)| *sequence);
        here.into_iter().chain(away).min()
    }

    /// The first, unless it is still on its way to the disk.
    pub(super) fn pop(&mut self) -> Option<Next> {
        let first = self.front()?;
        if let Some((_, message)) = self.here.pop_front_if(|(sequence, _)| *sequence == first) {
            self.in_memory -= piece(&message).map_or(0, |(_, len)| len);
            return Some(Next::Message(message));
        }
        let (_, stored) = self.away.pop_front_if(|(_, stored)| stored.is_some())?;
        stored.map(Next::Stored)
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
        match (stored.place.write(event.encode_to_vec()), event.message) {
            // The log says why.
            (Err(_), Some(message)) => (sequence, Err(message)),
            _ => (sequence, Ok(stored)),
        }
    }
}

impl Stored {
    /// Reads the encoded event into `buffer`.
    pub(super) fn read(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.place.read(buffer)
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
        assert!(kept.disk.is_empty(), "the file goes with its last event");
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
        drop(refused.stored);
        assert_eq!(kept.in_memory, PIECES_IN_MEMORY + 5);
        assert!(kept.disk.is_empty());
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
