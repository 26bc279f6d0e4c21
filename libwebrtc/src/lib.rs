//! The WebRTC API of the `libwebrtc` crate 0.3, on an engine of our own.
//!
//! The façade checks what it is given and hands it to the session (one actor for each connection) and to the
//! pipelines; it holds no protocol logic, and no lock while a callback of the program runs. Public paths,
//! names and signatures are those that the `livekit` crate compiles against.
#![forbid(unsafe_code)]

use thiserror::Error;

mod callback;
mod enum_dispatch;
mod frame_queue;
mod pipeline;
mod session;
mod track_state;
mod video_sink;

pub mod audio_devices;
pub mod audio_frame;
pub mod audio_source;
pub mod audio_stream;
pub mod audio_track;
pub mod data_channel;
pub mod desktop_capturer;
pub mod ice_candidate;
pub mod media_stream;
pub mod media_stream_track;
pub mod native;
pub mod peer_connection;
pub mod peer_connection_factory;
pub mod prelude;
pub mod rtp_parameters;
pub mod rtp_receiver;
pub mod rtp_sender;
pub mod rtp_transceiver;
pub mod session_description;
pub mod stats;
pub mod video_frame;
pub mod video_source;
pub mod video_stream;
pub mod video_track;

/// What an m-line carries.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum MediaType {
    /// Audio.
    Audio,
    /// Video.
    Video,
    /// Data channels.
    Data,
    /// Something unknown.
    Unsupported,
}

impl MediaType {
    /// The kind of RTP media, where it is one.
    pub(crate) fn kind(self) -> Option<lk_types::MediaKind> {
        match self {
            Self::Audio => Some(lk_types::MediaKind::Audio),
            Self::Video => Some(lk_types::MediaKind::Video),
            Self::Data | Self::Unsupported => None,
        }
    }
}

/// What kind of thing went wrong.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtcErrorType {
    /// Something of ours, or of the system's.
    Internal,
    /// The session description.
    InvalidSdp,
    /// The call, at this time or with these values.
    InvalidState,
}

/// What went wrong.
#[derive(Error, Debug)]
#[error("{message} ({error_type:?})")]
pub struct RtcError {
    /// Its kind.
    pub error_type: RtcErrorType,
    /// What, with the names and values concerned.
    pub message: String,
}
