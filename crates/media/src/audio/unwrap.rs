//! Sequence numbers and timestamps without wrap-around (RFC 3550 appendix A.1).

/// Extends a 16-bit or 32-bit counter by its nearest distance to the last value seen.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    last: Option<i64>,
}

impl Unwrapper {
    /// Position of a sequence number; becomes the reference.
    pub(super) fn sequence(&mut self, value: u16) -> i64 {
        let extended = match self.last {
            None => i64::from(value),
            Some(last) => last + i64::from(value.wrapping_sub(last as u16) as i16),
        };
        self.last = Some(extended);
        extended
    }

    /// Position of a timestamp; becomes the reference.
    pub(super) fn timestamp(&mut self, value: u32) -> i64 {
        let extended = match self.last {
            None => i64::from(value),
            Some(last) => last + i64::from(value.wrapping_sub(last as u32) as i32),
        };
        self.last = Some(extended);
        extended
    }

    /// Forgets the reference.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_over_the_wrap_in_both_directions() {
        let mut sequence = Unwrapper::default();
        assert_eq!(sequence.sequence(65_534), 65_534);
        assert_eq!(sequence.sequence(1), 65_537);
        assert_eq!(sequence.sequence(65_535), 65_535);
        let mut timestamp = Unwrapper::default();
        assert_eq!(timestamp.timestamp(u32::MAX - 9), i64::from(u32::MAX) - 9);
        assert_eq!(timestamp.timestamp(950), i64::from(u32::MAX) + 951);
        timestamp.reset();
        assert_eq!(timestamp.timestamp(7), 7);
    }
}
