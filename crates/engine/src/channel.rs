//! Data channels: names that hold from creation to close, and the send queue above SCTP.
//!
//! The stack's own queue is kept short: its cost grows with what is in flight, and bytes in it
//! cannot be taken back. It is also given a channel late, once DTLS is up: one that is closed before
//! it has a stream id would stay behind there, to be opened and closed in front of the peer.

mod departed;

use std::collections::VecDeque;
use std::time::Instant;

use str0m::Rtc;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};

use self::departed::Departed;
use crate::{ChannelError, ChannelStats, Event};

/// Most bytes given to the stack and not yet confirmed by the peer, over all channels. A single message may go
/// beyond it when nothing else is under way.
const IN_FLIGHT: usize = 128 * 1024;

/// Largest message the stack's buffer can hold, whatever the peer says.
pub(crate) const STACK_BUFFER: usize = 1024 * 1024;

/// The peer's limit where it states none (RFC 8841 §6.1).
const DEFAULT_MAX_MESSAGE: u64 = 64 * 1024;

/// Names a channel for the engine's life; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelKey(pub(crate) u64);

/// How a channel is opened (W3C `RTCDataChannelInit`, RFC 8832 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInit {
    /// Its label.
    pub label: String,
    /// Subprotocol; empty for none.
    pub protocol: String,
    /// Messages come out in the order they went in.
    pub ordered: bool,
    /// Give a message up after so many resends; excludes `max_packet_life_time`.
    pub max_retransmits: Option<u16>,
    /// Give a message up after so many milliseconds.
    pub max_packet_life_time: Option<u16>,
    /// Both sides open the channel under this stream id, nothing is announced in-band.
    pub negotiated: Option<u16>,
}

impl ChannelInit {
    /// Reliable, ordered, announced in-band.
    #[must_use]
    pub fn reliable(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            protocol: String::new(),
            ordered: true,
            max_retransmits: None,
            max_packet_life_time: None,
            negotiated: None,
        }
    }

    fn to_stack(&self) -> ChannelConfig {
        let reliability = match (self.max_retransmits, self.max_packet_life_time) {
            (Some(retransmits), _) => Reliability::MaxRetransmits { retransmits },
            (None, Some(lifetime)) => Reliability::MaxPacketLifetime { lifetime },
            (None, None) => Reliability::Reliable,
        };
        ChannelConfig {
            label: self.label.clone(),
            ordered: self.ordered,
            reliability,
            negotiated: self.negotiated,
            protocol: self.protocol.clone(),
        }
    }

    fn from_stack(config: &ChannelConfig) -> Self {
        let (max_retransmits, max_packet_life_time) = match config.reliability {
            Reliability::Reliable => (None, None),
            Reliability::MaxRetransmits { retransmits } => (Some(retransmits), None),
            Reliability::MaxPacketLifetime { lifetime } => (None, Some(lifetime)),
        };
        Self {
            label: config.label.clone(),
            protocol: config.protocol.clone(),
            ordered: config.ordered,
            max_retransmits,
            max_packet_life_time,
            negotiated: config.negotiated,
        }
    }
}

/// `RTCDataChannelState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// Not usable yet.
    Connecting,
    /// Messages flow.
    Open,
    /// We asked to close; what is queued still goes out.
    Closing,
    /// Gone.
    Closed,
}

#[derive(Debug)]
struct Entry {
    key: ChannelKey,
    init: ChannelInit,
    state: ChannelState,
    /// In the stack, once it was told.
    stack: Option<ChannelId>,
    /// SCTP stream, once known.
    stream: Option<u16>,
    queue: VecDeque<(bool, Vec<u8>)>,
    queued: usize,
    /// Given to the stack and not yet confirmed.
    in_flight: usize,
    departed: Departed,
    /// Sent, as far as the owner is concerned, and not yet said.
    unreported: usize,
    /// The stack was asked to close it.
    closing_in_stack: bool,
    messages_sent: u64,
    bytes_sent: u64,
    messages_received: u64,
    bytes_received: u64,
}

impl Entry {
    /// Bytes of which the owner was not told that they are sent.
    fn buffered(&self) -> usize {
        self.queued + self.in_flight - self.departed.ahead() + self.unreported
    }
}

/// All channels of an engine.
#[derive(Debug)]
pub(crate) struct Channels {
    entries: Vec<Entry>,
    /// Closed for the owner before the stack opened them: to be closed there as soon as that works.
    zombies: Vec<(ChannelId, Option<u16>)>,
    next_key: u64,
    /// Where the next round of sending starts.
    turn: usize,
    /// SCTP is part of the session.
    started: bool,
    /// DTLS is up; with SCTP it means that channels may be given to the stack.
    connected: bool,
    /// The peer's `a=max-message-size`; 0 means no limit.
    max_message: u64,
    pub(crate) opened: u32,
    pub(crate) closed: u32,
}

impl Channels {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            zombies: Vec::new(),
            next_key: 0,
            turn: 0,
            started: false,
            connected: false,
            max_message: DEFAULT_MAX_MESSAGE,
            opened: 0,
            closed: 0,
        }
    }

    pub(crate) fn open(&mut self, init: ChannelInit) -> Result<ChannelKey, ChannelError> {
        if init.max_retransmits.is_some() && init.max_packet_life_time.is_some() {
            return Err(ChannelError::Reliability);
        }
        if let Some(id) = init.negotiated {
            let taken = self.entries.iter().any(|entry| {
                entry.state != ChannelState::Closing
                    && (entry.init.negotiated == Some(id) || entry.stream == Some(id))
            });
            if taken || id == u16::MAX {
                return Err(ChannelError::NegotiatedId(id));
            }
        }
        Ok(self.add(init, None, ChannelState::Connecting))
    }

    /// SCTP is negotiated.
    pub(crate) fn start(&mut self, max_message: u64) {
        if !self.started {
            self.started = true;
            self.max_message = max_message;
        }
    }

    /// DTLS is up.
    pub(crate) fn connected(&mut self) {
        self.connected = true;
    }

    pub(crate) fn send(
        &mut self,
        key: ChannelKey,
        binary: bool,
        data: &[u8],
    ) -> Result<(), ChannelError> {
        let limit = self.message_limit();
        let entry = self.by_key_mut(key).ok_or(ChannelError::Closed(key))?;
        match entry.state {
            ChannelState::Connecting => return Err(ChannelError::NotOpen(key)),
            ChannelState::Closing | ChannelState::Closed => return Err(ChannelError::Closed(key)),
            ChannelState::Open => {}
        }
        if data.is_empty() {
            return Err(ChannelError::Empty);
        }
        if data.len() as u64 > limit {
            return Err(ChannelError::TooLarge {
                size: data.len(),
                limit,
            });
        }
        entry.queue.push_back((binary, data.to_vec()));
        entry.queued += data.len();
        entry.messages_sent += 1;
        entry.bytes_sent += data.len() as u64;
        Ok(())
    }

    pub(crate) fn close(&mut self, key: ChannelKey, events: &mut VecDeque<Event>) {
        let Some(entry) = self.by_key_mut(key) else {
            return;
        };
        match entry.state {
            ChannelState::Connecting => {
                if let Some(id) = entry.stack {
                    let negotiated = entry.init.negotiated;
                    self.zombies.push((id, negotiated));
                }
                self.remove(key, events);
            }
            ChannelState::Open => entry.state = ChannelState::Closing,
            ChannelState::Closing | ChannelState::Closed => {}
        }
    }

    /// Everything is over.
    pub(crate) fn close_all(&mut self, events: &mut VecDeque<Event>) {
        let keys: Vec<ChannelKey> = self.entries.iter().map(|entry| entry.key).collect();
        for key in keys {
            self.remove(key, events);
        }
        self.zombies.clear();
    }

    /// Brings the stack up to date: new channels, queued messages, closes. Reports what was sent. Returns
    /// whether the stack was changed and has to be polled again.
    pub(crate) fn drive(
        &mut self,
        rtc: &mut Rtc,
        events: &mut VecDeque<Event>,
        now: Instant,
    ) -> bool {
        if !self.started || !self.connected || (self.entries.is_empty() && self.zombies.is_empty())
        {
            return false;
        }
        let mut changed = self.create(rtc);
        self.confirm(rtc, now);
        changed |= self.flush(rtc);
        self.report(events, now);
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            let drained = entry.queue.is_empty() && entry.in_flight == 0;
            if entry.state == ChannelState::Closing && drained && !entry.closing_in_stack {
                entry.closing_in_stack = true;
                if let Some(id) = entry.stack {
                    rtc.direct_api().close_data_channel(id);
                    changed = true;
                }
            }
        }
        changed
    }

    fn create(&mut self, rtc: &mut Rtc) -> bool {
        let mut changed = false;
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.stack.is_some() || entry.state != ChannelState::Connecting {
                continue;
            }
            // The stack allows an id once: wait until the one before is gone there too.
            let blocked = entry.init.negotiated.is_some_and(|id| {
                self.zombies
                    .iter()
                    .any(|(_, negotiated)| *negotiated == Some(id))
                    || self.entries.iter().any(|other| {
                        other.stack.is_some()
                            && (other.init.negotiated == Some(id) || other.stream == Some(id))
                    })
                    || rtc.direct_api().channel_id_by_sctp_stream_id(id).is_some()
            });
            if !blocked {
                let id = rtc.direct_api().create_data_channel(entry.init.to_stack());
                self.entries[index].stack = Some(id);
                changed = true;
            }
        }
        changed
    }

    fn confirm(&mut self, rtc: &mut Rtc, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.in_flight > 0) {
            let Some(id) = entry.stack else { continue };
            // Where the stack has closed the channel, its event settles the account.
            let Some(mut channel) = rtc.channel(id) else {
                continue;
            };
            let left = channel.buffered_amount().min(entry.in_flight);
            let amount = entry.in_flight - left;
            if amount > 0 {
                entry.in_flight = left;
                entry.unreported += entry.departed.confirmed(amount, now);
            }
        }
    }

    fn report(&mut self, events: &mut VecDeque<Event>, now: Instant) {
        for entry in &mut self.entries {
            let counted = entry.departed.count(entry.in_flight, IN_FLIGHT, now);
            let amount = std::mem::take(&mut entry.unreported) + counted;
            if amount > 0 {
                events.push_back(Event::ChannelBuffered {
                    key: entry.key,
                    amount,
                });
            }
        }
    }

    fn flush(&mut self, rtc: &mut Rtc) -> bool {
        let count = self.entries.len();
        let mut in_flight: usize = self.entries.iter().map(|entry| entry.in_flight).sum();
        let mut changed = false;
        let mut idle = 0;
        while idle < count && in_flight < IN_FLIGHT {
            let turn = self.turn % count;
            self.turn = turn + 1;
            idle += 1;
            let entry = &mut self.entries[turn];
            if !matches!(entry.state, ChannelState::Open | ChannelState::Closing) {
                continue;
            }
            let (Some(id), Some((binary, data))) = (entry.stack, entry.queue.front()) else {
                continue;
            };
            if in_flight > 0 && in_flight + data.len() > IN_FLIGHT {
                continue;
            }
            let Some(mut channel) = rtc.channel(id) else {
                continue;
            };
            match channel.write(*binary, data) {
                Ok(true) => {
                    let size = data.len();
                    entry.queue.pop_front();
                    entry.queued -= size;
                    entry.in_flight += size;
                    in_flight += size;
                    changed = true;
                    idle = 0;
                }
                Ok(false) => {}
                Err(_) => {
                    // Sizes were checked, so the association is going down; its event closes the channel. The
                    // message is accounted for as gone.
                    let size = data.len();
                    entry.queue.pop_front();
                    entry.queued -= size;
                    entry.unreported += size;
                }
            }
        }
        changed
    }

    /// The stack opened a channel, ours or the peer's.
    pub(crate) fn on_open(
        &mut self,
        rtc: &mut Rtc,
        id: ChannelId,
        label: String,
        events: &mut VecDeque<Event>,
    ) {
        let stream = rtc.direct_api().sctp_stream_id_by_channel_id(id);
        if self.zombies.iter().any(|(zombie, _)| *zombie == id) {
            rtc.direct_api().close_data_channel(id);
            return;
        }
        if let Some(entry) = self
            .entries
            .iter_mut()
            .find(|entry| entry.stack == Some(id))
        {
            entry.stream = stream;
            if entry.state == ChannelState::Connecting {
                entry.state = ChannelState::Open;
                self.opened += 1;
                events.push_back(Event::ChannelOpen(entry.key));
            }
            return;
        }
        let config = rtc
            .channel(id)
            .and_then(|channel| channel.config().cloned());
        let init = match config {
            Some(config) => ChannelInit::from_stack(&config),
            None => ChannelInit::reliable(&label),
        };
        let key = self.add(init.clone(), Some(id), ChannelState::Open);
        if let Some(entry) = self.by_key_mut(key) {
            entry.stream = stream;
        }
        self.opened += 1;
        events.push_back(Event::ChannelAnnounced { key, init });
        events.push_back(Event::ChannelOpen(key));
    }

    pub(crate) fn on_data(
        &mut self,
        id: ChannelId,
        binary: bool,
        data: Vec<u8>,
        events: &mut VecDeque<Event>,
    ) {
        let Some(entry) = self
            .entries
            .iter_mut()
            .find(|entry| entry.stack == Some(id))
        else {
            return;
        };
        entry.messages_received += 1;
        entry.bytes_received += data.len() as u64;
        events.push_back(Event::ChannelData {
            key: entry.key,
            binary,
            data,
        });
    }

    pub(crate) fn on_close(&mut self, id: ChannelId, events: &mut VecDeque<Event>) {
        self.zombies.retain(|(zombie, _)| *zombie != id);
        let key = self
            .entries
            .iter()
            .find(|entry| entry.stack == Some(id))
            .map(|entry| entry.key);
        if let Some(key) = key {
            self.remove(key, events);
        }
    }

    /// Nothing waits to be opened, sent, confirmed or closed.
    pub(crate) fn idle(&self) -> bool {
        self.zombies.is_empty()
            && self.entries.iter().all(|entry| {
                entry.state == ChannelState::Open && entry.queue.is_empty() && entry.in_flight == 0
            })
    }

    pub(crate) fn buffered(&self, key: ChannelKey) -> usize {
        self.by_key(key).map_or(0, Entry::buffered)
    }

    pub(crate) fn state(&self, key: ChannelKey) -> ChannelState {
        self.by_key(key)
            .map_or(ChannelState::Closed, |entry| entry.state)
    }

    pub(crate) fn stream_id(&self, key: ChannelKey) -> Option<u16> {
        self.by_key(key)
            .and_then(|entry| entry.stream.or(entry.init.negotiated))
    }

    pub(crate) fn stats(&self) -> Vec<ChannelStats> {
        self.entries
            .iter()
            .map(|entry| ChannelStats {
                key: entry.key,
                init: entry.init.clone(),
                id: entry.stream.or(entry.init.negotiated),
                state: entry.state,
                messages_sent: entry.messages_sent,
                bytes_sent: entry.bytes_sent,
                messages_received: entry.messages_received,
                bytes_received: entry.bytes_received,
            })
            .collect()
    }

    /// Largest message that may be sent, in bytes.
    pub(crate) fn message_limit(&self) -> u64 {
        let peer = if self.max_message == 0 {
            u64::MAX
        } else {
            self.max_message
        };
        peer.min(STACK_BUFFER as u64)
    }

    fn add(
        &mut self,
        init: ChannelInit,
        stack: Option<ChannelId>,
        state: ChannelState,
    ) -> ChannelKey {
        let key = ChannelKey(self.next_key);
        self.next_key += 1;
        self.entries.push(Entry {
            key,
            init,
            state,
            stack,
            stream: None,
            queue: VecDeque::new(),
            queued: 0,
            in_flight: 0,
            departed: Departed::default(),
            unreported: 0,
            closing_in_stack: false,
            messages_sent: 0,
            bytes_sent: 0,
            messages_received: 0,
            bytes_received: 0,
        });
        key
    }

    fn remove(&mut self, key: ChannelKey, events: &mut VecDeque<Event>) {
        let Some(index) = self.entries.iter().position(|entry| entry.key == key) else {
            return;
        };
        let entry = self.entries.remove(index);
        let amount = entry.buffered();
        if amount > 0 {
            events.push_back(Event::ChannelBuffered { key, amount });
        }
        if entry.state != ChannelState::Connecting {
            self.closed += 1;
        }
        events.push_back(Event::ChannelClosed(key));
    }

    fn by_key(&self, key: ChannelKey) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn by_key_mut(&mut self, key: ChannelKey) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }
}
