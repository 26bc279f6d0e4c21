//! One actor for each peer connection, and the handle that the façade holds on it.
//!
//! [`PeerSession`] is the façade's side: JSEP state behind a mutex for the synchronous getters, and a command
//! queue to the actor. The actor ([`actor`]) is one task that owns the engine and the sockets. What is
//! negotiated is `lk-jsep`'s decision, what is sent and received `lk-engine`'s; this module joins them in
//! order, and calls the application's observers with no lock held.

mod actor;
mod channel;
mod inbox;
mod media;
mod observers;
mod outbox;
mod remb;
pub(crate) mod runtime;
mod senders;
mod state;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lk_engine::{Engine, EngineConfig};
use lk_jsep::{
    Applied, Capabilities, JsepEvent, OfferOptions, SdpType, Session, SessionConfig, SessionError,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

pub(crate) use channel::Channel;
pub(crate) use media::{MediaEntry, TransceiverMedia};
pub(crate) use observers::Observers;
pub(crate) use state::{ConnectionStates, States};
pub(crate) use stats::SessionStats;

use actor::{Actor, Command};
use media::MediaTable;

use crate::data_channel::DataChannelInit;
use crate::media_stream::MediaStream;
use crate::peer_connection::TrackEvent;
use crate::rtp_receiver::RtpReceiver;
use crate::rtp_transceiver::RtpTransceiver;
use crate::{RtcError, RtcErrorType};

/// What a path is thought to carry before anything was measured, bit/s: enough for the first key picture to be there
/// soon, not so much that a slow path is choked.
const FIRST_BITRATE: u64 = 2_500_000;

/// A peer connection. Clones share it; the last one to go ends the actor.
#[derive(Clone)]
pub(crate) struct PeerSession {
    shared: Arc<Shared>,
}

struct Shared {
    /// JSEP state and the media objects that belong to its transceivers: one lock, held for short, synchronous
    /// work only and never while an observer runs.
    jsep: Mutex<Jsep>,
    /// One description at a time (W3C "operations chain").
    operations: tokio::sync::Mutex<()>,
    observers: Arc<Observers>,
    states: Arc<States>,
    commands: mpsc::UnboundedSender<Command>,
    closed: AtomicBool,
    /// W3C `[[NegotiationNeeded]]`: the application was told, and no exchange has answered it yet.
    negotiation_needed: AtomicBool,
}

/// What the JSEP lock guards.
pub(crate) struct Jsep {
    pub(crate) session: Session,
    pub(crate) media: MediaTable,
}

impl PeerSession {
    /// Makes the engine (and its certificate) and starts the actor on the current tokio runtime, or on our own
    /// where the caller has none.
    pub(crate) fn new(capabilities: Capabilities) -> Result<Self, RtcError> {
        let config = EngineConfig {
            initial_bitrate: FIRST_BITRATE,
            ..EngineConfig::new(std::time::Instant::now())
        };
        let engine = Engine::new(config).map_err(internal)?;
        let seed = seed()?;
        let session = Session::new(SessionConfig {
            capabilities,
            fingerprint: engine.fingerprint().clone(),
            seed,
            receive_simulcast: false,
        });
        let (commands, queue) = mpsc::unbounded_channel();
        let observers = Arc::new(Observers::default());
        let states = Arc::new(States::default());
        let runtime = runtime::current()?;
        let actor = Actor::new(
            engine,
            (commands.downgrade(), queue),
            runtime.clone(),
            observers.clone(),
            states.clone(),
        );
        runtime.spawn(actor.run());
        Ok(Self {
            shared: Arc::new(Shared {
                jsep: Mutex::new(Jsep {
                    session,
                    media: MediaTable::new(runtime.clone(), commands.downgrade()),
                }),
                operations: tokio::sync::Mutex::new(()),
                observers,
                states,
                commands,
                closed: AtomicBool::new(false),
                negotiation_needed: AtomicBool::new(false),
            }),
        })
    }

    /// Callbacks of the application.
    pub(crate) fn observers(&self) -> &Observers {
        &self.shared.observers
    }

    /// Connection, ICE and gathering states.
    pub(crate) fn states(&self) -> ConnectionStates {
        self.shared.states.get()
    }

    /// Runs `work` on the JSEP state. `work` must be short and must not call back into the session.
    pub(crate) fn with_jsep<T>(&self, work: impl FnOnce(&mut Jsep) -> T) -> T {
        work(&mut self.shared.jsep.lock())
    }

    /// W3C `createOffer`.
    pub(crate) async fn create_offer(&self, options: &OfferOptions) -> Result<String, RtcError> {
        let _turn = self.shared.operations.lock().await;
        self.with_jsep(|jsep| jsep.session.create_offer(options))
            .map_err(from_jsep)
    }

    /// W3C `createAnswer`.
    pub(crate) async fn create_answer(&self) -> Result<String, RtcError> {
        let _turn = self.shared.operations.lock().await;
        self.with_jsep(|jsep| jsep.session.create_answer())
            .map_err(from_jsep)
    }

    /// W3C `setLocalDescription`.
    pub(crate) async fn set_local(&self, sdp_type: SdpType, text: &str) -> Result<(), RtcError> {
        let _turn = self.shared.operations.lock().await;
        let applied =
            self.with_jsep(|jsep| jsep.apply(|session| session.set_local(sdp_type, text)))?;
        self.finish(applied).await
    }

    /// W3C `setRemoteDescription`.
    pub(crate) async fn set_remote(&self, sdp_type: SdpType, text: &str) -> Result<(), RtcError> {
        let _turn = self.shared.operations.lock().await;
        let applied =
            self.with_jsep(|jsep| jsep.apply(|session| session.set_remote(sdp_type, text)))?;
        self.finish(applied).await
    }

    /// Carries out what a description changed: candidates, engine, then the application's events in order.
    async fn finish(&self, applied: AppliedMedia) -> Result<(), RtcError> {
        let AppliedMedia {
            applied,
            media,
            first_mline,
        } = applied;
        if let Some(ice) = applied.local_ice
            && let Some((mid, index)) = first_mline
        {
            self.send(Command::Gather { ice, mid, index })?;
        }
        if let Some(plan) = applied.plan {
            let (reply, answer) = oneshot::channel();
            self.send(Command::Apply {
                plan: Box::new(plan),
                media,
                reply,
            })?;
            answer.await.map_err(|_| closed())??;
        }
        for event in applied.events {
            self.tell(event);
        }
        Ok(())
    }

    fn tell(&self, event: JsepEvent) {
        let observers = &self.shared.observers;
        match event {
            JsepEvent::SignalingState(state) => {
                observers
                    .signaling
                    .call(|callback| callback(state::signaling(state)));
            }
            JsepEvent::TransceiverAdded(_) => {}
            JsepEvent::TrackAdded { id, stream_ids } => {
                let media = self.with_jsep(|jsep| jsep.media.get(id));
                if let Some(media) = media {
                    let event = track_event(self, &media, &stream_ids);
                    observers.track.call(|callback| callback(event));
                }
            }
            JsepEvent::StreamsChanged { .. } => {}
            JsepEvent::TrackRemoved { id } => {
                if let Some(media) = self.with_jsep(|jsep| jsep.media.get(id)) {
                    media.end_streams();
                }
            }
            JsepEvent::Stopped(id) => {
                if let Some(media) = self.with_jsep(|jsep| jsep.media.get(id)) {
                    media.end();
                }
            }
        }
    }

    /// Says that the senders or their parameters changed, so that the pipelines follow.
    pub(crate) fn media_changed(&self) {
        let media = self.with_jsep(|jsep| jsep.media.snapshot(&jsep.session));
        // After close there is nothing to follow.
        let _ = self.send(Command::Media(media));
    }

    /// Fires `negotiationneeded` where the W3C algorithm says so.
    pub(crate) fn check_negotiation_needed(&self) {
        let needed = self.with_jsep(|jsep| {
            // While an exchange is under way its end decides (W3C §4.7.3 step 2.3).
            (jsep.session.signaling_state() == lk_jsep::SignalingState::Stable)
                .then(|| jsep.session.negotiation_needed())
        });
        let Some(needed) = needed else { return };
        if !self
            .shared
            .negotiation_needed
            .swap(needed, Ordering::AcqRel)
            && needed
        {
            self.shared
                .observers
                .negotiation_needed
                .call(|callback| callback(0));
        }
    }

    /// One of the peer's candidates, as an RFC 8839 line; an empty one ends them.
    pub(crate) async fn add_remote_candidate(&self, line: &str) -> Result<(), RtcError> {
        if self.with_jsep(|jsep| {
            jsep.session.current_remote_description().is_none()
                && jsep.session.pending_remote_description().is_none()
        }) {
            return Err(RtcError {
                error_type: RtcErrorType::InvalidState,
                message: "candidate: there is no remote description yet; apply one first".into(),
            });
        }
        if line.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.send(Command::RemoteCandidate {
            line: line.to_owned(),
            reply,
        })?;
        answer.await.map_err(|_| closed())?
    }

    /// W3C `createDataChannel`.
    pub(crate) fn create_channel(
        &self,
        label: &str,
        init: &DataChannelInit,
    ) -> Result<Arc<Channel>, RtcError> {
        let init = channel::engine_init(label, init)?;
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let channel = Arc::new(Channel::new(init, self.shared.commands.downgrade()));
        self.with_jsep(|jsep| jsep.session.open_data());
        self.send(Command::OpenChannel(channel.clone()))?;
        self.check_negotiation_needed();
        Ok(channel)
    }

    /// Figures of the transport and of all media.
    pub(crate) async fn stats(&self) -> Result<SessionStats, RtcError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Stats(reply))?;
        answer.await.map_err(|_| closed())
    }

    /// W3C `restartIce`.
    pub(crate) fn restart_ice(&self) {
        self.with_jsep(|jsep| jsep.session.restart_ice());
        self.check_negotiation_needed();
    }

    /// W3C `close`: synchronous; the actor says goodbye and ends by itself. No observer runs for the states
    /// that this changes (W3C §4.4.1.22).
    pub(crate) fn close(&self) {
        if self.shared.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let media = self.with_jsep(|jsep| {
            jsep.session.close();
            jsep.media.all()
        });
        self.shared.states.close();
        // The actor may be gone already.
        let _ = self.send(Command::Close);
        for transceiver in media {
            transceiver.end();
        }
    }

    /// Whether `close` was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    fn send(&self, command: Command) -> Result<(), RtcError> {
        self.shared.commands.send(command).map_err(|_| closed())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Channels and pipelines hold weak queues only, so the actor would see the queue end; the command makes
        // it say goodbye to the peer first.
        let _ = self.commands.send(Command::Close);
        for media in self.jsep.get_mut().media.all() {
            media.end();
        }
    }
}

/// An applied description together with the media objects it concerns.
struct AppliedMedia {
    applied: Applied,
    media: Vec<media::MediaEntry>,
    first_mline: Option<(lk_types::Mid, usize)>,
}

impl Jsep {
    fn apply(
        &mut self,
        set: impl FnOnce(&mut Session) -> Result<Applied, SessionError>,
    ) -> Result<AppliedMedia, RtcError> {
        let applied = set(&mut self.session).map_err(from_jsep)?;
        self.media.follow(&self.session);
        let first_mline = first_mline(&self.session);
        Ok(AppliedMedia {
            applied,
            media: self.media.snapshot(&self.session),
            first_mline,
        })
    }
}

/// The m-line that candidates are told for: the first of our description, which carries the bundle.
fn first_mline(session: &Session) -> Option<(lk_types::Mid, usize)> {
    let local = session
        .pending_local_description()
        .or_else(|| session.current_local_description())?;
    local
        .sdp()
        .media
        .iter()
        .enumerate()
        .find_map(|(index, section)| Some((section.mid.clone()?, index)))
}

/// What the application learns of a track that the peer sends.
fn track_event(
    session: &PeerSession,
    media: &Arc<TransceiverMedia>,
    stream_ids: &[String],
) -> TrackEvent {
    let track = media.receiver_track();
    TrackEvent {
        receiver: RtpReceiver::from_session(session.clone(), media.clone()),
        streams: stream_ids
            .iter()
            .map(|id| MediaStream::new(id, vec![track.clone()]))
            .collect(),
        track,
        transceiver: RtpTransceiver::from_session(session.clone(), media.clone()),
    }
}

/// 32 bytes of the system's randomness.
fn seed() -> Result<[u8; 32], RtcError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(internal)?;
    Ok(seed)
}

pub(crate) fn closed() -> RtcError {
    RtcError {
        error_type: RtcErrorType::InvalidState,
        message: "peer connection: closed".into(),
    }
}

pub(crate) fn internal(error: impl std::fmt::Display) -> RtcError {
    RtcError {
        error_type: RtcErrorType::Internal,
        message: error.to_string(),
    }
}

pub(crate) fn from_jsep(error: SessionError) -> RtcError {
    let error_type = match &error {
        SessionError::Closed | SessionError::WrongState { .. } | SessionError::NoOffer { .. } => {
            RtcErrorType::InvalidState
        }
        SessionError::Sdp(_) => RtcErrorType::InvalidSdp,
        _ => RtcErrorType::Internal,
    };
    RtcError {
        error_type,
        message: error.to_string(),
    }
}
