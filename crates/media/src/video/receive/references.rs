//! Whether a picture can be decoded from what the decoder has been given.
//!
//! As long as nothing is lost, a picture's references are there: the sender and the selective forwarder see to that.
//! After a loss a picture is let through only if its headers prove that it does without what was lost.

use super::head::LayerHead;
use super::history::Unwrapped;
use super::packets::Stored;
use crate::video::vp8::Vp8Descriptor;

/// What a picture's packets tell about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture {
    pub(super) key: bool,
    pub(super) layer: LayerHead,
}

impl Picture {
    /// From the packets of a picture, or those that have come.
    pub(super) fn of<'a>(packets: impl Iterator<Item = &'a Stored>) -> Self {
        let mut picture = Self {
            key: false,
            layer: LayerHead::None,
        };
        for stored in packets.filter(|stored| stored.head.media) {
            picture.key |= stored.head.key;
            if picture.layer == LayerHead::None {
                picture.layer = stored.head.layer;
            }
        }
        picture
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
    vp8: Vp8,
}

#[derive(Debug, Default)]
struct Vp8 {
    picture: Unwrapped,
    tl0_picture: Option<u8>,
    /// Temporal layers of which the decoder has every frame that may be referred to, as bits.
    clean: u8,
}

const ALL_LAYERS: u8 = 0xff;
const LOWEST_LAYER: u8 = 1;

impl References {
    /// Whether there is anything to go on from.
    pub(super) fn alive(&self) -> bool {
        self.alive
    }

    /// Nothing can be decoded before the next key picture.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether the picture can be decoded, where nothing was lost since the last one that was judged.
    pub(super) fn in_order(&self, picture: &Picture) -> bool {
        if picture.key || !self.alive {
            return picture.key;
        }
        match picture.layer {
            LayerHead::None => true,
            LayerHead::Vp8(descriptor) => self.vp8.in_order(&descriptor),
        }
    }

    /// Whether the picture can be decoded although there was a loss.
    pub(super) fn after_loss(&self, picture: &Picture, loss: &Loss) -> bool {
        if picture.key || !self.alive {
            return picture.key;
        }
        if loss.discardable {
            return self.in_order(picture);
        }
        match picture.layer {
            LayerHead::None => false,
            LayerHead::Vp8(descriptor) => self.vp8.after_loss(&descriptor, loss),
        }
    }

    /// The picture goes to the decoder; `loss` is what was lost right before it.
    pub(super) fn given(&mut self, picture: &Picture, loss: Option<&Loss>) {
        self.alive = true;
        if let LayerHead::Vp8(descriptor) = picture.layer {
            let loss = loss.filter(|loss| !loss.discardable);
            self.vp8.given(&descriptor, picture.key, loss);
        }
    }

    /// The picture is complete, but the decoder must not have it.
    pub(super) fn withheld(&mut self, picture: &Picture) {
        match picture.layer {
            LayerHead::Vp8(Vp8Descriptor {
                temporal: Some(temporal @ 1..),
                ..
            }) => self.vp8.clean &= !(1 << temporal),
            _ => self.forget(),
        }
    }
}

impl Vp8 {
    fn in_order(&self, descriptor: &Vp8Descriptor) -> bool {
        let temporal = descriptor.temporal.unwrap_or(0);
        // All the layers up to the frame's own.
        let needed = (2_u8 << temporal) - 1;
        temporal == 0 || descriptor.layer_sync || self.clean & needed == needed
    }

    fn after_loss(&self, descriptor: &Vp8Descriptor, loss: &Loss) -> bool {
        self.nothing_missed(descriptor, loss) && self.in_order(descriptor)
            || match (
                descriptor.temporal,
                descriptor.tl0_picture,
                self.tl0_picture,
            ) {
                // Frames of the lowest layer refer to one another only.
                (Some(0), Some(tl0), Some(last)) => tl0 == last.wrapping_add(1),
                (Some(_), Some(tl0), Some(last)) => descriptor.layer_sync && tl0 == last,
                _ => false,
            }
    }

    /// Whether picture IDs show that no frame was lost but such as no other refers to.
    fn nothing_missed(&self, descriptor: &Vp8Descriptor, loss: &Loss) -> bool {
        let (Some(id), Some(last)) = (descriptor.picture_id, self.picture.last()) else {
            return false;
        };
        let bits = if descriptor.long_picture_id { 15 } else { 7 };
        let place = self.picture.place(id, bits);
        let known = |place: i64| {
            let mask = (1 << bits) - 1;
            loss.discardable_pictures
                .iter()
                .any(|lost| i64::from(*lost) == place & mask)
        };
        place > last
            && place - last <= loss.discardable_pictures.len() as i64 + 1
            && (last + 1..place).all(known)
    }

    fn given(&mut self, descriptor: &Vp8Descriptor, key: bool, loss: Option<&Loss>) {
        if key {
            self.clean = ALL_LAYERS;
        } else if loss.is_some_and(|loss| !self.nothing_missed(descriptor, loss)) {
            self.clean = LOWEST_LAYER;
        }
        if descriptor.layer_sync {
            self.clean |= 1 << descriptor.temporal.unwrap_or(0);
        }
        if let Some(id) = descriptor.picture_id {
            let bits = if descriptor.long_picture_id { 15 } else { 7 };
            let place = self.picture.place(id, bits);
            self.picture.set(place);
        }
        if descriptor.tl0_picture.is_some() {
            self.tl0_picture = descriptor.tl0_picture;
        }
    }
}
