//! Holds libaom to its rate where layers make it send more.
//!
//! With layers libaom's rate control settles some ten per cent above what it is told. Letting it drop pictures would hold
//! the rate, but it drops each spatial layer by itself, and the highest would lose every sixth picture. So it is told
//! less, by as much as it sends too much.

/// What the last second took, and how much less than the wanted rate the encoder is told.
#[derive(Debug)]
pub(super) struct Overshoot {
    bytes: u64,
    /// 1/90000 s.
    ticks: u64,
    factor: f64,
}

impl Overshoot {
    pub(super) fn new() -> Self {
        Self {
            bytes: 0,
            ticks: 0,
            factor: 1.0,
        }
    }

    /// What to tell the encoder, as a part of the wanted rate.
    pub(super) fn factor(&self) -> f64 {
        self.factor
    }

    /// The wanted rate changed: what was sent before says nothing of it.
    pub(super) fn restart(&mut self) {
        (self.bytes, self.ticks) = (0, 0);
    }

    /// Counts a picture of so many bytes and 1/90000 s; `true` if the encoder is to be told another rate now.
    pub(super) fn count(&mut self, bytes: usize, ticks: u32, wanted: u64) -> bool {
        self.bytes += bytes as u64;
        self.ticks += u64::from(ticks);
        if self.ticks < 90_000 {
            return false;
        }
        let sent = self.bytes as f64 * 8.0 * 90_000.0 / self.ticks as f64;
        self.restart();
        let before = self.factor;
        let step = (wanted as f64 / sent.max(1.0)).clamp(0.8, 1.05);
        self.factor = (before * step).clamp(0.6, 1.0);
        (self.factor - before).abs() > 0.01
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoder that sends `gain` times what it is told: the rate that comes after `seconds`.
    fn settle(gain: f64, seconds: u32) -> f64 {
        let mut overshoot = Overshoot::new();
        let wanted = 1_000_000;
        for _ in 0..seconds * 30 {
            let bytes = wanted as f64 * overshoot.factor() * gain / 240.0;
            overshoot.count(bytes as usize, 3000, wanted);
        }
        overshoot.factor() * gain
    }

    #[test]
    fn too_much_is_taken_back_within_seconds() {
        assert!((settle(1.12, 3) - 1.0).abs() < 0.02);
        assert!((settle(1.4, 5) - 1.0).abs() < 0.02);
    }

    #[test]
    fn an_encoder_that_sends_less_is_not_driven() {
        assert!((settle(0.7, 10) - 0.7).abs() < 1e-9);
    }

    #[test]
    fn the_correction_is_bounded() {
        assert!((settle(5.0, 60) - 3.0).abs() < 1e-9);
    }
}
