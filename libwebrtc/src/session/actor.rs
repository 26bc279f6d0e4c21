//! The actor: one task that owns the engine and the sockets of a peer connection.
//!
//! Its loop waits for a command, a packet to send, a datagram or the engine's deadline; does that one thing;
//! drains the engine; sends what it wants sent and tells what it wants told. Nothing else touches the engine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use lk_engine::{ChannelKey, Engine, Event, IncomingRtp, KeyframeKind, LocalCandidate, Transport};
use lk_jsep::plan::{IceParameters, Plan};
use lk_net::UdpSockets;
use lk_types::{MediaKind, Mid, Ssrc};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use super::channel::Channel;
use super::internal;
use super::media::MediaEntry;
use super::observers::Observers;
use super::outbox::Outbox;
use super::remb::ReceiveLimit;
use super::senders::{NumberedFrame, OutgoingPacket, Senders};
use super::state::States;
use super::stats::SessionStats;
use crate::data_channel::{DataChannel, DataChannelState};
use crate::ice_candidate::IceCandidate;
use crate::peer_connection::{IceGatheringState, PeerConnectionState};
use crate::{RtcError, RtcErrorType};

/// Packets that pipelines may have queued for the actor before they wait.
const PACKET_QUEUE: usize = 256;
/// Video frames that encoders may have queued for the actor before they wait.
const FRAME_QUEUE: usize = 16;
/// Commands taken before the sockets get a turn.
const COMMAND_BATCH: usize = 64;
/// Packets taken from the queue before the sockets get a turn.
const PACKET_BATCH: usize = 64;

/// What the façade asks of the actor.
pub(crate) enum Command {
    /// Candidates are wanted under these credentials, for the first m-line.
    Gather {
        ice: IceParameters,
        mid: Mid,
        index: usize,
    },
    /// An exchange was completed.
    Apply {
        plan: Box<Plan>,
        media: Vec<MediaEntry>,
        reply: oneshot::Sender<Result<(), RtcError>>,
    },
    /// Tracks or encodings changed without a new exchange.
    Media(Vec<MediaEntry>),
    /// A candidate of the peer's.
    RemoteCandidate {
        line: String,
        reply: oneshot::Sender<Result<(), RtcError>>,
    },
    OpenChannel(Arc<Channel>),
    SendChannel {
        channel: Arc<Channel>,
        data: Vec<u8>,
        binary: bool,
    },
    CloseChannel(Arc<Channel>),
    /// The decoder of one of the peer's sources cannot go on without a key frame.
    WantKeyframe(Ssrc),
    Stats(oneshot::Sender<SessionStats>),
    Close,
}

/// State of the task.
pub(crate) struct Actor {
    engine: Engine,
    sockets: UdpSockets,
    outbox: Outbox,
    commands: mpsc::UnboundedReceiver<Command>,
    /// For channels that the peer opens; weak, so that the queue ends with the last handle.
    own_commands: mpsc::WeakUnboundedSender<Command>,
    packets: mpsc::Receiver<OutgoingPacket>,
    frames: mpsc::Receiver<NumberedFrame>,
    observers: Arc<Observers>,
    states: Arc<States>,
    channels: HashMap<ChannelKey, Arc<Channel>>,
    media: HashMap<Mid, MediaEntry>,
    senders: Senders,
    receive_limit: ReceiveLimit,
    /// What the engine was told they would send if there was room, bit/s.
    desired_bitrate: u64,
    /// The m-line that candidates are told for, and the credentials they were last told under.
    gathered: Option<(Mid, usize, String)>,
    /// Candidate lines of our sockets.
    candidates: Vec<String>,
    closing: bool,
}

impl Actor {
    pub(crate) fn new(
        engine: Engine,
        (own_commands, commands): (
            mpsc::WeakUnboundedSender<Command>,
            mpsc::UnboundedReceiver<Command>,
        ),
        runtime: Handle,
        observers: Arc<Observers>,
        states: Arc<States>,
    ) -> Self {
        let (packet_sender, packets) = mpsc::channel(PACKET_QUEUE);
        let (frame_sender, frames) = mpsc::channel(FRAME_QUEUE);
        Self {
            engine,
            sockets: UdpSockets::new(),
            outbox: Outbox::default(),
            commands,
            packets,
            frames,
            observers,
            states,
            channels: HashMap::new(),
            media: HashMap::new(),
            senders: Senders::new(packet_sender, frame_sender, runtime),
            receive_limit: ReceiveLimit::new(),
            desired_bitrate: 0,
            own_commands,
            gathered: None,
            candidates: Vec::new(),
            closing: false,
        }
    }

    /// Runs until the connection is closed or its last handle is gone.
    pub(crate) async fn run(mut self) {
        let mut timer: Pin<Box<Sleep>> = Box::pin(tokio::time::sleep(std::time::Duration::ZERO));
        while !self.closing {
            let deadline = self.outbox.deadline();
            if let Some(deadline) = deadline {
                let deadline = tokio::time::Instant::from_std(deadline);
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
            }
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.command(command);
                        // Messages that wait together leave together: SCTP bundles small ones.
                        for _ in 1..COMMAND_BATCH {
                            let Ok(command) = self.commands.try_recv() else { break };
                            self.command(command);
                        }
                        self.outbox.drain(&mut self.engine);
                    }
                    None => self.closing = true,
                },
                Some(packet) = self.packets.recv() => {
                    self.send_packet(&packet);
                    for _ in 1..PACKET_BATCH {
                        let Ok(packet) = self.packets.try_recv() else { break };
                        self.send_packet(&packet);
                    }
                }
                Some(frame) = self.frames.recv() => self.send_frame(&frame),
                index = self.sockets.readable() => {
                    self.receive(index);
                    self.flush();
                    self.receive_limit.tell(&mut self.engine, Instant::now());
                    self.outbox.drain(&mut self.engine);
                }
                () = &mut timer, if deadline.is_some() => {
                    self.engine.handle_timeout(Instant::now());
                    self.outbox.drain(&mut self.engine);
                }
            }
            self.flush();
        }
        self.finish();
    }

    /// Says goodbye and frees everything.
    fn finish(&mut self) {
        self.senders.stop_all();
        self.engine.close(Instant::now());
        self.outbox.drain(&mut self.engine);
        self.outbox.flush(&self.sockets);
        for (_, channel) in self.channels.drain() {
            channel.enter(DataChannelState::Closed);
        }
        // Commands that came too late are answered by the drop of their reply.
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::OpenChannel(channel) | Command::CloseChannel(channel) = command {
                channel.enter(DataChannelState::Closed);
            }
        }
        self.states.close();
        self.observers.clear();
    }

    /// Sends and tells what the engine wants; what it wants after that too.
    fn flush(&mut self) {
        loop {
            self.outbox.flush(&self.sockets);
            let events = self.outbox.take_events();
            if events.is_empty() {
                return;
            }
            for event in events {
                self.event(event);
            }
        }
    }

    /// Carries a command out. Messages for channels are only gathered: the engine is drained after the last of them.
    fn command(&mut self, command: Command) {
        let gathers = matches!(command, Command::SendChannel { .. });
        match command {
            Command::Gather { ice, mid, index } => self.gather(&ice, mid, index),
            Command::Apply { plan, media, reply } => {
                let result = self.apply(&plan, media);
                // Nobody waits where the caller's task was dropped.
                let _ = reply.send(result);
            }
            Command::Media(media) => self.follow(media),
            Command::RemoteCandidate { line, reply } => {
                self.loopback_for(&line);
                let result = self
                    .engine
                    .add_remote_candidate(&line, Instant::now())
                    .map_err(|error| RtcError {
                        error_type: RtcErrorType::InvalidSdp,
                        message: error.to_string(),
                    });
                let _ = reply.send(result);
            }
            Command::OpenChannel(channel) => match self
                .engine
                .open_channel(channel.init().clone(), Instant::now())
            {
                Ok(key) => {
                    self.channels.insert(key, channel);
                }
                Err(error) => {
                    log::warn!("data channel `{}`: {error}", channel.label());
                    channel.enter(DataChannelState::Closed);
                }
            },
            Command::SendChannel {
                channel,
                data,
                binary,
            } => {
                let amount = data.len() as u64;
                let sent = match self.key_of(&channel) {
                    Some(key) => self
                        .engine
                        .send_channel(key, binary, &data, Instant::now())
                        .map_err(internal),
                    None => Err(internal("closed")),
                };
                if let Err(error) = sent {
                    log::debug!(
                        "data channel `{}`: message dropped: {}",
                        channel.label(),
                        error.message
                    );
                    // The bytes are off the queue all the same: reports must add up to what `send` took.
                    channel.sent(amount);
                }
            }
            Command::CloseChannel(channel) => match self.key_of(&channel) {
                Some(key) => self.engine.close_channel(key, Instant::now()),
                None => channel.enter(DataChannelState::Closed),
            },
            Command::WantKeyframe(ssrc) => {
                self.engine
                    .request_keyframe(ssrc, KeyframeKind::Pli, Instant::now());
            }
            Command::Stats(reply) => {
                let stats = SessionStats {
                    engine: self.engine.stats(),
                    media: self.media.values().cloned().collect(),
                    incoming_bitrate: self.receive_limit.estimate(),
                };
                let _ = reply.send(stats);
            }
            Command::Close => self.closing = true,
        }
        if !gathers {
            self.outbox.drain(&mut self.engine);
        }
    }

    fn key_of(&self, channel: &Arc<Channel>) -> Option<ChannelKey> {
        self.channels
            .iter()
            .find(|(_, known)| Arc::ptr_eq(known, channel))
            .map(|(key, _)| *key)
    }

    /// Opens a socket on each address worth it, once, and tells the candidates under the present credentials.
    fn gather(&mut self, ice: &IceParameters, mid: Mid, index: usize) {
        if self
            .gathered
            .as_ref()
            .is_some_and(|(_, _, ufrag)| *ufrag == ice.ufrag)
        {
            return;
        }
        self.gathered = Some((mid, index, ice.ufrag.clone()));
        self.set_gathering(IceGatheringState::Gathering);
        if self.candidates.is_empty() {
            let addresses = lk_net::host_addresses().unwrap_or_else(|error| {
                log::error!("network interfaces: {error}");
                Vec::new()
            });
            for address in addresses {
                self.open_socket(address);
            }
        }
        for line in self.candidates.clone() {
            self.tell_candidate(&line);
        }
        self.set_gathering(IceGatheringState::Complete);
    }

    /// A peer on this very host is reached over loopback, which is no candidate otherwise.
    fn loopback_for(&mut self, line: &str) {
        let Some(address) = line
            .split_ascii_whitespace()
            .nth(4)
            .and_then(|word| word.parse::<IpAddr>().ok())
        else {
            return;
        };
        let known = self
            .sockets
            .local_addresses()
            .any(|local| local.ip().is_loopback() && local.is_ipv4() == address.is_ipv4());
        if address.is_loopback()
            && !known
            && let Some(line) = self.open_socket(address)
        {
            self.tell_candidate(&line);
        }
    }

    fn open_socket(&mut self, address: IpAddr) -> Option<String> {
        let local = match self.sockets.bind(address) {
            Ok(local) => local,
            Err(error) => {
                log::debug!("no socket on {address}: {error}");
                return None;
            }
        };
        match self
            .engine
            .add_local_candidate(LocalCandidate::host(local), Instant::now())
        {
            Ok(line) => {
                self.candidates.push(line.clone());
                Some(line)
            }
            Err(error) => {
                log::debug!("{error}");
                None
            }
        }
    }

    fn tell_candidate(&self, line: &str) {
        let Some((mid, index, _)) = &self.gathered else {
            return;
        };
        let index = i32::try_from(*index).unwrap_or(0);
        let candidate = IceCandidate::trusted(mid.as_str(), index, line);
        self.observers
            .ice_candidate
            .call(|callback| callback(candidate));
    }

    fn set_gathering(&self, state: IceGatheringState) {
        if self.states.set_gathering(state) {
            self.observers
                .ice_gathering
                .call(|callback| callback(state));
        }
    }

    fn apply(&mut self, plan: &Plan, media: Vec<MediaEntry>) -> Result<(), RtcError> {
        for line in &plan.remote_candidates {
            self.loopback_for(line);
        }
        self.engine.apply(plan, Instant::now()).map_err(internal)?;
        self.receive_limit.follow(plan);
        self.follow(media);
        Ok(())
    }

    /// Lets the pipelines follow the negotiated media and the application's tracks.
    fn follow(&mut self, media: Vec<MediaEntry>) {
        self.senders.follow(&media);
        let desired = self.senders.desired_bitrate();
        if desired != self.desired_bitrate {
            self.desired_bitrate = desired;
            self.engine.set_bitrate(desired, Instant::now());
        }
        self.media = media
            .into_iter()
            .filter_map(|entry| Some((entry.mid()?.clone(), entry)))
            .collect();
    }

    fn send_packet(&mut self, packet: &OutgoingPacket) {
        let now = Instant::now();
        if let Err(error) = self.engine.send_rtp(&packet.as_rtp(), now) {
            // A stream that was just removed still has packets in the queue.
            log::trace!("packet not sent: {error}");
        }
        self.outbox.drain(&mut self.engine);
    }

    fn send_frame(&mut self, frame: &NumberedFrame) {
        let now = Instant::now();
        for packet in frame.packets() {
            if let Err(error) = self.engine.send_rtp(&packet, now) {
                // As above; the rest of the frame has nowhere to go either.
                log::trace!("frame not sent: {error}");
                break;
            }
        }
        self.outbox.drain(&mut self.engine);
    }

    fn receive(&mut self, index: usize) {
        let (engine, outbox) = (&mut self.engine, &mut self.outbox);
        let result = self.sockets.receive(index, |datagram| {
            engine.handle_datagram(
                datagram.arrival,
                Transport::Udp,
                datagram.source,
                datagram.destination,
                datagram.payload,
            );
            outbox.drain(engine);
        });
        if let Err(error) = result {
            log::debug!("socket: {error}");
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Rtp(packet) => self.incoming(&packet),
            Event::Arrival(packet) => {
                self.receive_limit.arrived(&packet);
                self.engine.set_incoming_queue(self.receive_limit.queue());
            }
            Event::Ice(_) | Event::Dtls(_) => self.states_changed(),
            Event::SenderReport(report) => {
                for entry in self.media.values() {
                    entry.media().sender_report(&report);
                }
            }
            Event::KeyframeRequest { ssrc, kind, .. } => self.senders.keyframe(ssrc, kind),
            Event::ReceiverReport {
                ssrc,
                fraction_lost,
                ..
            } => self.senders.receiver_report(ssrc, fraction_lost),
            Event::Remb { bitrate, .. } => self.senders.limited(bitrate),
            Event::Bandwidth {
                bitrate,
                unnumbered,
            } => self.senders.estimated(bitrate, unnumbered),
            Event::RoundTrip(rtt) => {
                self.receive_limit.set_rtt(rtt);
                for entry in self.media.values() {
                    entry.media().set_rtt(rtt);
                }
            }
            Event::ChannelOpen(key) => {
                let id = self.engine.channel_id(key);
                if let Some(channel) = self.channels.get(&key) {
                    if let Some(id) = id {
                        channel.set_id(id);
                    }
                    channel.enter(DataChannelState::Open);
                }
            }
            Event::ChannelAnnounced { key, init } => {
                let channel = Arc::new(Channel::new(init, self.own_commands.clone()));
                // Who is handed the channel may ask for its id at once, on a thread of its own.
                if let Some(id) = self.engine.channel_id(key) {
                    channel.set_id(id);
                }
                self.channels.insert(key, channel.clone());
                self.observers
                    .data_channel
                    .call(|callback| callback(DataChannel::from_session(channel)));
            }
            Event::ChannelData { key, binary, data } => {
                if let Some(channel) = self.channels.get(&key) {
                    channel.receive(binary, data);
                }
            }
            Event::ChannelBuffered { key, amount } => {
                if let Some(channel) = self.channels.get(&key) {
                    channel.sent(amount as u64);
                }
            }
            Event::ChannelClosed(key) => {
                if let Some(channel) = self.channels.remove(&key) {
                    channel.enter(DataChannelState::Closed);
                }
            }
        }
    }

    fn incoming(&mut self, packet: &IncomingRtp) {
        let media = self.media.get(&packet.mid).map(MediaEntry::media);
        if let Some(media) = media {
            if media.kind() == MediaKind::Video {
                self.receive_limit.video(packet.ssrc);
            }
            media.receive(packet);
        }
    }

    fn states_changed(&mut self) {
        let changes = self
            .states
            .follow(self.engine.ice_state(), self.engine.dtls_state());
        if let Some(ice) = changes.ice {
            self.observers.ice_connection.call(|callback| callback(ice));
        }
        if changes.connection == Some(PeerConnectionState::Connected) {
            self.senders.connected();
        }
        if let Some(connection) = changes.connection {
            self.observers
                .connection
                .call(|callback| callback(connection));
        }
    }
}
