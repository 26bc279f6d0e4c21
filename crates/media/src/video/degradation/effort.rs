//! What pictures take, learned from those that an encoder leaves out.

use std::time::{Duration, Instant};

/// How many bits these pictures need, in percent of what the table says, by what the encoder leaves out.
#[derive(Clone, Debug)]
pub(super) struct Effort {
    percent: u64,
    /// Of the pictures since `since`.
    all: u32,
    left_out: u32,
    since: Option<Instant>,
    /// The lowest since then.
    bitrate: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            percent: 100,
            all: 0,
            left_out: 0,
            since: None,
            bitrate: 0,
        }
    }
}

impl Effort {
    /// Pictures are looked at together for so long …
    const SPAN: Duration = Duration::from_secs(1);
    const LEAST: u32 = 10;
    /// … and where more than one of so many is left out, they take more than there is.
    const LEFT_OUT: u32 = 6;
    const MOST: u64 = 1_000;
    /// What they were found to take is doubted by so many percent each time that none is left out.
    const DOUBT: u64 = 2;

    /// A picture was encoded, or left out for want of bits.
    pub(super) fn count(&mut self, left_out: bool) {
        self.all += 1;
        self.left_out += u32::from(left_out);
    }

    /// Looks at pictures from here on: they are others.
    pub(super) fn begin(&mut self) {
        (self.all, self.left_out, self.since) = (0, 0, None);
    }

    pub(super) fn percent(&self) -> u64 {
        self.percent
    }

    /// Draws its conclusions from time to time; `needed` is what the table says of the present step.
    pub(super) fn weigh(&mut self, bitrate: u64, needed: u64, now: Instant) {
        // An encoder that was told of less makes up for what it spent before.
        if self.since.is_some() && bitrate < self.bitrate / 10 * 9 {
            self.begin();
        }
        let Some(since) = self.since else {
            self.begin();
            (self.since, self.bitrate) = (Some(now), bitrate);
            return;
        };
        self.bitrate = self.bitrate.min(bitrate);
        if now < since + Self::SPAN || self.all < Self::LEAST {
            return;
        }
        if self.left_out * Self::LEFT_OUT > self.all {
            // So much that the step has too little from now on. Where there is plenty it is for another reason.
            let takes = bitrate.saturating_mul(120) / needed.max(1);
            if takes <= Self::MOST {
                // The further from what was thought the more often it has to be seen.
                self.percent = self.percent.max(takes.min(self.percent * 2));
            }
        } else if self.left_out == 0 {
            self.percent = (self.percent * (100 - Self::DOUBT) / 100).max(100);
        }
        self.begin();
    }
}
