//! The engine itself.

use std::net::SocketAddr;
use std::time::Instant;

use lk_jsep::plan::{Fingerprint, Plan};
use lk_types::Ssrc;

use crate::{
    ApplyError, CandidateError, ChannelError, ChannelInit, ChannelKey, ChannelState, DtlsState,
    EngineConfig, EngineError, EngineStats, IceState, KeyframeKind, LocalCandidate, OutgoingRtp,
    Output, SendError, Transport,
};

/// One peer connection's transport and streams. See the [crate] documentation for the rule of use.
pub struct Engine {
    config: EngineConfig,
}

impl Engine {
    /// Makes an engine with a certificate of its own.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Ok(Self { config })
    }

    /// Of our certificate; goes into our descriptions.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            algorithm: String::new(),
            value: String::new(),
        }
    }

    /// Carries a plan out. Only what differs from the plan before touches the running session; the same plan
    /// again does nothing. Where the peer's or our ICE credentials differ, ICE starts anew and the local
    /// candidates stay.
    pub fn apply(&mut self, plan: &Plan, now: Instant) -> Result<(), ApplyError> {
        let _ = (plan, now);
        Ok(())
    }

    /// Adds a candidate of ours, before or after the first plan. Returns its `candidate:…` line for signalling.
    pub fn add_local_candidate(
        &mut self,
        candidate: LocalCandidate,
        now: Instant,
    ) -> Result<String, CandidateError> {
        let _ = (candidate, now);
        Ok(String::new())
    }

    /// Forgets a candidate of ours whose socket is gone.
    pub fn remove_local_candidate(&mut self, candidate: LocalCandidate, now: Instant) {
        let _ = (candidate, now);
    }

    /// Adds one of the peer's candidates: an RFC 8839 `candidate:…` line with or without `a=`. Lines for
    /// component 2, TCP and mDNS names are taken and not used.
    pub fn add_remote_candidate(&mut self, line: &str, now: Instant) -> Result<(), CandidateError> {
        let _ = (line, now);
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
        let _ = (now, transport, source, destination, payload);
    }

    /// The deadline of [`Output::Timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// The next thing to do. Call until it returns [`Output::Timeout`].
    pub fn poll(&mut self) -> Output {
        Output::Timeout(Some(self.config.now))
    }

    /// Sends one RTP packet; it waits for its turn in the pacer where that is on (video).
    pub fn send_rtp(&mut self, packet: &OutgoingRtp<'_>, now: Instant) -> Result<(), SendError> {
        let _ = now;
        Err(SendError::UnknownSsrc(packet.ssrc))
    }

    /// Asks the peer for a key frame of the stream that `ssrc` names; unknown sources are ignored.
    pub fn request_keyframe(&mut self, ssrc: Ssrc, kind: KeyframeKind, now: Instant) {
        let _ = (ssrc, kind, now);
    }

    /// Tells the peer to send no more than `bitrate` bits per second on these sources together.
    pub fn send_remb(&mut self, bitrate: u64, ssrcs: &[Ssrc], now: Instant) {
        let _ = (bitrate, ssrcs, now);
    }

    /// Sets what we send now and would like to send, in bits per second. A `desired` rate above the present
    /// estimate makes the engine probe.
    pub fn set_bitrate(&mut self, current: u64, desired: u64, now: Instant) {
        let _ = (current, desired, now);
    }

    /// Opens a data channel, or remembers to once SCTP is up.
    pub fn open_channel(
        &mut self,
        init: ChannelInit,
        now: Instant,
    ) -> Result<ChannelKey, ChannelError> {
        let _ = (init, now);
        Ok(ChannelKey(0))
    }

    /// Queues a message. The queue has no limit of its own: watch [`buffered_amount`](Self::buffered_amount).
    pub fn send_channel(
        &mut self,
        key: ChannelKey,
        binary: bool,
        data: &[u8],
        now: Instant,
    ) -> Result<(), ChannelError> {
        let _ = (binary, data, now);
        Err(ChannelError::Closed(key))
    }

    /// Bytes queued on the channel that the peer has not confirmed; 0 for an unknown one.
    #[must_use]
    pub fn buffered_amount(&self, key: ChannelKey) -> usize {
        let _ = key;
        0
    }

    /// Where the channel is in its life; `Closed` for an unknown one.
    #[must_use]
    pub fn channel_state(&self, key: ChannelKey) -> ChannelState {
        let _ = key;
        ChannelState::Closed
    }

    /// The channel's SCTP stream id, once known.
    #[must_use]
    pub fn channel_id(&self, key: ChannelKey) -> Option<u16> {
        let _ = key;
        None
    }

    /// Closes a channel: what is queued goes out first. `ChannelClosed` follows; an unknown key is ignored.
    pub fn close_channel(&mut self, key: ChannelKey, now: Instant) {
        let _ = (key, now);
    }

    /// The present ICE state.
    #[must_use]
    pub fn ice_state(&self) -> IceState {
        IceState::New
    }

    /// The present DTLS state.
    #[must_use]
    pub fn dtls_state(&self) -> DtlsState {
        DtlsState::New
    }

    /// All figures. Those that only the stack below counts (retransmissions, NACKs, round trips) are up to one
    /// second old.
    #[must_use]
    pub fn stats(&self, now: Instant) -> EngineStats {
        let _ = now;
        EngineStats {
            transport: crate::TransportStats {
                ice: self.ice_state(),
                dtls: self.dtls_state(),
                packets_sent: 0,
                packets_received: 0,
                bytes_sent: 0,
                bytes_received: 0,
                selected_pair_changes: 0,
            },
            pair: None,
            local_candidates: Vec::new(),
            remote_candidates: Vec::new(),
            inbound: Vec::new(),
            outbound: Vec::new(),
            channels: Vec::new(),
            channels_opened: 0,
            channels_closed: 0,
        }
    }

    /// Says goodbye to the peer (RTCP BYE, DTLS close_notify) and ends all channels. Drain [`poll`](Self::poll)
    /// once more to send it. Later calls do nothing.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
    }

    /// Whether the engine was closed, by us or by the peer's end of DTLS.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        false
    }
}
