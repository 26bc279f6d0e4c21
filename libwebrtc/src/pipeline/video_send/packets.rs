//! Encoded frames as they go to the session.

use std::ops::Range;
use std::time::Instant;

use lk_media::video::RtpPayload;
use lk_types::{Pt, Rotation, Ssrc};

/// The packets of one encoded frame. Sequence numbers are consecutive.
#[derive(Debug)]
pub(crate) struct OutgoingFrame {
    pub(crate) ssrc: Ssrc,
    pub(crate) pt: Pt,
    /// 90 kHz.
    pub(crate) timestamp: u32,
    pub(crate) captured: Instant,
    /// Where receivers turn the picture.
    pub(crate) rotation: Option<Rotation>,
    pub(crate) packets: Vec<PacketSpan>,
    /// Payloads and descriptors of all packets.
    bytes: Vec<u8>,
}

/// One packet of an [`OutgoingFrame`].
#[derive(Clone, Debug)]
pub(crate) struct PacketSpan {
    pub(crate) marker: bool,
    payload: Range<usize>,
    descriptor: Option<Range<usize>>,
}

impl OutgoingFrame {
    /// A frame without packets; `size` bytes are to come.
    pub(super) fn new(
        ssrc: Ssrc,
        pt: Pt,
        timestamp: u32,
        captured: Instant,
        rotation: Option<Rotation>,
        size: usize,
    ) -> Self {
        Self {
            ssrc,
            pt,
            timestamp,
            captured,
            rotation,
            packets: Vec::with_capacity(size / 1_000 + 1),
            bytes: Vec::with_capacity(size + size / 16 + 64),
        }
    }

    pub(super) fn push(&mut self, packet: &RtpPayload<'_>) {
        let mut append = |bytes: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len()
        };
        let span = PacketSpan {
            marker: packet.marker,
            payload: append(packet.payload),
            descriptor: packet.descriptor.map(append),
        };
        self.packets.push(span);
    }

    pub(crate) fn payload(&self, packet: &PacketSpan) -> &[u8] {
        self.bytes.get(packet.payload.clone()).unwrap_or_default()
    }

    pub(crate) fn descriptor(&self, packet: &PacketSpan) -> Option<&[u8]> {
        self.bytes.get(packet.descriptor.clone()?)
    }
}
