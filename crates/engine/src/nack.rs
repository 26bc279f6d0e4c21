//! Asking for lost packets again: NACKs (RFC 4585 §6.2.1).
//!
//! The stack below could do it, and asks each 100 ms at most for what was lost among the last hundred packets, five
//! times, and drops what comes again later than that. That is too little for video of some megabits a second, and
//! LiveKit's server answers one request in 100 ms only, so that many of the five are in vain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lk_types::Ssrc;

/// Packets overtake one another on the way: so long is waited before the first request.
const OVERTAKING: Duration = Duration::from_millis(10);

/// Between requests, beside a round trip; a request takes no less than `LEAST` altogether.
const MARGIN: Duration = Duration::from_millis(10);
const LEAST: Duration = Duration::from_millis(50);

/// However long the round trip is.
const MOST_APART: Duration = Duration::from_secs(1);

/// The round trip, before it is measured.
const UNKNOWN: Duration = Duration::from_millis(100);

/// Requests for one packet.
const REQUESTS: u8 = 10;

/// A packet that was missed so long ago is of no use any more.
const OLD: Duration = Duration::from_secs(2);

/// More packets than that are not asked for: after such a gap a key frame is there sooner.
const MOST: usize = 500;

/// What comes again behind so many newer packets is not given by the stack.
const FORGOTTEN: u64 = 100;

/// Bits of a generic NACK's mask: packets behind the one that it names.
const MASK: u64 = 16;

/// What is missing of one source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    highest: Option<u64>,
    packets: BTreeMap<u64, Wanted>,
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    since: Instant,
    due: Instant,
    requests: u8,
}

impl Missing {
    /// A packet came in, as it was sent or again.
    pub(crate) fn arrived(&mut self, sequence: u64, now: Instant) {
        let highest = *self.highest.get_or_insert(sequence);
        if sequence <= highest {
            self.packets.remove(&sequence);
            return;
        }
        self.highest = Some(sequence);
        let gap = sequence - highest - 1;
        if gap > MOST as u64 || self.packets.len() + usize::try_from(gap).unwrap_or(MOST) > MOST {
            self.packets.clear();
            return;
        }
        for missing in highest + 1..sequence {
            let wanted = Wanted {
                since: now,
                due: now + OVERTAKING,
                requests: 0,
            };
            self.packets.insert(missing, wanted);
        }
    }

    /// A packet came again, of which the low bits are told: its number, where the stack will not give it.
    pub(crate) fn repaired(&mut self, low: u16) -> Option<u64> {
        let highest = self.highest?;
        let behind = (highest & u64::from(u16::MAX)).wrapping_sub(low.into()) & u64::from(u16::MAX);
        let sequence = highest.checked_sub(behind)?;
        (behind > FORGOTTEN && self.packets.remove(&sequence).is_some()).then_some(sequence)
    }

    /// When to ask next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.packets.values().map(|wanted| wanted.due).min()
    }

    /// What to ask for now: packets, and masks of those behind them, as they stand in a NACK.
    pub(crate) fn due(&mut self, now: Instant, rtt: Option<Duration>) -> Vec<(u16, u16)> {
        let again = (rtt.unwrap_or(UNKNOWN) + MARGIN).clamp(LEAST, MOST_APART);
        let mut requests: Vec<(u64, u16)> = Vec::new();
        self.packets.retain(|sequence, wanted| {
            if now < wanted.due {
                return true;
            }
            if wanted.requests == REQUESTS || now.saturating_duration_since(wanted.since) > OLD {
                return false;
            }
            wanted.requests += 1;
            wanted.due = now + again;
            match requests.last_mut() {
                Some((first, mask)) if sequence - *first <= MASK => {
                    *mask |= 1 << (sequence - *first - 1);
                }
                _ => requests.push((*sequence, 0)),
            }
            true
        });
        requests
            .into_iter()
            .map(|(sequence, mask)| {
                let low = u16::try_from(sequence & u64::from(u16::MAX)).unwrap_or_default();
                (low, mask)
            })
            .collect()
    }
}

/// A compound packet (RFC 3550 §6.1) that asks `media` for these packets; at most some 1,200 bytes.
pub(crate) fn compound(sender: Ssrc, media: Ssrc, requests: &[(u16, u16)]) -> Vec<u8> {
    let requests = requests.get(..requests.len().min(290)).unwrap_or_default();
    let mut packet = Vec::with_capacity(20 + 4 * requests.len());
    // A receiver report without reports, then transport feedback of format 1.
    packet.extend_from_slice(&[0x80, 201, 0, 1]);
    packet.extend_from_slice(&sender.0.to_be_bytes());
    packet.extend_from_slice(&[0x81, 205]);
    let words = u16::try_from(2 + requests.len()).unwrap_or(u16::MAX);
    packet.extend_from_slice(&words.to_be_bytes());
    packet.extend_from_slice(&sender.0.to_be_bytes());
    packet.extend_from_slice(&media.0.to_be_bytes());
    for (sequence, mask) in requests {
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&mask.to_be_bytes());
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Option<Duration> = Some(Duration::from_millis(60));

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_missing_is_asked_for_once_a_round_trip_until_it_comes() {
        let start = lk_testkit::start();
        let mut missing = Missing::default();
        missing.arrived(65_534, start);
        missing.arrived(65_538, start);
        assert_eq!(missing.deadline(), Some(start + ms(10)));
        assert_eq!(missing.due(start + ms(9), RTT), []);
        assert_eq!(missing.due(start + ms(10), RTT), [(65_535, 0b11)]);
        missing.arrived(65_536, start + ms(70));
        assert_eq!(missing.due(start + ms(79), RTT), []);
        assert_eq!(missing.due(start + ms(80), RTT), [(65_535, 0b10)]);
        missing.arrived(65_535, start + ms(140));
        missing.arrived(65_537, start + ms(140));
        assert_eq!(missing.deadline(), None);
        assert_eq!(missing.due(start + ms(500), RTT), []);
    }

    #[test]
    fn a_packet_is_asked_for_ten_times() {
        let start = lk_testkit::start();
        let mut missing = Missing::default();
        missing.arrived(1, start);
        missing.arrived(3, start);
        let mut asked = 0;
        while let Some(due) = missing.deadline() {
            asked += missing.due(due, RTT).len();
        }
        assert_eq!(asked, 10);
    }

    #[test]
    fn a_source_that_jumps_is_not_asked_for_what_lies_between() {
        let start = lk_testkit::start();
        let mut missing = Missing::default();
        missing.arrived(1, start);
        missing.arrived(3, start);
        missing.arrived(1_000_000, start);
        assert_eq!(missing.deadline(), None);
        missing.arrived(1_000_002, start);
        assert_eq!(missing.due(start + ms(10), RTT), [(16_961, 0)]);
    }

    #[test]
    fn what_comes_again_late_is_ours_to_give_once() {
        let start = lk_testkit::start();
        let mut missing = Missing::default();
        missing.arrived(65_530, start);
        for sequence in 65_532..65_632 {
            missing.arrived(sequence, start);
        }
        assert_eq!(missing.repaired(65_531), None);
        missing.arrived(65_632, start);
        assert_eq!(missing.repaired(65_530), None);
        assert_eq!(missing.repaired(65_531), Some(65_531));
        assert_eq!(missing.repaired(65_531), None);
        assert_eq!(missing.deadline(), None);
    }

    #[test]
    fn a_request_is_a_report_and_feedback() {
        assert_eq!(
            compound(Ssrc(0x0102_0304), Ssrc(0x0506_0708), &[(9, 0x8001)]),
            [
                0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 205, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0x80, 1
            ]
        );
        let many: Vec<_> = (0..500).map(|number| (number * 32, 0)).collect();
        assert_eq!(compound(Ssrc(1), Ssrc(2), &many).len(), 20 + 4 * 290);
    }
}
