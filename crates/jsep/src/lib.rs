//! JSEP (RFC 8829): session descriptions, transceivers, the signaling state and offer/answer.
//!
//! Decides everything that is negotiated and says so in one plain value, the [`plan::Plan`]. It is *not*
//! responsible for candidates' connectivity, keys, packets or time.
#![forbid(unsafe_code)]

pub mod plan;
