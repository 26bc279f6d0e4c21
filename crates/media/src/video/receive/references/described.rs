//! The dependency descriptor's frame numbers and references.

use crate::video::descriptor::{Dependencies, Descriptor, Mandatory, Structure};
use crate::video::receive::history::{History, Unwrapped};
use crate::video::receive::packets::Stored;

/// The frames of a picture as their descriptors tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct DescribedPicture {
    frames: Vec<(u16, Dependencies)>,
    structure: Option<Structure>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    structure: Option<Structure>,
    number: Unwrapped,
    given: History,
}

impl DescribedPicture {
    /// Its first frame refers to none.
    pub(super) fn is_key(&self) -> bool {
        self.frames
            .first()
            .is_some_and(|(_, frame)| frame.references.is_empty())
    }

    pub(super) fn place(&self) -> (u8, u8) {
        let temporal = self.frames.first().map_or(0, |(_, frame)| frame.temporal);
        let spatial = self.frames.iter().map(|(_, frame)| frame.spatial).max();
        (temporal, spatial.unwrap_or(0))
    }

    pub(super) fn lowest(&self) -> u8 {
        self.frames.first().map_or(0, |(_, frame)| frame.spatial)
    }

    /// Width and height of its highest layer, where it brings a structure that tells.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let (_, spatial) = self.place();
        let sizes = &self.structure.as_ref()?.sizes;
        sizes.get(usize::from(spatial)).copied()
    }

    /// The picture of those frames alone that are wanted.
    pub(super) fn keep(&mut self, wanted: &[bool]) {
        let mut wanted = wanted.iter();
        self.frames.retain(|_| wanted.next() == Some(&true));
    }
}

impl State {
    /// Reads the descriptors of a picture's packets; `None` where there are none, or they cannot be read.
    pub(super) fn picture<'a>(
        &self,
        packets: impl Iterator<Item = &'a Stored>,
    ) -> Option<DescribedPicture> {
        let mut picture = DescribedPicture::default();
        let mut last = None;
        for stored in packets {
            let bytes = stored.packet.descriptor.as_ref()?;
            let mandatory = Mandatory::parse(bytes).ok()?;
            if last == Some(mandatory.frame_number) {
                continue;
            }
            last = Some(mandatory.frame_number);
            let structure = picture.structure.as_ref().or(self.structure.as_ref());
            let descriptor = Descriptor::parse(bytes, structure).ok()?;
            picture
                .frames
                .push((mandatory.frame_number, descriptor.frame));
            if descriptor.structure.is_some() {
                picture.structure = descriptor.structure;
            }
        }
        (!picture.frames.is_empty()).then_some(picture)
    }

    /// Whether all that the picture's frames refer to was given, or comes with it.
    pub(super) fn has_references(&self, picture: &DescribedPicture) -> bool {
        self.decodable(picture, false).all(|decodable| decodable)
    }

    /// For each of the picture's frames, whether all that it refers to was given or is such a frame itself. What comes
    /// with a key picture refers to nothing before it.
    pub(super) fn decodable(
        &self,
        picture: &DescribedPicture,
        key: bool,
    ) -> impl Iterator<Item = bool> {
        let mut own = Vec::with_capacity(picture.frames.len());
        picture.frames.iter().map(move |(number, frame)| {
            let at = self.number.place(*number, 16);
            let decodable = frame.references.iter().all(|distance| {
                let wanted = at - i64::from(*distance);
                own.contains(&wanted) || !key && self.given.contains(wanted)
            });
            if decodable {
                own.push(at);
            }
            decodable
        })
    }

    pub(super) fn given(&mut self, picture: &DescribedPicture, key: bool) {
        if key {
            self.given.clear();
        }
        if let Some(structure) = &picture.structure {
            self.structure = Some(structure.clone());
        }
        for (number, _) in &picture.frames {
            let at = self.number.place(*number, 16);
            self.number.set(at);
            self.given.insert(at);
        }
    }
}
