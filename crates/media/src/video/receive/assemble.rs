//! Putting a picture's bytes together.

use lk_types::Codec;

use super::head::LayerHead;
use super::packets::Stored;
use crate::video::{h264, vp8};

/// What came of a picture's packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Assembly {
    pub(super) payload: Vec<u8>,
    pub(super) layers: Vec<usize>,
    pub(super) keyframe: bool,
    pub(super) size: Option<(u32, u32)>,
    pub(super) spatial: u8,
    pub(super) temporal: u8,
}

/// Puts pictures of one codec together.
#[derive(Debug)]
pub(super) enum Assembler {
    Vp8,
    H264(h264::Assembler),
}

impl Assembler {
    pub(super) fn new(codec: Codec) -> Self {
        match codec {
            Codec::Vp8 => Self::Vp8,
            _ => Self::H264(h264::Assembler::default()),
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
            .map(|stored| stored.packet.payload.len())
            .sum();
        let mut assembly = Assembly {
            payload: Vec::with_capacity(bytes),
            ..Assembly::default()
        };
        match self {
            Self::Vp8 => vp8(media, &mut assembly)?,
            Self::H264(assembler) => {
                let payloads = media.map(|stored| &*stored.packet.payload);
                let made = assembler.assemble(payloads, &mut assembly.payload)?;
                (assembly.keyframe, assembly.size) = (made.keyframe, made.size);
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
        assembly.temporal = descriptor.temporal.unwrap_or(0);
    }
    assembly.keyframe = vp8::is_keyframe(&assembly.payload);
    assembly.size = vp8::picture_size(&assembly.payload);
    Some(())
}
