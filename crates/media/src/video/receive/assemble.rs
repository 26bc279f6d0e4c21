//! Putting a picture's bytes together.

use lk_types::Codec;

use super::head::LayerHead;
use super::packets::Stored;
use crate::video::h264::H264;
use crate::video::h265::H265;
use crate::video::{av1, nal, vp8, vp9};

/// What came of a picture's packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Assembly {
    pub(super) payload: Vec<u8>,
    pub(super) layers: Vec<usize>,
    pub(super) prefix: usize,
    pub(super) keyframe: bool,
    pub(super) size: Option<(u32, u32)>,
}

/// Puts pictures of one codec together.
#[derive(Debug)]
pub(super) struct Assembler {
    codec: Codec,
    units: nal::Assembler,
}

impl Assembler {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            units: nal::Assembler::default(),
        }
    }

    /// The picture of these packets, padding left out; `None` where they do not fit together.
    pub(super) fn assemble<'a>(
        &mut self,
        packets: impl Iterator<Item = &'a Stored> + Clone,
    ) -> Option<Assembly> {
        let media = packets.filter(|stored| stored.head.media);
        let bytes = media
            .clone()
            .map(|stored| stored.packet.payload.len() + 4)
            .sum();
        let payloads = media.clone().map(|stored| &*stored.packet.payload);
        let mut assembly = Assembly {
            payload: Vec::with_capacity(bytes),
            ..Assembly::default()
        };
        match self.codec {
            Codec::Vp8 => vp8(media, &mut assembly)?,
            Codec::Vp9 => vp9(media, &mut assembly)?,
            Codec::Av1 => {
                av1::assemble(payloads, &mut assembly.payload)?;
                assembly.keyframe = av1::is_keyframe(&assembly.payload);
                assembly.size = av1::picture_size(&assembly.payload);
            }
            Codec::H265 => {
                let made = self
                    .units
                    .assemble::<H265>(payloads, &mut assembly.payload)?;
                (assembly.keyframe, assembly.size) = (made.keyframe, made.size);
                assembly.prefix = made.prefix;
            }
            _ => {
                let made = self
                    .units
                    .assemble::<H264>(payloads, &mut assembly.payload)?;
                (assembly.keyframe, assembly.size) = (made.keyframe, made.size);
                assembly.prefix = made.prefix;
            }
        }
        if assembly.layers.is_empty() {
            assembly.layers.push(assembly.payload.len());
        }
        Some(assembly)
    }
}

fn vp8<'a>(packets: impl Iterator<Item = &'a Stored>, assembly: &mut Assembly) -> Option<()> {
    for (index, stored) in packets.enumerate() {
        let LayerHead::Vp8(descriptor) = stored.head.layer else {
            return None;
        };
        // A second frame within the same picture: the packets are not what they seem.
        if descriptor.starts_frame() != (index == 0) {
            return None;
        }
        let (_, data) = vp8::Vp8Descriptor::parse(&stored.packet.payload).ok()?;
        assembly.payload.extend_from_slice(data);
    }
    assembly.keyframe = vp8::is_keyframe(&assembly.payload);
    assembly.size = vp8::picture_size(&assembly.payload);
    Some(())
}

fn vp9<'a>(packets: impl Iterator<Item = &'a Stored>, assembly: &mut Assembly) -> Option<()> {
    let mut begun = None;
    let mut sizes = Vec::new();
    let mut top = 0;
    for stored in packets {
        let (descriptor, structure, data) =
            vp9::Vp9Descriptor::parse(&stored.packet.payload).ok()?;
        if descriptor.start != begun.is_none() {
            return None;
        }
        if let Some(structure) = structure {
            sizes = structure.sizes;
        }
        if assembly.layers.is_empty() && descriptor.start {
            assembly.keyframe = descriptor.is_key();
        }
        let start = *begun.get_or_insert(assembly.payload.len());
        assembly.payload.extend_from_slice(data);
        if descriptor.end {
            assembly.layers.push(assembly.payload.len() - start);
            begun = None;
        }
        top = top.max(descriptor.spatial);
    }
    if begun.is_some() {
        return None;
    }
    if assembly.keyframe {
        let told = sizes.get(usize::from(top));
        assembly.size = told
            .map(|(width, height)| (u32::from(*width), u32::from(*height)))
            .or_else(|| vp9::picture_size(&assembly.payload).filter(|_| top == 0));
    }
    Some(())
}
