//! What the frames of a stream are to one another: numbers, references, chains.

use lk_types::{EncodedVideo, InterLayer, ScalabilityMode};

use super::layout::{self, Place};
use super::{Dependencies, Structure};

/// How many frames back the tracker knows about.
const KEPT: usize = 256;

/// How many pictures of the lowest layer repeat which decode targets are active, after that has changed.
const REPEATS: u8 = 10;

/// Counts the frames of a stream as they are sent.
#[derive(Clone, Debug)]
pub(in crate::video) struct Tracker {
    mode: ScalabilityMode,
    structure: Structure,
    next: u64,
    picture: u64,
    /// The newest frames: number, picture, spatial layer.
    frames: std::collections::VecDeque<(u64, u64, u8)>,
    /// The last frame of each layer since the key picture.
    last: [[Option<u64>; 3]; 3],
    /// The last frame of each chain.
    chains: [Option<u64>; 3],
    /// Layers that are being sent: spatial, temporal.
    active: (u8, u8),
    /// How often to say so still.
    repeat: u8,
    picture_starts: bool,
}

/// A frame in the descriptor's terms, and in VP9's.
#[derive(Clone, Debug)]
pub(in crate::video) struct Described {
    pub(in crate::video) number: u16,
    pub(in crate::video) frame: Dependencies,
    /// Distances in pictures to the frames of the same spatial layer that it refers to.
    pub(in crate::video) pictures_back: Vec<u16>,
    /// Refers to the layer below of its own picture.
    pub(in crate::video) inter_layer: bool,
    /// Begins a picture.
    pub(in crate::video) first_of_picture: bool,
}

impl Tracker {
    pub(in crate::video) fn new(mode: ScalabilityMode) -> Self {
        Self {
            structure: layout::structure(mode, 0),
            ..Self::bare(mode)
        }
    }

    /// Without a structure.
    pub(super) fn bare(mode: ScalabilityMode) -> Self {
        Self {
            mode,
            structure: Structure::default(),
            next: 0,
            picture: 0,
            frames: std::collections::VecDeque::with_capacity(KEPT),
            last: [[None; 3]; 3],
            chains: [None; 3],
            active: (mode.spatial_layers, mode.temporal_layers),
            repeat: 0,
            picture_starts: true,
        }
    }

    pub(in crate::video) fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Which of the lowest layers are being sent.
    pub(in crate::video) fn set_active(&mut self, spatial: u8, temporal: u8) {
        let active = (
            spatial.clamp(1, self.mode.spatial_layers),
            temporal.clamp(1, self.mode.temporal_layers),
        );
        if active != self.active {
            self.active = active;
            self.repeat = REPEATS;
        }
    }

    /// The active decode targets, where the frame should tell them.
    pub(in crate::video) fn active_targets(
        &mut self,
        described: &Described,
        key: bool,
    ) -> Option<u32> {
        let lowest = described.frame.spatial == 0 && described.frame.temporal == 0;
        if !key && (self.repeat == 0 || !lowest) {
            return None;
        }
        self.repeat = self.repeat.saturating_sub(1);
        let mut mask = 0;
        for target in 0..self.structure.targets {
            let layers = self.mode.temporal_layers;
            if target / layers < self.active.0 && target % layers < self.active.1 {
                mask |= 1 << target;
            }
        }
        Some(mask)
    }

    /// Takes the next frame of the stream.
    pub(in crate::video) fn frame(&mut self, video: &EncodedVideo) -> Described {
        let layer = &video.layer;
        let told = (!layer.references.is_empty()).then_some(&layer.references[..]);
        let mut described = self.next(
            layer.spatial,
            layer.temporal,
            video.keyframe,
            told,
            layer.switching_up,
        );
        described.inter_layer |= layer.inter_layer;
        self.end_picture(video.end_of_picture);
        described
    }

    /// The frame that was taken last is its picture's last, or not.
    pub(super) fn end_picture(&mut self, end: bool) {
        self.picture_starts = end;
        self.picture += u64::from(end);
    }

    /// Takes a frame; without `told` references those of the mode's pattern.
    pub(super) fn next(
        &mut self,
        spatial: u8,
        temporal: u8,
        key: bool,
        told: Option<&[u16]>,
        switching_up: bool,
    ) -> Described {
        let number = self.next;
        self.next += 1;
        let first_of_picture = self.picture_starts;
        self.picture_starts = false;
        if key && first_of_picture {
            self.last = [[None; 3]; 3];
            self.chains = [None; 3];
        }
        let references = match told {
            Some(told) => told.to_vec(),
            None => self.pattern(number, spatial, temporal, key),
        };
        let place = Place {
            spatial,
            temporal,
            key,
            switching_up,
        };
        let chains = (0..self.mode.spatial_layers)
            .map(|chain| {
                let last = self.chains[usize::from(chain)];
                // Further back than can be told, or not sent at all: as if the chain had not begun.
                last.filter(|_| chain < self.active.0)
                    .and_then(|last| u8::try_from(number - last).ok())
                    .unwrap_or(0)
            })
            .collect();
        for chain in 0..self.mode.spatial_layers {
            if layout::in_chain(self.mode, place, chain) {
                self.chains[usize::from(chain)] = Some(number);
            }
        }
        let mut pictures_back = Vec::new();
        let mut inter_layer = false;
        for distance in &references {
            let found = number
                .checked_sub(u64::from(*distance))
                .and_then(|wanted| self.frames.iter().rev().find(|(one, _, _)| *one == wanted));
            match found {
                Some((_, picture, _)) if *picture == self.picture => inter_layer = true,
                Some((_, picture, layer)) if *layer == spatial => {
                    pictures_back.push((self.picture - picture) as u16);
                }
                _ => {}
            }
        }
        if self.frames.len() == KEPT {
            self.frames.pop_front();
        }
        self.frames.push_back((number, self.picture, spatial));
        self.last[usize::from(spatial.min(2))][usize::from(temporal.min(2))] = Some(number);
        Described {
            number: number as u16,
            frame: Dependencies {
                spatial,
                temporal,
                indications: layout::indications(self.mode, place),
                references,
                chains,
            },
            pictures_back,
            inter_layer,
            first_of_picture,
        }
    }

    /// The references of the mode's own pattern, nearest first: the layer below in the same picture, and of the same
    /// layer the newest frame of a lower frame rate.
    fn pattern(&self, number: u64, spatial: u8, temporal: u8, key: bool) -> Vec<u16> {
        let mut references = Vec::new();
        let below = match self.mode.inter_layer {
            InterLayer::Always => true,
            InterLayer::KeyOnly => key,
            InterLayer::Never => false,
        };
        if spatial > 0 && below {
            references.push(1);
        }
        if !key {
            let own = &self.last[usize::from(spatial.min(2))];
            let lower = usize::from(temporal.min(2)).max(1);
            if let Some(newest) = own[..lower].iter().flatten().max() {
                references.push(u16::try_from(number - newest).unwrap_or(u16::MAX));
            }
        }
        references
    }
}
