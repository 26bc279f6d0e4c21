//! JSEP (RFC 8829): session descriptions, transceivers, the signaling state and offer/answer.
//!
//! Decides everything that is negotiated and says so in one plain value, the [`plan::Plan`]. It is *not*
//! responsible for candidates' connectivity, keys, packets or time.
#![forbid(unsafe_code)]

mod answer;
mod apply;
pub mod capability;
pub mod codec_match;
mod derive;
mod edit;
mod error;
pub mod fmtp;
mod negotiation_needed;
mod offer;
pub mod plan;
mod registry;
mod rng;
mod rollback;
pub mod sdp;
mod section;
mod session;
mod state;
mod transceiver;

pub use capability::{Capabilities, CodecCapability, ExtensionCapability, KindCapabilities};
pub use error::{SdpError, SessionError};
pub use session::{Applied, Description, JsepEvent, OfferOptions, Session, SessionConfig};
pub use state::{SdpType, Side, SignalingState};
pub use transceiver::{
    CodecPreference, Encoding, Priority, Receiver, Sender, Transceiver, TransceiverId,
    TransceiverInit,
};
