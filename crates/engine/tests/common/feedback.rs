//! Transport-wide feedback as rarely as LiveKit's server sends it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// So many packets must have come since the last report (`mediatransportutil`, `pkg/twcc`: more than twenty) …
const PACKETS: usize = 21;
/// … and so much time have passed.
const APART: Duration = Duration::from_millis(100);
type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

/// Holds back what a peer reports until the server would report it.
#[derive(Default)]
pub(crate) struct RareFeedback {
    packets: usize,
    reported: Option<Instant>,
    waiting: VecDeque<Datagram>,
}

impl RareFeedback {
    /// The peer got a datagram.
    pub(crate) fn arrived(&mut self, datagram: &[u8]) {
        // RTP, not RTCP (RFC 5761 §4), and of video.
        if let [128..=191, format, ..] = datagram
            && [super::VP8.0, super::VP8_RTX.0].contains(&(format & 0x7f))
        {
            self.packets += 1;
        }
    }

    /// The peer sends a datagram: it comes back where it may leave now.
    pub(crate) fn leaves(&mut self, datagram: Datagram) -> Option<Datagram> {
        if !matches!(datagram.2.as_slice(), [128..=191, 192..=223, ..]) {
            return Some(datagram);
        }
        self.waiting.push_back(datagram);
        None
    }

    /// A report that may leave by now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Datagram> {
        let late = self.reported.is_none_or(|last| now >= last + APART);
        if self.packets >= PACKETS && late {
            self.packets = 0;
            self.reported = Some(now);
        }
        // All that was written before the twenty-first packet came.
        if self.reported == Some(now) {
            return self.waiting.pop_front();
        }
        None
    }
}
