//! What a packet tells about its frame before anything is put together.

use lk_types::Codec;

use crate::video::descriptor::Mandatory;
use crate::video::error::PayloadError;
use crate::video::h264::H264;
use crate::video::h265::H265;
use crate::video::vp8::{self, Vp8Descriptor};
use crate::video::vp9::Vp9Descriptor;
use crate::video::{av1, nal};

/// A packet's place in its picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Padding has no media.
    pub(super) media: bool,
    /// Certainly the first packet of a picture, or with layers of a layer frame.
    pub(super) starts: bool,
    /// Certainly the last packet of a layer frame.
    pub(super) ends: bool,
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
    /// VP9's payload descriptor.
    Vp9(Vp9Descriptor),
}

impl Head {
    /// Reads the head of a packet.
    pub(super) fn parse(
        codec: Codec,
        payload: &[u8],
        descriptor: Option<&[u8]>,
    ) -> Result<Self, PayloadError> {
        if payload.is_empty() {
            return Ok(Self::default());
        }
        let media = Self {
            media: true,
            ..Self::default()
        };
        Ok(match codec {
            Codec::Vp8 => {
                let (descriptor, data) = Vp8Descriptor::parse(payload)?;
                let starts = descriptor.starts_frame();
                Self {
                    starts,
                    key: starts && vp8::is_keyframe(data),
                    discardable: descriptor.non_reference,
                    layer: LayerHead::Vp8(descriptor),
                    ..media
                }
            }
            Codec::Vp9 => {
                let (descriptor, _, _) = Vp9Descriptor::parse(payload)?;
                Self {
                    starts: descriptor.start,
                    ends: descriptor.end,
                    key: descriptor.is_key(),
                    layer: LayerHead::Vp9(descriptor),
                    ..media
                }
            }
            Codec::Av1 => {
                let facts = av1::facts(payload)?;
                let (begins, ends) = descriptor
                    .and_then(|bytes| Mandatory::parse(bytes).ok())
                    .map_or((false, false), |mandatory| {
                        (mandatory.start_of_frame, mandatory.end_of_frame)
                    });
                Self {
                    starts: !facts.continues && (facts.new_sequence || begins),
                    ends: !facts.continued && ends,
                    key: facts.new_sequence,
                    ..media
                }
            }
            Codec::H265 => Self::of_units(nal::facts::<H265>(payload)?),
            _ => Self::of_units(nal::facts::<H264>(payload)?),
        })
    }

    fn of_units(facts: nal::Facts) -> Self {
        Self {
            media: true,
            starts: facts.starts,
            ends: false,
            key: facts.key,
            discardable: facts.discardable,
            layer: LayerHead::None,
        }
    }
}
