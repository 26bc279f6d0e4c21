//! The session: all JSEP state of one peer connection behind one value.

use std::collections::BTreeSet;
use std::sync::Arc;

use lk_types::{MediaKind, Mid};

use crate::capability::Capabilities;
use crate::error::SessionError;
use crate::plan::{DtlsRole, Fingerprint, IceParameters, Plan};
use crate::registry::Registry;
use crate::rng::Rng;
use crate::rollback::Snapshot;
use crate::sdp::Sdp;
use crate::state::{SdpType, Side, SignalingState};
use crate::transceiver::{Transceiver, TransceiverId};

/// What a session is made of.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What may be negotiated.
    pub capabilities: Capabilities,
    /// Of our DTLS certificate.
    pub fingerprint: Fingerprint,
    /// Entropy for ICE credentials, SSRCs and names: 32 bytes from a secure source, never used twice.
    pub seed: [u8; 32],
    /// Answer an offer of simulcast by agreeing to receive its layers, as an SFU does. A client that shows
    /// what it receives leaves it off and gets one layer.
    pub receive_simulcast: bool,
}

/// W3C `RTCOfferOptions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferOptions {
    /// Offer new ICE credentials.
    pub ice_restart: bool,
    /// Legacy: make sure that at least one m-line receives audio (W3C §4.4.3.2).
    pub offer_to_receive_audio: bool,
    /// Legacy: the same for video.
    pub offer_to_receive_video: bool,
}

/// A description together with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub(crate) sdp_type: SdpType,
    pub(crate) text: Arc<str>,
    pub(crate) sdp: Arc<Sdp>,
}

impl Description {
    /// Its type.
    #[must_use]
    pub fn sdp_type(&self) -> SdpType {
        self.sdp_type
    }

    /// Its text, exactly as it was applied.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its content.
    #[must_use]
    pub fn sdp(&self) -> &Sdp {
        &self.sdp
    }
}

/// What applying a description changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Given when an exchange was completed: what the engine has to do.
    pub plan: Option<Plan>,
    /// To be told to the application in this order.
    pub events: Vec<JsepEvent>,
    /// After a local description: the credentials under which candidates are gathered now.
    pub local_ice: Option<IceParameters>,
}

/// What the application learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsepEvent {
    /// The signaling state changed.
    SignalingState(SignalingState),
    /// The peer's offer created a transceiver.
    TransceiverAdded(TransceiverId),
    /// The peer started to send on an m-line (W3C `track` event).
    TrackAdded {
        /// The transceiver.
        id: TransceiverId,
        /// Streams of the track.
        stream_ids: Vec<String>,
    },
    /// The peer stopped sending (W3C: the track is muted and leaves its streams).
    TrackRemoved {
        /// The transceiver.
        id: TransceiverId,
    },
    /// The peer moved the track of an m-line to other streams while it went on sending.
    StreamsChanged {
        /// The transceiver.
        id: TransceiverId,
        /// Streams of the track from now on.
        stream_ids: Vec<String>,
    },
    /// The transceiver's m-line is rejected for good.
    Stopped(TransceiverId),
}

/// Descriptions of one side (W3C `[[CurrentLocalDescription]]` and the like).
#[derive(Clone, Debug, Default)]
pub(crate) struct Descriptions {
    pub(crate) current: Option<Description>,
    pub(crate) pending: Option<Description>,
}

impl Descriptions {
    /// W3C `localDescription`, `remoteDescription`: the pending one where there is one.
    pub(crate) fn latest(&self) -> Option<&Description> {
        self.pending.as_ref().or(self.current.as_ref())
    }
}

/// The data m-line.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataSection {
    /// A channel was created.
    pub(crate) requested: bool,
    /// Its m-line, once a description with it was applied.
    pub(crate) mid: Option<Mid>,
}

/// All JSEP state of one peer connection. Sans-IO: it never blocks and has no clock; keep it behind a lock.
///
/// A call that fails leaves the session as it was.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) capabilities: Capabilities,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) receive_simulcast: bool,
    pub(crate) rng: Rng,
    pub(crate) cname: String,
    pub(crate) session_id: u64,
    pub(crate) version: u64,
    pub(crate) state: SignalingState,
    pub(crate) transceivers: Vec<Transceiver>,
    pub(crate) next_id: u32,
    pub(crate) data: DataSection,
    pub(crate) registry: Registry,
    pub(crate) local: Descriptions,
    pub(crate) remote: Descriptions,
    /// Credentials used until an offer or answer brings others.
    pub(crate) first_ice: IceParameters,
    /// User fragment that `restart_ice` wants replaced (W3C `[[LocalIceCredentialsToReplace]]`).
    pub(crate) restart_from: Option<String>,
    /// Who made the first offer that was answered.
    pub(crate) first_offerer: Option<Side>,
    pub(crate) dtls_role: Option<DtlsRole>,
    /// Every mid that ever stood in a description: none is used for another m-line (RFC 8829 §5.2.1).
    pub(crate) used_mids: BTreeSet<Mid>,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) last_plan: Option<Plan>,
}

impl Session {
    /// A session in the stable state without m-lines.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let mut rng = Rng::new(config.seed);
        let first_ice = new_ice(&mut rng);
        Self {
            registry: Registry::new(&config.capabilities),
            capabilities: config.capabilities,
            fingerprint: config.fingerprint,
            receive_simulcast: config.receive_simulcast,
            cname: rng.token(16),
            // RFC 8829 §5.2.1: 63 random bits.
            session_id: rng.u64() >> 1,
            version: 1,
            state: SignalingState::Stable,
            transceivers: Vec::new(),
            next_id: 0,
            data: DataSection::default(),
            local: Descriptions::default(),
            remote: Descriptions::default(),
            first_ice,
            restart_from: None,
            first_offerer: None,
            dtls_role: None,
            used_mids: BTreeSet::new(),
            snapshot: None,
            last_plan: None,
            rng,
        }
    }

    /// Makes an offer; nothing changes until it is given to [`Session::set_local`].
    ///
    /// # Errors
    /// When the session is closed.
    pub fn create_offer(&mut self, options: &OfferOptions) -> Result<String, SessionError> {
        self.ensure_open()?;
        Ok(self.make_offer(options).print())
    }

    /// Makes an answer to the pending remote offer.
    ///
    /// # Errors
    /// When no remote offer is pending.
    pub fn create_answer(&mut self) -> Result<String, SessionError> {
        self.ensure_open()?;
        Ok(self.make_answer()?.print())
    }

    /// Applies a description of ours, which may have been changed since it was created: what stands in it counts.
    ///
    /// # Errors
    /// When it cannot be read, comes at the wrong time, or its m-lines are not the session's.
    pub fn set_local(&mut self, sdp_type: SdpType, text: &str) -> Result<Applied, SessionError> {
        self.set(Side::Local, sdp_type, text)
    }

    /// Applies a description of the peer's. An offer in have-local-offer rolls ours back first. The current
    /// answer applied again to an offer that it cannot answer (new ICE credentials, more m-lines) rolls that offer
    /// back, which is how `livekit` cancels one.
    ///
    /// # Errors
    /// When it cannot be read, comes at the wrong time, or its m-lines do not fit.
    pub fn set_remote(&mut self, sdp_type: SdpType, text: &str) -> Result<Applied, SessionError> {
        self.set(Side::Remote, sdp_type, text)
    }

    /// Asks for an application m-line: called when the first data channel is created.
    pub fn open_data(&mut self) {
        self.data.requested = true;
    }

    /// Asks for new ICE credentials in the next offer (W3C `restartIce`).
    pub fn restart_ice(&mut self) {
        let local = self
            .local
            .latest()
            .and_then(|description| description.sdp.ice());
        self.restart_from = local.map(|ice| ice.ufrag);
    }

    /// Ends the session: every transceiver stops, every later call fails.
    pub fn close(&mut self) {
        self.state = SignalingState::Closed;
        for transceiver in &mut self.transceivers {
            transceiver.stopping = true;
            transceiver.stopped = true;
            transceiver.current_direction = None;
        }
    }

    /// W3C `signalingState`.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.state
    }

    /// W3C `currentLocalDescription`.
    #[must_use]
    pub fn current_local_description(&self) -> Option<&Description> {
        self.local.current.as_ref()
    }

    /// W3C `pendingLocalDescription`.
    #[must_use]
    pub fn pending_local_description(&self) -> Option<&Description> {
        self.local.pending.as_ref()
    }

    /// W3C `currentRemoteDescription`.
    #[must_use]
    pub fn current_remote_description(&self) -> Option<&Description> {
        self.remote.current.as_ref()
    }

    /// W3C `pendingRemoteDescription`.
    #[must_use]
    pub fn pending_remote_description(&self) -> Option<&Description> {
        self.remote.pending.as_ref()
    }

    /// Transceivers in the order of their creation; those removed after a stop are gone.
    #[must_use]
    pub fn transceivers(&self) -> &[Transceiver] {
        &self.transceivers
    }

    /// One transceiver.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.transceivers
            .iter()
            .find(|transceiver| transceiver.id == id)
    }

    /// What the session may negotiate.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// RTCP canonical name of everything that is sent (RFC 7022).
    #[must_use]
    pub fn cname(&self) -> &str {
        &self.cname
    }

    /// The data m-line, once one was applied.
    #[must_use]
    pub fn data_mid(&self) -> Option<&Mid> {
        self.data.mid.as_ref()
    }

    /// Credentials of the latest local description; those of the first offer before there is one.
    #[must_use]
    pub fn local_ice(&self) -> IceParameters {
        self.local
            .latest()
            .and_then(|description| description.sdp.ice())
            .unwrap_or_else(|| self.first_ice.clone())
    }

    pub(crate) fn ensure_open(&self) -> Result<(), SessionError> {
        if self.state == SignalingState::Closed {
            Err(SessionError::Closed)
        } else {
            Ok(())
        }
    }

    pub(crate) fn transceiver_mut(
        &mut self,
        id: TransceiverId,
    ) -> Result<&mut Transceiver, SessionError> {
        self.transceivers
            .iter_mut()
            .find(|transceiver| transceiver.id == id)
            .ok_or(SessionError::UnknownTransceiver(id))
    }

    /// The transceiver of an m-line.
    pub(crate) fn by_mid(&self, mid: &Mid) -> Option<&Transceiver> {
        self.transceivers
            .iter()
            .find(|transceiver| transceiver.mid.as_ref() == Some(mid))
    }

    pub(crate) fn of_kind(&self, kind: MediaKind) -> impl Iterator<Item = &Transceiver> {
        self.transceivers
            .iter()
            .filter(move |transceiver| transceiver.kind == kind)
    }
}

/// 24 and 144 bits, in the lengths that Google's library uses (RFC 8839 §5.4 asks for 24 and 128).
pub(crate) fn new_ice(rng: &mut Rng) -> IceParameters {
    IceParameters {
        ufrag: rng.token(4),
        pwd: rng.token(24),
        lite: false,
    }
}
