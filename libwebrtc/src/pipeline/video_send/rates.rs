//! How the streams of a track share what it may send: the lowest first, each up to its own limit.

use super::encoding::Encoding;

/// A stream without a limit of its own sends this much at most, by its pixels: as Google's library does.
const DEFAULT_LIMITS: [(u32, u64); 3] = [
    (320 * 240, 600_000),
    (640 * 480, 1_700_000),
    (960 * 540, 2_000_000),
];
const DEFAULT_LIMIT: u64 = 2_500_000;

/// What a picture needs to be worth sending beside a smaller one, by its pixels.
const LEAST: [(u32, u64); 4] = [
    (320 * 180, 30_000),
    (480 * 270, 100_000),
    (640 * 360, 150_000),
    (960 * 540, 350_000),
];
const LEAST_LARGE: u64 = 600_000;
/// What the lowest stream gets however little there is.
const FLOOR: u64 = 30_000;

/// Remembers which streams had room, so that they do not come and go with every estimate.
#[derive(Debug, Default)]
pub(super) struct RateShares {
    running: Vec<bool>,
    limited: bool,
}

impl RateShares {
    /// Bits per second for each stream; 0 where there is no room for it or it is not active.
    pub(super) fn split(
        &mut self,
        total: u64,
        source: (u32, u32),
        encodings: &[Encoding],
    ) -> Vec<u64> {
        let streams: Vec<Stream> = encodings
            .iter()
            .map(|encoding| {
                let (width, height) = encoding.size(source);
                let pixels = width.saturating_mul(height);
                Stream {
                    active: encoding.params().active,
                    least: by_pixels(&LEAST, pixels, LEAST_LARGE),
                    most: encoding
                        .params()
                        .max_bitrate
                        .unwrap_or_else(|| by_pixels(&DEFAULT_LIMITS, pixels, DEFAULT_LIMIT)),
                }
            })
            .collect();
        self.share(total, &streams)
    }

    /// Whether the path kept some stream below its limit the last time.
    pub(super) fn limited(&self) -> bool {
        self.limited
    }

    fn share(&mut self, total: u64, streams: &[Stream]) -> Vec<u64> {
        self.running.resize(streams.len(), false);
        self.limited = false;
        let mut left = total;
        let mut first = true;
        let mut room = true;
        streams
            .iter()
            .zip(&mut self.running)
            .map(|(stream, running)| {
                if !stream.active {
                    *running = false;
                    return 0;
                }
                let least = stream.least.min(stream.most);
                // A stream comes back a fifth above the rate at which it went.
                let needed = if *running { least } else { least + least / 5 };
                let lowest = std::mem::take(&mut first);
                if !lowest && (!room || left < needed) {
                    room = false;
                    *running = false;
                    self.limited = true;
                    return 0;
                }
                *running = true;
                let share = left.min(stream.most).max(if lowest { FLOOR } else { 1 });
                self.limited |= share < stream.most;
                left = left.saturating_sub(share);
                share
            })
            .collect()
    }
}

/// What matters of a stream.
#[derive(Clone, Copy, Debug)]
struct Stream {
    active: bool,
    least: u64,
    most: u64,
}

fn by_pixels(table: &[(u32, u64)], pixels: u32, large: u64) -> u64 {
    table
        .iter()
        .find(|(limit, _)| pixels <= *limit)
        .map_or(large, |(_, rate)| *rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulcast() -> [Stream; 3] {
        [(30_000, 150_000), (150_000, 500_000), (600_000, 1_700_000)].map(|(least, most)| Stream {
            active: true,
            least,
            most,
        })
    }

    #[test]
    fn streams_are_filled_from_the_lowest() {
        let mut shares = RateShares::default();
        for (total, expected, limited) in [
            (5_000_000, [150_000, 500_000, 1_700_000], false),
            (2_000_000, [150_000, 500_000, 1_350_000], true),
            (1_000_000, [150_000, 500_000, 0], true),
            (300_000, [150_000, 150_000, 0], true),
            (200_000, [150_000, 0, 0], true),
            (10_000, [30_000, 0, 0], true),
        ] {
            assert_eq!(shares.share(total, &simulcast()), expected, "{total}");
            assert_eq!(shares.limited(), limited, "{total}");
        }
    }

    #[test]
    fn a_stream_does_not_flicker() {
        let mut shares = RateShares::default();
        let top = |shares: &mut RateShares, total| shares.share(total, &simulcast())[2] > 0;
        assert!(!top(&mut shares, 1_300_000));
        assert!(top(&mut shares, 1_400_000));
        assert!(top(&mut shares, 1_300_000));
        assert!(!top(&mut shares, 1_200_000));
        assert!(!top(&mut shares, 1_300_000));
    }

    #[test]
    fn streams_that_nobody_watches_get_nothing_and_block_nobody() {
        let mut streams = simulcast();
        streams[0].active = false;
        streams[1].active = false;
        let mut shares = RateShares::default();
        assert_eq!(shares.share(500_000, &streams), [0, 0, 500_000]);
    }
}
