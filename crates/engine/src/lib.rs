//! The transport engine: ICE, DTLS, SRTP, RTCP and SCTP behind one value, [`Engine`].
//!
//! Sans-IO: it is told the time, datagrams and negotiated [plans](lk_jsep::plan::Plan), and hands out
//! datagrams, events and a deadline through [`Engine::poll`]. One rule governs its use: **after every call
//! that changes something, call `poll` until it returns [`Output::Timeout`]**, and call
//! [`Engine::handle_timeout`] at or after that instant.
//!
//! Not responsible for SDP (it never sees a real one), gathering, sockets, codecs, packetising or jitter
//! buffering: RTP payloads go in and come out as they are on the wire.
#![forbid(unsafe_code)]

mod apply;
mod bandwidth;
mod candidate;
mod channel;
mod checks;
mod config;
mod convert;
mod counters;
mod dtls;
mod engine;
mod error;
mod event;
mod ice;
mod nack;
mod remb;
mod requests;
mod rtp;
mod security;
mod srtcp;
mod stats;
mod streams;
mod synth;
mod table;
mod traffic;
mod wire;

pub use candidate::{CandidateKind, LocalCandidate, Transport};
pub use channel::{ChannelInit, ChannelKey, ChannelState};
pub use config::EngineConfig;
pub use engine::Engine;
pub use error::{ApplyError, CandidateError, ChannelError, EngineError, SendError};
pub use event::{DtlsState, Event, IceState, Output, SenderReport, Transmit};
pub use rtp::{Arrival, AudioLevel, IncomingRtp, KeyframeKind, MAX_PAYLOAD, OutgoingRtp};
pub use stats::{
    CandidateStats, CertificateStats, ChannelStats, EngineStats, InboundStats, OutboundStats,
    PairStats, RemoteReceiverStats, RemoteSenderStats, SecurityStats, TransportStats,
};
