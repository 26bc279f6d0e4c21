//! End-to-end encryption as LiveKit's clients do it: keys and their ring, the ratchet, AES-128-GCM over encoded frames
//! and over data messages.
//!
//! Nothing here knows RTP, codecs' decoders or threads. A frame comes in as the encoder made it, or as the packets
//! brought it, and goes out transformed or not at all. Formats and their sources are in `docs/e2ee.md`.
#![forbid(unsafe_code)]

mod data;
mod derive;
mod error;
mod frame;
mod header;
mod keys;
mod nalu;
mod receiver;
mod ring;
mod sender;
mod sif;

pub use data::{SealedData, open_data, seal_data};
pub use derive::Derivation;
pub use error::CryptoError;
pub use frame::{IV_LEN, OVERHEAD, TAG_LEN, TRAILER_LEN};
pub use header::FrameKind;
pub use keys::{KeyOptions, KeyStore, MAX_RING};
pub use receiver::{FrameOpener, Opened, Verdict};
pub use ring::Key;
pub use sender::FrameSealer;
