//! The dependency descriptor, a header extension that tells which frames of which layer need which others (appendix A
//! of the Alliance's RTP payload format for AV1). A selective forwarder reads it without knowing the codec.

mod layout;
mod read;
#[cfg(test)]
mod tests;
mod track;
mod write;

pub(super) use track::{Described, Tracker};
pub use write::WriteError;

/// Most decode targets that a structure may have.
pub const MAX_TARGETS: usize = 32;
/// Most templates that a structure may have.
pub const MAX_TEMPLATES: usize = 64;
/// Most spatial layers.
pub const MAX_SPATIAL: u8 = 4;
/// Most temporal layers.
pub const MAX_TEMPORAL: u8 = 8;
/// Most frames that a received frame may refer to; encoders have at most eight buffers.
pub const MAX_REFERENCES: usize = 32;

/// What a frame is to a decode target (appendix A.8.1, `DTI`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    /// Not part of it.
    NotPresent,
    /// Part of it, and no other frame of it refers to this one.
    Discardable,
    /// All later frames of it can be decoded once this one is.
    Switch,
    /// Part of it.
    Required,
}

impl Indication {
    fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::NotPresent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }

    fn bits(self) -> u32 {
        match self {
            Self::NotPresent => 0,
            Self::Discardable => 1,
            Self::Switch => 2,
            Self::Required => 3,
        }
    }
}

/// What a frame depends on and serves; as a template, of all frames that are like it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// For each decode target.
    pub indications: Vec<Indication>,
    /// Distances in frame numbers to the frames it refers to.
    pub references: Vec<u16>,
    /// For each chain, the distance in frame numbers to its frame before this one; 0 for none.
    pub chains: Vec<u8>,
}

/// The layers of a stream: what a key frame announces and descriptors after it refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    /// The first template's id; another offset is another structure.
    pub template_offset: u8,
    /// Decode targets, 1 to [`MAX_TARGETS`].
    pub targets: u8,
    /// For each decode target the chain that shows whether it is whole; empty without chains.
    pub protected_by: Vec<u8>,
    /// Number of chains.
    pub chains: u8,
    /// 1 to [`MAX_TEMPLATES`] of them, ordered by spatial, then temporal layer.
    pub templates: Vec<Dependencies>,
    /// Width and height of each spatial layer, up to 65,536; empty where not told.
    pub sizes: Vec<(u32, u32)>,
}

impl Structure {
    /// A bit for each decode target.
    #[must_use]
    pub fn all_targets(&self) -> u32 {
        match self.targets {
            0 => 0,
            targets => u32::MAX >> (32 - u32::from(targets.min(32))),
        }
    }
}

/// The first three bytes, which need no structure to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mandatory {
    /// The packet is the frame's first.
    pub start_of_frame: bool,
    /// The packet is the frame's last.
    pub end_of_frame: bool,
    /// Which template, counted from the structure's offset modulo 64.
    pub template: u8,
    /// Counts frames, each layer of a picture for itself.
    pub frame_number: u16,
}

/// A whole descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What every descriptor has.
    pub mandatory: Mandatory,
    /// The frame's dependencies: its template's, where it does not say otherwise.
    pub frame: Dependencies,
    /// A bit for each decode target that is being sent, where the descriptor says.
    pub active_targets: Option<u32>,
    /// A structure that holds from this frame on.
    pub structure: Option<Structure>,
}
