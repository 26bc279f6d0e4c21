//! What a packet tells about its frame before anything is put together.

use lk_types::Codec;

use crate::video::error::PayloadError;
use crate::video::h264;
use crate::video::vp8::{self, Vp8Descriptor};

/// A packet's place in its picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Padding has no media.
    pub(super) media: bool,
    /// Certainly the first packet of a picture, or with layers of a layer frame.
    pub(super) starts: bool,
    /// Belongs to a key picture; not every packet of one says so.
    pub(super) key: bool,
    /// Belongs to a picture that no other refers to.
    pub(super) discardable: bool,
    /// What the codec's own header says.
    pub(super) layer: LayerHead,
}

/// The parts that tell about layers and references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LayerHead {
    /// Nothing.
    #[default]
    None,
    /// VP8's payload descriptor.
    Vp8(Vp8Descriptor),
}

impl Head {
    /// Reads the head of a payload.
    pub(super) fn parse(codec: Codec, payload: &[u8]) -> Result<Self, PayloadError> {
        if payload.is_empty() {
            return Ok(Self::default());
        }
        match codec {
            Codec::Vp8 => {
                let (descriptor, data) = Vp8Descriptor::parse(payload)?;
                let starts = descriptor.starts_frame();
                Ok(Self {
                    media: true,
                    starts,
                    key: starts && vp8::is_keyframe(data),
                    discardable: descriptor.non_reference,
                    layer: LayerHead::Vp8(descriptor),
                })
            }
            _ => {
                let facts = h264::facts(payload)?;
                Ok(Self {
                    media: true,
                    starts: facts.starts,
                    key: facts.key,
                    discardable: facts.discardable,
                    layer: LayerHead::None,
                })
            }
        }
    }
}
