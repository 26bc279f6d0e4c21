//! The spatial layers inside one RTP stream: what each may send.

use std::time::Instant;

use lk_media::video::allocation::{Allocator, LayerLimits};
use lk_types::ScalabilityMode;

use super::LayerParams;

/// Most spatial layers of a stream (`L3…`).
const MOST: usize = 3;

/// Shares a stream's rate out among its spatial layers, as simulcast's streams share a track's.
#[derive(Debug)]
pub(super) struct SpatialLayers {
    layers: Vec<LayerParams>,
    /// Sides of neighbouring layers.
    ratio: f64,
    allocator: Allocator,
}

impl SpatialLayers {
    /// `None` for a stream that has no layers to share among.
    pub(super) fn new(layers: &[LayerParams], mode: ScalabilityMode) -> Option<Self> {
        (layers.len() > 1).then(|| Self {
            layers: layers.iter().copied().take(MOST).collect(),
            ratio: if mode.ratio_3_2 { 1.5 } else { 2.0 },
            allocator: Allocator::new(),
        })
    }

    pub(super) fn set_layers(&mut self, layers: &[LayerParams]) {
        layers.clone_into(&mut self.layers);
    }

    /// What all of them together need and can use for pictures of that size.
    pub(super) fn limits(&self, size: (u32, u32)) -> LayerLimits {
        let each = self.each(size);
        let active = || each.iter().filter(|one| one.active);
        LayerLimits {
            min: active().map(|one| one.min).min().unwrap_or(0),
            target: active().map(|one| one.target).sum(),
            max: active().map(|one| one.max).sum(),
            active: active().next().is_some(),
        }
    }

    /// bit/s of each layer, lowest first, 0 from the first on for which there is no room or no viewer.
    pub(super) fn share(&mut self, bitrate: u64, size: (u32, u32), now: Instant) -> [u64; MOST] {
        let limits = self.each(size);
        let rates = self
            .allocator
            .allocate(&limits[..self.layers.len()], bitrate, 0, now);
        let mut shares = [0; MOST];
        shares[..rates.len()].copy_from_slice(rates);
        shares
    }

    fn each(&self, (width, height): (u32, u32)) -> [LayerLimits; MOST] {
        // A layer is made from the one below it, so that one is needed whoever watches.
        let wanted = self.layers.iter().rposition(|layer| layer.active);
        let count = self.layers.len();
        let mut each = [LayerLimits {
            min: 0,
            target: 0,
            max: 0,
            active: false,
        }; MOST];
        for (at, (limits, layer)) in each.iter_mut().zip(&self.layers).enumerate() {
            let divisor = self.ratio.powi(i32::try_from(count - 1 - at).unwrap_or(0));
            let side = |whole: u32| ((f64::from(whole) / divisor).round() as u32).max(1);
            *limits = LayerLimits {
                active: wanted.is_some_and(|highest| at <= highest),
                ..LayerLimits::for_size(side(width), side(height), layer.max_bitrate)
            };
        }
        each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(active: [bool; 3]) -> Vec<LayerParams> {
        active
            .into_iter()
            .zip([120_000, 400_000, 1_500_000])
            .map(|(active, max_bitrate)| LayerParams {
                active,
                max_bitrate: Some(max_bitrate),
            })
            .collect()
    }

    fn of(active: [bool; 3]) -> SpatialLayers {
        let mode = ScalabilityMode::parse("L3T3_KEY").expect("a mode");
        SpatialLayers::new(&layers(active), mode).expect("three layers")
    }

    #[test]
    fn a_stream_without_layers_has_nothing_to_share() {
        assert!(SpatialLayers::new(&[], ScalabilityMode::L1T1).is_none());
        assert!(SpatialLayers::new(&layers([true; 3])[..1], ScalabilityMode::L1T1).is_none());
    }

    #[test]
    fn the_highest_layers_go_where_the_path_or_the_viewers_want_less() {
        let hd = (1_280, 720);
        let mut all = of([true; 3]);
        assert_eq!(
            all.share(10_000_000, hd, Instant::now()),
            [120_000, 400_000, 1_500_000]
        );
        assert_eq!(
            all.share(700_000, hd, Instant::now()),
            [120_000, 400_000, 0]
        );
        assert_eq!(all.limits(hd).max, 2_020_000);
        let mut two = of([true, true, false]);
        assert_eq!(
            two.share(10_000_000, hd, Instant::now()),
            [120_000, 400_000, 0]
        );
        assert_eq!(two.limits(hd).max, 520_000);
    }

    #[test]
    fn a_layer_keeps_those_below_it() {
        let hd = (1_280, 720);
        let mut top = of([false, false, true]);
        assert_eq!(
            top.share(10_000_000, hd, Instant::now()),
            [120_000, 400_000, 1_500_000]
        );
        let none = of([false; 3]);
        assert!(!none.limits(hd).active);
    }
}
