//! VP9's picture ID and references (RFC 9628 §4.2).

use crate::video::receive::head::LayerHead;
use crate::video::receive::history::{History, Unwrapped};
use crate::video::receive::packets::Stored;
use crate::video::vp9::{GroupPicture, Vp9Descriptor};

/// The layer frames of a picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vp9Picture {
    frames: Vec<Vp9Descriptor>,
    /// The repeating pattern, where the picture brings one.
    group: Option<Vec<GroupPicture>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    picture: Unwrapped,
    /// Pictures that were given, each spatial layer for itself.
    given: History,
    /// The repeating pattern, and the picture that it began with.
    group: Vec<GroupPicture>,
    group_start: i64,
}

impl Vp9Picture {
    pub(super) fn of<'a>(packets: impl Iterator<Item = &'a Stored>) -> Self {
        let mut picture = Self::default();
        for stored in packets {
            let LayerHead::Vp9(descriptor) = stored.head.layer else {
                continue;
            };
            if descriptor.start || picture.frames.is_empty() {
                picture.frames.push(descriptor);
            }
            if descriptor.has_structure
                && let Ok((_, Some(structure), _)) = Vp9Descriptor::parse(&stored.packet.payload)
            {
                picture.group = Some(structure.group);
            }
        }
        picture
    }

    pub(super) fn is_key(&self) -> bool {
        self.frames
            .first()
            .is_some_and(|frame| frame.start && frame.is_key())
    }

    pub(super) fn place(&self) -> (u8, u8) {
        let temporal = self.frames.first().map_or(0, |frame| frame.temporal);
        let spatial = self.frames.iter().map(|frame| frame.spatial).max();
        (temporal, spatial.unwrap_or(0))
    }

    pub(super) fn lowest(&self) -> u8 {
        self.frames.first().map_or(0, |frame| frame.spatial)
    }

    /// The picture of those frames alone that are wanted.
    pub(super) fn keep(&mut self, wanted: &[bool]) {
        let mut wanted = wanted.iter();
        self.frames.retain(|_| wanted.next() == Some(&true));
    }

    fn id(&self) -> Option<(u16, u32)> {
        let first = self.frames.first()?;
        Some((
            first.picture_id?,
            if first.long_picture_id { 15 } else { 7 },
        ))
    }
}

impl State {
    fn at(&self, picture: &Vp9Picture) -> Option<i64> {
        let (id, bits) = picture.id()?;
        Some(self.picture.place(id, bits))
    }

    /// Whether the picture is the next one by its ID, and nothing below its lowest frame was lost of itself.
    pub(super) fn follows(&self, picture: &Vp9Picture) -> bool {
        let stands = picture.frames.first().is_some_and(|one| !one.inter_layer);
        match (self.at(picture), self.picture.last()) {
            (Some(at), Some(last)) => at == last + 1 && stands,
            _ => false,
        }
    }

    /// Whether all that the picture's frames refer to was given.
    pub(super) fn has_references(&self, picture: &Vp9Picture) -> bool {
        self.decodable(picture, false).all(|decodable| decodable)
    }

    /// For each of the picture's frames, whether all that it refers to was given or is such a frame itself. What comes
    /// with a key picture refers to nothing before it.
    pub(super) fn decodable(&self, picture: &Vp9Picture, key: bool) -> impl Iterator<Item = bool> {
        let at = self.at(picture);
        let mut below = None;
        picture.frames.iter().map(move |frame| {
            let lower = frame.inter_layer.then(|| frame.spatial.checked_sub(1));
            let has_lower = lower.is_none_or(|lower| lower.is_some() && lower == below);
            let decodable = at.is_some_and(|at| {
                has_lower && (!frame.inter_picture || !key && self.has_pictures(frame, at))
            });
            if decodable {
                below = Some(frame.spatial);
            }
            decodable
        })
    }

    fn has_pictures(&self, frame: &Vp9Descriptor, at: i64) -> bool {
        let references = if frame.flexible {
            frame.references
        } else {
            let offset = at - self.group_start;
            let length = self.group.len() as i64;
            let index = usize::try_from(offset.checked_rem(length).unwrap_or(-1));
            match index.ok().and_then(|index| self.group.get(index)) {
                Some(picture) => picture.references,
                None => return false,
            }
        };
        references[0] > 0
            && references
                .iter()
                .filter(|distance| **distance > 0)
                .all(|distance| {
                    self.given
                        .contains(key(at - i64::from(*distance), frame.spatial))
                })
    }

    pub(super) fn given(&mut self, picture: &Vp9Picture, is_key: bool) {
        let Some(at) = self.at(picture) else {
            return;
        };
        if is_key {
            self.given.clear();
            self.group.clear();
        }
        if let Some(group) = &picture.group {
            self.group.clone_from(group);
            self.group_start = at;
        }
        self.picture.set(at);
        for frame in &picture.frames {
            self.given.insert(key(at, frame.spatial));
        }
    }
}

/// One number for a picture's layer.
fn key(picture: i64, spatial: u8) -> i64 {
    picture * 8 + i64::from(spatial & 7)
}
