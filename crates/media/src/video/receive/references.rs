//! Whether a picture can be decoded from what the decoder has been given.
//!
//! As long as nothing is lost, a picture's references are there: the sender and the selective forwarder see to that.
//! After a loss a picture is let through only if its headers prove that it does without what was lost. The dependency
//! descriptor, where there is one, goes before the codec's own headers.

mod described;
mod vp8;
mod vp9;

use super::head::LayerHead;
use super::packets::Stored;
use crate::video::vp8::Vp8Descriptor;
use described::DescribedPicture;
use vp9::Vp9Picture;

/// What a picture's packets tell about it.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) key: bool,
    pub(super) layers: Layers,
}

impl Picture {
    /// The picture of those layer frames alone that are wanted.
    pub(super) fn keep(&mut self, wanted: &[bool]) {
        match &mut self.layers {
            Layers::None | Layers::Vp8(_) => {}
            Layers::Vp9(picture) => picture.keep(wanted),
            Layers::Described(picture) => picture.keep(wanted),
        }
    }
}

/// What they tell about references.
#[derive(Clone, Debug)]
pub(super) enum Layers {
    None,
    Vp8(Vp8Descriptor),
    Vp9(Vp9Picture),
    Described(DescribedPicture),
}

impl Layers {
    /// Temporal layer and highest spatial layer, where told.
    pub(super) fn place(&self) -> Option<(u8, u8)> {
        match self {
            Self::None => None,
            Self::Vp8(descriptor) => Some((descriptor.temporal?, 0)),
            Self::Vp9(picture) => Some(picture.place()),
            Self::Described(picture) => Some(picture.place()),
        }
    }

    /// Width and height of the highest spatial layer, where told beside the codec's own bytes.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        match self {
            Self::Described(picture) => picture.size(),
            _ => None,
        }
    }

    /// Lowest spatial layer.
    fn lowest(&self) -> u8 {
        match self {
            Self::None | Self::Vp8(_) => 0,
            Self::Vp9(picture) => picture.lowest(),
            Self::Described(picture) => picture.lowest(),
        }
    }
}

/// What is known about packets that were lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    /// They belong to pictures that no other refers to.
    pub(super) discardable: bool,
    /// Picture IDs of incomplete pictures that no other refers to.
    pub(super) discardable_pictures: Vec<u16>,
}

/// What the decoder has.
#[derive(Debug, Default)]
pub(super) struct References {
    /// It can go on: a key picture was given, and nothing that matters was lost since.
    alive: bool,
    /// Nothing at all was lost since.
    whole: bool,
    /// Lowest spatial layer of the last picture.
    lowest: u8,
    vp8: vp8::State,
    vp9: vp9::State,
    described: described::State,
}

impl References {
    /// Whether there is anything to go on from.
    pub(super) fn alive(&self) -> bool {
        self.alive
    }

    /// Nothing can be decoded before the next key picture.
    pub(super) fn forget(&mut self) {
        *self = Self {
            lowest: self.lowest,
            ..Self::default()
        };
    }

    /// Reads a picture's packets, or those that have come.
    pub(super) fn picture<'a>(&self, packets: impl Iterator<Item = &'a Stored> + Clone) -> Picture {
        let media = packets.filter(|stored| stored.head.media);
        if let Some(described) = self.described.picture(media.clone()) {
            return Picture {
                key: described.is_key(),
                layers: Layers::Described(described),
            };
        }
        let layer = media
            .clone()
            .map(|stored| stored.head.layer)
            .find(|layer| *layer != LayerHead::None);
        match layer {
            Some(LayerHead::Vp8(descriptor)) => Picture {
                key: media.clone().any(|stored| stored.head.key),
                layers: Layers::Vp8(descriptor),
            },
            Some(LayerHead::Vp9(_)) => {
                let picture = Vp9Picture::of(media);
                Picture {
                    key: picture.is_key(),
                    layers: Layers::Vp9(picture),
                }
            }
            _ => Picture {
                key: media.clone().any(|stored| stored.head.key),
                layers: Layers::None,
            },
        }
    }

    /// Whether the picture can be decoded, where nothing was lost since the last one that was judged.
    pub(super) fn in_order(&self, picture: &Picture) -> bool {
        if picture.key || !self.alive {
            return picture.key;
        }
        match &picture.layers {
            Layers::None => true,
            Layers::Vp8(descriptor) => self.vp8.in_order(descriptor),
            Layers::Vp9(picture) => self.whole || self.vp9.has_references(picture),
            Layers::Described(picture) => self.whole || self.described.has_references(picture),
        }
    }

    /// Whether the picture can be decoded although there was a loss.
    pub(super) fn after_loss(&self, picture: &Picture, loss: &Loss) -> bool {
        if picture.layers.lowest() > self.lowest {
            // Lower layers of the same picture may be among what was lost.
            return false;
        }
        if picture.key || !self.alive {
            return picture.key;
        }
        if loss.discardable {
            return self.in_order(picture);
        }
        match &picture.layers {
            Layers::None => false,
            Layers::Vp8(descriptor) => self.vp8.after_loss(descriptor, loss),
            Layers::Vp9(picture) => {
                self.whole && self.vp9.follows(picture) || self.vp9.has_references(picture)
            }
            Layers::Described(picture) => self.described.has_references(picture),
        }
    }

    /// For each layer frame of the picture, whether it can be decoded from what was given and those before it; nothing
    /// where the packets do not tell of frames and references.
    pub(super) fn decodable(&self, picture: &Picture) -> Vec<bool> {
        // Without the lower layers of a key picture nothing says how it begins.
        let begins = picture.layers.lowest() <= self.lowest;
        if picture.key && !begins || !picture.key && !self.alive {
            return Vec::new();
        }
        match &picture.layers {
            Layers::None | Layers::Vp8(_) => Vec::new(),
            Layers::Vp9(layers) => self.vp9.decodable(layers, picture.key).collect(),
            Layers::Described(layers) => self.described.decodable(layers, picture.key).collect(),
        }
    }

    /// The picture, of which not everything could be used, goes to the decoder.
    pub(super) fn given_in_part(&mut self, picture: &Picture) {
        let lowest = self.lowest;
        self.given(picture, None);
        self.lowest = lowest;
        self.whole = false;
    }

    /// The picture goes to the decoder; `loss` is what was lost right before it.
    pub(super) fn given(&mut self, picture: &Picture, loss: Option<&Loss>) {
        let loss = loss.filter(|loss| !loss.discardable);
        self.alive = true;
        self.lowest = picture.layers.lowest();
        if picture.key {
            self.whole = true;
        } else if loss.is_some() {
            self.whole &=
                matches!(&picture.layers, Layers::Vp9(picture) if self.vp9.follows(picture));
        }
        match &picture.layers {
            Layers::None => {}
            Layers::Vp8(descriptor) => self.vp8.given(descriptor, picture.key, loss),
            Layers::Vp9(layers) => self.vp9.given(layers, picture.key),
            Layers::Described(layers) => self.described.given(layers, picture.key),
        }
    }

    /// The picture is complete, but the decoder must not have it.
    pub(super) fn withheld(&mut self, picture: &Picture) {
        self.whole = false;
        match picture.layers.place() {
            // Frames of lower temporal layers do without.
            Some((temporal @ 1.., _)) => self.vp8.withheld(temporal),
            _ => self.forget(),
        }
    }
}
