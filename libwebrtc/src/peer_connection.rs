//! Peer connections (W3C webrtc-pc §4).

use std::fmt;

use crate::{
    MediaType, RtcError,
    data_channel::{DataChannel, DataChannelInit},
    ice_candidate::IceCandidate,
    media_stream::MediaStream,
    media_stream_track::MediaStreamTrack,
    peer_connection_factory::RtcConfiguration,
    rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
    rtp_transceiver::{RtpTransceiver, RtpTransceiverInit},
    session_description::SessionDescription,
    stats::RtcStats,
};

/// W3C `RTCPeerConnectionState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum PeerConnectionState {
    /// Nothing happened yet.
    New,
    /// On its way.
    Connecting,
    /// Media can flow.
    Connected,
    /// Nothing was heard for a while.
    Disconnected,
    /// Given up; a restart may help.
    Failed,
    /// Over.
    Closed,
}

/// W3C `RTCIceConnectionState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceConnectionState {
    /// Nothing happened yet.
    New,
    /// Pairs are tried.
    Checking,
    /// A pair works.
    Connected,
    /// A pair works and no more are tried.
    Completed,
    /// No pair works.
    Failed,
    /// Nothing was heard for a while.
    Disconnected,
    /// Over.
    Closed,
    /// Never reported.
    Max,
}

/// W3C `RTCIceGatheringState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum IceGatheringState {
    /// Not begun.
    New,
    /// Candidates come.
    Gathering,
    /// All have come.
    Complete,
}

/// W3C `RTCSignalingState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum SignalingState {
    /// No exchange is under way.
    Stable,
    /// We offered.
    HaveLocalOffer,
    /// We answered for now.
    HaveLocalPrAnswer,
    /// The peer offered.
    HaveRemoteOffer,
    /// The peer answered for now.
    HaveRemotePrAnswer,
    /// Over.
    Closed,
}

/// W3C `RTCOfferOptions`.
#[derive(Debug, Clone, Default)]
pub struct OfferOptions {
    /// New ICE credentials.
    pub ice_restart: bool,
    /// Adds an m-line that receives audio, where none does.
    pub offer_to_receive_audio: bool,
    /// Adds an m-line that receives video, where none does.
    pub offer_to_receive_video: bool,
}

/// W3C `RTCAnswerOptions`.
#[derive(Debug, Clone, Default)]
pub struct AnswerOptions {}

/// Limits of what the whole connection sends, in bits per second. Limits in the SDP hold besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BitrateSettings {
    /// The estimate stays at or above it.
    pub min_bitrate_bps: Option<u64>,
    /// The estimate begins anew from it.
    pub start_bitrate_bps: Option<u64>,
    /// The estimate stays at or below it.
    pub max_bitrate_bps: Option<u64>,
}

/// A server did not give a candidate (W3C `RTCPeerConnectionIceErrorEvent`).
#[derive(Debug, Clone)]
pub struct IceCandidateError {
    /// Local address it was asked from.
    pub address: String,
    /// Local port it was asked from.
    pub port: i32,
    /// The server.
    pub url: String,
    /// STUN error code, or 701 where the server was not reached.
    pub error_code: i32,
    /// STUN reason phrase.
    pub error_text: String,
}

/// The peer sends on a transceiver (W3C `RTCTrackEvent`).
#[derive(Debug, Clone)]
pub struct TrackEvent {
    /// Its receiver.
    pub receiver: RtpReceiver,
    /// Streams that the peer put the track into.
    pub streams: Vec<MediaStream>,
    /// The receiver's track.
    pub track: MediaStreamTrack,
    /// The transceiver.
    pub transceiver: RtpTransceiver,
}

/// Told of a new connection state.
pub type OnConnectionChange = Box<dyn FnMut(PeerConnectionState) + Send + Sync>;
/// Told of a channel that the peer opened.
pub type OnDataChannel = Box<dyn FnMut(DataChannel) + Send + Sync>;
/// Told of a candidate of ours.
pub type OnIceCandidate = Box<dyn FnMut(IceCandidate) + Send + Sync>;
/// Told of a server that gave none.
pub type OnIceCandidateError = Box<dyn FnMut(IceCandidateError) + Send + Sync>;
/// Told of a new ICE state.
pub type OnIceConnectionChange = Box<dyn FnMut(IceConnectionState) + Send + Sync>;
/// Told of a new gathering state.
pub type OnIceGatheringChange = Box<dyn FnMut(IceGatheringState) + Send + Sync>;
/// Told that an exchange is due; the number means nothing.
pub type OnNegotiationNeeded = Box<dyn FnMut(u32) + Send + Sync>;
/// Told of a new signaling state.
pub type OnSignalingChange = Box<dyn FnMut(SignalingState) + Send + Sync>;
/// Told that the peer sends on a transceiver.
pub type OnTrack = Box<dyn FnMut(TrackEvent) + Send + Sync>;

/// A connection. Clones share it; it closes with the last one.
#[derive(Clone)]
pub struct PeerConnection {}

impl PeerConnection {
    pub(crate) fn new() -> Self {
        Self {}
    }

    /// Changes servers and policies; they count from the next gathering on.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub fn set_configuration(&self, config: RtcConfiguration) -> Result<(), RtcError> {
        let _ = config;
        Ok(())
    }

    /// Sets the limits of what is sent; a limit that is left out is lifted.
    ///
    /// # Errors
    /// Where the connection is closed, or the limits contradict each other.
    pub fn set_bitrate(&self, settings: BitrateSettings) -> Result<(), RtcError> {
        let _ = settings;
        Ok(())
    }

    /// W3C `createOffer`.
    ///
    /// # Errors
    /// Where the signaling state does not allow it.
    pub async fn create_offer(&self, options: OfferOptions) -> Result<SessionDescription, RtcError> {
        let _ = options;
        Err(crate::unsupported("create_offer"))
    }

    /// W3C `createAnswer`.
    ///
    /// # Errors
    /// Where the signaling state does not allow it.
    pub async fn create_answer(&self, options: AnswerOptions) -> Result<SessionDescription, RtcError> {
        let _ = options;
        Err(crate::unsupported("create_answer"))
    }

    /// W3C `setLocalDescription`. The text may differ from what was created.
    ///
    /// # Errors
    /// Where the signaling state or the text does not allow it.
    pub async fn set_local_description(&self, desc: SessionDescription) -> Result<(), RtcError> {
        let _ = desc;
        Err(crate::unsupported("set_local_description"))
    }

    /// W3C `setRemoteDescription`.
    ///
    /// # Errors
    /// Where the signaling state or the text does not allow it.
    pub async fn set_remote_description(&self, desc: SessionDescription) -> Result<(), RtcError> {
        let _ = desc;
        Err(crate::unsupported("set_remote_description"))
    }

    /// W3C `addIceCandidate`.
    ///
    /// # Errors
    /// Where there is no remote description, or the candidate is of no use.
    pub async fn add_ice_candidate(&self, candidate: IceCandidate) -> Result<(), RtcError> {
        let _ = candidate;
        Err(crate::unsupported("add_ice_candidate"))
    }

    /// W3C `createDataChannel`.
    ///
    /// # Errors
    /// Where the connection is closed or the settings contradict each other.
    pub fn create_data_channel(&self, label: &str, init: DataChannelInit) -> Result<DataChannel, RtcError> {
        let _ = (label, init);
        Err(crate::unsupported("create_data_channel"))
    }

    /// W3C `addTrack`.
    ///
    /// # Errors
    /// Where the connection is closed or sends the track already.
    pub fn add_track<T: AsRef<str>>(&self, track: MediaStreamTrack, streams_ids: &[T]) -> Result<RtpSender, RtcError> {
        let _ = (track, streams_ids.len());
        Err(crate::unsupported("add_track"))
    }

    /// W3C `removeTrack`.
    ///
    /// # Errors
    /// Where the connection is closed or the sender is another's.
    pub fn remove_track(&self, sender: RtpSender) -> Result<(), RtcError> {
        let _ = sender;
        Err(crate::unsupported("remove_track"))
    }

    /// Figures of everything.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Err(crate::unsupported("get_stats"))
    }

    /// W3C `addTransceiver` with a track.
    ///
    /// # Errors
    /// Where the connection is closed or the encodings are invalid.
    pub fn add_transceiver(&self, track: MediaStreamTrack, init: RtpTransceiverInit) -> Result<RtpTransceiver, RtcError> {
        let _ = (track, init);
        Err(crate::unsupported("add_transceiver"))
    }

    /// W3C `addTransceiver` with a kind.
    ///
    /// # Errors
    /// Where the connection is closed, the kind is neither audio nor video, or the encodings are invalid.
    pub fn add_transceiver_for_media(
        &self,
        media_type: MediaType,
        init: RtpTransceiverInit,
    ) -> Result<RtpTransceiver, RtcError> {
        let _ = (media_type, init);
        Err(crate::unsupported("add_transceiver_for_media"))
    }

    /// W3C `close`.
    pub fn close(&self) {}

    /// W3C `restartIce`.
    pub fn restart_ice(&self) {}

    /// W3C `connectionState`.
    #[must_use]
    pub fn connection_state(&self) -> PeerConnectionState {
        PeerConnectionState::New
    }

    /// W3C `iceConnectionState`.
    #[must_use]
    pub fn ice_connection_state(&self) -> IceConnectionState {
        IceConnectionState::New
    }

    /// W3C `iceGatheringState`.
    #[must_use]
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        IceGatheringState::New
    }

    /// W3C `signalingState`.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        SignalingState::Stable
    }

    /// W3C `currentLocalDescription`.
    #[must_use]
    pub fn current_local_description(&self) -> Option<SessionDescription> {
        None
    }

    /// W3C `currentRemoteDescription`.
    #[must_use]
    pub fn current_remote_description(&self) -> Option<SessionDescription> {
        None
    }

    /// Senders of all transceivers that are not stopped.
    #[must_use]
    pub fn senders(&self) -> Vec<RtpSender> {
        Vec::new()
    }

    /// Receivers of all transceivers that are not stopped.
    #[must_use]
    pub fn receivers(&self) -> Vec<RtpReceiver> {
        Vec::new()
    }

    /// Transceivers in the order they came.
    #[must_use]
    pub fn transceivers(&self) -> Vec<RtpTransceiver> {
        Vec::new()
    }

    /// Sets or removes who is told of connection states.
    pub fn on_connection_state_change(&self, f: Option<OnConnectionChange>) {
        let _ = f;
    }

    /// Sets or removes who is told of the peer's channels.
    pub fn on_data_channel(&self, f: Option<OnDataChannel>) {
        let _ = f;
    }

    /// Sets or removes who is told of candidates.
    pub fn on_ice_candidate(&self, f: Option<OnIceCandidate>) {
        let _ = f;
    }

    /// Sets or removes who is told of servers that gave none.
    pub fn on_ice_candidate_error(&self, f: Option<OnIceCandidateError>) {
        let _ = f;
    }

    /// Sets or removes who is told of ICE states.
    pub fn on_ice_connection_state_change(&self, f: Option<OnIceConnectionChange>) {
        let _ = f;
    }

    /// Sets or removes who is told of gathering states.
    pub fn on_ice_gathering_state_change(&self, f: Option<OnIceGatheringChange>) {
        let _ = f;
    }

    /// Sets or removes who is told that an exchange is due.
    pub fn on_negotiation_needed(&self, f: Option<OnNegotiationNeeded>) {
        let _ = f;
    }

    /// Sets or removes who is told of signaling states.
    pub fn on_signaling_state_change(&self, f: Option<OnSignalingChange>) {
        let _ = f;
    }

    /// Sets or removes who is told that the peer sends.
    pub fn on_track(&self, f: Option<OnTrack>) {
        let _ = f;
    }
}

impl fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnection")
            .field("state", &self.connection_state())
            .field("ice_state", &self.ice_connection_state())
            .finish()
    }
}
