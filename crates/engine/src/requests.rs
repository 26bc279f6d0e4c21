//! Asks for lost packets of video again: what [`crate::nack`] finds due, protected and sent as the stack would.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lk_jsep::plan::DtlsRole;
use lk_types::{Pt, Ssrc};
use str0m::rtp::RtpHeader;

use crate::nack;
use crate::srtcp::Srtcp;
use crate::{Engine, Transmit, Transport};

/// Who asks, and on which way.
pub(crate) struct Requests {
    /// A source that nothing is sent from, and that the stack does not know.
    sender: Ssrc,
    srtcp: Option<Srtcp>,
    /// Where the stack sent its last packet of the session to.
    route: Option<(Transport, SocketAddr, SocketAddr)>,
    /// What waits in front of us.
    queue: Duration,
}

impl Requests {
    pub(crate) fn new(sender: Ssrc) -> Self {
        Self {
            sender,
            srtcp: None,
            route: None,
            queue: Duration::ZERO,
        }
    }

    /// A datagram of the stack's leaves. All but connectivity checks go the way that is in use (RFC 7983). Whether that is
    /// another one than before.
    pub(crate) fn follow(
        &mut self,
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> bool {
        let route = Some((transport, source, destination));
        if !matches!(payload.first(), Some(20..=63 | 128..=191)) || self.route == route {
            return false;
        }
        self.route = route;
        true
    }

    /// The way that is in use: what carries it, from where, to where.
    pub(crate) fn route(&self) -> Option<(Transport, SocketAddr, SocketAddr)> {
        self.route
    }
}

impl Engine {
    /// Tells how long what comes in waits on its way, beyond what the free path takes. Lost video is asked for again when
    /// its answer can be there, which waits there too.
    pub fn set_incoming_queue(&mut self, queue: Duration) {
        self.requests.queue = queue;
    }

    /// A request that is due by [`Self::request_deadline`]; `None` where it was given up.
    pub(crate) fn next_request(&mut self) -> Option<Transmit> {
        let route = self.requests.route?;
        // An answer waits in the queue, too: asked again sooner, the server would send it twice into it.
        let rtt = self.pair.and_then(|pair| pair.current_rtt);
        let rtt = rtt.map(|rtt| rtt + self.requests.queue);
        let (media, packets) = self.streams.ask(self.now, rtt)?;
        if self.requests.srtcp.is_none() {
            let client = self.plan.as_ref()?.dtls_role == DtlsRole::Client;
            let keys = self.security.keys()?;
            self.requests.srtcp = Srtcp::new(&crate::dtls::crypto(), &keys, client);
        }
        let srtcp = self.requests.srtcp.as_mut()?;
        let compound = nack::compound(self.requests.sender, media, &packets);
        let payload = srtcp.protect(&compound).ok()?;
        Some(self.own_datagram(route, payload))
    }

    /// A datagram of our own for the way that is in use, which counts as the stack's do.
    pub(crate) fn own_datagram(
        &mut self,
        (transport, source, destination): (Transport, SocketAddr, SocketAddr),
        payload: Vec<u8>,
    ) -> Transmit {
        self.transport.packets_sent += 1;
        self.transport.bytes_sent += payload.len() as u64;
        Transmit {
            transport,
            source,
            destination,
            payload,
        }
    }

    /// A packet came in, as the stack opened it. What it repeats is given here where the stack drops that as too old.
    pub(crate) fn repair(&mut self, header: &RtpHeader, data: &[u8]) {
        let rtx = Ssrc(*header.ssrc);
        // RFC 4588 §4: the original's number, then its payload. What has none is padding.
        let Some((original, payload)) = data.split_first_chunk::<2>() else {
            return;
        };
        let Some((ssrc, sequence)) = self.streams.repaired(rtx, u16::from_be_bytes(*original))
        else {
            return;
        };
        let repeats = Pt(*header.payload_type);
        let formats = self.plan.iter().flat_map(|plan| &plan.media);
        let pt = formats
            .flat_map(|media| &media.codecs)
            .find_map(|codec| (codec.rtx == Some(repeats)).then_some(codec.pt));
        if let Some(pt) = pt {
            self.give(ssrc, pt, sequence, header, payload.into());
        }
    }

    /// When to ask next.
    pub(crate) fn request_deadline(&self) -> Option<Instant> {
        self.requests.route?;
        self.streams.ask_at()
    }
}
