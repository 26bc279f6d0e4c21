//! VP8's picture ID, TL0PICIDX and layer sync (RFC 7741 §4.2).

use super::Loss;
use crate::video::receive::history::Unwrapped;
use crate::video::vp8::Vp8Descriptor;

const ALL_LAYERS: u8 = 0xff;
const LOWEST_LAYER: u8 = 1;

#[derive(Debug, Default)]
pub(super) struct State {
    picture: Unwrapped,
    tl0_picture: Option<u8>,
    /// Temporal layers of which the decoder has every frame that may be referred to, as bits.
    clean: u8,
}

impl State {
    pub(super) fn in_order(&self, descriptor: &Vp8Descriptor) -> bool {
        let temporal = descriptor.temporal.unwrap_or(0);
        // All the layers up to the frame's own.
        let needed = (2_u8 << temporal) - 1;
        temporal == 0 || descriptor.layer_sync || self.clean & needed == needed
    }

    pub(super) fn after_loss(&self, descriptor: &Vp8Descriptor, loss: &Loss) -> bool {
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
        let bits = id_bits(descriptor);
        let place = self.picture.place(id, bits);
        let mask = (1 << bits) - 1;
        let known = |place: i64| {
            loss.discardable_pictures
                .iter()
                .any(|lost| i64::from(*lost) == place & mask)
        };
        place > last
            && place - last <= loss.discardable_pictures.len() as i64 + 1
            && (last + 1..place).all(known)
    }

    pub(super) fn given(&mut self, descriptor: &Vp8Descriptor, key: bool, loss: Option<&Loss>) {
        if key {
            self.clean = ALL_LAYERS;
        } else if loss.is_some_and(|loss| !self.nothing_missed(descriptor, loss)) {
            self.clean = LOWEST_LAYER;
        }
        if descriptor.layer_sync {
            self.clean |= 1 << descriptor.temporal.unwrap_or(0);
        }
        if let Some(id) = descriptor.picture_id {
            self.picture
                .set(self.picture.place(id, id_bits(descriptor)));
        }
        if descriptor.tl0_picture.is_some() {
            self.tl0_picture = descriptor.tl0_picture;
        }
    }

    pub(super) fn withheld(&mut self, temporal: u8) {
        self.clean &= !(1_u8.checked_shl(u32::from(temporal)).unwrap_or(0));
    }
}

fn id_bits(descriptor: &Vp8Descriptor) -> u32 {
    if descriptor.long_picture_id { 15 } else { 7 }
}
