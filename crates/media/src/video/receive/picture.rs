//! Runs of packets that make up pictures.

use std::time::Instant;

use super::packets::Packets;

/// Packets of one picture, both ends included; padding between them does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What stands at a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole picture.
    Picture(Span),
    /// The beginning of one whose end has not come yet, with nothing missing so far; or nothing.
    Open(Option<Span>),
    /// A gap at that number; and the packets of the picture before it, if it lies within one.
    Gap {
        at: u64,
        since: Instant,
        before: Option<Span>,
    },
}

/// Walks along the packets from `start`, where a picture begins.
pub(super) fn find(packets: &Packets, start: u64) -> Found {
    let mut span: Option<(Span, u32)> = None;
    let mut next = start;
    for (sequence, stored) in packets.from(start) {
        if sequence != next {
            break;
        }
        next = sequence + 1;
        if !stored.head.media {
            continue;
        }
        let timestamp = stored.packet.timestamp;
        match &mut span {
            Some((span, of)) if *of != timestamp => return Found::Picture(*span),
            Some((span, _)) => span.last = sequence,
            None => {
                let only = Span {
                    first: sequence,
                    last: sequence,
                };
                span = Some((only, timestamp));
            }
        }
        if stored.packet.marker
            && let Some((span, _)) = span
        {
            return Found::Picture(span);
        }
    }
    let before = span.map(|(span, _)| span);
    match packets.missing_since(next) {
        Some(since) => Found::Gap {
            at: next,
            since,
            before,
        },
        None => Found::Open(before),
    }
}
