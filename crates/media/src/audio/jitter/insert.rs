//! The way in: is it still the same stream, where does the packet belong, is it wanted.

use super::super::decoder::AudioDecoder;
use super::super::packets::{Inserted, Stored};
use super::super::red::Block;
use super::super::{MAX_PACKET_FRAMES, ms};
use super::{AudioPacket, Highest, JitterBuffer};

/// A jump of sequence numbers that is another stream (RFC 3550 appendix A.1, `MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3_000;

/// A jump of timestamps ahead of the arrival that is another timeline.
const MAX_JUMP: i64 = ms(5_000);

/// Timestamps that step back by less are a sender's sloppiness.
const MAX_STEP_BACK: i64 = ms(100);

/// Longest payload that UDP could carry.
const MAX_PAYLOAD: usize = 65_507;

/// Where a packet stands in the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    sequence: i64,
    timestamp: i64,
    arrival: i64,
    duration: i64,
}

impl<D: AudioDecoder> JitterBuffer<D> {
    /// Inserts a packet; `red_reach` is how long ago the nearest redundant block lies that came with it.
    pub(super) fn insert_with_reach(
        &mut self,
        packet: &AudioPacket<'_>,
        red_reach: Option<i64>,
    ) -> Place {
        let arrival = self.clock.frames(packet.arrival);
        self.stats.packets_received += 1;
        self.check_continuity(packet, arrival);
        let sequence = self.sequences.sequence(packet.sequence);
        let timestamp = self.timestamps.timestamp(packet.timestamp);
        if let Some(late) = self.arrivals.observe(arrival, timestamp) {
            self.target.observe(late);
        }
        // Some senders set the marker on every packet, where it says nothing.
        let talk_start = packet.marker && !std::mem::replace(&mut self.marked, packet.marker);
        let duration = self.duration_of(packet.payload);
        let place = Place {
            sequence,
            timestamp,
            arrival,
            duration,
        };
        self.count_sequence(place, packet.payload, red_reach);
        self.store(
            Stored {
                timestamp,
                duration,
                arrival,
                sequence: Some(sequence),
                talk_start,
                ..Stored::default()
            },
            packet.payload,
        );
        place
    }

    /// Inserts an older generation that came with the packet at `primary`.
    pub(super) fn insert_redundant(&mut self, primary: Place, block: Block<'_>) {
        let offset = i64::from(block.offset);
        let duration = self.duration_of(block.payload);
        // RFC 2198 carries no sequence number for it; where packets are of even length it can be told.
        let sequence =
            (duration > 0 && offset % duration == 0).then(|| primary.sequence - offset / duration);
        self.store(
            Stored {
                timestamp: primary.timestamp - offset,
                duration,
                arrival: primary.arrival,
                sequence,
                redundant: true,
                ..Stored::default()
            },
            block.payload,
        );
    }

    /// Another timeline begins: nothing of the old one may be compared with it.
    pub(super) fn restart(&mut self) {
        self.stats.packets_discarded += self.packets.clear();
        if let Some(highest) = self.highest.take() {
            self.lost_before += highest.lost();
        }
        self.sequences.reset();
        self.timestamps.reset();
        self.arrivals.reset();
        self.next = None;
        self.decoded_sequence = None;
        self.waiting = true;
        self.dtx = false;
        self.splice = true;
    }

    fn check_continuity(&mut self, packet: &AudioPacket<'_>, arrival: i64) {
        if self
            .ssrc
            .replace(packet.ssrc)
            .is_some_and(|ssrc| ssrc != packet.ssrc)
        {
            self.restart();
            self.reset_decoder = true;
            return;
        }
        let Some(highest) = self.highest else { return };
        let ahead = packet.sequence.wrapping_sub(highest.sequence as u16) as i16;
        let step = i64::from(packet.timestamp.wrapping_sub(highest.timestamp as u32) as i32);
        let transit = arrival - (highest.timestamp + step);
        let jumped = self
            .arrivals
            .last_transit()
            .is_some_and(|last| last - transit > MAX_JUMP);
        if ahead.unsigned_abs() > MAX_DROPOUT || (ahead > 0 && (step < -MAX_STEP_BACK || jumped)) {
            self.restart();
        }
    }

    fn count_sequence(&mut self, place: Place, payload: &[u8], red_reach: Option<i64>) {
        let Place {
            sequence,
            timestamp,
            duration,
            ..
        } = place;
        let Some(highest) = &mut self.highest else {
            self.highest = Some(Highest {
                sequence,
                timestamp,
                first_sequence: sequence,
                received: 1,
            });
            return;
        };
        highest.received += 1;
        highest.first_sequence = highest.first_sequence.min(sequence);
        let missing = sequence - highest.sequence - 1;
        if missing >= 0 {
            highest.sequence = sequence;
            highest.timestamp = timestamp;
        }
        if missing > 0 {
            let in_band = self.decoder.has_fec(payload).then_some(duration);
            if let Some(reach) = in_band.or(red_reach) {
                self.target.observe_loss(missing.min(10) as u32, reach);
            }
        } else if missing < -1 {
            self.target.observe_found();
        }
    }

    fn store(&mut self, header: Stored, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let copy = header.redundant;
        let late = self
            .next
            .is_some_and(|next| header.timestamp + header.duration <= next);
        if late || payload.len() > MAX_PAYLOAD {
            self.stats.packets_discarded += u64::from(!copy);
            return;
        }
        match self.packets.insert(header, payload) {
            Inserted::Stored => {}
            Inserted::Duplicate => self.stats.packets_duplicated += u64::from(!copy),
            Inserted::Evicted(count) => self.stats.packets_discarded += count,
        }
    }

    /// Frames of a packet, or of the last one where it does not tell.
    fn duration_of(&self, payload: &[u8]) -> i64 {
        match self.decoder.packet_duration(payload) {
            Some(frames) if (1..=MAX_PACKET_FRAMES as u32).contains(&frames) => i64::from(frames),
            _ => self.packet_frames,
        }
    }
}
