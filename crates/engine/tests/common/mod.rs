//! Two engines, the plans that join them, and short ways to say what happened.
#![expect(dead_code, reason = "each test binary uses a part")]

pub(crate) mod feedback;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lk_engine::{
    ChannelInit, ChannelKey, DtlsState, Engine, EngineConfig, Event, IceState, IncomingRtp,
    LocalCandidate, OutgoingRtp, Output, SendError, Transport,
};
use lk_jsep::plan::{
    CodecPlan, DataPlan, DtlsRole, ExtensionPlan, Fingerprint, IceParameters, MediaPlan, Plan,
    StreamPlan,
};
use lk_testkit::{Link, Pair, Peer, Side, Step};
use lk_types::{Codec, Direction, MediaKind, Mid, Pt, Rid, Ssrc};

pub(crate) const OPUS: Pt = Pt(111);
pub(crate) const RED: Pt = Pt(63);
pub(crate) const VP8: Pt = Pt(96);
pub(crate) const VP8_RTX: Pt = Pt(97);

/// Something that waits at most this long in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    /// Reports as rarely as LiveKit's server.
    pub(crate) rare: Option<feedback::RareFeedback>,
    /// Called with all that comes in; what it refuses is lost.
    pub(crate) filter: Option<fn(&[u8]) -> bool>,
    now: Instant,
}

impl Node {
    pub(crate) fn new(address: SocketAddr, now: Instant) -> Self {
        Self {
            engine: Engine::new(EngineConfig::new(now)).expect("an engine"),
            address,
            rare: None,
            filter: None,
            now,
        }
    }
}

impl Peer for Node {
    type Event = Event;

    fn datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) {
        self.now = now;
        if self.filter.is_some_and(|takes| !takes(payload)) {
            return;
        }
        if let Some(rare) = &mut self.rare {
            rare.arrived(payload);
        }
        self.engine
            .handle_datagram(now, Transport::Udp, source, destination, payload);
    }

    fn timeout(&mut self, now: Instant) {
        self.now = now;
        self.engine.handle_timeout(now);
    }

    fn poll(&mut self) -> Step<Event> {
        loop {
            match self.engine.poll() {
                Output::Transmit(transmit) => {
                    let datagram = (transmit.source, transmit.destination, transmit.payload);
                    let leaves = match &mut self.rare {
                        Some(rare) => rare.leaves(datagram),
                        None => Some(datagram),
                    };
                    if let Some(datagram) = leaves {
                        return step(datagram);
                    }
                }
                Output::Event(event) => return Step::Event(event),
                Output::Timeout(at) => {
                    let due = self.rare.as_mut().and_then(|rare| rare.due(self.now));
                    return due.map_or(Step::Timeout(at), step);
                }
            }
        }
    }
}

fn step((source, destination, payload): (SocketAddr, SocketAddr, Vec<u8>)) -> Step<Event> {
    Step::Transmit {
        source,
        destination,
        payload,
    }
}

/// An m-line as A describes it; B's plan is its mirror image.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) mid: &'static str,
    pub(crate) kind: MediaKind,
    pub(crate) direction: Direction,
    pub(crate) a_sends: Vec<StreamPlan>,
    pub(crate) b_sends: Vec<StreamPlan>,
    /// Whether the receiving side is told the sources.
    pub(crate) announced: bool,
    pub(crate) rejected: bool,
    pub(crate) transport_cc: bool,
    pub(crate) codecs: Vec<CodecPlan>,
}

pub(crate) fn source(ssrc: u32, rtx: Option<u32>, rid: Option<&str>) -> StreamPlan {
    StreamPlan {
        ssrc: Some(Ssrc(ssrc)),
        rtx_ssrc: rtx.map(Ssrc),
        rid: rid.map(Rid::new),
    }
}

pub(crate) fn codec(pt: Pt, codec: Codec, rtx: Option<Pt>) -> CodecPlan {
    let audio = codec.kind() == Some(MediaKind::Audio);
    CodecPlan {
        pt,
        codec,
        clock_rate: if audio { 48_000 } else { 90_000 },
        channels: audio.then_some(2),
        remote_fmtp: Vec::new(),
        local_fmtp: Vec::new(),
        rtx,
        feedback: if audio {
            Vec::new()
        } else {
            ["nack", "nack pli", "ccm fir", "goog-remb"]
                .map(str::to_owned)
                .to_vec()
        },
    }
}

impl Line {
    pub(crate) fn audio(mid: &'static str, a: u32, b: u32) -> Self {
        Self {
            mid,
            kind: MediaKind::Audio,
            direction: Direction::SendRecv,
            a_sends: vec![source(a, None, None)],
            b_sends: vec![source(b, None, None)],
            announced: true,
            rejected: false,
            transport_cc: false,
            codecs: vec![codec(OPUS, Codec::Opus, None), codec(RED, Codec::Red, None)],
        }
    }

    /// A sends, B receives.
    pub(crate) fn video(mid: &'static str, ssrc: u32) -> Self {
        Self {
            mid,
            kind: MediaKind::Video,
            direction: Direction::SendOnly,
            a_sends: vec![source(ssrc, Some(ssrc + 1), None)],
            b_sends: Vec::new(),
            announced: true,
            rejected: false,
            transport_cc: true,
            codecs: vec![codec(VP8, Codec::Vp8, Some(VP8_RTX))],
        }
    }

    fn plan(&self, side: Side, index: usize) -> MediaPlan {
        let (direction, mine, theirs) = match side {
            Side::A => (self.direction, &self.a_sends, &self.b_sends),
            Side::B => (self.direction.reversed(), &self.b_sends, &self.a_sends),
        };
        let direction = if self.rejected {
            Direction::Inactive
        } else {
            direction
        };
        let uris: &[(u8, &str)] = match self.kind {
            MediaKind::Audio => &[
                (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
                (4, MID_URI),
            ],
            MediaKind::Video => &[
                (
                    2,
                    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
                ),
                (
                    3,
                    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
                ),
                (4, MID_URI),
                (10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
                (11, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
            ],
        };
        MediaPlan {
            mid: Mid::new(self.mid),
            index,
            kind: self.kind,
            direction,
            rejected: self.rejected,
            codecs: self.codecs.clone(),
            extensions: uris
                .iter()
                .map(|(id, uri)| ExtensionPlan {
                    id: *id,
                    uri: (*uri).to_owned(),
                })
                .collect(),
            send: if direction.sends() {
                mine.clone()
            } else {
                Vec::new()
            },
            recv: if direction.receives() && self.announced {
                theirs.clone()
            } else {
                Vec::new()
            },
            cname: "test".to_owned(),
            remb: self.kind == MediaKind::Video,
            transport_cc: self.transport_cc,
        }
    }
}

const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// What both sides agreed on.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) lines: Vec<Line>,
    /// Index of the SCTP m-line; it comes last otherwise.
    pub(crate) data: bool,
    pub(crate) max_message_size: u64,
    /// Counts ICE restarts.
    pub(crate) generation: u32,
    /// Who is DTLS client.
    pub(crate) a_is_client: bool,
}

impl Session {
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        Self {
            lines,
            data: true,
            max_message_size: 65_535,
            generation: 0,
            a_is_client: false,
        }
    }

    fn credentials(&self, side: Side) -> IceParameters {
        let generation = self.generation;
        IceParameters {
            ufrag: format!("{side:?}uf{generation}"),
            pwd: format!("{side:?}0123456789abcdef012345{generation}"),
            lite: false,
        }
    }

    pub(crate) fn plan(&self, side: Side, remote: &Fingerprint) -> Plan {
        let (mine, theirs) = match side {
            Side::A => (Side::A, Side::B),
            Side::B => (Side::B, Side::A),
        };
        // The SCTP m-line is the first, so that adding lines does not move it.
        let shift = usize::from(self.data);
        Plan {
            we_offered_first: side == Side::A,
            dtls_role: if (side == Side::A) == self.a_is_client {
                DtlsRole::Client
            } else {
                DtlsRole::Server
            },
            remote_fingerprint: remote.clone(),
            local_ice: self.credentials(mine),
            remote_ice: self.credentials(theirs),
            media: self
                .lines
                .iter()
                .enumerate()
                .map(|(index, line)| line.plan(side, index + shift))
                .collect(),
            data: self.data.then(|| DataPlan {
                mid: Mid::new("data"),
                index: 0,
                max_message_size: self.max_message_size,
                remote_sctp_init: None,
            }),
            remote_candidates: Vec::new(),
        }
    }
}

/// Two engines with a session between them.
pub(crate) struct Call {
    pub(crate) pair: Pair<Node>,
    pub(crate) session: Session,
}

pub(crate) fn address(side: Side) -> SocketAddr {
    match side {
        Side::A => ([10, 0, 0, 1], 1000).into(),
        Side::B => ([10, 0, 0, 2], 2000).into(),
    }
}

pub(crate) const SIDES: [Side; 2] = [Side::A, Side::B];

pub(crate) fn other(side: Side) -> Side {
    match side {
        Side::A => Side::B,
        Side::B => Side::A,
    }
}

impl Call {
    /// Engines that know nothing yet.
    pub(crate) fn idle(session: Session, link: Link) -> Self {
        Self::idle_at(session, link, address)
    }

    /// The same under other addresses.
    pub(crate) fn idle_at(session: Session, link: Link, address: fn(Side) -> SocketAddr) -> Self {
        let pair = Pair::new(link, 7, |side, now| Node::new(address(side), now));
        Self { pair, session }
    }

    /// Plans applied, candidates exchanged.
    pub(crate) fn started(session: Session, link: Link) -> Self {
        let mut call = Self::idle(session, link);
        call.apply();
        call.exchange_candidates();
        call
    }

    /// Everything is up.
    pub(crate) fn connected(session: Session, link: Link) -> Self {
        let mut call = Self::started(session, link);
        call.await_connected();
        call
    }

    pub(crate) fn apply(&mut self) {
        for side in SIDES {
            let remote = self.engine(other(side)).fingerprint().clone();
            let plan = self.session.plan(side, &remote);
            self.with(side, |engine, now| engine.apply(&plan, now))
                .expect("a plan that can be carried out");
        }
    }

    pub(crate) fn exchange_candidates(&mut self) {
        for side in SIDES {
            let address = self.pair.peer(side).address;
            let line = self.with(side, |engine, now| {
                engine
                    .add_local_candidate(LocalCandidate::host(address), now)
                    .expect("a local candidate")
            });
            self.with(other(side), |engine, now| {
                engine.add_remote_candidate(&line, now)
            })
            .expect("its line");
        }
    }

    pub(crate) fn await_connected(&mut self) {
        let up = self.pair.run_until(PATIENCE, |pair| {
            SIDES.iter().all(|side| {
                let engine = &pair.peer(*side).engine;
                engine.dtls_state() == DtlsState::Connected
                    && matches!(
                        engine.ice_state(),
                        IceState::Connected | IceState::Completed
                    )
            })
        });
        assert!(
            up,
            "not connected: {:?} {:?}",
            self.engine(Side::A),
            self.engine(Side::B)
        );
    }

    pub(crate) fn engine(&self, side: Side) -> &Engine {
        &self.pair.peer(side).engine
    }

    pub(crate) fn with<R>(&mut self, side: Side, act: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        self.pair.with(side, |node, now| act(&mut node.engine, now))
    }

    pub(crate) fn run(&mut self, milliseconds: u64) {
        self.pair.run(Duration::from_millis(milliseconds));
    }

    pub(crate) fn send_audio(
        &mut self,
        side: Side,
        ssrc: u32,
        number: u64,
        payload: &[u8],
    ) -> Result<(), SendError> {
        self.with(side, |engine, now| {
            engine.send_rtp(
                &OutgoingRtp {
                    ssrc: Ssrc(ssrc),
                    pt: OPUS,
                    sequence_number: number,
                    timestamp: low(number * 960),
                    marker: number == 0,
                    rotation: None,
                    dependency_descriptor: None,
                    captured: now,
                    audio_level: None,
                    nackable: false,
                    payload,
                },
                now,
            )
        })
    }

    pub(crate) fn send_video(
        &mut self,
        side: Side,
        ssrc: u32,
        number: u64,
        size: usize,
    ) -> Result<(), SendError> {
        self.with(side, |engine, now| {
            engine.send_rtp(
                &OutgoingRtp {
                    ssrc: Ssrc(ssrc),
                    pt: VP8,
                    sequence_number: number,
                    timestamp: low(number / 4 * 3000),
                    marker: number % 4 == 3,
                    rotation: None,
                    dependency_descriptor: None,
                    captured: now,
                    audio_level: None,
                    nackable: true,
                    payload: &vec![low(number).to_le_bytes()[0]; size],
                },
                now,
            )
        })
    }

    /// RTP that a side got so far.
    pub(crate) fn rtp(&self, side: Side) -> Vec<&IncomingRtp> {
        self.pair
            .events(side)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Rtp(packet) => Some(packet),
                _ => None,
            })
            .collect()
    }

    /// Sequence numbers that a side got of one source, sorted.
    pub(crate) fn numbers(&self, side: Side, ssrc: u32) -> Vec<u64> {
        let mut numbers: Vec<u64> = self
            .rtp(side)
            .into_iter()
            .filter(|packet| packet.ssrc == Ssrc(ssrc))
            .map(|packet| packet.sequence_number)
            .collect();
        numbers.sort_unstable();
        numbers
    }

    pub(crate) fn ice_states(&self, side: Side) -> Vec<IceState> {
        self.pair
            .events(side)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Ice(state) => Some(*state),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn open(&mut self, side: Side, init: ChannelInit) -> ChannelKey {
        self.with(side, |engine, now| engine.open_channel(init, now))
            .expect("a channel")
    }

    pub(crate) fn send(&mut self, side: Side, key: ChannelKey, data: &[u8]) {
        self.with(side, |engine, now| {
            engine.send_channel(key, true, data, now)
        })
        .expect("an open channel");
    }

    /// Waits until a side's channel can be written.
    pub(crate) fn await_open(&mut self, side: Side, key: ChannelKey) {
        let open = self.pair.run_until(PATIENCE, |pair| {
            pair.peer(side).engine.channel_state(key) == lk_engine::ChannelState::Open
        });
        assert!(open, "channel {key:?} of {side:?} did not open");
    }

    /// Waits for a channel that the other side opened.
    pub(crate) fn await_announced(&mut self, side: Side, label: &str) -> ChannelKey {
        let mut found = None;
        self.pair.run_until(PATIENCE, |pair| {
            found = pair.events(side).iter().find_map(|(_, event)| match event {
                Event::ChannelAnnounced { key, init } if init.label == label => Some(*key),
                _ => None,
            });
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("channel `{label}` was not announced to {side:?}"))
    }

    /// Messages that a side got on a channel.
    pub(crate) fn messages(&self, side: Side, wanted: ChannelKey) -> Vec<&[u8]> {
        self.pair
            .events(side)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::ChannelData { key, data, .. } if *key == wanted => Some(data.as_slice()),
                _ => None,
            })
            .collect()
    }

    /// Sum of the reports that bytes have left a channel's queue.
    pub(crate) fn reported(&self, side: Side, wanted: ChannelKey) -> usize {
        self.pair
            .events(side)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::ChannelBuffered { key, amount } if *key == wanted => Some(*amount),
                _ => None,
            })
            .sum()
    }

    pub(crate) fn closed(&self, side: Side, wanted: ChannelKey) -> bool {
        self.pair
            .events(side)
            .iter()
            .any(|(_, event)| matches!(event, Event::ChannelClosed(key) if *key == wanted))
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).expect("masked")
}
