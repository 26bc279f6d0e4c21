//! Numbered packets under way, and what the peer's transport-wide feedback says of them
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets remembered at most: some seconds at any rate that matters.
const REMEMBERED: usize = 4_096;
/// Half of the numbers of 16 bits.
const HALF: u64 = 0x8000;

/// A packet that left.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Instant,
    bytes: usize,
}

/// A packet that arrived. Times are seconds; those of arrival are the peer's and count from anywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrived {
    pub(super) sent: f64,
    pub(super) arrival: f64,
    pub(super) bytes: usize,
}

/// One report, as far as it tells something new.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// In the order of sending.
    pub(super) arrived: Vec<Arrived>,
    pub(super) lost: usize,
}

/// What is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// What times are counted from.
    origin: Instant,
    packets: VecDeque<Sent>,
    bytes: usize,
    next: u64,
}

impl UnderWay {
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            origin,
            packets: VecDeque::new(),
            bytes: 0,
            next: 0,
        }
    }

    /// A packet with that number leaves.
    pub(super) fn sent(&mut self, number: u16, bytes: usize, at: Instant) {
        let number = extend(number, self.next);
        self.next = self.next.max(number + 1);
        if self.packets.len() == REMEMBERED
            && let Some(oldest) = self.packets.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
        self.bytes += bytes;
        self.packets.push_back(Sent { number, at, bytes });
    }

    /// The number after the latest: reports are read from there.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Bytes that nothing was heard of.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a report: the packets' numbers and when each arrived, `None` for those that did not. Packets before
    /// those that it names were in a report that got lost itself: nothing is known of them.
    pub(super) fn reported(
        &mut self,
        statuses: impl Iterator<Item = (u64, Option<Instant>)>,
        report: &mut Report,
    ) {
        report.arrived.clear();
        report.lost = 0;
        for (number, arrival) in statuses {
            while let Some(first) = self.packets.front().copied() {
                if first.number > number {
                    break;
                }
                self.packets.pop_front();
                self.bytes -= first.bytes;
                if first.number < number {
                    continue;
                }
                match arrival {
                    Some(arrival) => report.arrived.push(Arrived {
                        sent: self.seconds(first.at),
                        arrival: self.seconds(arrival),
                        bytes: first.bytes,
                    }),
                    None => report.lost += 1,
                }
            }
        }
    }

    /// Seconds since the origin.
    pub(super) fn seconds(&self, at: Instant) -> f64 {
        match at.checked_duration_since(self.origin) {
            Some(since) => since.as_secs_f64(),
            None => -self.origin.duration_since(at).as_secs_f64(),
        }
    }

    /// The time so many seconds after the origin.
    pub(super) fn time(&self, seconds: f64) -> Instant {
        self.origin + Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Where reports' times are counted from.
    pub(super) fn origin(&self) -> Instant {
        // A report's time may lie a little before its base.
        self.origin + Duration::from_secs(10)
    }
}

/// The number nearest to `next` that ends in these 16 bits.
fn extend(number: u16, next: u64) -> u64 {
    let ahead = number.wrapping_sub(next as u16);
    if u64::from(ahead) < HALF {
        next + u64::from(ahead)
    } else {
        (next + u64::from(ahead)).saturating_sub(2 * HALF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::start;

    #[test]
    fn numbers_go_on_where_sixteen_bits_end() {
        assert_eq!(extend(5, 3), 5);
        assert_eq!(extend(2, 65_535), 65_538);
        assert_eq!(extend(65_534, 65_538), 65_534);
        assert_eq!(extend(65_000, 3), 0);
    }

    #[test]
    fn a_report_tells_of_each_packet_once() {
        let begin = start();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut under_way = UnderWay::new(begin);
        let mut report = Report::default();
        for number in 0..6 {
            under_way.sent(number, 100, at(u64::from(number)));
        }
        let told = [(0, Some(at(50))), (1, None), (3, Some(at(60)))];
        under_way.reported(told.into_iter(), &mut report);
        assert_eq!((report.arrived.len(), report.lost), (2, 1));
        assert_eq!(report.arrived[1].sent, 0.003);
        assert_eq!(report.arrived[1].arrival, 0.06);
        assert_eq!(under_way.bytes(), 200);
        under_way.reported(told.into_iter(), &mut report);
        assert_eq!((report.arrived.len(), report.lost), (0, 0));
        for number in 6..10_000u32 {
            under_way.sent(number as u16, 100, at(100));
        }
        assert_eq!(under_way.bytes(), REMEMBERED * 100);
    }
}
