//! A sender and a receiver that share an m-line.

use std::fmt;

use crate::{
    RtcError,
    rtp_parameters::{RtpCodecCapability, RtpEncodingParameters},
    rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
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
pub struct RtpTransceiver {}

impl RtpTransceiver {
    /// Its m-line, once one is assigned.
    #[must_use]
    pub fn mid(&self) -> Option<String> {
        None
    }

    /// What was negotiated last.
    #[must_use]
    pub fn current_direction(&self) -> Option<RtpTransceiverDirection> {
        None
    }

    /// What it wants to do.
    #[must_use]
    pub fn direction(&self) -> RtpTransceiverDirection {
        RtpTransceiverDirection::Stopped
    }

    /// Its sender.
    #[must_use]
    pub fn sender(&self) -> RtpSender {
        RtpSender {}
    }

    /// Its receiver.
    #[must_use]
    pub fn receiver(&self) -> RtpReceiver {
        RtpReceiver {}
    }

    /// Says which codecs are negotiated, most preferred first; none for the defaults.
    ///
    /// # Errors
    /// Where a codec is unknown.
    pub fn set_codec_preferences(&self, codecs: Vec<RtpCodecCapability>) -> Result<(), RtcError> {
        let _ = codecs;
        Err(crate::unsupported("set_codec_preferences"))
    }

    /// Stops it for good.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub fn stop(&self) -> Result<(), RtcError> {
        Err(crate::unsupported("stop"))
    }
}

impl fmt::Debug for RtpTransceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpTransceiver")
            .field("mid", &self.mid())
            .field("direction", &self.direction())
            .field("sender", &self.sender())
            .field("receiver", &self.receiver())
            .finish()
    }
}
