//! The receiving half of a transceiver.

use std::fmt;
use std::sync::Arc;

use crate::{
    RtcError,
    media_stream::MediaStream,
    media_stream_track::MediaStreamTrack,
    rtp_parameters::RtpParameters,
    session::{PeerSession, TransceiverMedia},
    stats::{RtcStats, report},
};

/// A receiver. Clones share it.
#[derive(Clone)]
pub struct RtpReceiver {
    session: PeerSession,
    media: Arc<TransceiverMedia>,
}

impl RtpReceiver {
    pub(crate) fn from_session(session: PeerSession, media: Arc<TransceiverMedia>) -> Self {
        Self { session, media }
    }

    pub(crate) fn media(&self) -> &Arc<TransceiverMedia> {
        &self.media
    }

    /// Its track, which is the same for all its life.
    #[must_use]
    pub fn track(&self) -> Option<MediaStreamTrack> {
        Some(self.media.receiver_track())
    }

    /// Identifiers of the streams that the peer puts the track into now.
    #[must_use]
    pub fn stream_ids(&self) -> Vec<String> {
        self.session.with_jsep(|jsep| {
            let transceiver = jsep.session.transceiver(self.media.id());
            transceiver
                .map(|transceiver| transceiver.receiver().stream_ids.clone())
                .unwrap_or_default()
        })
    }

    /// The streams that the peer puts the track into now, with all tracks that are in them.
    #[must_use]
    pub fn streams(&self) -> Vec<MediaStream> {
        self.session.with_jsep(|jsep| {
            let Some(own) = jsep.session.transceiver(self.media.id()) else {
                return Vec::new();
            };
            let stream = |id: &String| {
                let members = jsep
                    .session
                    .transceivers()
                    .iter()
                    .filter(|other| other.receiver().stream_ids.contains(id));
                let tracks =
                    members.filter_map(|other| Some(jsep.media.get(other.id())?.receiver_track()));
                MediaStream::new(id, tracks.collect())
            };
            own.receiver().stream_ids.iter().map(stream).collect()
        })
    }

    /// What was received.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Ok(report::receiver(
            &self.session.stats().await?,
            self.media.id(),
        ))
    }

    /// What was negotiated.
    #[must_use]
    pub fn parameters(&self) -> RtpParameters {
        self.session
            .with_jsep(|jsep| match jsep.session.transceiver(self.media.id()) {
                Some(transceiver) => RtpParameters::of_receiver(transceiver),
                None => RtpParameters::default(),
            })
    }
}

impl fmt::Debug for RtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpReceiver")
            .field("track", &self.track())
            .finish_non_exhaustive()
    }
}
