//! The layers of each scalability mode in the descriptor's terms.
//!
//! Decode target `s * temporal_layers + t` is spatial layer `s` at temporal layer `t`; chain `s` holds the frames of
//! the lowest frame rate that spatial layer `s` needs. The templates come from playing the mode's own pattern through:
//! what an encoder does otherwise, its frames say themselves.

use lk_types::{InterLayer, ScalabilityMode};

use super::track::Tracker;
use super::{Dependencies, Indication, Structure};

/// A frame's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    pub(super) key: bool,
    /// Refers to lower temporal layers only.
    pub(super) switching_up: bool,
}

/// For each decode target, what a frame is to it.
pub(super) fn indications(mode: ScalabilityMode, place: Place) -> Vec<Indication> {
    let mut all = Vec::new();
    for spatial in 0..mode.spatial_layers {
        for temporal in 0..mode.temporal_layers {
            all.push(indication(mode, place, spatial, temporal));
        }
    }
    all
}

fn indication(mode: ScalabilityMode, place: Place, spatial: u8, temporal: u8) -> Indication {
    if place.temporal > temporal || !serves(mode, place, spatial) {
        Indication::NotPresent
    } else if place.spatial < spatial {
        // Later frames of the upper layer refer to its own, which this frame is not; only a key picture ends that.
        if place.key {
            Indication::Switch
        } else {
            Indication::Required
        }
    } else if place.temporal > 0 && place.temporal == temporal {
        Indication::Discardable
    } else if place.temporal == 0 || place.switching_up {
        Indication::Switch
    } else {
        Indication::Required
    }
}

/// Whether frames of that place are of use to a spatial layer.
fn serves(mode: ScalabilityMode, place: Place, spatial: u8) -> bool {
    match mode.inter_layer {
        InterLayer::Always => place.spatial <= spatial,
        InterLayer::KeyOnly => place.spatial == spatial || place.key && place.spatial < spatial,
        InterLayer::Never => place.spatial == spatial,
    }
}

/// Whether a frame is one of a chain's.
pub(super) fn in_chain(mode: ScalabilityMode, place: Place, chain: u8) -> bool {
    place.temporal == 0 && serves(mode, place, chain)
}

/// The temporal layer of a picture by its distance from the key picture.
fn temporal_layer(mode: ScalabilityMode, spatial: u8, position: usize) -> u8 {
    // In shifted modes an upper layer is a picture ahead; all begin with the key picture.
    let shift = usize::from(mode.shifted && position > 0 && spatial > 0);
    let position = position + shift;
    match mode.temporal_layers {
        1 => 0,
        2 => (position % 2) as u8,
        _ => [0, 2, 1, 2][position % 4],
    }
}

/// A mode's structure, without sizes.
pub(super) fn structure(mode: ScalabilityMode, template_offset: u8) -> Structure {
    let targets = mode.spatial_layers * mode.temporal_layers;
    let mut templates: Vec<Dependencies> = Vec::new();
    let mut tracker = Tracker::bare(mode);
    // Two rounds of the longest pattern after the key picture: everything has come by then.
    for position in 0..9 {
        for spatial in 0..mode.spatial_layers {
            let temporal = temporal_layer(mode, spatial, position);
            let described = tracker.next(spatial, temporal, position == 0, None, temporal > 0);
            if !templates.contains(&described.frame) {
                templates.push(described.frame);
            }
        }
        tracker.end_picture(true);
    }
    templates.sort_by_key(|template| (template.spatial, template.temporal));
    Structure {
        template_offset,
        targets,
        protected_by: (0..targets)
            .map(|target| target / mode.temporal_layers)
            .collect(),
        chains: mode.spatial_layers,
        templates,
        sizes: Vec::new(),
    }
}
