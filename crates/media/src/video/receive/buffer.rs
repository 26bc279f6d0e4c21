//! The buffer itself: order, gaps, patience.

mod part;

use std::time::{Duration, Instant};

use lk_types::Codec;

use super::assemble::Assembler;
use super::head::{Head, LayerHead};
use super::packets::{Packets, Stored};
use super::picture::{Found, Span, find};
use super::references::{Loss, Picture, References};
use super::wish::Wish;
use super::{AssembledFrame, RtpPacket, VideoReceiveStats};
use crate::video::error::PacketizeError;
use part::Part;

/// How much later a packet may come than those sent after it, where nothing says that it is missing.
const OVERTAKING: Duration = Duration::from_millis(40);

/// The engine asks for a packet that soon after it was missed, and again after a round trip and a little, of at least so
/// much altogether.
const FIRST_REQUEST: Duration = Duration::from_millis(10);
const REQUEST_AGAIN: Duration = Duration::from_millis(50);
const REQUEST_MARGIN: Duration = Duration::from_millis(10);

/// LiveKit's server does not answer within so much of when it sent the packet last: at first, or again.
const SERVER_PAUSE: Duration = Duration::from_millis(100);

/// What networks and busy machines add to a round trip.
const TARDINESS: Duration = Duration::from_millis(20);

/// Before the first packet of a stream at most so many may still come.
const OVERTAKEN_START: u64 = 64;

/// Limits of a [`FrameBuffer`].
#[derive(Clone, Copy, Debug)]
pub struct FrameBufferConfig {
    /// Round trip time until [`FrameBuffer::set_rtt`] tells it.
    pub rtt: Duration,
    /// Most packets that wait. A sequence number that is further ahead is another stream's beginning.
    pub max_packets: usize,
    /// Most bytes that wait.
    pub max_bytes: usize,
}

impl Default for FrameBufferConfig {
    fn default() -> Self {
        Self {
            rtt: Duration::from_millis(100),
            max_packets: 4_096,
            max_bytes: 8 << 20,
        }
    }
}

/// Packets of one SSRC in, decodable pictures in order out.
///
/// Give it each packet with [`Self::push`], then take pictures from [`Self::poll`] until there is none and ask
/// [`Self::wants_keyframe`]; do the last two again at [`Self::deadline`].
///
/// A picture is given as soon as it is complete and all before it are given or given up. A gap is waited for as long as
/// retransmission may take. Then a picture that can do without what is missing is given; where there is none, the
/// buffer wants a key frame, and takes what comes first: that, or the missing packets. Of a picture of several spatial
/// layers those are given that are complete and refer to nothing that is missing, from then on too, until the higher
/// ones can be decoded again.
#[derive(Debug)]
pub struct FrameBuffer {
    codec: Codec,
    config: FrameBufferConfig,
    rtt: Duration,
    packets: Packets,
    assembler: Assembler,
    references: References,
    wish: Wish,
    stats: VideoReceiveStats,
    /// Everything below is given or given up.
    next: u64,
    highest: Option<u64>,
    /// Whether a picture begins at `next`; else it may be the middle of one.
    at_boundary: bool,
    /// Something was given or given up: what is older than `next` is late.
    moved: bool,
    /// What was lost right before `next`.
    loss: Option<Loss>,
    /// When waiting for the gap at `next` ends.
    patience_ends: Option<Instant>,
    /// Highest spatial layer of the last picture given.
    shown_layer: u8,
    /// Pictures are given without their highest layers, which only a key picture brings back.
    reduced: bool,
    /// The timestamp of the picture right before `next`, if it was given without the rest of it, which may still come.
    left: Option<u32>,
}

impl FrameBuffer {
    /// An empty buffer.
    ///
    /// # Errors
    /// Where the codec is not video.
    pub fn new(codec: Codec, config: FrameBufferConfig) -> Result<Self, PacketizeError> {
        if !matches!(
            codec,
            Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1
        ) {
            return Err(PacketizeError::Codec { codec });
        }
        Ok(Self {
            codec,
            config,
            rtt: config.rtt,
            packets: Packets::default(),
            assembler: Assembler::new(codec),
            references: References::default(),
            wish: Wish::default(),
            stats: VideoReceiveStats::default(),
            next: 0,
            highest: None,
            at_boundary: false,
            moved: false,
            loss: None,
            patience_ends: None,
            shown_layer: 0,
            reduced: false,
            left: None,
        })
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: RtpPacket, now: Instant) {
        let head = match Head::parse(self.codec, &packet.payload, packet.descriptor.as_deref()) {
            Ok(head) => head,
            Err(_) => {
                self.stats.packets_malformed += 1;
                return;
            }
        };
        let sequence = packet.sequence;
        let Some(highest) = self.highest else {
            self.begin(sequence, head.starts);
            return self.store(packet, head, false);
        };
        let far = self.config.max_packets as u64;
        if sequence > highest.saturating_add(far) || sequence.saturating_add(far) < self.next {
            self.restart();
            self.begin(sequence, head.starts);
            return self.store(packet, head, false);
        }
        if sequence < self.next {
            if self.moved || self.next - sequence > OVERTAKEN_START {
                self.stats.packets_late += 1;
                return;
            }
            self.packets.miss(sequence + 1, self.next, now);
            self.next = sequence;
            self.at_boundary = head.starts;
        }
        if self.packets.get(sequence).is_some() {
            self.stats.packets_duplicated += 1;
            return;
        }
        let reordered = sequence < highest;
        if reordered {
            self.stats.packets_recovered += 1;
        } else {
            self.packets.miss(highest + 1, sequence, now);
            self.highest = Some(sequence);
        }
        self.store(packet, head, reordered);
        if self.packets.len() > self.config.max_packets
            || self.packets.bytes() > self.config.max_bytes
        {
            self.overflow();
        }
    }

    /// The next picture, if there is one by now.
    pub fn poll(&mut self, now: Instant) -> Option<AssembledFrame> {
        loop {
            self.patience_ends = None;
            self.skip_what_is_no_picture();
            match find(&self.packets, self.next) {
                Found::Picture(span) => {
                    if self.may_lack_its_beginning(span, now) {
                        return None;
                    }
                    if let Some(frame) = self.take(span) {
                        self.wish_for(None, now);
                        return Some(frame);
                    }
                }
                Found::Open(span) => {
                    let needed = self.needs_keyframe_for(span);
                    self.wish_for(needed.then_some(now), now);
                    return None;
                }
                Found::Gap { since, before, .. } => match self.leave_gap(since, before, now) {
                    Left::Nothing => return None,
                    Left::Packets => {}
                    Left::Rest(part) => {
                        if let Some(frame) = self.leave_rest(&part) {
                            self.wish_for(None, now);
                            return Some(frame);
                        }
                    }
                },
            }
        }
    }

    /// Whether to ask the sender for a key frame now. Asked again after a pause that grows, until one has come.
    pub fn wants_keyframe(&mut self, now: Instant) -> bool {
        let wanted = self.wish.ask(now, self.rtt);
        self.stats.keyframes_wanted += u64::from(wanted);
        wanted
    }

    /// When to call [`Self::poll`] and [`Self::wants_keyframe`] again although no packet came.
    pub fn deadline(&self) -> Option<Instant> {
        [self.patience_ends, self.wish.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The decoder, or what decrypts before it, could not take a picture: none is given before the next key picture, and
    /// that is wanted.
    pub fn decode_failed(&mut self, now: Instant) {
        self.references.forget();
        self.wish_for(Some(now), now);
    }

    /// Tells the round trip time, which retransmissions are waited for by.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt.min(Duration::from_secs(2));
    }

    /// Figures up to now.
    #[must_use]
    pub fn stats(&self) -> VideoReceiveStats {
        self.stats
    }

    /// Packets and bytes that wait.
    #[must_use]
    pub fn queued(&self) -> (usize, usize) {
        (self.packets.len(), self.packets.bytes())
    }

    /// Forgets stream and references, keeps the figures: what comes next is another stream. The decoder must be given
    /// a key frame first.
    pub fn restart(&mut self) {
        self.packets.clear();
        self.references.forget();
        self.wish = Wish::default();
        self.highest = None;
        self.moved = false;
        self.loss = None;
        self.patience_ends = None;
        self.reduced = false;
        self.left = None;
    }

    /// How long a gap is waited for where a later picture can do without it: until it was sent again twice.
    fn patience(&self) -> Duration {
        self.sent_again(2).min(Duration::from_millis(500))
    }

    /// How long where none can: three times, which is all that the server does. Then a key frame is asked for, which costs
    /// a round trip and many bytes.
    fn long_patience(&self) -> Duration {
        self.sent_again(3).min(Duration::from_millis(1_500))
    }

    /// When a packet that was sent again so many times is there at the latest, counted from when it was missed, if no
    /// more than one request in a row is lost.
    fn sent_again(&self, times: u32) -> Duration {
        let again = (self.rtt + REQUEST_MARGIN).max(REQUEST_AGAIN);
        FIRST_REQUEST + (SERVER_PAUSE + again) * times + self.rtt + TARDINESS
    }

    fn begin(&mut self, sequence: u64, starts: bool) {
        self.next = sequence;
        self.highest = Some(sequence);
        self.at_boundary = starts;
    }

    fn store(&mut self, packet: RtpPacket, head: Head, reordered: bool) {
        self.stats.packets += 1;
        if head.media {
            self.wish.heard();
        }
        let stored = Stored {
            packet,
            head,
            reordered,
        };
        self.packets.insert(stored.packet.sequence, stored);
    }

    /// Padding, and what came too late of a picture that was given without it.
    fn skip_what_is_no_picture(&mut self) {
        let start = self.next;
        while let Some(stored) = self.packets.get(self.next) {
            if stored.head.media && self.left != Some(stored.packet.timestamp) {
                break;
            }
            self.next += 1;
        }
        if self.next > start {
            self.packets.drop_below(self.next);
        }
    }

    /// The stream's first packets may have overtaken one another, and nobody knows of a gap before them. Waits a little
    /// then.
    fn may_lack_its_beginning(&mut self, span: Span, now: Instant) -> bool {
        let Some(first) = self.packets.get(span.first) else {
            return false;
        };
        let until = first.packet.arrival + OVERTAKING;
        if self.moved || self.at_boundary || first.head.starts || now >= until {
            return false;
        }
        self.patience_ends = Some(until);
        true
    }

    /// Takes a complete picture at the head out of the buffer; `None` where the decoder must not have it.
    fn take(&mut self, span: Span) -> Option<AssembledFrame> {
        let starts = self.at_boundary
            || self
                .packets
                .get(span.first)
                .is_some_and(|stored| stored.head.starts);
        let frame = if starts { self.judge(span) } else { None };
        if frame.is_none() {
            self.stats.frames_dropped += 1;
            if !starts {
                // Without its beginning nothing is known about it.
                self.references.forget();
            }
        }
        self.advance(span.last + 1);
        self.at_boundary = true;
        self.loss = None;
        frame
    }

    fn judge(&mut self, span: Span) -> Option<AssembledFrame> {
        let packets = || self.packets.between(span.first, span.last);
        let picture = self.references.picture(packets());
        let decodable = match &self.loss {
            None => self.references.in_order(&picture),
            Some(loss) => self.references.after_loss(&picture, loss),
        };
        if !decodable {
            if let Some(part) = self.part(span.first, Some(span.last)) {
                return self.give_part(&part);
            }
            self.references.withheld(&picture);
            return None;
        }
        let frame = self.assemble(&[span], &picture, true)?;
        self.references.given(&picture, self.loss.as_ref());
        self.reduced = false;
        Some(frame)
    }

    /// The frame of those packets, which make up the picture, or its lower layers only.
    fn assemble(
        &mut self,
        spans: &[Span],
        picture: &Picture,
        whole: bool,
    ) -> Option<AssembledFrame> {
        let packets = || {
            spans
                .iter()
                .flat_map(|span| self.packets.between(span.first, span.last))
        };
        let Some(assembly) = self.assembler.assemble(packets()) else {
            self.references.forget();
            return None;
        };
        let (temporal, spatial) = picture.layers.place().unwrap_or((0, 0));
        if !self.references.alive() && !assembly.keyframe {
            return None;
        }
        let first = packets().next()?;
        let mut frame = AssembledFrame {
            codec: self.codec,
            payload: assembly.payload,
            layers: assembly.layers,
            prefix: assembly.prefix,
            keyframe: assembly.keyframe,
            // AV1's sequence header tells the highest layer's.
            size: picture
                .layers
                .size()
                .or_else(|| assembly.size.filter(|_| whole || self.codec != Codec::Av1)),
            timestamp: first.packet.timestamp,
            spatial,
            temporal,
            first_arrival: first.packet.arrival,
            last_arrival: first.packet.arrival,
            first_sequence: first.packet.sequence,
            packets: 0,
            reordered: false,
        };
        for stored in packets().filter(|stored| stored.head.media) {
            frame.first_arrival = frame.first_arrival.min(stored.packet.arrival);
            frame.last_arrival = frame.last_arrival.max(stored.packet.arrival);
            frame.packets += 1;
            frame.reordered |= stored.reordered;
        }
        self.shown_layer = spatial;
        if frame.keyframe && whole {
            self.wish.fulfilled();
        }
        self.stats.frames += 1;
        self.stats.keyframes += u64::from(frame.keyframe);
        self.stats.frames_assembled += u64::from(frame.packets > 1);
        self.stats.assembly_time += frame.last_arrival.duration_since(frame.first_arrival);
        Some(frame)
    }

    fn advance(&mut self, next: u64) {
        self.stats.packets_lost += self.packets.missing_between(self.next, next) as u64;
        self.packets.drop_below(next);
        self.next = next;
        self.moved = true;
        self.left = None;
    }

    /// Decides about a gap at the head.
    fn leave_gap(&mut self, since: Instant, before: Option<Span>, now: Instant) -> Left {
        let long = since + self.long_patience();
        let key = before.is_some_and(|span| {
            let packets = self.packets.between(span.first, span.last);
            self.references.picture(packets).key
        });
        let (patience, wish) = if self.references.alive() {
            (since + self.patience(), long)
        } else if key {
            // The key picture that is needed is nearly there.
            (long, long)
        } else {
            // Nothing to go on from: whatever is whole and can be decoded serves.
            (since, now)
        };
        if now < patience {
            self.patience_ends = Some(patience);
            self.wish_for(Some(wish), now);
            return Left::Nothing;
        }
        let beyond = self.beyond(long, now);
        let part = before.and_then(|span| self.part(span.first, None));
        // A later picture can do without; or the rest comes too late for any use.
        if matches!(beyond, Beyond::Picture(..)) || now >= long {
            if let Some(part) = part {
                return Left::Rest(part);
            }
        } else if part.is_some() {
            self.patience_ends = Some(long);
        }
        match beyond {
            Beyond::Picture(start, loss) => {
                self.count_dropped(start);
                self.advance(start);
                self.at_boundary = true;
                self.loss = Some(loss);
                return Left::Packets;
            }
            Beyond::Wait(until) => {
                self.patience_ends = Some(self.patience_ends.map_or(until, |end| end.min(until)));
                self.wish_for(Some(until.max(long)), now);
            }
            Beyond::Arriving => self.wish_for(None, now),
            Beyond::Nothing => self.wish_for(Some(wish), now),
        }
        Left::Nothing
    }

    /// The first picture behind the gap that can do without what is missing; from `long` on one that can in its lower
    /// layers only.
    fn beyond(&self, long: Instant, now: Instant) -> Beyond {
        let mut loss = Loss {
            discardable: true,
            ..Loss::default()
        };
        let mut reduced = None;
        let mut before: Option<&Stored> = None;
        let mut next = self.next;
        for (sequence, stored) in self.packets.from(self.next) {
            let gap = sequence - next;
            next = sequence + 1;
            loss.discardable &= gap == 0 || belongs_to_discardable(gap, before, stored);
            let another = before.is_none_or(|before| {
                before.packet.timestamp != stored.packet.timestamp || !before.head.media
            });
            let begins = stored.head.starts
                && (another || gap > 0)
                && sequence > self.next
                && self.left != Some(stored.packet.timestamp);
            if begins {
                match self.candidate(sequence, another, &loss, now) {
                    Candidate::Decodable => return Beyond::Picture(sequence, loss),
                    Candidate::Wait(until) => return Beyond::Wait(until),
                    Candidate::Arriving => return Beyond::Arriving,
                    Candidate::Reduced => {
                        reduced.get_or_insert_with(|| (sequence, loss.clone()));
                    }
                    Candidate::Useless => {}
                }
            }
            if stored.head.media {
                loss.discardable &= stored.head.discardable;
                note_discardable(stored, &mut loss);
            }
            before = Some(stored);
        }
        match reduced {
            Some((start, loss)) if now >= long => Beyond::Picture(start, loss),
            Some(_) => Beyond::Wait(long),
            None => Beyond::Nothing,
        }
    }

    /// Whether a picture that begins there can be given, or is worth waiting for; if its `first` packet that came is the
    /// one, also some of its layers.
    fn candidate(&self, start: u64, first: bool, loss: &Loss, now: Instant) -> Candidate {
        let found = find(&self.packets, start);
        let (Found::Picture(span)
        | Found::Open(Some(span))
        | Found::Gap {
            before: Some(span), ..
        }) = found
        else {
            return Candidate::Useless;
        };
        let picture = self
            .references
            .picture(self.packets.between(span.first, span.last));
        let serves = self.references.after_loss(&picture, loss);
        let end = match found {
            Found::Picture(_) if serves => return Candidate::Decodable,
            Found::Picture(span) => Some(span.last),
            Found::Open(_) if serves => return Candidate::Arriving,
            Found::Open(_) => return Candidate::Useless,
            Found::Gap { since, .. } => {
                let patience = if picture.key {
                    self.long_patience()
                } else {
                    self.patience()
                };
                if now < since + patience {
                    return if serves {
                        Candidate::Wait(since + patience)
                    } else {
                        Candidate::Useless
                    };
                }
                None
            }
        };
        // Once for each picture, however many gaps there are in it.
        match first.then(|| self.part(start, end)).flatten() {
            Some(part) if self.is_enough(&part) => Candidate::Decodable,
            Some(_) => Candidate::Reduced,
            None => Candidate::Useless,
        }
    }

    /// Counts the pictures of which something waits below a number.
    fn count_dropped(&mut self, end: u64) {
        let mut last = None;
        for (sequence, stored) in self.packets.from(self.next) {
            if sequence >= end {
                break;
            }
            if stored.head.media && last != Some(stored.packet.timestamp) {
                last = Some(stored.packet.timestamp);
                self.stats.frames_dropped += 1;
            }
        }
    }

    /// Whether a picture that is open at the head is none to wait for.
    fn needs_keyframe_for(&self, open: Option<Span>) -> bool {
        if self.references.alive() {
            return false;
        }
        match open {
            Some(span) => {
                !self
                    .references
                    .picture(self.packets.between(span.first, span.last))
                    .key
            }
            // Between two pictures.
            None => self.moved,
        }
    }

    fn wish_for(&mut self, from: Option<Instant>, now: Instant) {
        let reduced = (self.reduced && self.references.alive()).then_some(now);
        let from = reduced
            .or(from)
            .filter(|from| *from > now || !self.holds_key_picture());
        self.wish.need(from, now);
    }

    /// A whole key picture is there and only waits for what may still come before it.
    fn holds_key_picture(&self) -> bool {
        self.packets
            .from(self.next)
            .filter(|(_, stored)| stored.head.starts && stored.head.key)
            .any(|(sequence, _)| matches!(find(&self.packets, sequence), Found::Picture(_)))
    }

    /// Too much waits: goes on at the last key picture of which the beginning is there.
    fn overflow(&mut self) {
        let start = self
            .packets
            .from(self.next + 1)
            .filter(|(_, stored)| stored.head.starts && stored.head.key)
            .map(|(sequence, _)| sequence)
            .last();
        let half = self.config.max_packets as u64 / 2;
        let highest = self.highest.unwrap_or(self.next);
        let start = start
            .filter(|start| highest - start < half)
            .unwrap_or(highest + 1);
        self.count_dropped(start);
        self.advance(start);
        self.at_boundary = false;
        self.loss = None;
        self.references.forget();
    }
}

/// What comes of a gap at the head.
enum Left {
    /// It is still waited for.
    Nothing,
    /// The head is now behind it.
    Packets,
    /// What can be decoded of the picture in which it lies is to be given, the rest given up.
    Rest(Part),
}

/// What lies behind a gap.
enum Beyond {
    /// A complete picture that can be decoded, beginning there.
    Picture(u64, Loss),
    /// One that could be, if its own gap is filled by then.
    Wait(Instant),
    /// One that could be and is still arriving.
    Arriving,
    /// None.
    Nothing,
}

/// What a picture behind a gap is good for.
enum Candidate {
    /// It is complete and does without what is missing.
    Decodable,
    /// It would, if its own gap is filled by then.
    Wait(Instant),
    /// It would, and is still arriving.
    Arriving,
    /// Its lower layers would, which show less than the last picture did.
    Reduced,
    /// It would not, or will not be complete.
    Useless,
}

/// Whether packets that are missing between two others can only be such of a picture that no other refers to: within
/// one picture, or the one packet that its end takes.
fn belongs_to_discardable(gap: u64, before: Option<&Stored>, behind: &Stored) -> bool {
    before.is_some_and(|before| {
        let same = before.packet.timestamp == behind.packet.timestamp;
        let its_end = gap == 1 && behind.head.starts;
        let open = before.head.media && behind.head.media && !before.packet.marker;
        open && before.head.discardable && (same || its_end)
    })
}

fn note_discardable(stored: &Stored, loss: &mut Loss) {
    if let LayerHead::Vp8(descriptor) = stored.head.layer
        && stored.head.discardable
        && let Some(id) = descriptor.picture_id
        && loss.discardable_pictures.last() != Some(&id)
    {
        loss.discardable_pictures.push(id);
    }
}
