//! The receiving half of a transceiver.

use std::fmt;

use crate::{
    RtcError, media_stream::MediaStream, media_stream_track::MediaStreamTrack, rtp_parameters::RtpParameters,
    stats::RtcStats,
};

/// A receiver. Clones share it.
#[derive(Clone)]
pub struct RtpReceiver {}

impl RtpReceiver {
    /// Its track, which is the same for all its life.
    #[must_use]
    pub fn track(&self) -> Option<MediaStreamTrack> {
        None
    }

    /// Identifiers of the streams that the peer put the track into.
    #[must_use]
    pub fn stream_ids(&self) -> Vec<String> {
        Vec::new()
    }

    /// The streams that the peer put the track into.
    #[must_use]
    pub fn streams(&self) -> Vec<MediaStream> {
        Vec::new()
    }

    /// What was received.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Err(crate::unsupported("get_stats"))
    }

    /// What was negotiated.
    #[must_use]
    pub fn parameters(&self) -> RtpParameters {
        RtpParameters::default()
    }
}

impl fmt::Debug for RtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpReceiver").field("track", &self.track()).finish_non_exhaustive()
    }
}
