//! Which layer refers to which picture: the reference structure that VP9 and AV1 share.
//!
//! Both codecs have eight reference buffers ("slots"). Layer `s` keeps its newest picture of temporal layer 0 in slot
//! `s`, that of the middle temporal layer in slot `3 + s`; what only the spatial layer above needs, within the same
//! picture, goes through slot `6 + s`. Three temporal layers follow the order 0 2 1 2, two the order 0 1.

use lk_types::{InterLayer, LayerFrame, ScalabilityMode};

/// What one spatial layer of one picture refers to and replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerPlan {
    pub(crate) temporal: u8,
    /// The slot with an earlier picture of this spatial layer.
    pub(crate) own: Option<u8>,
    /// The slot with the spatial layer below of the same picture.
    pub(crate) below: Option<u8>,
    /// A bit for each slot that takes this frame.
    pub(crate) update: u8,
    discardable: bool,
    switching_up: bool,
}

/// What one picture refers to and replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PicturePlan {
    pub(crate) key: bool,
    pub(crate) count: u8,
    pub(crate) layers: [LayerPlan; 3],
}

/// The structure of one stream.
#[derive(Debug)]
pub(crate) struct Layers {
    mode: ScalabilityMode,
    /// Spatial layers that are encoded, from the lowest.
    active: u8,
    key_due: bool,
    /// Pictures since the last key picture.
    position: u64,
    /// The number that the next frame gets.
    frame: u64,
    /// The number of the frame in each slot.
    slots: [u64; 8],
}

/// A place in the temporal pattern.
#[derive(Clone, Copy)]
struct Step {
    temporal: u8,
    /// Refers to the middle temporal layer's slot instead of layer 0's.
    from_middle: bool,
}

const fn step(temporal: u8, from_middle: bool) -> Step {
    Step {
        temporal,
        from_middle,
    }
}

const PATTERNS: [&[Step]; 3] = [
    &[step(0, false)],
    &[step(0, false), step(1, false)],
    &[
        step(0, false),
        step(2, false),
        step(1, false),
        step(2, true),
    ],
];

impl Layers {
    pub(crate) fn new(mode: ScalabilityMode) -> Self {
        Self {
            mode,
            active: mode.spatial_layers,
            key_due: true,
            position: 0,
            frame: 0,
            slots: [0; 8],
        }
    }

    /// Encodes this many spatial layers from now on. A layer that joins has nothing to refer to, so that a key picture
    /// comes first.
    pub(crate) fn set_active(&mut self, count: u8) {
        let count = count.clamp(1, self.mode.spatial_layers);
        self.key_due |= count > self.active;
        self.active = count;
    }

    /// What the next picture is to be. Nothing changes before [`Layers::commit`], so that a picture that the rate
    /// control drops leaves no gap.
    pub(crate) fn plan(&self, key: bool) -> PicturePlan {
        let key = key || self.key_due;
        let mut layers = [LayerPlan::default(); 3];
        for (layer, spatial) in layers.iter_mut().zip(0..self.active) {
            *layer = if key {
                self.key_layer(spatial)
            } else {
                self.delta_layer(spatial)
            };
        }
        PicturePlan {
            key,
            count: self.active,
            layers,
        }
    }

    fn key_layer(&self, spatial: u8) -> LayerPlan {
        let linked = spatial > 0 && self.mode.inter_layer != InterLayer::Never;
        LayerPlan {
            temporal: 0,
            own: None,
            below: linked.then(|| spatial - 1),
            update: if spatial == 0 {
                0xff
            } else {
                1 << spatial | 1 << (3 + spatial)
            },
            discardable: false,
            switching_up: true,
        }
    }

    fn delta_layer(&self, spatial: u8) -> LayerPlan {
        let pattern = PATTERNS[usize::from(self.mode.temporal_layers) - 1];
        let shift = if self.mode.shifted {
            u64::from(self.mode.spatial_layers - 1 - spatial)
        } else {
            0
        };
        let step = pattern[((self.position + shift) % pattern.len() as u64) as usize];
        let linked = self.mode.inter_layer == InterLayer::Always;
        // The last temporal layer of several is referred to by nothing later.
        let top = step.temporal > 0 && step.temporal + 1 == self.mode.temporal_layers;
        let home = match step.temporal {
            0 => spatial,
            _ if top => 6 + spatial,
            _ => 3 + spatial,
        };
        let needed_above = linked && spatial + 1 < self.active;
        LayerPlan {
            temporal: step.temporal,
            own: Some(if step.from_middle {
                3 + spatial
            } else {
                spatial
            }),
            below: (linked && spatial > 0).then(|| home - 1),
            update: if !top || needed_above { 1 << home } else { 0 },
            discardable: top && !needed_above,
            switching_up: step.temporal > 0 && !step.from_middle,
        }
    }

    /// The picture was encoded, in the spatial layers whose bits are set in `delivered`: says what becomes of them, and
    /// goes on to the next picture.
    pub(crate) fn commit(&mut self, plan: &PicturePlan, delivered: u8) -> [LayerFrame; 3] {
        let mut out: [LayerFrame; 3] = Default::default();
        for ((frame, layer), spatial) in out.iter_mut().zip(&plan.layers).zip(0..plan.count) {
            if delivered & (1 << spatial) == 0 {
                continue;
            }
            let mut references = Vec::with_capacity(2);
            for slot in [layer.below, layer.own].into_iter().flatten() {
                let distance = self.frame - self.slots[usize::from(slot)];
                references.push(u16::try_from(distance).unwrap_or(u16::MAX));
            }
            references.sort_unstable();
            references.dedup();
            *frame = LayerFrame {
                spatial,
                temporal: layer.temporal,
                discardable: layer.discardable,
                switching_up: layer.switching_up,
                inter_layer: layer.below.is_some(),
                references,
            };
            for (slot, number) in self.slots.iter_mut().enumerate() {
                if layer.update & (1 << slot) != 0 {
                    *number = self.frame;
                }
            }
            self.frame += 1;
        }
        self.position = if plan.key { 1 } else { self.position + 1 };
        self.key_due = false;
        out
    }
}

/// The size of each spatial layer as a fraction of the highest one's.
pub(crate) fn scaling(mode: ScalabilityMode) -> [(u32, u32); 3] {
    let below = if mode.ratio_3_2 { (2, 3) } else { (1, 2) };
    let twice = (below.0 * below.0, below.1 * below.1);
    match mode.spatial_layers {
        1 => [(1, 1); 3],
        2 => [below, (1, 1), (1, 1)],
        _ => [twice, below, (1, 1)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mode: &str, pictures: usize) -> Vec<[LayerFrame; 3]> {
        let mut layers = Layers::new(ScalabilityMode::parse(mode).unwrap());
        (0..pictures)
            .map(|_| {
                let plan = layers.plan(false);
                layers.commit(&plan, 7)
            })
            .collect()
    }

    fn temporal(pictures: &[[LayerFrame; 3]], spatial: usize) -> Vec<u8> {
        pictures.iter().map(|one| one[spatial].temporal).collect()
    }

    #[test]
    fn three_temporal_layers_go_0_2_1_2() {
        let pictures = run("L1T3", 6);
        assert_eq!(temporal(&pictures, 0), [0, 2, 1, 2, 0, 2]);
        let references: Vec<_> = pictures.iter().map(|one| &one[0].references[..]).collect();
        assert_eq!(references, [&[][..], &[1], &[2], &[1], &[4], &[1]]);
        let discardable: Vec<_> = pictures.iter().map(|one| one[0].discardable).collect();
        assert_eq!(discardable, [false, true, false, true, false, true]);
        let up: Vec<_> = pictures.iter().map(|one| one[0].switching_up).collect();
        assert_eq!(up, [true, true, true, false, false, true]);
    }

    #[test]
    fn every_layer_refers_to_the_one_below_in_the_same_picture() {
        let pictures = run("L3T3", 5);
        for picture in &pictures {
            assert_eq!(picture[1].references[0], 1);
            assert_eq!(picture[2].references[0], 1);
            assert!(!picture[0].inter_layer && picture[2].inter_layer);
        }
        assert_eq!(pictures[0][2].references, [1]);
        assert_eq!(pictures[1][0].references, [3]);
        assert_eq!(pictures[3][2].references, [1, 3]);
        assert_eq!(pictures[4][1].references, [1, 12]);
        // Only the highest layer's highest frames can go unnoticed.
        assert!(!pictures[1][0].discardable && pictures[1][2].discardable);
    }

    #[test]
    fn key_modes_link_layers_in_key_pictures_only() {
        let pictures = run("L2T2_KEY", 4);
        assert_eq!(pictures[0][1].references, [1]);
        assert_eq!(pictures[1][1].references, [2]);
        assert!(pictures[1][0].discardable && !pictures[1][1].inter_layer);
        assert_eq!(pictures[2][1].references, [4]);
    }

    #[test]
    fn shifted_modes_take_turns() {
        let pictures = run("L2T2_KEY_SHIFT", 5);
        assert_eq!(temporal(&pictures, 0), [0, 0, 1, 0, 1]);
        assert_eq!(temporal(&pictures, 1), [0, 1, 0, 1, 0]);
    }

    #[test]
    fn simulcast_modes_link_nothing() {
        for picture in run("S3T3", 9) {
            assert!(picture.iter().all(|layer| !layer.inter_layer));
        }
    }

    #[test]
    fn a_layer_that_joins_brings_a_key_picture_and_one_that_leaves_does_not() {
        let mut layers = Layers::new(ScalabilityMode::parse("L3T1").unwrap());
        let plan = layers.plan(false);
        layers.commit(&plan, 7);
        layers.set_active(1);
        let plan = layers.plan(false);
        assert_eq!((plan.key, plan.count), (false, 1));
        assert_eq!(layers.commit(&plan, 7)[0].references, [3]);
        layers.set_active(2);
        let plan = layers.plan(false);
        assert_eq!((plan.key, plan.count), (true, 2));
        layers.commit(&plan, 7);
        assert!(!layers.plan(false).key);
    }

    #[test]
    fn a_dropped_picture_leaves_the_pattern_as_it_was() {
        let mut layers = Layers::new(ScalabilityMode::parse("L1T3").unwrap());
        let plan = layers.plan(false);
        layers.commit(&plan, 7);
        assert_eq!(layers.plan(false), layers.plan(false));
        assert_eq!(layers.plan(false).layers[0].temporal, 2);
        assert!(layers.plan(true).key);
    }
}
