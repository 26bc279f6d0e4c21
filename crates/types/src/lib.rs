//! Vocabulary that the media crates share: identifiers, codecs, directions and frames.
//!
//! Nothing here does anything; the crate has no dependencies, so that every other crate may use it.
#![forbid(unsafe_code)]

mod codec;
mod frame;
mod ids;
mod media;
mod video;

pub use codec::Codec;
pub use frame::{AudioFrame, EncodedAudio};
pub use ids::{Mid, Pt, Rid, Ssrc};
pub use media::{Direction, MediaKind};
pub use video::{
    EncodedVideo, I420Picture, I420View, InterLayer, LayerFrame, Rotation, ScalabilityMode,
};
