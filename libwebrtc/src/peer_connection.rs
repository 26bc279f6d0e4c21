//! Peer connections (W3C webrtc-pc §4).

use std::fmt;
use std::sync::Arc;

use lk_jsep::Capabilities;
use parking_lot::Mutex;

use crate::{
    MediaType, RtcError, RtcErrorType,
    data_channel::{DataChannel, DataChannelInit},
    ice_candidate::IceCandidate,
    media_stream::MediaStream,
    media_stream_track::MediaStreamTrack,
    peer_connection_factory::{IceTransportsType, RtcConfiguration},
    rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
    rtp_transceiver::{RtpTransceiver, RtpTransceiverInit},
    session::{PeerSession, TransceiverMedia, closed, from_jsep, internal},
    session_description::{SdpType, SessionDescription},
    stats::{RtcStats, report},
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

/// A connection. Clones share it; it closes with the last one and the last of its senders, receivers and
/// transceivers. Getters never wait; callbacks run without a lock held.
#[derive(Clone)]
pub struct PeerConnection {
    session: PeerSession,
    settings: Arc<Mutex<Settings>>,
}

/// What was set and is not negotiated.
struct Settings {
    configuration: RtcConfiguration,
    bitrate: BitrateSettings,
}

impl PeerConnection {
    pub(crate) fn new(configuration: RtcConfiguration) -> Result<Self, RtcError> {
        check_policy(&configuration)?;
        let session = PeerSession::new(Capabilities::default())?;
        let settings = Arc::new(Mutex::new(Settings {
            configuration,
            bitrate: BitrateSettings::default(),
        }));
        Ok(Self { session, settings })
    }

    /// Changes servers and policies; they count from the next gathering on. Servers are kept, but only host
    /// candidates are gathered so far.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed, where `enable_sctp_snap` differs from what the connection
    /// was made with, or where the policy excludes host candidates.
    pub fn set_configuration(&self, config: RtcConfiguration) -> Result<(), RtcError> {
        self.ensure_open()?;
        check_policy(&config)?;
        let mut settings = self.settings.lock();
        if settings.configuration.enable_sctp_snap != config.enable_sctp_snap {
            return Err(invalid(format!(
                "configuration: enable_sctp_snap cannot change to {} after the connection was made",
                config.enable_sctp_snap
            )));
        }
        settings.configuration = config;
        Ok(())
    }

    /// Checks and keeps limits of what is sent; a limit that is left out is lifted. Nothing follows them yet: video
    /// has the limits of its tracks.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed, or the limits contradict each other.
    pub fn set_bitrate(&self, settings: BitrateSettings) -> Result<(), RtcError> {
        self.ensure_open()?;
        let pairs = [
            (
                "start_bitrate_bps",
                settings.start_bitrate_bps,
                "min_bitrate_bps",
                settings.min_bitrate_bps,
            ),
            (
                "max_bitrate_bps",
                settings.max_bitrate_bps,
                "start_bitrate_bps",
                settings.start_bitrate_bps,
            ),
            (
                "max_bitrate_bps",
                settings.max_bitrate_bps,
                "min_bitrate_bps",
                settings.min_bitrate_bps,
            ),
        ];
        for (upper_name, upper, lower_name, lower) in pairs {
            if let (Some(upper), Some(lower)) = (upper, lower)
                && upper < lower
            {
                return Err(invalid(format!(
                    "bitrate: {upper_name} < {lower_name} ({upper} < {lower})"
                )));
            }
        }
        self.settings.lock().bitrate = settings;
        Ok(())
    }

    /// W3C `createOffer`.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed.
    pub async fn create_offer(
        &self,
        options: OfferOptions,
    ) -> Result<SessionDescription, RtcError> {
        let options = lk_jsep::OfferOptions {
            ice_restart: options.ice_restart,
            offer_to_receive_audio: options.offer_to_receive_audio,
            offer_to_receive_video: options.offer_to_receive_video,
        };
        let sdp = self.session.create_offer(&options).await?;
        Ok(SessionDescription::trusted(&sdp, SdpType::Offer))
    }

    /// W3C `createAnswer`.
    ///
    /// # Errors
    /// `InvalidState` where no offer of the peer's is pending.
    pub async fn create_answer(
        &self,
        _options: AnswerOptions,
    ) -> Result<SessionDescription, RtcError> {
        let sdp = self.session.create_answer().await?;
        Ok(SessionDescription::trusted(&sdp, SdpType::Answer))
    }

    /// W3C `setLocalDescription`. The text may differ from what was created; what stands in it counts.
    ///
    /// # Errors
    /// `InvalidState` where it comes at the wrong time, `InvalidSdp` where it cannot be read.
    pub async fn set_local_description(&self, desc: SessionDescription) -> Result<(), RtcError> {
        self.session
            .set_local(desc.sdp_type().to_jsep(), desc.as_str())
            .await?;
        self.session.check_negotiation_needed();
        Ok(())
    }

    /// W3C `setRemoteDescription`.
    ///
    /// # Errors
    /// `InvalidState` where it comes at the wrong time, `InvalidSdp` where it cannot be read.
    pub async fn set_remote_description(&self, desc: SessionDescription) -> Result<(), RtcError> {
        self.session
            .set_remote(desc.sdp_type().to_jsep(), desc.as_str())
            .await?;
        self.session.check_negotiation_needed();
        Ok(())
    }

    /// W3C `addIceCandidate`.
    ///
    /// # Errors
    /// `InvalidState` where there is no remote description; `Internal` where the candidate is of no use.
    pub async fn add_ice_candidate(&self, candidate: IceCandidate) -> Result<(), RtcError> {
        self.session.add_remote_candidate(candidate.as_str()).await
    }

    /// W3C `createDataChannel`.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed or the settings contradict each other.
    pub fn create_data_channel(
        &self,
        label: &str,
        init: DataChannelInit,
    ) -> Result<DataChannel, RtcError> {
        Ok(DataChannel::from_session(
            self.session.create_channel(label, &init)?,
        ))
    }

    /// W3C `addTrack`.
    ///
    /// # Errors
    /// Where the connection is closed or sends the track already.
    pub fn add_track<T: AsRef<str>>(
        &self,
        track: MediaStreamTrack,
        streams_ids: &[T],
    ) -> Result<RtpSender, RtcError> {
        let streams = streams_ids
            .iter()
            .map(|id| id.as_ref().to_owned())
            .collect();
        let media = self.with_new(track.clone(), |session| {
            session.add_track(track.kind(), &track.id(), streams)
        })?;
        Ok(RtpSender::from_session(self.session.clone(), media))
    }

    /// W3C `removeTrack`.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed or the sender belongs to another one.
    pub fn remove_track(&self, sender: RtpSender) -> Result<(), RtcError> {
        self.session.with_jsep(|jsep| {
            let media = sender.media();
            if !jsep
                .media
                .get(media.id())
                .is_some_and(|known| Arc::ptr_eq(&known, media))
            {
                return Err(invalid(
                    "remove_track: the sender is not this connection's".to_owned(),
                ));
            }
            jsep.session.remove_track(media.id()).map_err(from_jsep)?;
            media.set_sender_track(None);
            Ok(())
        })?;
        self.session.media_changed();
        self.session.check_negotiation_needed();
        Ok(())
    }

    /// Figures of everything.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Ok(report::all(&self.session.stats().await?))
    }

    /// W3C `addTransceiver` with a track.
    ///
    /// # Errors
    /// Where the connection is closed or the encodings are invalid.
    pub fn add_transceiver(
        &self,
        track: MediaStreamTrack,
        init: RtpTransceiverInit,
    ) -> Result<RtpTransceiver, RtcError> {
        let jsep_init = init.to_jsep(Some(track.id()))?;
        let kind = track.kind();
        let media = self.with_new(track, |session| session.add_transceiver(kind, jsep_init))?;
        Ok(RtpTransceiver::from_session(self.session.clone(), media))
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
        let kind = media_type.kind().ok_or_else(|| {
            invalid(format!(
                "add_transceiver: {media_type:?} is neither audio nor video"
            ))
        })?;
        let init = init.to_jsep(None)?;
        let media = self.with_new(None, |session| session.add_transceiver(kind, init))?;
        Ok(RtpTransceiver::from_session(self.session.clone(), media))
    }

    /// Adds a transceiver or takes a free one, and gives it the track.
    fn with_new(
        &self,
        track: impl Into<Option<MediaStreamTrack>>,
        add: impl FnOnce(&mut lk_jsep::Session) -> Result<lk_jsep::TransceiverId, lk_jsep::SessionError>,
    ) -> Result<Arc<TransceiverMedia>, RtcError> {
        let media = self.session.with_jsep(|jsep| {
            let id = add(&mut jsep.session).map_err(from_jsep)?;
            let media = jsep.media.ensure(&jsep.session, id);
            media.ok_or_else(|| internal(format!("transceiver {id:?} has no media objects")))
        })?;
        if let Some(track) = track.into() {
            media.set_sender_track(Some(track));
            self.session.media_changed();
        }
        self.session.check_negotiation_needed();
        Ok(media)
    }

    /// W3C `close`: at once, and without any further callback of this connection.
    pub fn close(&self) {
        self.session.close();
    }

    /// W3C `restartIce`.
    pub fn restart_ice(&self) {
        self.session.restart_ice();
    }

    /// W3C `connectionState`.
    #[must_use]
    pub fn connection_state(&self) -> PeerConnectionState {
        self.session.states().connection
    }

    /// W3C `iceConnectionState`.
    #[must_use]
    pub fn ice_connection_state(&self) -> IceConnectionState {
        self.session.states().ice
    }

    /// W3C `iceGatheringState`.
    #[must_use]
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.session.states().gathering
    }

    /// W3C `signalingState`.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        match self
            .session
            .with_jsep(|jsep| jsep.session.signaling_state())
        {
            lk_jsep::SignalingState::Stable => SignalingState::Stable,
            lk_jsep::SignalingState::HaveLocalOffer => SignalingState::HaveLocalOffer,
            lk_jsep::SignalingState::HaveRemoteOffer => SignalingState::HaveRemoteOffer,
            lk_jsep::SignalingState::HaveLocalPrAnswer => SignalingState::HaveLocalPrAnswer,
            lk_jsep::SignalingState::HaveRemotePrAnswer => SignalingState::HaveRemotePrAnswer,
            lk_jsep::SignalingState::Closed => SignalingState::Closed,
        }
    }

    /// W3C `currentLocalDescription`.
    #[must_use]
    pub fn current_local_description(&self) -> Option<SessionDescription> {
        self.session.with_jsep(|jsep| {
            jsep.session
                .current_local_description()
                .map(SessionDescription::from_jsep)
        })
    }

    /// W3C `currentRemoteDescription`.
    #[must_use]
    pub fn current_remote_description(&self) -> Option<SessionDescription> {
        self.session.with_jsep(|jsep| {
            jsep.session
                .current_remote_description()
                .map(SessionDescription::from_jsep)
        })
    }

    /// Senders of all transceivers that are not stopped.
    #[must_use]
    pub fn senders(&self) -> Vec<RtpSender> {
        self.media(|transceiver| !transceiver.stopped())
            .into_iter()
            .map(|media| RtpSender::from_session(self.session.clone(), media))
            .collect()
    }

    /// Receivers of all transceivers that are not stopped.
    #[must_use]
    pub fn receivers(&self) -> Vec<RtpReceiver> {
        self.media(|transceiver| !transceiver.stopped())
            .into_iter()
            .map(|media| RtpReceiver::from_session(self.session.clone(), media))
            .collect()
    }

    /// Transceivers in the order they came.
    #[must_use]
    pub fn transceivers(&self) -> Vec<RtpTransceiver> {
        self.media(|_| true)
            .into_iter()
            .map(|media| RtpTransceiver::from_session(self.session.clone(), media))
            .collect()
    }

    fn media(&self, wanted: impl Fn(&lk_jsep::Transceiver) -> bool) -> Vec<Arc<TransceiverMedia>> {
        self.session.with_jsep(|jsep| {
            let transceivers = jsep
                .session
                .transceivers()
                .iter()
                .filter(|transceiver| wanted(transceiver));
            transceivers
                .filter_map(|transceiver| jsep.media.get(transceiver.id()))
                .collect()
        })
    }

    fn ensure_open(&self) -> Result<(), RtcError> {
        if self.session.is_closed() {
            Err(closed())
        } else {
            Ok(())
        }
    }

    /// Sets or removes who is told of connection states.
    pub fn on_connection_state_change(&self, f: Option<OnConnectionChange>) {
        self.session.observers().connection.set(f);
    }

    /// Sets or removes who is told of the peer's channels.
    pub fn on_data_channel(&self, f: Option<OnDataChannel>) {
        self.session.observers().data_channel.set(f);
    }

    /// Sets or removes who is told of candidates.
    pub fn on_ice_candidate(&self, f: Option<OnIceCandidate>) {
        self.session.observers().ice_candidate.set(f);
    }

    /// Sets or removes who is told of servers that gave none.
    pub fn on_ice_candidate_error(&self, f: Option<OnIceCandidateError>) {
        self.session.observers().ice_candidate_error.set(f);
    }

    /// Sets or removes who is told of ICE states.
    pub fn on_ice_connection_state_change(&self, f: Option<OnIceConnectionChange>) {
        self.session.observers().ice_connection.set(f);
    }

    /// Sets or removes who is told of gathering states.
    pub fn on_ice_gathering_state_change(&self, f: Option<OnIceGatheringChange>) {
        self.session.observers().ice_gathering.set(f);
    }

    /// Sets or removes who is told that an exchange is due.
    pub fn on_negotiation_needed(&self, f: Option<OnNegotiationNeeded>) {
        self.session.observers().negotiation_needed.set(f);
    }

    /// Sets or removes who is told of signaling states.
    pub fn on_signaling_state_change(&self, f: Option<OnSignalingChange>) {
        self.session.observers().signaling.set(f);
    }

    /// Sets or removes who is told that the peer sends.
    pub fn on_track(&self, f: Option<OnTrack>) {
        self.session.observers().track.set(f);
    }
}

/// Refuses what only other candidates than those of our own interfaces could serve.
fn check_policy(configuration: &RtcConfiguration) -> Result<(), RtcError> {
    match configuration.ice_transport_type {
        IceTransportsType::All => Ok(()),
        policy => Err(internal(format!(
            "ice_transport_type {policy:?}: only host candidates are supported yet"
        ))),
    }
}

fn invalid(message: String) -> RtcError {
    RtcError {
        error_type: RtcErrorType::InvalidState,
        message,
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
