//! One error type for each kind of call.

use lk_types::{Codec, Mid, Pt, Rid, Ssrc};
use thiserror::Error;

use crate::ChannelKey;

/// The engine could not be built, or broke.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No certificate could be made.
    #[error("certificate: the crypto provider made none")]
    Certificate,
}

/// A plan that cannot be carried out.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The engine was closed before.
    #[error("engine: closed")]
    Closed,
    /// `Plan` names no m-line that could carry the transport.
    #[error("media: the plan has no m-line in use")]
    Empty,
    /// The identification is used twice or does not fit the engine's limit of 16 bytes.
    #[error("mid `{0}`: empty, not ASCII, longer than 16 bytes, or used twice")]
    Mid(Mid),
    /// The layer's identification does not fit the engine's limit of 8 bytes.
    #[error("rid `{0}`: empty, not ASCII or longer than 8 bytes")]
    Rid(Rid),
    /// The payload type stands for something else already.
    #[error("payload type {pt} of mid `{mid}`: {codec} collides with what it meant before")]
    PayloadType {
        /// The m-line.
        mid: Mid,
        /// The payload type.
        pt: Pt,
        /// What it should carry.
        codec: Codec,
    },
    /// The engine's table has no entry for a negotiated format.
    #[error(
        "payload type {pt} of mid `{mid}`: {codec} with these parameters is unknown to the engine"
    )]
    UnknownFormat {
        /// The m-line.
        mid: Mid,
        /// The payload type.
        pt: Pt,
        /// What it should carry.
        codec: Codec,
    },
    /// The same source stands for two streams, or it is 0.
    #[error("ssrc {0}: used by two streams, or zero")]
    Ssrc(Ssrc),
    /// The remote fingerprint, the credentials or the synthetic description were refused.
    #[error("description: {0}")]
    Description(String),
}

/// A candidate line that cannot be used.
#[derive(Debug, Error)]
pub enum CandidateError {
    /// Not `candidate:` followed by RFC 8839 §5.1.
    #[error("candidate `{line}`: {reason}")]
    Unparsable {
        /// The line, shortened.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A local address that cannot be a candidate, for example an unspecified one.
    #[error("local candidate {address}: {reason}")]
    Local {
        /// The address.
        address: std::net::SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
}

/// A packet that was not sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// The engine was closed or its transport is lost.
    #[error("engine: closed")]
    Closed,
    /// There are no keys yet; the packet is lost.
    #[error("engine: not connected yet")]
    NotConnected,
    /// No plan declared this source, or its m-line does not send now.
    #[error("ssrc {0}: not declared for sending")]
    UnknownSsrc(Ssrc),
    /// Bigger than [`MAX_PAYLOAD`](crate::MAX_PAYLOAD).
    #[error("payload of {size} bytes: more than {limit}")]
    TooLarge {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The payload type was not negotiated.
    #[error("payload type {0}: not negotiated")]
    UnknownPayloadType(Pt),
}

/// A data channel call that failed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChannelError {
    /// No such channel, or it is closed.
    #[error("channel {0:?}: closed")]
    Closed(ChannelKey),
    /// The channel is not open yet.
    #[error("channel {0:?}: not open yet")]
    NotOpen(ChannelKey),
    /// The message is bigger than the peer takes (its `a=max-message-size`).
    #[error("message of {size} bytes: the peer takes {limit}")]
    TooLarge {
        /// Bytes given.
        size: usize,
        /// Bytes the peer takes.
        limit: u64,
    },
    /// SCTP carries no empty message, and the stack below has no way to mark a filler as one
    /// (RFC 8831 §6.6).
    #[error("message of 0 bytes: cannot be sent")]
    Empty,
    /// A negotiated id that another open channel holds, or one above 65534 (RFC 8832 §4).
    #[error("negotiated id {0}: in use or out of range")]
    NegotiatedId(u16),
    /// `max_retransmits` and `max_packet_life_time` exclude each other.
    #[error("max_retransmits and max_packet_life_time: both are set")]
    Reliability,
}
