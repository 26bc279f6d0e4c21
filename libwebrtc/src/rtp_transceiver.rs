//! A sender and a receiver that share an m-line.

use std::fmt;
use std::sync::Arc;

use lk_jsep::{CodecPreference, Transceiver, TransceiverInit};
use lk_types::Direction;

use crate::{
    RtcError, RtcErrorType,
    rtp_parameters::{RtpCodecCapability, RtpEncodingParameters},
    rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
    session::{PeerSession, TransceiverMedia, from_jsep},
};

/// How a transceiver begins (W3C `RTCRtpTransceiverInit`).
#[derive(Debug, Clone)]
pub struct RtpTransceiverInit {
    /// What it wants to do.
    pub direction: RtpTransceiverDirection,
    /// Streams that its track belongs to.
    pub stream_ids: Vec<String>,
    /// One for each simulcast layer; empty for one without limits.
    pub send_encodings: Vec<RtpEncodingParameters>,
}

/// W3C `RTCRtpTransceiverDirection`.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtpTransceiverDirection {
    /// Sends and receives.
    SendRecv,
    /// Sends.
    SendOnly,
    /// Receives.
    RecvOnly,
    /// Neither for now.
    Inactive,
    /// Neither any more.
    Stopped,
}

/// A transceiver. Clones share it.
#[derive(Clone)]
pub struct RtpTransceiver {
    session: PeerSession,
    media: Arc<TransceiverMedia>,
}

impl RtpTransceiverInit {
    /// The same in the terms of the layer below.
    pub(crate) fn to_jsep(&self, track_id: Option<String>) -> Result<TransceiverInit, RtcError> {
        let direction = self.direction.to_jsep().ok_or_else(|| RtcError {
            error_type: RtcErrorType::InvalidState,
            message: "transceiver: it cannot begin with direction Stopped".to_owned(),
        })?;
        let encodings = self
            .send_encodings
            .iter()
            .map(RtpEncodingParameters::to_jsep)
            .collect();
        Ok(TransceiverInit {
            direction,
            stream_ids: self.stream_ids.clone(),
            track_id,
            encodings,
        })
    }
}

impl RtpTransceiverDirection {
    /// The direction as SDP has it; none once stopped.
    fn to_jsep(self) -> Option<Direction> {
        match self {
            Self::SendRecv => Some(Direction::SendRecv),
            Self::SendOnly => Some(Direction::SendOnly),
            Self::RecvOnly => Some(Direction::RecvOnly),
            Self::Inactive => Some(Direction::Inactive),
            Self::Stopped => None,
        }
    }

    pub(crate) fn from_jsep(direction: Direction) -> Self {
        match direction {
            Direction::SendRecv => Self::SendRecv,
            Direction::SendOnly => Self::SendOnly,
            Direction::RecvOnly => Self::RecvOnly,
            Direction::Inactive => Self::Inactive,
        }
    }
}

impl RtpTransceiver {
    pub(crate) fn from_session(session: PeerSession, media: Arc<TransceiverMedia>) -> Self {
        Self { session, media }
    }

    /// Reads the negotiated state; `None` once the transceiver was removed.
    fn read<T>(&self, read: impl FnOnce(&Transceiver) -> T) -> Option<T> {
        self.session
            .with_jsep(|jsep| jsep.session.transceiver(self.media.id()).map(read))
    }

    /// Its m-line, once one is assigned.
    #[must_use]
    pub fn mid(&self) -> Option<String> {
        self.read(|transceiver| transceiver.mid().map(ToString::to_string))
            .flatten()
    }

    /// What was negotiated last; `Stopped` once it is stopped.
    #[must_use]
    pub fn current_direction(&self) -> Option<RtpTransceiverDirection> {
        self.read(|transceiver| {
            if transceiver.stopped() {
                Some(RtpTransceiverDirection::Stopped)
            } else {
                transceiver
                    .current_direction()
                    .map(RtpTransceiverDirection::from_jsep)
            }
        })
        .unwrap_or(Some(RtpTransceiverDirection::Stopped))
    }

    /// What it wants to do.
    #[must_use]
    pub fn direction(&self) -> RtpTransceiverDirection {
        self.read(|transceiver| {
            if transceiver.stopping() || transceiver.stopped() {
                RtpTransceiverDirection::Stopped
            } else {
                RtpTransceiverDirection::from_jsep(transceiver.direction())
            }
        })
        .unwrap_or(RtpTransceiverDirection::Stopped)
    }

    /// Its sender.
    #[must_use]
    pub fn sender(&self) -> RtpSender {
        RtpSender::from_session(self.session.clone(), self.media.clone())
    }

    /// Its receiver.
    #[must_use]
    pub fn receiver(&self) -> RtpReceiver {
        RtpReceiver::from_session(self.session.clone(), self.media.clone())
    }

    /// Says which codecs are negotiated, most preferred first; none for the defaults.
    ///
    /// # Errors
    /// Where the list holds no known codec, or the transceiver is stopped.
    pub fn set_codec_preferences(&self, codecs: Vec<RtpCodecCapability>) -> Result<(), RtcError> {
        let list: Vec<CodecPreference> = codecs
            .into_iter()
            .map(|codec| CodecPreference {
                mime_type: codec.mime_type,
                fmtp: codec.sdp_fmtp_line,
            })
            .collect();
        self.session
            .with_jsep(|jsep| jsep.session.set_codec_preferences(self.media.id(), &list))
            .map_err(from_jsep)
    }

    /// Stops it for good; the next exchange frees its m-line.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub fn stop(&self) -> Result<(), RtcError> {
        self.session
            .with_jsep(|jsep| jsep.session.stop(self.media.id()))
            .map_err(from_jsep)?;
        self.media.end();
        self.session.media_changed();
        self.session.check_negotiation_needed();
        Ok(())
    }
}

impl fmt::Debug for RtpTransceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpTransceiver")
            .field("mid", &self.mid())
            .field("kind", &self.media.kind())
            .field("direction", &self.direction())
            .finish_non_exhaustive()
    }
}
