//! Packets that wait for their turn, in order of their timestamps.

use std::collections::VecDeque;

/// Payload buffers kept for re-use.
const SPARE: usize = 32;

/// A waiting packet.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// First frame of its sound.
    pub(super) timestamp: i64,
    /// Frames of its sound, from the decoder or guessed.
    pub(super) duration: i64,
    /// Arrival, in frames of the frame clock.
    pub(super) arrival: i64,
    /// Extended sequence number; `None` where a copy does not tell.
    pub(super) sequence: Option<i64>,
    /// RTP marker: silence lies before it.
    pub(super) talk_start: bool,
    /// Came as a redundant copy within a later packet.
    pub(super) redundant: bool,
    pub(super) payload: Vec<u8>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    Stored,
    /// There is one with this timestamp already.
    Duplicate,
    /// Stored, and the oldest packets had to go to keep within the limits.
    Evicted(u64),
}

/// A queue sorted by timestamp, bounded by packets and bytes.
#[derive(Debug)]
pub(super) struct PacketQueue {
    packets: VecDeque<Stored>,
    spare: Vec<Vec<u8>>,
    bytes: usize,
    max_packets: usize,
    max_bytes: usize,
}

impl PacketQueue {
    pub(super) fn new(max_packets: usize, max_bytes: usize) -> Self {
        Self {
            packets: VecDeque::new(),
            spare: Vec::with_capacity(SPARE),
            bytes: 0,
            max_packets: max_packets.max(1),
            max_bytes,
        }
    }

    /// Puts a packet in its place; `header.payload` is ignored and filled from `payload`.
    pub(super) fn insert(&mut self, header: Stored, payload: &[u8]) -> Inserted {
        // Nearly always the newest, so the search starts at the back.
        let mut at = self.packets.len();
        while at > 0 && self.packets[at - 1].timestamp > header.timestamp {
            at -= 1;
        }
        if at > 0 && self.packets[at - 1].timestamp == header.timestamp {
            let old = &mut self.packets[at - 1];
            if !old.redundant || header.redundant {
                return Inserted::Duplicate;
            }
            // The packet itself after its copy: RED may repeat at a lower quality.
            self.bytes = self.bytes - old.payload.len() + payload.len();
            let mut buffer = std::mem::take(&mut old.payload);
            buffer.clear();
            buffer.extend_from_slice(payload);
            *old = Stored {
                payload: buffer,
                ..header
            };
            return self.shrink();
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(payload);
        self.bytes += payload.len();
        self.packets.insert(
            at,
            Stored {
                payload: buffer,
                ..header
            },
        );
        self.shrink()
    }

    /// Takes out the oldest; give it back with [`Self::recycle`].
    pub(super) fn pop(&mut self) -> Option<Stored> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet.payload.len();
        Some(packet)
    }

    /// Puts back what [`Self::pop`] gave last, with nothing done in between.
    pub(super) fn put_back(&mut self, packet: Stored) {
        self.bytes += packet.payload.len();
        self.packets.push_front(packet);
    }

    /// Keeps a packet's buffer for the next one.
    pub(super) fn recycle(&mut self, packet: Stored) {
        // A buffer that one oversized packet grew is not kept.
        if self.spare.len() < SPARE && packet.payload.capacity() <= 4_096 {
            self.spare.push(packet.payload);
        }
    }

    /// Removes all packets and returns how many were real packets, not copies.
    pub(super) fn clear(&mut self) -> u64 {
        let mut count = 0;
        while let Some(packet) = self.pop() {
            count += u64::from(!packet.redundant);
            self.recycle(packet);
        }
        count
    }

    pub(super) fn first(&self) -> Option<&Stored> {
        self.packets.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Payload bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    fn shrink(&mut self) -> Inserted {
        let mut evicted = 0;
        while self.packets.len() > 1
            && (self.packets.len() > self.max_packets || self.bytes > self.max_bytes)
        {
            if let Some(packet) = self.pop() {
                evicted += u64::from(!packet.redundant);
                self.recycle(packet);
            }
        }
        if evicted == 0 {
            Inserted::Stored
        } else {
            Inserted::Evicted(evicted)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: i64, redundant: bool) -> Stored {
        Stored {
            timestamp,
            duration: 960,
            redundant,
            ..Stored::default()
        }
    }

    fn order(queue: &mut PacketQueue) -> Vec<(i64, Vec<u8>)> {
        std::iter::from_fn(|| queue.pop())
            .map(|packet| (packet.timestamp, packet.payload))
            .collect()
    }

    #[test]
    fn packets_leave_in_order_of_time_and_copies_yield_to_the_real_one() {
        let mut queue = PacketQueue::new(10, 1_000);
        assert_eq!(queue.insert(at(960, true), b"copy"), Inserted::Stored);
        assert_eq!(queue.insert(at(0, false), b"zero"), Inserted::Stored);
        assert_eq!(queue.insert(at(1_920, false), b"two"), Inserted::Stored);
        assert_eq!(queue.insert(at(960, false), b"one"), Inserted::Stored);
        assert_eq!(queue.insert(at(960, true), b"copy"), Inserted::Duplicate);
        assert_eq!(queue.insert(at(1_920, false), b"two"), Inserted::Duplicate);
        assert_eq!(queue.bytes(), 10);
        let expected = [
            (0, b"zero".to_vec()),
            (960, b"one".to_vec()),
            (1_920, b"two".to_vec()),
        ];
        assert_eq!(order(&mut queue), expected);
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn packets_and_bytes_are_bounded_and_the_oldest_go() {
        let mut queue = PacketQueue::new(3, 100);
        for index in 0..10 {
            queue.insert(at(index * 960, false), &[0; 10]);
        }
        assert_eq!(
            (queue.len(), queue.first().unwrap().timestamp),
            (3, 7 * 960)
        );
        assert_eq!(
            queue.insert(at(9_600, false), &[0; 95]),
            Inserted::Evicted(3)
        );
        assert_eq!((queue.len(), queue.bytes()), (1, 95));
    }
}
