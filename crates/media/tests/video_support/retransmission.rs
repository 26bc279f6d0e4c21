//! Who asks for lost packets, and who sends them again, as they do where this library is used.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use lk_media::video::RtpPacket;

/// The engine's NACKs, as `str0m` 0.25 sends them: at ticks of 33 ms, each packet at most five times, 100 ms and 5 ms
/// apart where the peer tells no round trip time to receivers.
pub(crate) struct Requests {
    highest: Option<u64>,
    missing: BTreeMap<u64, (Option<Instant>, u8)>,
    tick: Instant,
}

impl Requests {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            highest: None,
            missing: BTreeMap::new(),
            tick: now,
        }
    }

    pub(crate) fn arrived(&mut self, sequence: u64) {
        if let Some(highest) = self.highest {
            for missing in highest + 1..sequence {
                self.missing.insert(missing, (None, 0));
            }
        }
        self.highest = self.highest.max(Some(sequence));
        self.missing.remove(&sequence);
    }

    /// What is asked for now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<u64> {
        if now < self.tick {
            return Vec::new();
        }
        self.tick = now + Duration::from_millis(33);
        let oldest = self.highest.unwrap_or(0).saturating_sub(100);
        self.missing
            .retain(|sequence, (_, times)| *sequence > oldest && *times < 5);
        let mut due = Vec::new();
        for (sequence, (last, times)) in &mut self.missing {
            if last.is_none_or(|last| now >= last + Duration::from_millis(105)) {
                (*last, *times) = (Some(now), *times + 1);
                due.push(*sequence);
            }
        }
        due
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
