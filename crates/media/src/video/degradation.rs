//! Smaller pictures or fewer of them, where the bitrate is too low for what was captured (W3C
//! `RTCDegradationPreference`).

mod effort;

use std::time::{Duration, Instant};

use lk_types::Codec;

use effort::Effort;

/// What to keep while the bitrate is too low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DegradationPreference {
    /// Neither size nor frame rate may change: quality suffers.
    Disabled,
    /// The frame rate: pictures become smaller.
    MaintainFramerate,
    /// The size: there are fewer pictures.
    MaintainResolution,
    /// A bit of both.
    #[default]
    Balanced,
}

/// What to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adaptation {
    /// Sides are to be multiplied by the first and divided by the second.
    pub scale: (u32, u32),
    /// Frames per second at most.
    pub fps: u32,
}

impl Adaptation {
    /// A size as this makes it; even, and never zero.
    #[must_use]
    pub fn size(&self, width: u32, height: u32) -> (u32, u32) {
        let (up, down) = self.scale;
        if up == down {
            return (width, height);
        }
        let side = |side: u32| {
            let scaled = u64::from(side) * u64::from(up) / u64::from(down.max(1));
            (u32::try_from(scaled).unwrap_or(side) & !1).max(2)
        };
        (side(width), side(height))
    }
}

/// A step down: the sides' factor, the frame rate's.
type Step = ((u32, u32), (u32, u32));

const SIZES: [Step; 6] = [
    ((1, 1), (1, 1)),
    ((3, 4), (1, 1)),
    ((1, 2), (1, 1)),
    ((3, 8), (1, 1)),
    ((1, 4), (1, 1)),
    ((1, 6), (1, 1)),
];
const RATES: [Step; 5] = [
    ((1, 1), (1, 1)),
    ((1, 1), (2, 3)),
    ((1, 1), (1, 2)),
    ((1, 1), (1, 3)),
    ((1, 1), (1, 6)),
];
const BOTH: [Step; 7] = [
    ((1, 1), (1, 1)),
    ((1, 1), (2, 3)),
    ((3, 4), (2, 3)),
    ((1, 2), (2, 3)),
    ((1, 2), (1, 2)),
    ((3, 8), (1, 2)),
    ((1, 4), (1, 3)),
];

/// Pixels, and the bits per second below which a smaller picture looks better, at 30 frames per second of VP8 or H.264.
const NEEDED: [(u64, u64); 8] = [
    (160 * 90, 20_000),
    (320 * 180, 60_000),
    (480 * 270, 110_000),
    (640 * 360, 180_000),
    (960 * 540, 350_000),
    (1_280 * 720, 600_000),
    (1_920 * 1_080, 1_200_000),
    (3_840 * 2_160, 4_000_000),
];

/// Pictures and frame rates below which nothing is taken away any more.
const LEAST_PIXELS: u64 = 160 * 90;
const LEAST_FPS: u32 = 5;

/// A step up needs so many percent more than its own rate, and that for so long.
const UP_MARGIN: u64 = 120;
const UP_AFTER: Duration = Duration::from_secs(3);
/// A step down follows where so many percent are not reached, this long after the last change.
const DOWN_MARGIN: u64 = 90;
const DOWN_AFTER: Duration = Duration::from_secs(1);
/// Where there is less than a half of what the step needs for so long, the path has become another one: all steps down
/// are taken together, to the first that needs no more than twice what there is. While a queue empties there is less
/// for a moment than the path carries.
const FALL: u64 = 2;
const FALL_AFTER: Duration = Duration::from_millis(200);

/// Chooses size and frame rate by the bitrate, without going back and forth.
#[derive(Clone, Debug)]
pub struct Degradation {
    preference: DegradationPreference,
    codec: Codec,
    step: usize,
    changed: Option<Instant>,
    /// Since when the bitrate allows the next better step.
    enough_since: Option<Instant>,
    /// Since when there is far too little for this step.
    fallen_since: Option<Instant>,
    effort: Effort,
}

impl Degradation {
    /// At full size and rate.
    #[must_use]
    pub fn new(preference: DegradationPreference, codec: Codec) -> Self {
        Self {
            preference,
            codec,
            step: 0,
            changed: None,
            enough_since: None,
            fallen_since: None,
            effort: Effort::default(),
        }
    }

    /// What to encode at that bitrate of what is captured: the size and at most `fps` frames per second. Call it at each
    /// new bitrate and a few times a second.
    pub fn adapt(
        &mut self,
        bitrate: u64,
        (width, height): (u32, u32),
        fps: u32,
        now: Instant,
    ) -> Adaptation {
        let pixels = u64::from(width) * u64::from(height);
        let steps = self.steps(pixels, fps);
        self.step = self.step.min(steps.len() - 1);
        match self.changed {
            None => {
                // The first time the right step is taken at once.
                self.step = steps
                    .iter()
                    .position(|step| bitrate >= self.needed(*step, pixels))
                    .unwrap_or(steps.len() - 1);
                self.changed = Some(now);
            }
            Some(changed) => {
                let step = self.step;
                self.effort
                    .weigh(bitrate, self.needed(steps[step], pixels), now);
                self.move_on(steps, bitrate, pixels, now, changed);
                if self.step != step {
                    self.effort.begin();
                }
            }
        }
        let (scale, (up, down)) = steps[self.step];
        Adaptation {
            scale,
            fps: (fps * up / down).max(fps.min(LEAST_FPS)),
        }
    }

    /// What became of a picture: whether the encoder left it out for want of bits.
    pub fn encoded(&mut self, left_out: bool) {
        self.effort.count(left_out);
    }

    /// Something was taken away.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.step > 0
    }

    /// Takes another preference, from full size and rate on.
    pub fn set_preference(&mut self, preference: DegradationPreference) {
        if preference != self.preference {
            *self = Self::new(preference, self.codec);
        }
    }

    fn move_on(
        &mut self,
        steps: &[Step],
        bitrate: u64,
        pixels: u64,
        now: Instant,
        changed: Instant,
    ) {
        let mut all = [0; BOTH.len()];
        for (needs, step) in all.iter_mut().zip(steps) {
            *needs = self.needed(*step, pixels) * self.effort.percent() / 100;
        }
        let needs = |step: usize| all[step];
        let short = bitrate < needs(self.step) * DOWN_MARGIN / 100;
        if bitrate >= needs(self.step) / FALL {
            self.fallen_since = None;
        }
        if short && self.step + 1 < steps.len() {
            self.enough_since = None;
            if bitrate < needs(self.step) / FALL {
                if now >= *self.fallen_since.get_or_insert(now) + FALL_AFTER {
                    self.step = (self.step + 1..steps.len() - 1)
                        .find(|step| needs(*step) <= bitrate * FALL)
                        .unwrap_or(steps.len() - 1);
                    (self.changed, self.fallen_since) = (Some(now), None);
                }
            } else if now >= changed + DOWN_AFTER {
                self.step += 1;
                self.changed = Some(now);
            }
            return;
        }
        let enough = self.step > 0 && bitrate >= needs(self.step - 1) * UP_MARGIN / 100;
        if !enough {
            self.enough_since = None;
            return;
        }
        if now >= *self.enough_since.get_or_insert(now) + UP_AFTER {
            self.step -= 1;
            self.changed = Some(now);
            self.enough_since = None;
        }
    }

    /// The preference's steps that leave something to see.
    fn steps(&self, pixels: u64, fps: u32) -> &'static [Step] {
        let steps: &'static [Step] = match self.preference {
            DegradationPreference::Disabled => &SIZES[..1],
            DegradationPreference::MaintainFramerate => &SIZES,
            DegradationPreference::MaintainResolution => &RATES,
            DegradationPreference::Balanced => &BOTH,
        };
        let worth = |((up, down), (frames, of)): &Step| {
            pixels * u64::from(up * up) / u64::from(down * down) >= LEAST_PIXELS
                && fps * frames / of >= LEAST_FPS
        };
        let count = 1 + steps[1..].iter().take_while(|step| worth(step)).count();
        &steps[..count]
    }

    /// Bits per second below which the step is not worth taking.
    fn needed(&self, ((up, down), (frames, of)): Step, pixels: u64) -> u64 {
        let pixels = pixels * u64::from(up * up) / u64::from(down * down);
        let all = needed_for(pixels);
        // Fewer frames differ more: half of them take six tenths.
        let rate = match (frames, of) {
            (1, 1) => 100,
            (2, 3) => 75,
            (1, 2) => 60,
            (1, 3) => 45,
            _ => 28,
        };
        let codec = match self.codec {
            Codec::Vp9 | Codec::H265 => 75,
            Codec::Av1 => 65,
            _ => 100,
        };
        all * rate * codec / 10_000
    }
}

fn needed_for(pixels: u64) -> u64 {
    match NEEDED.iter().position(|(size, _)| *size >= pixels) {
        Some(0) => NEEDED[0].1,
        None => NEEDED[NEEDED.len() - 1].1,
        Some(index) => {
            let ((small, low), (big, high)) = (NEEDED[index - 1], NEEDED[index]);
            low + (high - low) * (pixels - small) / (big - small)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lk_testkit::start;

    const HD: (u32, u32) = (1_280, 720);

    fn first(preference: DegradationPreference, bitrate: u64) -> Adaptation {
        Degradation::new(preference, Codec::Vp8).adapt(bitrate, HD, 30, start())
    }

    /// What becomes of the size at a bitrate and so many milliseconds, with the frame rate kept.
    fn scales() -> impl FnMut(u64, u64) -> (u32, u32) {
        let begin = start();
        let mut degradation =
            Degradation::new(DegradationPreference::MaintainFramerate, Codec::Vp8);
        move |bitrate, millis| {
            let now = begin + Duration::from_millis(millis);
            degradation.adapt(bitrate, HD, 30, now).scale
        }
    }

    #[test]
    fn each_preference_keeps_what_it_names() {
        use DegradationPreference::*;
        for preference in [Disabled, MaintainFramerate, MaintainResolution, Balanced] {
            let full = first(preference, 2_000_000);
            assert_eq!((full.size(1_280, 720), full.fps), (HD, 30));
        }
        assert_eq!(first(Disabled, 50_000).size(1_280, 720), HD);
        assert_eq!(first(Disabled, 50_000).fps, 30);
        assert_eq!(
            first(MaintainFramerate, 200_000),
            Adaptation {
                scale: (1, 2),
                fps: 30
            }
        );
        assert_eq!(first(MaintainResolution, 400_000).scale, (1, 1));
        assert_eq!(first(MaintainResolution, 400_000).fps, 15);
        let balanced = first(Balanced, 300_000);
        assert!(balanced.scale != (1, 1) && balanced.fps < 30);
    }

    #[test]
    fn better_codecs_keep_the_size_longer() {
        let of = |codec| {
            Degradation::new(DegradationPreference::MaintainFramerate, codec)
                .adapt(420_000, HD, 30, start())
                .scale
        };
        assert_eq!((of(Codec::H264), of(Codec::Av1)), ((3, 4), (1, 1)));
    }

    #[test]
    fn steps_follow_one_another_slowly_and_do_not_swing() {
        let mut at = scales();
        assert_eq!(at(1_500_000, 0), (1, 1));
        assert_eq!(at(550_000, 100), (1, 1), "within the margin");
        assert_eq!(at(400_000, 500), (1, 1), "too soon");
        assert_eq!(at(400_000, 1_000), (3, 4));
        assert_eq!(at(180_000, 1_500), (3, 4), "too soon");
        assert_eq!(at(180_000, 2_000), (1, 2));
        // Just above what the next step needs: stays.
        assert_eq!(at(370_000, 9_000), (1, 2));
        assert_eq!(at(370_000, 19_000), (1, 2));
        assert_eq!(at(1_500_000, 20_000), (1, 2));
        assert_eq!(at(1_500_000, 22_999), (1, 2));
        assert_eq!(at(1_500_000, 23_000), (3, 4));
        assert_eq!(at(1_500_000, 26_100), (3, 4));
        assert_eq!(at(1_500_000, 29_100), (1, 1));
    }

    #[test]
    fn a_fall_takes_all_steps_together() {
        let mut at = scales();
        assert_eq!(at(2_500_000, 0), (1, 1));
        assert_eq!(at(105_000, 10_000), (1, 1));
        assert_eq!(at(105_000, 10_200), (1, 2));
        // The queue is empty: as much as the path carries.
        assert_eq!(at(270_000, 11_000), (1, 2));
        assert_eq!(at(270_000, 20_000), (1, 2));
        // Not for a moment.
        assert_eq!(at(60_000, 20_100), (1, 2));
        assert_eq!(at(270_000, 20_200), (1, 2));
        assert_eq!(at(60_000, 20_250), (1, 2));
        assert_eq!(at(10_000, 20_450), (1, 6));
    }

    #[test]
    fn pictures_that_take_more_than_others_become_smaller_and_try_again_later() {
        let begin = start();
        let mut degradation =
            Degradation::new(DegradationPreference::MaintainFramerate, Codec::Vp8);
        let mut number = 0;
        let mut course = |seconds, leaves_out: fn((u32, u32)) -> bool| {
            let mut scale = (1, 1);
            for _ in 0..seconds * 30 {
                let now = begin + Duration::from_millis(number * 100 / 3);
                scale = degradation.adapt(270_000, HD, 30, now).scale;
                degradation.encoded(number % 3 == 0 && leaves_out(scale));
                number += 1;
            }
            scale
        };
        assert_eq!(course(1, |_| false), (1, 2));
        assert_eq!(course(4, |scale| scale == (1, 2)), (3, 8));
        assert_eq!(course(4, |scale| scale == (1, 2)), (3, 8));
        assert_eq!(course(60, |_| false), (1, 2));
    }

    #[test]
    fn pictures_that_take_many_times_more_than_others_become_smaller_still() {
        let mut degradation = Degradation::new(DegradationPreference::Balanced, Codec::Vp8);
        let mut last = None;
        for number in 0..600 {
            let now = start() + Duration::from_millis(number * 100 / 3);
            let adapted = degradation.adapt(300_000, HD, 30, now);
            // Larger ones are left out but for one in eight.
            let (width, _) = adapted.size(HD.0, HD.1);
            degradation.encoded(width > 320 && number % 8 != 0);
            last = Some((width, adapted.fps));
        }
        assert_eq!(last, Some((320, 10)));
    }

    #[test]
    fn what_is_left_out_although_there_is_plenty_says_nothing() {
        let mut degradation =
            Degradation::new(DegradationPreference::MaintainFramerate, Codec::Vp8);
        for number in 0..300 {
            let now = start() + Duration::from_millis(number * 100 / 3);
            let bitrate = if number < 200 { u64::MAX } else { 6_000_000 };
            let scale = degradation.adapt(bitrate, HD, 30, now).scale;
            degradation.encoded(true);
            assert_eq!(scale, (1, 1));
        }
    }

    #[test]
    fn something_is_left_to_see_of_small_pictures() {
        for preference in [
            DegradationPreference::MaintainFramerate,
            DegradationPreference::MaintainResolution,
            DegradationPreference::Balanced,
        ] {
            for (width, height) in [(2, 2), (160, 90), (320, 180), (1, 4_096), (4_096, 4_096)] {
                for fps in [1, 5, 15, 30, 60] {
                    let mut degradation = Degradation::new(preference, Codec::Vp8);
                    let adaptation = degradation.adapt(0, (width, height), fps, start());
                    let (new_width, new_height) = adaptation.size(width, height);
                    assert!(new_width >= 1 && new_height >= 1);
                    assert!(adaptation.fps >= fps.min(5) && adaptation.fps <= fps);
                }
            }
        }
    }
}
