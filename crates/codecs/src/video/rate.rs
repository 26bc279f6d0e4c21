//! Figures that the encoders with layers derive from the rates in the same way.

use lk_types::ScalabilityMode;

use super::VideoRates;

/// Keyframes may take so many per cent of an average picture's bits: half of the buffer that the rate control aims
/// at, and at least three pictures' worth, so that a keyframe neither chokes a slow link nor looks like mud.
pub(crate) fn max_intra_percent(optimal_buffer_ms: u32, framerate: f64) -> u32 {
    let half_buffer = f64::from(optimal_buffer_ms) / 2.0 / 1000.0 * framerate * 100.0;
    (half_buffer as u32).max(300)
}

/// The part of the rate that temporal layers up to each one may use, in per mille, by the number of layers. A lower
/// layer's pictures are referred to for longer, so they are worth more bits.
const TEMPORAL_SHARE: [[u64; 3]; 3] = [[1000, 0, 0], [600, 1000, 0], [400, 600, 1000]];

/// Bit/s of each spatial layer and, inside it, of each temporal layer with those below it; `[s][t]`.
fn layer_rates(rates: &VideoRates, spatial: u8, temporal: u8) -> [[u64; 3]; 3] {
    let count = usize::from(spatial.clamp(1, 3));
    // A layer of twice the width and height has four times the pixels, yet needs about two and a half times the bits.
    const SPLIT: [[u64; 3]; 3] = [[1000, 0, 0], [290, 710, 0], [100, 250, 650]];
    let given = rates.spatial_bitrates.filter(|_| count > 1);
    let per_layer = given.unwrap_or_else(|| {
        let total = rates.total();
        SPLIT[count - 1].map(|share| total * share / 1000)
    });
    let mut out = [[0; 3]; 3];
    for (layer, bitrate) in out.iter_mut().zip(per_layer).take(count) {
        let bitrate = bitrate.min(1_000_000_000);
        *layer = TEMPORAL_SHARE[usize::from(temporal.clamp(1, 3)) - 1]
            .map(|share| bitrate * share / 1000);
    }
    out
}

/// The same in kbit/s: all layers together, and each at `spatial * temporal layers + temporal`. A spatial layer that is off
/// has 0; the others have at least 10, because libraries take 0 for off.
pub(crate) fn layer_kilobits(rates: &VideoRates, mode: ScalabilityMode) -> (u32, [u32; 9]) {
    let layers = layer_rates(rates, mode.spatial_layers, mode.temporal_layers);
    let temporal = usize::from(mode.temporal_layers);
    let kilobits = |bitrate: u64| u32::try_from(bitrate / 1000).unwrap_or(u32::MAX);
    let mut out = [0; 9];
    for (spatial, layer) in layers
        .iter()
        .enumerate()
        .take(usize::from(mode.spatial_layers))
    {
        let least = if layer[temporal - 1] > 0 { 10 } else { 0 };
        for (bitrate, at) in layer.iter().take(temporal).zip(spatial * temporal..) {
            out[at] = kilobits(*bitrate).max(least);
        }
    }
    (kilobits(rates.total()), out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporal_layers_hold_those_below_and_the_top_one_everything() {
        let rates = VideoRates {
            bitrate: 1_000_000,
            framerate: 30.0,
            spatial_bitrates: None,
        };
        let layers = layer_rates(&rates, 3, 3);
        assert_eq!(layers[0], [40_000, 60_000, 100_000]);
        assert_eq!(layers.iter().map(|one| one[2]).sum::<u64>(), 1_000_000);
        let given = VideoRates {
            spatial_bitrates: Some([200_000, 300_000, 0]),
            ..rates
        };
        assert_eq!(
            layer_rates(&given, 3, 1),
            [[200_000, 0, 0], [300_000, 0, 0], [0; 3]]
        );
        assert_eq!(given.total(), 500_000);
    }

    #[test]
    fn a_keyframe_is_bounded_by_half_of_the_buffer() {
        assert_eq!(max_intra_percent(600, 30.0), 900);
        assert_eq!(max_intra_percent(600, 5.0), 300);
    }
}
