//! Pictures of which some layers are missing, or refer to what is: the others are shown.

use super::FrameBuffer;
use crate::video::receive::AssembledFrame;
use crate::video::receive::layers::complete;
use crate::video::receive::picture::Span;
use crate::video::receive::references::Picture;

/// The layers of a picture that can be decoded.
#[derive(Debug)]
pub(super) struct Part {
    /// Their packets.
    spans: Vec<Span>,
    picture: Picture,
    /// The last packet that came of the picture.
    last: u64,
    /// The picture's highest layer is among them.
    reaches_top: bool,
}

impl FrameBuffer {
    /// What can be decoded of the picture that begins at `first`; `end` is its last packet where the picture is complete.
    /// `None` where there is nothing, or where it cannot be known.
    pub(super) fn part(&self, first: u64, end: Option<u64>) -> Option<Part> {
        let head = self
            .packets
            .get(first)
            .filter(|stored| stored.head.starts)?;
        let timestamp = head.packet.timestamp;
        let packets = || {
            self.packets
                .from(first)
                .take_while(move |(sequence, stored)| {
                    end.is_none_or(|end| *sequence <= end)
                        && (!stored.head.media || stored.packet.timestamp == timestamp)
                })
        };
        let mut spans = complete(packets());
        let (last, ends) = packets()
            .filter(|(_, stored)| stored.head.media)
            .map(|(sequence, stored)| (sequence, end.is_some() || stored.packet.marker))
            .last()?;
        let whole = ends && spans.last().is_some_and(|span| span.last == last);
        let of_spans = spans
            .iter()
            .flat_map(|span| self.packets.between(span.first, span.last));
        let mut picture = self.references.picture(of_spans);
        let wanted = self.references.decodable(&picture);
        if wanted.len() != spans.len() || !wanted.contains(&true) {
            return None;
        }
        let reaches_top = whole && wanted.last() == Some(&true);
        let mut each = wanted.iter();
        spans.retain(|_| each.next() == Some(&true));
        picture.keep(&wanted);
        Some(Part {
            spans,
            picture,
            last,
            reaches_top,
        })
    }

    /// Whether what there is of the picture shows as much of it as the last one that was given.
    pub(super) fn is_enough(&self, part: &Part) -> bool {
        let (_, spatial) = part.picture.layers.place().unwrap_or((0, 0));
        part.reaches_top || spatial >= self.shown_layer || !self.references.alive()
    }

    /// Puts the picture together.
    pub(super) fn give_part(&mut self, part: &Part) -> Option<AssembledFrame> {
        let frame = self.assemble(&part.spans, &part.picture, part.reaches_top)?;
        self.references.given_in_part(&part.picture);
        if part.reaches_top {
            self.reduced = false;
        } else {
            self.stats.frames_reduced += 1;
            // Nothing need refer to what is missing of a higher temporal layer; the next picture of the lowest tells.
            self.reduced |= frame.temporal == 0;
        }
        Some(frame)
    }

    /// Gives what there is of the picture at the head, and the rest of it up.
    pub(super) fn leave_rest(&mut self, part: &Part) -> Option<AssembledFrame> {
        let frame = self.give_part(part);
        self.stats.frames_dropped += u64::from(frame.is_none());
        self.advance(part.last + 1);
        self.at_boundary = true;
        self.loss = None;
        self.left = frame.as_ref().map(|frame| frame.timestamp);
        frame
    }
}
