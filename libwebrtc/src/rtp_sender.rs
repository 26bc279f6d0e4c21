//! The sending half of a transceiver.

use std::fmt;

use crate::{RtcError, media_stream_track::MediaStreamTrack, rtp_parameters::RtpParameters, stats::RtcStats};

/// What should encode a sender's video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoEncoderBackend {
    /// Whatever suits.
    #[default]
    Auto,
    /// The processor.
    Software,
    /// Any hardware.
    Hardware,
    /// NVIDIA's.
    Nvenc,
    /// The one behind VA-API.
    Vaapi,
    /// Apple's.
    VideoToolbox,
    /// Nothing: frames come encoded.
    PreEncoded,
}

impl VideoEncoderBackend {
    /// Those that can be chosen here.
    pub fn list_available() -> impl IntoIterator<Item = VideoEncoderBackend> {
        [Self::Auto, Self::Software]
    }
}

/// A sender. Clones share it.
#[derive(Clone)]
pub struct RtpSender {}

impl RtpSender {
    /// What it sends.
    #[must_use]
    pub fn track(&self) -> Option<MediaStreamTrack> {
        None
    }

    /// What was sent.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Err(crate::unsupported("get_stats"))
    }

    /// Replaces what it sends without negotiation.
    ///
    /// # Errors
    /// Where the track is of another kind.
    pub fn set_track(&self, track: Option<MediaStreamTrack>) -> Result<(), RtcError> {
        let _ = track;
        Err(crate::unsupported("set_track"))
    }

    /// What was negotiated, and its encodings.
    #[must_use]
    pub fn parameters(&self) -> RtpParameters {
        RtpParameters::default()
    }

    /// Changes the encodings.
    ///
    /// # Errors
    /// Where anything else was changed.
    pub fn set_parameters(&self, parameters: RtpParameters) -> Result<(), RtcError> {
        let _ = parameters;
        Err(crate::unsupported("set_parameters"))
    }

    /// Says what should encode its video.
    pub fn set_video_encoder_backend(&self, backend: VideoEncoderBackend) {
        let _ = backend;
    }
}

impl fmt::Debug for RtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpSender").field("track", &self.track()).finish_non_exhaustive()
    }
}
