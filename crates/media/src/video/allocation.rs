//! Sharing the bandwidth out among the layers of a stream.

use std::time::{Duration, Instant};

/// A layer that bandwidth took away comes back when there is more than its minimum by this factor …
const REGAIN: f64 = 1.2;
/// … for this long.
const REGAIN_AFTER: Duration = Duration::from_secs(1);

/// The lowest layer goes on with so much, whatever it should have, bit/s.
const LEAST: u64 = 50_000;

/// What a layer needs and can use, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerLimits {
    /// Below this it is not worth sending.
    pub min: u64,
    /// Above this a higher layer is a better use.
    pub target: u64,
    /// More is no use.
    pub max: u64,
    /// Somebody wants it.
    pub active: bool,
}

/// Pixels and the least, target and most bits per second of a layer of that size at 30 frames per second. The least of
/// the largest is low on purpose: as with Google's library, who publishes 4K sees it before the path is measured.
const BY_SIZE: [(u64, [u64; 3]); 7] = [
    (320 * 180, [30_000, 150_000, 200_000]),
    (480 * 270, [100_000, 300_000, 400_000]),
    (640 * 360, [150_000, 450_000, 700_000]),
    (960 * 540, [350_000, 900_000, 1_200_000]),
    (1_280 * 720, [600_000, 1_700_000, 2_500_000]),
    (1_920 * 1_080, [900_000, 3_000_000, 5_000_000]),
    (3_840 * 2_160, [1_200_000, 8_000_000, 15_000_000]),
];

impl LayerLimits {
    /// Limits of a layer by its size, none above `max_bitrate` where the publisher gives one. Between the table's sizes
    /// they go with the pixels.
    #[must_use]
    pub fn for_size(width: u32, height: u32, max_bitrate: Option<u64>) -> Self {
        let [min, target, max] = rates(u64::from(width) * u64::from(height));
        let (target, max) = match max_bitrate {
            // The publisher knows better than the table.
            Some(limit) => (limit, limit),
            None => (target, max),
        };
        Self {
            min: min.min(max),
            target: target.min(max),
            max,
            active: true,
        }
    }
}

fn rates(pixels: u64) -> [u64; 3] {
    let above = BY_SIZE.iter().position(|(size, _)| *size >= pixels);
    match above {
        Some(0) => BY_SIZE[0].1,
        None => BY_SIZE[BY_SIZE.len() - 1].1,
        Some(index) => {
            let ((small, low), (big, high)) = (BY_SIZE[index - 1], BY_SIZE[index]);
            let mut between = [0; 3];
            for (place, (low, high)) in between.iter_mut().zip(low.into_iter().zip(high)) {
                *place = low + (high - low) * (pixels - small) / (big - small);
            }
            between
        }
    }
}

/// Shares bandwidth out, lowest layer first, and remembers which layers it had to drop.
#[derive(Clone, Debug, Default)]
pub struct Allocator {
    layers: Vec<State>,
    rates: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    on: bool,
    /// Bandwidth took it away.
    dropped: bool,
    /// Since when there is enough to bring it back.
    enough_since: Option<Instant>,
}

impl Allocator {
    /// With nothing allocated yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bits per second of each layer, 0 for one that is off: `total` less what audio needs, shared out among the active
    /// layers from the lowest on. A layer gets its target before the one above it gets anything; what is over goes to
    /// the highest that is on. The lowest active layer is on whatever happens, with a little: a video that stops tells
    /// the sender nothing about the path, and one that takes more than there is fills the path's queue.
    ///
    /// Layers go off from the top at once and come back in order, each after a second with some bandwidth to spare; one
    /// that became active comes at once.
    pub fn allocate(
        &mut self,
        limits: &[LayerLimits],
        total: u64,
        audio: u64,
        now: Instant,
    ) -> &[u64] {
        if self.layers.len() != limits.len() {
            self.layers = vec![State::default(); limits.len()];
        }
        self.rates.clear();
        self.rates.resize(limits.len(), 0);
        let mut left = total.saturating_sub(audio);
        let mut top = None;
        let mut full = false;
        for (index, (limits, state)) in limits.iter().zip(&mut self.layers).enumerate() {
            if !limits.active {
                *state = State::default();
                continue;
            }
            let lowest = top.is_none();
            let on = if lowest {
                true
            } else if full {
                false
            } else {
                state.wanted(limits, left, now)
            };
            state.dropped |= !on;
            state.on = on;
            if !on {
                // Nothing above a layer that is off.
                full = true;
                continue;
            }
            state.dropped = false;
            state.enough_since = None;
            let rate = left
                .min(limits.target)
                .max(if lowest { limits.min.min(LEAST) } else { 0 });
            self.rates[index] = rate;
            left = left.saturating_sub(rate);
            top = Some(index);
        }
        if let Some(top) = top {
            let more = limits[top].max.saturating_sub(self.rates[top]);
            self.rates[top] += left.min(more);
        }
        &self.rates
    }

    /// When to allocate again although nothing has changed: a layer may come back then.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let since = self.layers.iter().filter_map(|state| state.enough_since);
        since.map(|since| since + REGAIN_AFTER).min()
    }

    /// Whether bandwidth keeps an active layer off.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.layers.iter().any(|state| state.dropped)
    }
}

impl State {
    fn wanted(&mut self, limits: &LayerLimits, left: u64, now: Instant) -> bool {
        if self.on || !self.dropped {
            return left >= limits.min;
        }
        if (left as f64) < limits.min as f64 * REGAIN {
            self.enough_since = None;
            return false;
        }
        now >= *self.enough_since.get_or_insert(now) + REGAIN_AFTER
    }
}

/// A layer's bitrate by temporal layers, each with all those below it, as encoders take it.
#[must_use]
pub fn temporal_rates(bitrate: u64, layers: u8) -> [u64; 3] {
    let shares = match layers {
        0 | 1 => [100, 100, 100],
        2 => [60, 100, 100],
        _ => [40, 60, 100],
    };
    shares.map(|percent| bitrate / 100 * percent + bitrate % 100 * percent / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::start;

    fn simulcast() -> [LayerLimits; 3] {
        [
            LayerLimits::for_size(320, 180, Some(120_000)),
            LayerLimits::for_size(640, 360, Some(400_000)),
            LayerLimits::for_size(1_280, 720, Some(1_500_000)),
        ]
    }

    #[test]
    fn lower_layers_are_served_first_and_audio_before_them() {
        let now = start();
        let share = |total| {
            Allocator::new()
                .allocate(&simulcast(), total, 32_000, now)
                .to_vec()
        };
        assert_eq!(share(10_000_000), [120_000, 400_000, 1_500_000]);
        assert_eq!(share(2_052_000), [120_000, 400_000, 1_500_000]);
        assert_eq!(share(1_152_000), [120_000, 400_000, 600_000]);
        assert_eq!(share(1_151_999), [120_000, 400_000, 0]);
        assert_eq!(share(302_000), [120_000, 150_000, 0]);
        assert_eq!(share(201_999), [120_000, 0, 0]);
        assert_eq!(share(60_000), [30_000, 0, 0]);
        assert_eq!(share(0), [30_000, 0, 0]);
    }

    #[test]
    fn what_is_over_goes_to_the_highest_layer_that_is_on() {
        let mut limits = simulcast();
        limits[0].max = 300_000;
        limits[1].active = false;
        limits[2].active = false;
        let mut allocator = Allocator::new();
        assert_eq!(
            allocator.allocate(&limits, 250_000, 0, start()),
            [250_000, 0, 0]
        );
        assert!(!allocator.is_limited());
    }

    #[test]
    fn a_dropped_layer_comes_back_after_a_second_with_room_to_spare() {
        let begin = start();
        let mut allocator = Allocator::new();
        let mut on = |total, millis| {
            let now = begin + Duration::from_millis(millis);
            let rates = allocator.allocate(&simulcast(), total, 0, now);
            (
                rates.iter().filter(|rate| **rate > 0).count(),
                allocator.deadline(),
            )
        };
        assert_eq!(on(3_000_000, 0).0, 3);
        assert_eq!(on(500_000, 10).0, 2);
        assert_eq!(on(100_000, 20).0, 1);
        // Enough for the minimum of the second, but nothing to spare.
        assert_eq!(on(280_000, 30), (1, None));
        let back = Some(begin + Duration::from_millis(1_040));
        assert_eq!(on(3_000_000, 40), (1, back));
        assert_eq!(on(3_000_000, 1_039).0, 1);
        let (layers, next) = on(3_000_000, 1_040);
        assert_eq!(layers, 2);
        // In order: the third begins to wait when the second is back.
        assert_eq!(next, Some(begin + Duration::from_millis(2_040)));
        // A dip begins the wait anew.
        assert_eq!(on(600_000, 1_500), (2, None));
        assert_eq!(on(3_000_000, 1_600).0, 2);
        assert_eq!(on(3_000_000, 2_600).0, 3);
    }

    #[test]
    fn a_layer_that_somebody_wants_again_comes_at_once() {
        let now = start();
        let mut limits = simulcast();
        let mut allocator = Allocator::new();
        limits[2].active = false;
        allocator.allocate(&limits, 5_000_000, 0, now);
        limits[2].active = true;
        assert_eq!(allocator.allocate(&limits, 5_000_000, 0, now)[2], 1_500_000);
        limits[0].active = false;
        assert_eq!(
            allocator.allocate(&limits, 450_000, 0, now),
            [0, 400_000, 0]
        );
    }

    #[test]
    fn limits_grow_with_the_size() {
        let mut last = LayerLimits::for_size(16, 16, None);
        for width in (32..4_096).step_by(16) {
            let limits = LayerLimits::for_size(width, width * 9 / 16, None);
            assert!(
                limits.min >= last.min && limits.target >= last.target && limits.max >= last.max
            );
            assert!(limits.min < limits.target && limits.target < limits.max);
            last = limits;
        }
        assert_eq!(
            LayerLimits::for_size(1_280, 720, Some(100_000)).min,
            100_000
        );
    }

    #[test]
    fn temporal_layers_add_up() {
        assert_eq!(temporal_rates(1_000_001, 1)[0], 1_000_001);
        assert_eq!(
            temporal_rates(1_000_000, 2),
            [600_000, 1_000_000, 1_000_000]
        );
        assert_eq!(temporal_rates(1_000_000, 3), [400_000, 600_000, 1_000_000]);
        assert_eq!(temporal_rates(u64::MAX, 3)[2], u64::MAX);
    }
}
