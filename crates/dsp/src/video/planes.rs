//! The loops between planar formats: samples apart and together, more and fewer, of eight bits and of ten.

use super::sys::Kernel;

/// Two planes' samples, turn by turn.
pub(super) struct Interleave<'a> {
    pub(super) from: [&'a [u8]; 2],
    pub(super) into: &'a mut [u8],
}

impl Kernel for Interleave<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [first, second] = self.from;
        for ((pair, &first), &second) in self
            .into
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(first)
            .zip(second)
        {
            *pair = [first, second];
        }
    }
}

/// The reverse of [`Interleave`].
pub(super) struct Deinterleave<'a> {
    pub(super) from: &'a [u8],
    pub(super) into: [&'a mut [u8]; 2],
}

impl Kernel for Deinterleave<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [first, second] = self.into;
        for ((pair, first), second) in self.from.as_chunks::<2>().0.iter().zip(first).zip(second) {
            let pair = u16::from_le_bytes(*pair);
            (*first, *second) = (pair as u8, (pair >> 8) as u8);
        }
    }
}

/// Ten bits to eight.
pub(super) struct Narrow<'a> {
    pub(super) from: &'a [u8],
    pub(super) into: &'a mut [u8],
}

impl Kernel for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (sample, into) in self.from.as_chunks::<2>().0.iter().zip(self.into) {
            // More than ten bits are white rather than something else.
            *into = (u16::from_ne_bytes(*sample) >> 2).min(255) as u8;
        }
    }
}

/// Eight bits to ten.
pub(super) struct Widen<'a> {
    pub(super) from: &'a [u8],
    pub(super) into: &'a mut [u8],
}

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (&sample, into) in self.from.iter().zip(self.into.as_chunks_mut::<2>().0) {
            *into = (u16::from(sample) << 2).to_ne_bytes();
        }
    }
}

/// Chroma of one sampling to another.
pub(super) struct Resample<'a> {
    /// The same row twice, or two rows whose mean is wanted.
    pub(super) from: [&'a [u8]; 2],
    pub(super) into: &'a mut [u8],
    pub(super) change: Change,
}

/// What happens to the length of a chroma row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Keep,
    Halve,
    Double,
}

impl Kernel for Resample<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [upper, lower] = self.from;
        match self.change {
            Change::Keep => {
                for ((into, &upper), &lower) in self.into.iter_mut().zip(upper).zip(lower) {
                    *into = (u16::from(upper) + u16::from(lower)).div_ceil(2) as u8;
                }
            }
            Change::Halve => {
                let pairs = upper.len() / 2;
                let (into, odd) = self.into.split_at_mut(pairs);
                halve(self.from, into);
                if let (Some(odd), Some(&upper), Some(&lower)) =
                    (odd.first_mut(), upper.last(), lower.last())
                {
                    *odd = (u16::from(upper) + u16::from(lower)).div_ceil(2) as u8;
                }
            }
            Change::Double => {
                double(upper, self.into);
                if let (1, Some(last), Some(&sample)) =
                    (self.into.len() % 2, self.into.last_mut(), upper.last())
                {
                    *last = sample;
                }
            }
        }
    }
}

/// Each sample twice; `into` may be longer.
#[inline(always)]
fn double(from: &[u8], into: &mut [u8]) {
    for (pair, &sample) in into.as_chunks_mut::<2>().0.iter_mut().zip(from) {
        *pair = [sample, sample];
    }
}

/// The mean of each two by two samples; the rows may be longer.
#[inline(always)]
pub(super) fn halve(rows: [&[u8]; 2], into: &mut [u8]) {
    let [upper, lower] = rows.map(|row| row.as_chunks::<2>().0);
    for ((into, upper), lower) in into.iter_mut().zip(upper).zip(lower) {
        let pairs = [upper, lower].map(|pair| u16::from_le_bytes(*pair));
        let sum: u16 = pairs.iter().map(|pair| (pair & 0xff) + (pair >> 8)).sum();
        *into = ((sum + 2) >> 2) as u8;
    }
}
