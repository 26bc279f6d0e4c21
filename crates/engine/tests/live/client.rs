//! A participant: signalling, one or two peer connections, and their sockets, on one thread.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use lk_engine::{
    ChannelInit, ChannelKey, ChannelState, DtlsState, Engine, EngineConfig, Event, IceState,
    LocalCandidate, OutgoingRtp, Output, Transport,
};
use lk_jsep::plan::Plan;
use lk_jsep::{
    Capabilities, OfferOptions, SdpType, Session, SessionConfig, TransceiverId, TransceiverInit,
};
use lk_types::{Direction, MediaKind, Pt, Ssrc};
use prost::Message;

use super::wire::{
    AddTrack, ClientInfo, ConnectionSettings, DataPacket, JoinRequest, RequestKind, ResponseKind,
    SessionDescription, Trickle, UserPacket, WebSocket, WrappedJoinRequest, base64_url,
};

/// `SignalTarget`.
const PUBLISHER: i32 = 0;
const SUBSCRIBER: i32 = 1;

/// How the peer connections are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One for both directions; we offer, the server answers.
    Single,
    /// One for each direction; each sender offers.
    Double,
}

/// A peer connection.
pub(crate) struct Connection {
    target: i32,
    pub(crate) session: Session,
    pub(crate) engine: Engine,
    socket: UdpSocket,
    address: SocketAddr,
    candidate: String,
    deadline: Option<Instant>,
    pub(crate) events: Vec<Event>,
    pub(crate) plan: Option<Plan>,
}

impl Connection {
    fn new(target: i32, seed: u8) -> Self {
        let now = Instant::now();
        let mut engine = Engine::new(EngineConfig::new(now)).expect("an engine");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        let address = socket.local_addr().expect("bound");
        let candidate = engine
            .add_local_candidate(LocalCandidate::host(address), now)
            .expect("a candidate");
        let session = Session::new(SessionConfig {
            capabilities: Capabilities::default(),
            fingerprint: engine.fingerprint().clone(),
            seed: [seed; 32],
            receive_simulcast: false,
        });
        Self {
            target,
            session,
            engine,
            socket,
            address,
            candidate,
            deadline: None,
            events: Vec::new(),
            plan: None,
        }
    }

    fn apply(&mut self, plan: Option<Plan>) {
        if let Some(plan) = plan {
            self.engine
                .apply(&plan, Instant::now())
                .expect("a plan that can be carried out");
            self.plan = Some(plan);
            self.drain();
        }
    }

    pub(crate) fn drain(&mut self) {
        loop {
            match self.engine.poll() {
                Output::Transmit(transmit) => {
                    // A full buffer loses the datagram, as a network would.
                    let _ = self.socket.send_to(&transmit.payload, transmit.destination);
                }
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
            }
        }
    }

    fn pump(&mut self) -> bool {
        let mut busy = false;
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((size, source)) => {
                    busy = true;
                    let now = Instant::now();
                    self.engine.handle_datagram(
                        now,
                        Transport::Udp,
                        source,
                        self.address,
                        &buffer[..size],
                    );
                    self.drain();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("socket: {error}"),
            }
        }
        if self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now())
        {
            busy = true;
            self.engine.handle_timeout(Instant::now());
            self.drain();
        }
        busy
    }

    pub(crate) fn connected(&self) -> bool {
        self.engine.dtls_state() == DtlsState::Connected
            && matches!(
                self.engine.ice_state(),
                IceState::Connected | IceState::Completed
            )
    }
}

pub(crate) struct Client {
    signal: WebSocket,
    shape: Shape,
    pub(crate) publisher: Connection,
    pub(crate) subscriber: Option<Connection>,
    offer_id: u32,
    offering: bool,
    offer_again: bool,
    restart: bool,
    joined: bool,
    published: Vec<String>,
    pub(crate) reliable: ChannelKey,
    number: u64,
}

impl Client {
    pub(crate) fn join(port: u16, shape: Shape, token: &str, seed: u8) -> Self {
        let mut publisher = Connection::new(PUBLISHER, seed);
        publisher.session.open_data();
        let now = Instant::now();
        let open = |publisher: &mut Connection, init| {
            publisher.engine.open_channel(init, now).expect("a channel")
        };
        if shape == Shape::Single {
            // As `livekit` does: negotiated ones first, which an older protocol makes it give up again.
            for (label, id) in [("_reliable", 100), ("_lossy", 101), ("_data_track", 102)] {
                let init = ChannelInit {
                    negotiated: Some(id),
                    ..ChannelInit::reliable(label)
                };
                let key = open(&mut publisher, init);
                publisher.engine.close_channel(key, now);
            }
        }
        let reliable = open(&mut publisher, ChannelInit::reliable("_reliable"));
        let lossy = ChannelInit {
            ordered: false,
            max_retransmits: Some(0),
            ..ChannelInit::reliable("_lossy")
        };
        open(&mut publisher, lossy);

        let (path, offering) = match shape {
            Shape::Double => (
                "/rtc?protocol=16&auto_subscribe=1&sdk=rust".to_owned(),
                false,
            ),
            Shape::Single => {
                for kind in [MediaKind::Audio, MediaKind::Video] {
                    for _ in 0..3 {
                        add_receiver(&mut publisher.session, kind);
                    }
                }
                let offer = publisher
                    .session
                    .create_offer(&OfferOptions::default())
                    .expect("an offer");
                publisher
                    .session
                    .set_local(SdpType::Offer, &offer)
                    .expect("our offer");
                let request = JoinRequest {
                    client_info: Some(ClientInfo {
                        sdk: 5,
                        protocol: 16,
                    }),
                    settings: Some(ConnectionSettings {
                        auto_subscribe: true,
                    }),
                    publisher_offer: Some(SessionDescription {
                        kind: "offer".to_owned(),
                        sdp: offer,
                        id: 1,
                    }),
                };
                let wrapped = WrappedJoinRequest {
                    compression: 0,
                    join_request: request.encode_to_vec(),
                };
                (
                    format!(
                        "/rtc/v1?join_request={}",
                        base64_url(&wrapped.encode_to_vec())
                    ),
                    true,
                )
            }
        };
        Self {
            signal: WebSocket::connect(port, &path, token),
            shape,
            publisher,
            subscriber: (shape == Shape::Double).then(|| Connection::new(SUBSCRIBER, seed + 100)),
            offer_id: 1,
            offering,
            offer_again: false,
            restart: false,
            joined: false,
            published: Vec::new(),
            reliable,
            number: 0,
        }
    }

    /// The connection on which media of others comes in.
    pub(crate) fn receiving(&mut self) -> &mut Connection {
        self.subscriber.as_mut().unwrap_or(&mut self.publisher)
    }

    /// Does what there is to do. False where there was nothing.
    pub(crate) fn pump(&mut self) -> bool {
        let mut busy = self.publisher.pump();
        if let Some(subscriber) = &mut self.subscriber {
            busy |= subscriber.pump();
        }
        for message in self.signal.receive() {
            busy = true;
            self.on_message(message);
        }
        if self.offer_again && !self.offering {
            self.send_offer();
        }
        busy
    }

    fn on_message(&mut self, message: ResponseKind) {
        match message {
            ResponseKind::Join(_) => {
                self.joined = true;
                let candidates = [Some(&self.publisher), self.subscriber.as_ref()];
                for (target, line) in candidates
                    .into_iter()
                    .flatten()
                    .map(|one| (one.target, one.candidate.clone()))
                    .collect::<Vec<_>>()
                {
                    let candidate_init =
                        format!(r#"{{"candidate":"{line}","sdpMid":"0","sdpMLineIndex":0}}"#);
                    self.signal.send(RequestKind::Trickle(Trickle {
                        candidate_init,
                        target,
                    }));
                }
                if self.shape == Shape::Double {
                    self.offer_again = true;
                }
            }
            ResponseKind::Answer(answer) => {
                let applied = self
                    .publisher
                    .session
                    .set_remote(SdpType::Answer, &answer.sdp)
                    .expect("their answer");
                self.publisher.apply(applied.plan);
                self.offering = false;
            }
            ResponseKind::Offer(offer) => {
                let connection = self
                    .subscriber
                    .as_mut()
                    .expect("an offer comes with two connections");
                connection
                    .session
                    .set_remote(SdpType::Offer, &offer.sdp)
                    .expect("their offer");
                let answer = connection.session.create_answer().expect("an answer");
                let applied = connection
                    .session
                    .set_local(SdpType::Answer, &answer)
                    .expect("our answer");
                connection.apply(applied.plan);
                let answer = SessionDescription {
                    kind: "answer".to_owned(),
                    sdp: answer,
                    id: offer.id,
                };
                self.signal.send(RequestKind::Answer(answer));
            }
            ResponseKind::Trickle(trickle) => {
                let line = trickle
                    .candidate_init
                    .split(r#""candidate":""#)
                    .nth(1)
                    .and_then(|rest| rest.split('"').next());
                let connection = match &mut self.subscriber {
                    Some(subscriber) if trickle.target == SUBSCRIBER => subscriber,
                    _ => &mut self.publisher,
                };
                if let Some(line) = line {
                    connection
                        .engine
                        .add_remote_candidate(line, Instant::now())
                        .expect("their candidate");
                    connection.drain();
                }
            }
            ResponseKind::TrackPublished(published) => self.published.push(published.cid),
            ResponseKind::MediaSections(wanted) => {
                for (kind, count) in [
                    (MediaKind::Audio, wanted.audio),
                    (MediaKind::Video, wanted.video),
                ] {
                    for _ in 0..count {
                        add_receiver(&mut self.publisher.session, kind);
                    }
                }
                self.offer_again = true;
            }
            ResponseKind::Leave(_) => panic!("the server asked us to leave"),
        }
    }

    fn send_offer(&mut self) {
        self.offer_again = false;
        self.offering = true;
        self.offer_id += 1;
        let options = OfferOptions {
            ice_restart: std::mem::take(&mut self.restart),
            ..OfferOptions::default()
        };
        let offer = self
            .publisher
            .session
            .create_offer(&options)
            .expect("an offer");
        self.publisher
            .session
            .set_local(SdpType::Offer, &offer)
            .expect("our offer");
        let offer = SessionDescription {
            kind: "offer".to_owned(),
            sdp: offer,
            id: self.offer_id,
        };
        self.signal.send(RequestKind::Offer(offer));
    }

    /// Nothing is being negotiated.
    pub(crate) fn settled(&self) -> bool {
        self.joined && !self.offering && !self.offer_again
    }

    pub(crate) fn is_published(&self, cid: &str) -> bool {
        self.published.iter().any(|published| published == cid)
    }

    pub(crate) fn announce(&mut self, cid: &str) {
        self.signal.send(RequestKind::AddTrack(AddTrack {
            cid: cid.to_owned(),
            name: cid.to_owned(),
            kind: 0,
            source: 2,
            disable_red: true,
        }));
    }

    pub(crate) fn publish(&mut self, cid: &str) -> TransceiverId {
        let init = TransceiverInit {
            direction: Direction::SendOnly,
            stream_ids: vec!["stream".to_owned()],
            track_id: Some(cid.to_owned()),
            encodings: Vec::new(),
        };
        let id = self
            .publisher
            .session
            .add_transceiver(MediaKind::Audio, init)
            .expect("a transceiver");
        self.offer_again = true;
        id
    }

    pub(crate) fn unpublish(&mut self, id: TransceiverId) {
        self.publisher.session.remove_track(id).expect("a track");
        self.offer_again = true;
    }

    pub(crate) fn restart_ice(&mut self) {
        self.restart = true;
        self.offer_again = true;
        // The server wants to hear of our candidate again.
        let candidate_init = format!(
            r#"{{"candidate":"{}","sdpMid":"0","sdpMLineIndex":0}}"#,
            self.publisher.candidate
        );
        self.signal.send(RequestKind::Trickle(Trickle {
            candidate_init,
            target: PUBLISHER,
        }));
    }

    /// Sends one packet of a transceiver's audio.
    pub(crate) fn send_audio(
        &mut self,
        id: TransceiverId,
        payload: &[u8],
    ) -> Result<(), lk_engine::SendError> {
        let mid = self
            .publisher
            .session
            .transceiver(id)
            .and_then(|one| one.mid())
            .cloned()
            .expect("a mid");
        let plan = self.publisher.plan.as_ref().expect("a plan");
        let media = plan
            .media
            .iter()
            .find(|media| media.mid == mid)
            .expect("an m-line");
        let opus = media
            .codecs
            .iter()
            .find(|codec| codec.codec == lk_types::Codec::Opus)
            .expect("Opus");
        let (ssrc, pt): (Option<Ssrc>, Pt) =
            (media.send.first().and_then(|stream| stream.ssrc), opus.pt);
        let Some(ssrc) = ssrc else {
            return Err(lk_engine::SendError::UnknownSsrc(Ssrc(0)));
        };
        self.number += 1;
        let now = Instant::now();
        let packet = OutgoingRtp {
            ssrc,
            pt,
            sequence_number: self.number,
            timestamp: u32::try_from(self.number * 960).expect("small"),
            marker: false,
            rotation: None,
            dependency_descriptor: None,
            captured: now,
            audio_level: Some(lk_engine::AudioLevel {
                level: 30,
                voice: true,
            }),
            nackable: false,
            payload,
        };
        let result = self.publisher.engine.send_rtp(&packet, now);
        self.publisher.drain();
        result
    }

    pub(crate) fn send_data(&mut self, payload: &[u8]) {
        let packet = DataPacket {
            user: Some(UserPacket {
                payload: payload.to_vec(),
            }),
        };
        self.publisher
            .engine
            .send_channel(self.reliable, true, &packet.encode_to_vec(), Instant::now())
            .expect("an open channel");
        self.publisher.drain();
    }

    /// Our channels are open, and those on which the server sends.
    pub(crate) fn has_channels(&mut self) -> bool {
        let ours = self.publisher.engine.channel_state(self.reliable) == ChannelState::Open;
        let channels = self.receiving().engine.stats().channels;
        ours && channels
            .iter()
            .filter(|channel| channel.state == ChannelState::Open)
            .count()
            >= 2
    }

    pub(crate) fn got_data(&mut self, payload: &[u8]) -> bool {
        self.receiving().events.iter().any(|event| {
            matches!(event, Event::ChannelData { data, .. } if DataPacket::decode(&data[..])
                .is_ok_and(|packet| packet.user.is_some_and(|user| user.payload == payload)))
        })
    }

    /// Packets with this content that came in.
    pub(crate) fn heard(&mut self, payload: &[u8]) -> usize {
        self.receiving()
            .events
            .iter()
            .filter(|event| matches!(event, Event::Rtp(packet) if packet.payload[..] == *payload))
            .count()
    }

    pub(crate) fn leave(mut self) {
        self.signal
            .send(RequestKind::Leave(super::wire::Ignored {}));
        for connection in [Some(&mut self.publisher), self.subscriber.as_mut()]
            .into_iter()
            .flatten()
        {
            connection.engine.close(Instant::now());
            connection.drain();
        }
    }
}

fn add_receiver(session: &mut Session, kind: MediaKind) {
    let init = TransceiverInit {
        direction: Direction::RecvOnly,
        ..TransceiverInit::default()
    };
    session.add_transceiver(kind, init).expect("a transceiver");
}

/// Lets the clients work until `done`, for `limit` at most.
pub(crate) fn run_until(
    clients: &mut [Client],
    limit: Duration,
    what: &str,
    mut done: impl FnMut(&mut [Client]) -> bool,
) {
    let end = Instant::now() + limit;
    while !done(clients) {
        assert!(Instant::now() < end, "waited in vain: {what}");
        let busy = clients
            .iter_mut()
            .fold(false, |busy, client| client.pump() | busy);
        if !busy {
            // Three kinds of sockets and no selector: a short rest is the wait.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
