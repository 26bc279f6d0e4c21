//! A sender, a seeded network and a receiver on virtual time, with the real Opus in between.
#![expect(dead_code, reason = "each test program uses its own part of this")]

pub(crate) mod measure;
pub(crate) mod network;
pub(crate) mod opus_decoder;
pub(crate) mod sender;
pub(crate) mod session;
pub(crate) mod signal;

use std::time::Instant;

/// The instant at which virtual time starts.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant cannot be had otherwise; only differences to it are used"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

/// A small generator (splitmix64): the same seed gives the same test.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
