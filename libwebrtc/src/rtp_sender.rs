//! The sending half of a transceiver.

use std::fmt;
use std::sync::Arc;

use lk_media::video::degradation;
use parking_lot::Mutex;

use crate::{
    RtcError, RtcErrorType,
    media_stream_track::MediaStreamTrack,
    rtp_parameters::{DegradationPreference, RtpEncodingParameters, RtpParameters, transaction_id},
    session::{PeerSession, TransceiverMedia, from_jsep},
    stats::{RtcStats, report},
};

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

/// What a program set for a sender and negotiation does not know.
#[derive(Debug, Default)]
pub(crate) struct SenderSettings {
    degradation_preference: Mutex<Option<DegradationPreference>>,
    encoder_backend: Mutex<VideoEncoderBackend>,
}

impl SenderSettings {
    /// What gives way first where the path carries too little.
    pub(crate) fn degradation(&self) -> degradation::DegradationPreference {
        use degradation::DegradationPreference as Kept;
        match *self.degradation_preference.lock() {
            None | Some(DegradationPreference::Balanced) => Kept::Balanced,
            Some(DegradationPreference::MaintainFramerate) => Kept::MaintainFramerate,
            Some(DegradationPreference::MaintainResolution) => Kept::MaintainResolution,
            Some(DegradationPreference::MaintainFramerateAndResolution) => Kept::Disabled,
        }
    }
}

/// A sender. Clones share it.
#[derive(Clone)]
pub struct RtpSender {
    session: PeerSession,
    media: Arc<TransceiverMedia>,
}

impl RtpSender {
    pub(crate) fn from_session(session: PeerSession, media: Arc<TransceiverMedia>) -> Self {
        Self { session, media }
    }

    pub(crate) fn media(&self) -> &Arc<TransceiverMedia> {
        &self.media
    }

    /// What it sends.
    #[must_use]
    pub fn track(&self) -> Option<MediaStreamTrack> {
        self.media.sender_track()
    }

    /// What was sent.
    ///
    /// # Errors
    /// `InvalidState` where the connection is closed.
    pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
        Ok(report::sender(
            &self.session.stats().await?,
            self.media.id(),
        ))
    }

    /// Replaces what it sends without negotiation (W3C `replaceTrack`).
    ///
    /// # Errors
    /// `InvalidState` where the track is of the other kind, or the transceiver stopped.
    pub fn set_track(&self, track: Option<MediaStreamTrack>) -> Result<(), RtcError> {
        if let Some(track) = &track
            && track.kind() != self.media.kind()
        {
            return Err(invalid(format!(
                "set_track: a sender of {} cannot send {}",
                self.media.kind(),
                track.kind()
            )));
        }
        self.session.with_jsep(|jsep| {
            jsep.session
                .set_track(self.media.id(), track.as_ref().map(MediaStreamTrack::id))
                .map_err(from_jsep)?;
            self.media.set_sender_track(track);
            Ok(())
        })?;
        self.session.media_changed();
        Ok(())
    }

    /// What was negotiated, and its encodings.
    #[must_use]
    pub fn parameters(&self) -> RtpParameters {
        let parameters = self.session.with_jsep(|jsep| {
            let transceiver = jsep.session.transceiver(self.media.id())?;
            Some(RtpParameters::of_sender(transceiver, jsep.session.cname()))
        });
        let degradation_preference = *self.media.settings().degradation_preference.lock();
        RtpParameters {
            degradation_preference,
            ..parameters.unwrap_or_default()
        }
    }

    /// Changes the encodings (W3C `setParameters`). What is read-only in them is ignored.
    ///
    /// # Errors
    /// `InvalidState` where the parameters are not the sender's latest ones, where encodings were added, removed
    /// or renamed, or a value is out of range.
    pub fn set_parameters(&self, parameters: RtpParameters) -> Result<(), RtcError> {
        let encodings: Vec<_> = parameters
            .encodings
            .iter()
            .map(RtpEncodingParameters::to_jsep)
            .collect();
        self.session.with_jsep(|jsep| {
            let transceiver = jsep.session.transceiver(self.media.id()).ok_or_else(|| {
                invalid("set_parameters: the sender's transceiver is gone".to_owned())
            })?;
            if transaction_id(transceiver) != parameters.transaction_id {
                return Err(invalid(
                    "set_parameters: the parameters changed after they were read; read them again"
                        .to_owned(),
                ));
            }
            jsep.session
                .set_encodings(self.media.id(), encodings)
                .map_err(from_jsep)
        })?;
        *self.media.settings().degradation_preference.lock() = parameters.degradation_preference;
        self.session.media_changed();
        Ok(())
    }

    /// Says what should encode its video; kept until video is encoded.
    pub fn set_video_encoder_backend(&self, backend: VideoEncoderBackend) {
        *self.media.settings().encoder_backend.lock() = backend;
    }
}

fn invalid(message: String) -> RtcError {
    RtcError {
        error_type: RtcErrorType::InvalidState,
        message,
    }
}

impl fmt::Debug for RtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpSender")
            .field("track", &self.track())
            .field(
                "encoder_backend",
                &*self.media.settings().encoder_backend.lock(),
            )
            .finish_non_exhaustive()
    }
}
