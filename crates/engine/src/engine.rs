//! The engine itself: what goes in and what comes out. How a plan is carried out stands in `apply`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lk_jsep::plan::{Fingerprint, Plan};
use lk_types::{Mid, Pt, Ssrc};
use str0m::bwe::{Bitrate, BweKind};
use str0m::media::KeyframeRequestKind;
use str0m::net::Receive;
use str0m::rtp::{ExtensionValues, RtpHeader, RtpPacket, RtpWrite};
use str0m::{Candidate, Event as StackEvent, Input, Output as StackOutput, Reason, Rtc, RtcError};

use crate::bandwidth::{Bandwidth, Gate, Steering};
use crate::candidate::{RemoteCandidate, parse_remote};
use crate::channel::{Channels, STACK_BUFFER};
use crate::checks::Checks;
use crate::ice::IceMonitor;
use crate::requests::Requests;
use crate::security::Security;
use crate::streams::{Inbound, PacketSize, Streams};
use crate::traffic::Traffic;
use crate::wire::ClearRtp;
use crate::{
    AudioLevel, CandidateError, CandidateStats, ChannelError, ChannelInit, ChannelKey,
    ChannelState, DtlsState, EngineConfig, EngineError, EngineStats, Event, IceState, IncomingRtp,
    KeyframeKind, LocalCandidate, MAX_PAYLOAD, OutgoingRtp, Output, PairStats, SendError,
    SenderReport, Transmit, Transport, TransportStats, convert, remb,
    table::{self, DependencyDescriptor},
};

/// How often the stack's own counters are read.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Remote candidates kept for a plan that is still to come.
const PENDING_CANDIDATES: usize = 100;

/// How far apart an engine without work for its bandwidth estimator wakes up.
const QUIET_INTERVAL: Duration = Duration::from_millis(250);

/// A deadline further away than this is none.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// One peer connection's transport and streams. See the [crate] documentation for the rule of use.
pub struct Engine {
    pub(crate) rtc: Rtc,
    pub(crate) now: Instant,
    fingerprint: Fingerprint,
    /// The plan in force.
    pub(crate) plan: Option<Plan>,
    pub(crate) ice: IceMonitor,
    dtls: DtlsState,
    closed: bool,
    /// The stack was changed and must be told the time before it is polled.
    pub(crate) kick: bool,
    /// Channels may have something to do.
    pub(crate) channels_due: bool,
    pub(crate) channels: Channels,
    pub(crate) streams: Streams,
    pub(crate) events: VecDeque<Event>,
    pub(crate) local_candidates: Vec<(LocalCandidate, Candidate, u32)>,
    remote_candidates: Vec<CandidateStats>,
    /// Candidates that came in since the last plan and may belong to the next one.
    pub(crate) waiting_candidates: Vec<Candidate>,
    pub(crate) transport: TransportStats,
    pub(crate) pair: Option<PairStats>,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) steering: Steering,
    pub(crate) gate: Gate,
    pub(crate) checks: Checks,
    /// Lost video is sent again.
    pub(crate) resends: bool,
    /// When the bandwidth estimate was last looked at although nothing had come in.
    pub(crate) ticked: Option<Instant>,
    /// What the estimate starts from.
    initial_bitrate: u64,
    pub(crate) security: Security,
    pub(crate) requests: Requests,
    pub(crate) traffic: Traffic,
    /// The RTP packet that came in last, and its bytes.
    pub(crate) latest_rtp: Option<(ClearRtp, usize)>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("ice", &self.ice.state())
            .field("dtls", &self.dtls)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes an engine with a certificate of its own.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let provider = crate::dtls::crypto();
        let certificate = provider
            .dtls_provider
            .generate_certificate()
            .ok_or(EngineError::Certificate)?;
        let own_certificate = certificate.certificate.clone();
        let mut builder = Rtc::builder()
            .set_crypto_provider(Arc::new(provider))
            .set_dtls_cert(certificate)
            .set_rtp_mode(true)
            .set_stats_interval(Some(STATS_INTERVAL))
            .enable_bwe(Some(Bitrate::from(config.initial_bitrate)))
            // The only way to see transport-wide feedback and the numbers it is about.
            .enable_raw_packets(true)
            .set_extension_map(table::extensions())
            .set_sctp_max_message_size(config.max_message_size)
            .set_sctp_max_buffered_amount(STACK_BUFFER);
        table::formats(builder.codec_config());
        // Ask often enough that our timers can trust silence, and keep asking as long as they may still wait.
        builder.set_max_stun_rto(Duration::from_secs(1));
        builder.set_max_stun_retransmits(30);
        let mut rtc = builder.build(config.now);
        let fingerprint = convert::fingerprint(rtc.direct_api().local_dtls_fingerprint());
        let security = Security::new(own_certificate);
        let requests = Requests::new(Ssrc(*rtc.direct_api().new_ssrc()));
        Ok(Self {
            rtc,
            now: config.now,
            fingerprint,
            plan: None,
            ice: IceMonitor::new(config.disconnected_after, config.failed_after),
            dtls: DtlsState::New,
            closed: false,
            kick: false,
            channels_due: false,
            channels: Channels::new(),
            streams: Streams::default(),
            events: VecDeque::new(),
            local_candidates: Vec::new(),
            remote_candidates: Vec::new(),
            waiting_candidates: Vec::new(),
            transport: TransportStats {
                ice: IceState::New,
                dtls: DtlsState::New,
                packets_sent: 0,
                packets_received: 0,
                bytes_sent: 0,
                bytes_received: 0,
                selected_pair_changes: 0,
            },
            pair: None,
            bandwidth: Bandwidth::new(config.initial_bitrate, config.now),
            steering: Steering::default(),
            gate: Gate::default(),
            checks: Checks::new(),
            resends: true,
            ticked: None,
            initial_bitrate: config.initial_bitrate,
            security,
            requests,
            traffic: Traffic::default(),
            latest_rtp: None,
        })
    }

    /// Adds a candidate of ours, before or after the first plan. Returns its `candidate:…` line for signalling.
    pub fn add_local_candidate(
        &mut self,
        candidate: LocalCandidate,
        now: Instant,
    ) -> Result<String, CandidateError> {
        self.advance(now);
        let nth = self
            .local_candidates
            .iter()
            .filter(|(other, ..)| {
                other.kind == candidate.kind
                    && other.address.is_ipv6() == candidate.address.is_ipv6()
            })
            .count();
        let stack = candidate.to_stack()?;
        if self.plan.is_some() {
            self.rtc.add_local_candidate(stack.clone());
            self.kick = true;
        }
        self.local_candidates
            .push((candidate, stack, candidate.priority(nth)));
        Ok(candidate.line(nth))
    }

    /// Forgets a candidate of ours whose socket is gone.
    pub fn remove_local_candidate(&mut self, candidate: LocalCandidate, now: Instant) {
        self.advance(now);
        let Some(index) = self
            .local_candidates
            .iter()
            .position(|(other, ..)| *other == candidate)
        else {
            return;
        };
        let (_, stack, _) = self.local_candidates.remove(index);
        if self.plan.is_some() {
            self.rtc.direct_api().invalidate_candidate(&stack);
            self.kick = true;
        }
    }

    /// Adds one of the peer's candidates: an RFC 8839 `candidate:…` line with or without `a=`. Lines for
    /// component 2, TCP and mDNS names are taken and not used.
    pub fn add_remote_candidate(&mut self, line: &str, now: Instant) -> Result<(), CandidateError> {
        self.advance(now);
        let Some(RemoteCandidate {
            stack,
            kind,
            foundation,
        }) = parse_remote(line)?
        else {
            return Ok(());
        };
        let figures = CandidateStats {
            kind,
            transport: convert::transport(stack.proto()),
            address: stack.addr(),
            priority: stack.prio(),
            foundation,
        };
        if !self.remote_candidates.contains(&figures)
            && self.remote_candidates.len() < PENDING_CANDIDATES
        {
            self.remote_candidates.push(figures);
        }
        // A restart wipes the stack's list, and a candidate may come before the answer that it belongs to.
        if self.waiting_candidates.len() < PENDING_CANDIDATES {
            self.waiting_candidates.push(stack.clone());
        }
        if self.plan.is_some() {
            self.rtc.add_remote_candidate(stack);
            self.ice.remote_candidate(self.now);
            self.kick = true;
        }
        Ok(())
    }

    /// A datagram came in. Anything is taken; what nobody understands is dropped.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) {
        self.advance(now);
        if !self.running() {
            return;
        }
        if self.takes_answer(transport, source, destination, payload) {
            return;
        }
        let Ok(received) = Receive::new(convert::protocol(transport), source, destination, payload)
        else {
            return;
        };
        let input = Input::Receive(self.now, received);
        // Only what comes from the peer counts as a sign of life, and only that may reach DTLS.
        if !self.rtc.accepts(&input) {
            return;
        }
        self.transport.packets_received += 1;
        self.transport.bytes_received += payload.len() as u64;
        self.latest_rtp = self
            .traffic
            .incoming(payload, &mut self.streams, &mut self.security, self.now)
            .map(|packet| (packet, payload.len()));
        if let Some(state) = self.ice.heard(self.now) {
            self.events.push_back(Event::Ice(state));
        }
        // RFC 7983: DTLS carries what may concern channels.
        self.channels_due |= matches!(payload.first(), Some(20..=63));
        self.ice.remote_candidate(self.now);
        // A datagram that DTLS refuses is the sender's trouble, unless it ended the session, which polling shows.
        let _ = self.rtc.handle_input(input);
    }

    /// The deadline of [`Output::Timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if !self.running() {
            return;
        }
        if let Some(state) = self.ice.handle_timeout(self.now) {
            self.events.push_back(Event::Ice(state));
        }
        self.tick_bandwidth();
        self.channels_due = true;
        self.kick = true;
    }

    /// The next thing to do. Call until it returns [`Output::Timeout`].
    pub fn poll(&mut self) -> Output {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            if self.plan.is_none() || !self.rtc.is_alive() {
                return Output::Timeout(None);
            }
            if std::mem::take(&mut self.kick)
                && let Err(error) = self.rtc.handle_input(Input::Timeout(self.now))
            {
                self.broken(&error);
            }
            match self.rtc.poll_output() {
                Ok(StackOutput::Transmit(transmit)) => {
                    self.transport.packets_sent += 1;
                    self.transport.bytes_sent += transmit.contents.len() as u64;
                    self.traffic.outgoing(
                        &transmit.contents,
                        self.pair.is_some(),
                        &mut self.streams,
                        &mut self.security,
                        self.now,
                    );
                    let transport = convert::transport(transmit.proto);
                    let (from, to) = (transmit.source, transmit.destination);
                    self.follow_route(transport, from, to, &transmit.contents);
                    return Output::Transmit(Transmit {
                        transport,
                        source: transmit.source,
                        destination: transmit.destination,
                        payload: transmit.contents.into(),
                    });
                }
                Ok(StackOutput::Event(event)) => self.on_event(event),
                Ok(StackOutput::Timeout(at)) => {
                    if self.closed {
                        return Output::Timeout(None);
                    }
                    if std::mem::take(&mut self.channels_due) {
                        self.kick |= self
                            .channels
                            .drive(&mut self.rtc, &mut self.events, self.now);
                    }
                    if self.kick || !self.events.is_empty() {
                        continue;
                    }
                    let ask_at = self.own_deadline();
                    if ask_at.is_some_and(|at| at <= self.now) {
                        // What is due is done or given up, so that this ends.
                        match self.next_own() {
                            Some(request) => return Output::Transmit(request),
                            None => continue,
                        }
                    }
                    let at = if self.quiet() {
                        at.max(self.now + QUIET_INTERVAL)
                    } else {
                        at
                    };
                    let stack = (at < self.now + NEVER).then_some(at);
                    let deadlines = [stack, self.ice.deadline(), ask_at];
                    return Output::Timeout(deadlines.into_iter().flatten().min());
                }
                Err(error) => self.broken(&error),
            }
        }
    }

    /// Sends one RTP packet; it waits for its turn in the pacer where that is on (video).
    pub fn send_rtp(&mut self, packet: &OutgoingRtp<'_>, now: Instant) -> Result<(), SendError> {
        self.advance(now);
        if self.closed || self.dtls == DtlsState::Closed || self.dtls == DtlsState::Failed {
            return Err(SendError::Closed);
        }
        if packet.payload.len() > MAX_PAYLOAD {
            return Err(SendError::TooLarge {
                size: packet.payload.len(),
                limit: MAX_PAYLOAD,
            });
        }
        let outbound = self.streams.sendable(packet.ssrc, packet.pt)?;
        if self.dtls != DtlsState::Connected {
            return Err(SendError::NotConnected);
        }
        outbound.count(
            packet.pt,
            packet.sequence_number,
            packet.payload.len(),
            self.now,
        );
        let mut extensions = ExtensionValues::default();
        if let Some(AudioLevel { level, voice }) = packet.audio_level {
            extensions.audio_level = Some(-i8::try_from(level.min(127)).unwrap_or(i8::MAX));
            extensions.voice_activity = Some(voice);
        }
        extensions.video_orientation = packet.rotation.map(convert::orientation);
        if let Some(descriptor) = packet.dependency_descriptor {
            extensions
                .user_values
                .set(DependencyDescriptor(descriptor.into()));
        }
        let write = RtpWrite::new(
            convert::pt(packet.pt),
            packet.sequence_number.into(),
            packet.timestamp,
            packet.captured,
            packet.payload,
        )
        .marker(packet.marker)
        .nackable(packet.nackable)
        .ext_vals(extensions);
        self.write(packet.ssrc, write, packet.payload.len())
    }

    /// Asks the peer for a key frame of the stream that `ssrc` names; unknown sources are ignored.
    pub fn request_keyframe(&mut self, ssrc: Ssrc, kind: KeyframeKind, now: Instant) {
        self.advance(now);
        if self.closed {
            return;
        }
        if let Some(stream) = self.rtc.direct_api().stream_rx(&convert::ssrc(ssrc)) {
            stream.request_keyframe(match kind {
                KeyframeKind::Pli => KeyframeRequestKind::Pli,
                KeyframeKind::Fir => KeyframeRequestKind::Fir,
            });
            self.streams.count_request(ssrc, kind);
            self.kick = true;
        }
    }

    /// Tells the peer to send no more than `bitrate` bits per second on these sources together
    /// (draft-alvestrand-rmcat-remb).
    pub fn send_remb(&mut self, bitrate: u64, ssrcs: &[Ssrc], now: Instant) {
        self.advance(now);
        if self.closed || ssrcs.is_empty() || self.dtls != DtlsState::Connected {
            return;
        }
        let sender = self.streams.any_local_ssrc();
        self.rtc.direct_api().send_app_specific_feedback(
            convert::ssrc(sender),
            0.into(),
            remb::payload(bitrate, ssrcs),
        );
        self.kick = true;
    }

    /// Sets the rate that would be sent if there was room, in bits per second: where it is above what the path is known
    /// to carry, the engine probes for more. It should follow what encoders could use.
    pub fn set_bitrate(&mut self, desired: u64, now: Instant) {
        self.advance(now);
        self.bandwidth.want(desired);
    }

    /// Opens a data channel, or remembers to once SCTP is up.
    pub fn open_channel(
        &mut self,
        init: ChannelInit,
        now: Instant,
    ) -> Result<ChannelKey, ChannelError> {
        self.advance(now);
        let key = self.channels.open(init)?;
        if self.over() {
            self.channels.close_all(&mut self.events);
        }
        self.channels_due = true;
        Ok(key)
    }

    /// Queues a message on an open channel. The queue has no limit of its own: watch
    /// [`buffered_amount`](Self::buffered_amount).
    pub fn send_channel(
        &mut self,
        key: ChannelKey,
        binary: bool,
        data: &[u8],
        now: Instant,
    ) -> Result<(), ChannelError> {
        self.advance(now);
        self.channels.send(key, binary, data)?;
        self.channels_due = true;
        Ok(())
    }

    /// Closes a channel: what is queued goes out first. `ChannelClosed` follows; an unknown key is ignored.
    pub fn close_channel(&mut self, key: ChannelKey, now: Instant) {
        self.advance(now);
        self.channels.close(key, &mut self.events);
        self.channels_due = true;
    }

    /// Says goodbye to the peer (RTCP BYE, DTLS close_notify) and ends all channels. Drain [`poll`](Self::poll)
    /// once more to send it. Later calls do nothing.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        if self.closed {
            return;
        }
        if self.plan.is_some() {
            // An error here means that there is nobody to say goodbye to.
            let _ = self.rtc.close();
        }
        self.channels.close_all(&mut self.events);
        self.set_dtls(DtlsState::Closed);
        if let Some(state) = self.ice.close() {
            self.events.push_back(Event::Ice(state));
        }
        self.closed = true;
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Of our certificate; goes into our descriptions.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Bytes queued on the channel that do not count as sent yet (W3C `bufferedAmount`), all of them reported by
    /// [`Event::ChannelBuffered`] when they do; 0 for an unknown channel.
    #[must_use]
    pub fn buffered_amount(&self, key: ChannelKey) -> usize {
        self.channels.buffered(key)
    }

    /// Where the channel is in its life; `Closed` for an unknown one.
    #[must_use]
    pub fn channel_state(&self, key: ChannelKey) -> ChannelState {
        self.channels.state(key)
    }

    /// The channel's SCTP stream id, once known.
    #[must_use]
    pub fn channel_id(&self, key: ChannelKey) -> Option<u16> {
        self.channels.stream_id(key)
    }

    /// Largest message that the peer takes, in bytes.
    #[must_use]
    pub fn max_message_size(&self) -> u64 {
        self.channels.message_limit()
    }

    /// The present ICE state.
    #[must_use]
    pub fn ice_state(&self) -> IceState {
        self.ice.state()
    }

    /// The present DTLS state.
    #[must_use]
    pub fn dtls_state(&self) -> DtlsState {
        self.dtls
    }

    /// All figures. Those that only the stack below counts (retransmissions, NACKs, round trips) are up to one
    /// second old.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            transport: TransportStats {
                ice: self.ice.state(),
                dtls: self.dtls,
                ..self.transport
            },
            security: self.security.stats(&self.fingerprint, self.plan.as_ref()),
            ice_controlling: self
                .plan
                .as_ref()
                .map(|plan| plan.we_offered_first || plan.remote_ice.lite),
            local_ufrag: self
                .plan
                .as_ref()
                .map(|plan| plan.local_ice.ufrag.clone())
                .unwrap_or_default(),
            remote_ufrag: self
                .plan
                .as_ref()
                .map(|plan| plan.remote_ice.ufrag.clone())
                .unwrap_or_default(),
            pair: self.pair.map(|pair| PairStats {
                // Before anything is measured it is what sending begins with.
                available_outgoing_bitrate: self.bandwidth.bitrate().or(Some(self.initial_bitrate)),
                ..self.traffic.add_to(pair)
            }),
            local_candidates: self
                .local_candidates
                .iter()
                .map(|(candidate, _, priority)| CandidateStats {
                    kind: candidate.kind,
                    transport: candidate.transport,
                    address: candidate.address,
                    priority: *priority,
                    foundation: candidate.foundation().to_string(),
                })
                .collect(),
            remote_candidates: self.remote_candidates.clone(),
            inbound: self.streams.inbound_stats(),
            outbound: self.streams.outbound_stats(),
            channels: self.channels.stats(),
            channels_opened: self.channels.opened,
            channels_closed: self.channels.closed,
        }
    }

    /// Time never goes back.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn running(&self) -> bool {
        self.plan.is_some() && !self.closed && self.rtc.is_alive()
    }

    fn over(&self) -> bool {
        self.closed || matches!(self.dtls, DtlsState::Closed | DtlsState::Failed)
    }

    /// Whether the next deadline is only the bandwidth estimator's, 40 times a second, with nothing to
    /// estimate: no numbered packets go out, and nothing else is under way that counts in tens of
    /// milliseconds. Packets in either direction bring the time along, too.
    fn quiet(&self) -> bool {
        self.rtc.last_timeout_reason() == Reason::BweDelayControl
            && self.dtls == DtlsState::Connected
            && matches!(self.ice.state(), IceState::Connected | IceState::Completed)
            && !self.streams.estimating
            && !self.streams.receives_video()
            && self.channels.idle()
    }

    pub(crate) fn set_dtls(&mut self, state: DtlsState) {
        let ended = matches!(self.dtls, DtlsState::Closed | DtlsState::Failed);
        if self.dtls != state && !ended {
            self.dtls = state;
            self.events.push_back(Event::Dtls(state));
        }
    }

    /// The stack refuses to go on.
    fn broken(&mut self, error: &RtcError) {
        self.rtc.disconnect();
        self.channels.close_all(&mut self.events);
        // SCTP only complains here when it is asked to shut down before it was up: the peer has closed.
        let closed = matches!(error, RtcError::Sctp(_)) && self.dtls == DtlsState::Connected;
        self.set_dtls(if closed {
            DtlsState::Closed
        } else {
            DtlsState::Failed
        });
    }

    fn on_event(&mut self, event: StackEvent) {
        match event {
            StackEvent::RtpPacket(packet) => self.on_rtp(packet),
            StackEvent::IceConnectionStateChange(state) => {
                if let Some(state) = self.ice.stack(state, self.now) {
                    self.events.push_back(Event::Ice(state));
                }
            }
            StackEvent::Connected => {
                self.channels.connected();
                self.channels_due = true;
                self.set_dtls(DtlsState::Connected);
            }
            StackEvent::Closed => {
                self.channels.close_all(&mut self.events);
                self.set_dtls(DtlsState::Closed);
            }
            StackEvent::ChannelOpen(id, label) => {
                self.channels_due = true;
                self.channels
                    .on_open(&mut self.rtc, id, label, &mut self.events);
            }
            StackEvent::ChannelData(data) => {
                self.channels
                    .on_data(data.id, data.binary, data.data, &mut self.events);
            }
            StackEvent::ChannelClose(id) => {
                self.channels_due = true;
                self.channels.on_close(id, &mut self.events);
            }
            StackEvent::KeyframeRequest(request) => {
                let kind = match request.kind {
                    KeyframeRequestKind::Pli => KeyframeKind::Pli,
                    KeyframeRequestKind::Fir => KeyframeKind::Fir,
                };
                if let Some(event) = self
                    .streams
                    .keyframe_request(request.mid, request.rid, kind)
                {
                    self.events.push_back(event);
                }
            }
            StackEvent::SenderFeedback(feedback) => {
                let info = feedback.sender_info;
                let report = SenderReport {
                    ssrc: Ssrc(*info.ssrc),
                    ntp: convert::ntp(info.ntp_time),
                    rtp_timestamp: convert::low_32(info.rtp_time.numer()),
                    packets: info.sender_packet_count,
                    octets: info.sender_octet_count,
                    arrival: feedback.received_at,
                };
                self.streams.sender_report(&report);
                self.events.push_back(Event::SenderReport(report));
            }
            StackEvent::RawPacket(packet) => self.on_raw(*packet),
            StackEvent::EgressBitrateEstimate(BweKind::Remb { estimate, mid }) => {
                if let Some(mid) = self.streams.mid(mid) {
                    self.events.push_back(Event::Remb {
                        mid,
                        bitrate: estimate.as_u64(),
                    });
                }
            }
            StackEvent::PeerStats(stats) => self.on_pair(stats.selected_candidate_pair),
            StackEvent::MediaEgressStats(stats) => {
                if let Some(event) = self.streams.egress(&stats) {
                    self.events.push_back(event);
                }
            }
            StackEvent::MediaIngressStats(stats) => self.streams.ingress(&stats),
            _ => {}
        }
    }

    fn on_pair(&mut self, pair: Option<str0m::stats::CandidatePairStats>) {
        let Some(pair) = pair else { return };
        let pair = PairStats {
            transport: convert::transport(pair.protocol),
            local: pair.local.addr,
            remote: pair.remote.addr,
            current_rtt: pair.current_round_trip_time,
            total_rtt: pair.total_round_trip_time,
            responses_received: pair.responses_received,
            available_outgoing_bitrate: None,
            requests_sent: 0,
            consent_requests_sent: 0,
            requests_received: 0,
            responses_sent: 0,
            last_sent: None,
            last_received: None,
        };
        let same = self
            .pair
            .is_some_and(|before| before.local == pair.local && before.remote == pair.remote);
        if !same {
            self.transport.selected_pair_changes += 1;
        }
        if let Some(rtt) = pair.current_rtt
            && self
                .pair
                .is_none_or(|before| before.current_rtt != Some(rtt))
        {
            self.events.push_back(Event::RoundTrip(rtt));
        }
        self.pair = Some(pair);
    }

    fn on_rtp(&mut self, packet: RtpPacket) {
        let ssrc = Ssrc(*packet.header.ssrc);
        if !self.streams.knows_inbound(ssrc) {
            // The peer sends what no description announced; the m-line stands in the packet.
            let mut api = self.rtc.direct_api();
            let Some(stream) = api.stream_rx(&packet.header.ssrc) else {
                return;
            };
            let (mid, rid) = (stream.mid(), stream.rid());
            if self.streams.discover(ssrc, mid, rid) {
                stream.suppress_nack(true);
            }
        }
        let pt = Pt(*packet.header.payload_type);
        let sequence = *packet.seq_no;
        self.give(ssrc, pt, sequence, &packet.header, packet.payload);
    }

    /// Counts a packet and hands it out; its header may be that of its retransmission.
    pub(crate) fn give(
        &mut self,
        ssrc: Ssrc,
        pt: Pt,
        sequence_number: u64,
        header: &RtpHeader,
        payload: Arc<[u8]>,
    ) {
        let arrival = self.now;
        let Some(Inbound { mid, rid, .. }) = self.streams.received(
            ssrc,
            pt,
            sequence_number,
            header.timestamp,
            arrival,
            PacketSize {
                header: header.header_len,
                payload: payload.len(),
            },
        ) else {
            return;
        };
        let (mid, rid): (Mid, _) = (mid.clone(), rid.clone());
        let values = &header.ext_vals;
        let audio_level = values.audio_level.map(|level| AudioLevel {
            level: level.unsigned_abs().min(127),
            voice: values.voice_activity.unwrap_or(false),
        });
        let sources = header.csrc.get(..header.csrc_count).unwrap_or_default();
        self.events.push_back(Event::Rtp(IncomingRtp {
            mid,
            rid,
            ssrc,
            pt,
            sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level,
            rotation: values.video_orientation.map(convert::rotation),
            dependency_descriptor: values
                .user_values
                .get()
                .map(|DependencyDescriptor(bytes)| bytes.clone()),
            csrc: sources.to_vec(),
            arrival,
            payload,
        }));
    }
}
