//! Reception figures by RFC 3550 appendix A, which the stack does not give in RTP mode.

use std::time::Instant;

use crate::streams::PacketSize;

/// One source's reception.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    clock_rate: u32,
    first: u64,
    highest: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) header_bytes: u64,
    /// When the last packet came in.
    pub(crate) last: Option<Instant>,
    /// In RTP clock units.
    jitter: f64,
    previous: Option<(Instant, u32)>,
}

impl Reception {
    pub(crate) fn new(first: u64, clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            first,
            highest: first,
            packets: 0,
            bytes: 0,
            header_bytes: 0,
            last: None,
            jitter: 0.0,
            previous: None,
        }
    }

    /// Counts a packet that is no duplicate; `sequence` is extended.
    pub(crate) fn count(
        &mut self,
        sequence: u64,
        timestamp: u32,
        arrival: Instant,
        size: PacketSize,
    ) {
        self.packets += 1;
        self.bytes += size.payload as u64;
        self.header_bytes += size.header as u64;
        self.last = self.last.max(Some(arrival));
        self.first = self.first.min(sequence);
        // A packet out of order was most likely sent twice: its delay says nothing about the path.
        if sequence < self.highest {
            return;
        }
        self.highest = sequence;
        if let Some((before, sent)) = self.previous {
            let came = arrival.saturating_duration_since(before).as_secs_f64()
                * f64::from(self.clock_rate);
            let passed = f64::from(timestamp.wrapping_sub(sent).cast_signed());
            // RFC 3550 A.8. Packets of one video frame share a timestamp and count all the same there.
            self.jitter += ((came - passed).abs() - self.jitter) / 16.0;
        }
        self.previous = Some((arrival, timestamp));
    }

    /// RFC 3550 A.3.
    pub(crate) fn lost(&self) -> i64 {
        let expected = self.highest - self.first + 1;
        expected
            .cast_signed()
            .saturating_sub(self.packets.cast_signed())
    }

    /// In seconds.
    pub(crate) fn jitter(&self) -> f64 {
        self.jitter / f64::from(self.clock_rate)
    }
}
