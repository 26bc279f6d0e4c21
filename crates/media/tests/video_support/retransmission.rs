//! Who asks for lost packets, and who sends them again, as they do where this library is used.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use lk_media::video::RtpPacket;

/// The engine's NACKs: 10 ms after a packet was missed, then a round trip and 10 ms apart, ten times.
pub(crate) struct Requests {
    again: Duration,
    highest: Option<u64>,
    missing: BTreeMap<u64, (Instant, u8)>,
}

impl Requests {
    pub(crate) fn new(rtt: Duration) -> Self {
        Self {
            again: (rtt + Duration::from_millis(10)).max(Duration::from_millis(50)),
            highest: None,
            missing: BTreeMap::new(),
        }
    }

    pub(crate) fn arrived(&mut self, sequence: u64, now: Instant) {
        if let Some(highest) = self.highest {
            for missing in highest + 1..sequence {
                let due = now + Duration::from_millis(10);
                self.missing.insert(missing, (due, 0));
            }
        }
        self.highest = self.highest.max(Some(sequence));
        self.missing.remove(&sequence);
    }

    /// What is asked for now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<u64> {
        self.missing.retain(|_, (_, times)| *times < 10);
        let mut asked = Vec::new();
        for (sequence, (due, times)) in &mut self.missing {
            if *due <= now {
                (*due, *times) = (now + self.again, *times + 1);
                asked.push(*sequence);
            }
        }
        asked
    }
}

/// The server's memory, as that of livekit-server 1.13: each packet is sent again at most three times, not within
/// 100 ms, or two round trips, after it was sent last.
pub(crate) struct Forwarded {
    pause: Duration,
    packets: HashMap<u64, (RtpPacket, Instant, u8)>,
}

impl Forwarded {
    pub(crate) fn new(rtt: Duration) -> Self {
        Self {
            pause: (rtt * 2).min(Duration::from_millis(100)),
            packets: HashMap::new(),
        }
    }

    pub(crate) fn sent(&mut self, packet: RtpPacket, now: Instant) {
        self.packets.insert(packet.sequence, (packet, now, 0));
    }

    pub(crate) fn again(&mut self, sequence: u64, now: Instant) -> Option<RtpPacket> {
        let (packet, last, times) = self.packets.get_mut(&sequence)?;
        if *times == 3 || now <= *last + self.pause {
            return None;
        }
        (*last, *times) = (now, *times + 1);
        Some(packet.clone())
    }
}
