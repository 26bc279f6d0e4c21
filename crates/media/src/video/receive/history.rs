//! Which frames have been given to the decoder.

/// How far back a frame may refer; VP9 allows 127 pictures, the dependency descriptor 4,096 frames, encoders use some
/// tens.
const KEPT: usize = 512;

/// The numbers of the newest frames that were given.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    numbers: std::collections::VecDeque<i64>,
}

impl History {
    pub(super) fn insert(&mut self, number: i64) {
        if self.numbers.len() == KEPT {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        // What is referred to is nearly always among the newest.
        self.numbers.iter().rev().any(|one| *one == number)
    }

    pub(super) fn clear(&mut self) {
        self.numbers.clear();
    }
}

/// Extends a counter of a few bits by its nearest distance to the last value seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unwrapped(Option<i64>);

impl Unwrapped {
    /// Where a value of `bits` bits lies.
    pub(super) fn place(self, value: u16, bits: u32) -> i64 {
        let value = i64::from(value);
        let Some(last) = self.0 else {
            return value;
        };
        let range = 1_i64 << bits;
        let ahead = (value - last).rem_euclid(range);
        last + if ahead < range / 2 {
            ahead
        } else {
            ahead - range
        }
    }

    /// Takes a place as the reference of the next.
    pub(super) fn set(&mut self, place: i64) {
        self.0 = Some(place);
    }

    pub(super) fn last(self) -> Option<i64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_on_over_its_wrap() {
        let mut counter = Unwrapped::default();
        assert_eq!(counter.place(0x7ffe, 15), 0x7ffe);
        counter.set(0x7ffe);
        assert_eq!(counter.place(2, 15), 0x8002);
        assert_eq!(counter.place(0x7ff0, 15), 0x7ff0);
        counter.set(0x8002);
        assert_eq!(counter.place(0x7fff, 15), 0x7fff);
    }

    #[test]
    fn old_numbers_are_forgotten() {
        let mut history = History::default();
        for number in 0..=KEPT as i64 {
            history.insert(number);
        }
        assert!(!history.contains(0));
        assert!(history.contains(1) && history.contains(KEPT as i64));
    }
}
