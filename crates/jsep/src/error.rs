//! What can go wrong when descriptions are parsed, made or applied.

use lk_types::MediaKind;
use thiserror::Error;

use crate::state::{SdpType, SignalingState};
use crate::transceiver::TransceiverId;

/// A session description that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("SDP line {line} ({text:?}): {reason}")]
pub struct SdpError {
    /// One-based number of the line; 0 where the text as a whole is wrong.
    pub line: usize,
    /// The line, cut to a readable length.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl SdpError {
    /// Longest piece of a hostile line that an error repeats, in characters.
    const EXCERPT: usize = 120;

    pub(crate) fn new(line: usize, text: &str, reason: impl Into<String>) -> Self {
        Self {
            line,
            text: text.chars().take(Self::EXCERPT).collect(),
            reason: reason.into(),
        }
    }
}

/// A call on [`crate::Session`] that was refused; the session is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SessionError {
    /// The description cannot be parsed.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// W3C `InvalidStateError`: the description's type does not fit the signaling state.
    #[error("a {side} description of type {sdp_type} does not fit signaling state {state}")]
    WrongState {
        /// `local` or `remote`.
        side: &'static str,
        /// Type of the description.
        sdp_type: SdpType,
        /// State it met.
        state: SignalingState,
    },
    /// `create_answer` outside of have-remote-offer and have-local-pranswer.
    #[error("cannot create an answer in signaling state {state}")]
    NoOffer {
        /// The state.
        state: SignalingState,
    },
    /// The session was closed.
    #[error("the session is closed")]
    Closed,
    /// An answer has another number of m-lines than its offer, or an offer fewer than before (RFC 8829 §5.2.2).
    #[error("description has {got} m-lines, expected {expected}")]
    MlineCount {
        /// m-lines in the description.
        got: usize,
        /// m-lines that it has to have (at least, for an offer).
        expected: usize,
    },
    /// An m-line does not belong to what stands at its place.
    #[error("m-line {index} (mid {mid:?}): {reason}")]
    Mline {
        /// Position of the m-line, from 0.
        index: usize,
        /// Its `a=mid`, empty where it has none.
        mid: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither the session nor any m-line gives what a transport needs.
    #[error("description lacks {attribute}")]
    MissingAttribute {
        /// The attribute's name.
        attribute: &'static str,
    },
    /// No such transceiver, or it was removed after it stopped.
    #[error("no transceiver {0:?}")]
    UnknownTransceiver(TransceiverId),
    /// The transceiver was stopped.
    #[error("transceiver {0:?} is stopped")]
    Stopped(TransceiverId),
    /// W3C `InvalidModificationError` of `setCodecPreferences`: nothing in the list is a codec we have.
    #[error("no {kind} codec of the preferences is supported: {listed}")]
    NoCodec {
        /// Kind of the transceiver.
        kind: MediaKind,
        /// The list, as MIME types.
        listed: String,
    },
    /// Encodings that W3C `addTransceiver` or `setParameters` refuse.
    #[error("send encodings: {0}")]
    Encodings(String),
    /// A sender already carries this track (W3C `InvalidAccessError` of `addTrack`).
    #[error("track {0:?} already has a sender")]
    DuplicateTrack(String),
}
