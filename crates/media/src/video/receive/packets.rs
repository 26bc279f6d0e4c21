//! The packets that wait, and the gaps between them.

use std::collections::BTreeMap;
use std::time::Instant;

use super::RtpPacket;
use super::head::Head;

/// A packet and what its payload header says.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) packet: RtpPacket,
    pub(super) head: Head,
    /// Came after one with a higher number.
    pub(super) reordered: bool,
}

/// Packets by sequence number, and since when each number between them is missing.
#[derive(Debug, Default)]
pub(super) struct Packets {
    stored: BTreeMap<u64, Stored>,
    missing: BTreeMap<u64, Instant>,
    bytes: usize,
}

impl Packets {
    pub(super) fn len(&self) -> usize {
        self.stored.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Stored> {
        self.stored.get(&sequence)
    }

    /// Packets from that number on, gaps left out.
    pub(super) fn from(&self, sequence: u64) -> impl Iterator<Item = (u64, &Stored)> {
        self.stored
            .range(sequence..)
            .map(|(sequence, stored)| (*sequence, stored))
    }

    /// Packets between the two numbers, the last one included.
    pub(super) fn between(&self, first: u64, last: u64) -> impl Iterator<Item = &Stored> + Clone {
        // An empty range must not be asked for the wrong way round.
        self.stored
            .range(first..=last.max(first))
            .map(|(_, stored)| stored)
    }

    /// Whether the number belongs to a gap that may still be filled, and since when.
    pub(super) fn missing_since(&self, sequence: u64) -> Option<Instant> {
        self.missing.get(&sequence).copied()
    }

    /// Numbers between the two, the second not included, that never came.
    pub(super) fn missing_between(&self, first: u64, end: u64) -> usize {
        self.missing.range(first..end.max(first)).count()
    }

    pub(super) fn insert(&mut self, sequence: u64, stored: Stored) {
        self.missing.remove(&sequence);
        self.bytes += size(&stored);
        if let Some(old) = self.stored.insert(sequence, stored) {
            self.bytes -= size(&old);
        }
    }

    /// Those numbers, the end not included, are missing from now on.
    pub(super) fn miss(&mut self, first: u64, end: u64, now: Instant) {
        for sequence in first..end {
            if !self.stored.contains_key(&sequence) {
                self.missing.entry(sequence).or_insert(now);
            }
        }
    }

    /// Forgets everything below a number.
    pub(super) fn drop_below(&mut self, sequence: u64) {
        while let Some(entry) = self.stored.first_entry() {
            if *entry.key() >= sequence {
                break;
            }
            self.bytes -= size(&entry.remove());
        }
        while let Some(entry) = self.missing.first_entry() {
            if *entry.key() >= sequence {
                break;
            }
            entry.remove();
        }
    }

    pub(super) fn clear(&mut self) {
        self.stored.clear();
        self.missing.clear();
        self.bytes = 0;
    }
}

fn size(stored: &Stored) -> usize {
    let descriptor = stored
        .packet
        .descriptor
        .as_ref()
        .map_or(0, |bytes| bytes.len());
    stored.packet.payload.len() + descriptor
}
