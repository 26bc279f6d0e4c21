//! Redundant audio data (RFC 2198): several generations of an encoded sound in one payload.
//!
//! A block header is `1 | PT (7) | timestamp offset (14) | length (10)`; the last header is one byte, `0 | PT`, and
//! its block, the primary, takes the rest. This module knows nothing of what the blocks hold.

use thiserror::Error;

/// Largest timestamp offset that a redundant block can have: 14 bits.
pub const MAX_OFFSET: u32 = (1 << 14) - 1;

/// Largest redundant block: 10 bits of length.
pub const MAX_BLOCK: usize = (1 << 10) - 1;

/// More generations than any sender uses; a payload with more is refused.
pub const MAX_GENERATIONS: usize = 8;

const HEADER: usize = 4;

/// A payload is not what RFC 2198 describes, or cannot be written as it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RedError {
    /// The headers do not end within the payload.
    #[error("RED headers run over the end of a payload of {len} bytes")]
    HeaderTruncated {
        /// Length of the payload.
        len: usize,
    },
    /// The blocks' lengths add up to more than is there.
    #[error("RED blocks need {needed} bytes, payload has {len}")]
    BlockTruncated {
        /// Headers and redundant blocks together.
        needed: usize,
        /// Length of the payload.
        len: usize,
    },
    /// More than [`MAX_GENERATIONS`] redundant blocks.
    #[error("RED payload has more than {MAX_GENERATIONS} redundant blocks")]
    TooManyBlocks,
    /// A payload type that does not fit 7 bits.
    #[error("RED payload type {pt} exceeds 127")]
    PayloadType {
        /// The offending payload type.
        pt: u8,
    },
}

/// One generation within a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block<'a> {
    /// Payload type of the block's own format.
    pub pt: u8,
    /// How many timestamp units the block lies before the packet's timestamp; 0 for the primary.
    pub offset: u32,
    /// The encoded sound.
    pub payload: &'a [u8],
}

/// The blocks of one payload, oldest first; the last is the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks<'a> {
    blocks: [Block<'a>; MAX_GENERATIONS + 1],
    len: usize,
}

impl<'a> Blocks<'a> {
    /// The newest sound, which belongs to the packet's own timestamp.
    #[must_use]
    pub fn primary(&self) -> Block<'a> {
        self.blocks[self.len - 1]
    }

    /// Older generations in the order of the payload. Empty blocks are left out: a sender puts them where it had
    /// nothing to repeat.
    pub fn redundant(&self) -> impl Iterator<Item = Block<'a>> + '_ {
        self.blocks[..self.len - 1]
            .iter()
            .copied()
            .filter(|block| !block.payload.is_empty())
    }
}

/// Takes a payload apart (RFC 2198 §3).
///
/// # Errors
/// Where headers or blocks do not fit the payload.
pub fn split(payload: &[u8]) -> Result<Blocks<'_>, RedError> {
    let len = payload.len();
    let mut blocks = [Block::default(); MAX_GENERATIONS + 1];
    let mut lengths = [0_usize; MAX_GENERATIONS];
    let mut count = 0;
    let mut at = 0;
    let primary_pt = loop {
        let first = *payload.get(at).ok_or(RedError::HeaderTruncated { len })?;
        if first & 0x80 == 0 {
            at += 1;
            break first;
        }
        let Some(&[_, high, middle, low]) = payload.get(at..at + HEADER) else {
            return Err(RedError::HeaderTruncated { len });
        };
        if count == MAX_GENERATIONS {
            return Err(RedError::TooManyBlocks);
        }
        blocks[count].pt = first & 0x7f;
        blocks[count].offset = u32::from(high) << 6 | u32::from(middle) >> 2;
        lengths[count] = usize::from(middle & 3) << 8 | usize::from(low);
        count += 1;
        at += HEADER;
    };
    let needed = at + lengths[..count].iter().sum::<usize>();
    if needed > len {
        return Err(RedError::BlockTruncated { needed, len });
    }
    for (block, length) in blocks.iter_mut().zip(&lengths[..count]) {
        block.payload = &payload[at..at + length];
        at += length;
    }
    blocks[count] = Block {
        pt: primary_pt,
        offset: 0,
        payload: &payload[at..],
    };
    Ok(Blocks {
        blocks,
        len: count + 1,
    })
}

/// Writes a payload into `out`, which is emptied first: `redundant` oldest first, then the primary.
///
/// A redundant block that the format cannot carry (offset 0 or above [`MAX_OFFSET`], longer than [`MAX_BLOCK`], or
/// empty) is left out, and so are the oldest ones above [`MAX_GENERATIONS`]: redundancy is a help, the primary must
/// go. Returns how many were written.
///
/// # Errors
/// Where a payload type does not fit.
pub fn join(
    primary_pt: u8,
    primary: &[u8],
    redundant: &[Block<'_>],
    out: &mut Vec<u8>,
) -> Result<usize, RedError> {
    if let Some(pt) = redundant
        .iter()
        .map(|block| block.pt)
        .chain([primary_pt])
        .find(|pt| *pt > 127)
    {
        return Err(RedError::PayloadType { pt });
    }
    let carried = || {
        let fits = |block: &&Block<'_>| {
            (1..=MAX_OFFSET).contains(&block.offset)
                && (1..=MAX_BLOCK).contains(&block.payload.len())
        };
        redundant[redundant.len().saturating_sub(MAX_GENERATIONS)..]
            .iter()
            .filter(fits)
    };
    out.clear();
    let mut written = 0;
    for block in carried() {
        let length = block.payload.len();
        out.extend_from_slice(&[
            0x80 | block.pt,
            (block.offset >> 6) as u8,
            ((block.offset & 0x3f) << 2) as u8 | (length >> 8) as u8,
            (length & 0xff) as u8,
        ]);
        written += 1;
    }
    out.push(primary_pt);
    for block in carried() {
        out.extend_from_slice(block.payload);
    }
    out.extend_from_slice(primary);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_without_redundancy_is_one_byte_longer() {
        let mut out = Vec::new();
        assert_eq!(join(111, b"abc", &[], &mut out), Ok(0));
        assert_eq!(out, b"\x6fabc");
        let blocks = split(&out).unwrap();
        assert_eq!(
            blocks.primary(),
            Block {
                pt: 111,
                offset: 0,
                payload: b"abc"
            }
        );
        assert_eq!(blocks.redundant().count(), 0);
    }

    #[test]
    fn two_generations_as_googles_sender_writes_them() {
        // Offsets 1920 and 960, lengths 3 and 2: bytes written by hand after RFC 2198 §3.
        let wire = [
            0xef, 0x1e, 0x00, 0x03, 0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 1, 1, 2, 2, 3, 3, 3, 3,
        ];
        let old = Block {
            pt: 111,
            offset: 1_920,
            payload: &[1, 1, 1],
        };
        let middle = Block {
            pt: 111,
            offset: 960,
            payload: &[2, 2],
        };
        let mut out = Vec::new();
        assert_eq!(join(111, &[3, 3, 3, 3], &[old, middle], &mut out), Ok(2));
        assert_eq!(out, wire);
        let blocks = split(&wire).unwrap();
        assert_eq!(blocks.primary().payload, &[3, 3, 3, 3]);
        assert_eq!(blocks.redundant().collect::<Vec<_>>(), [old, middle]);
    }

    #[test]
    fn a_block_that_the_format_cannot_carry_is_left_out() {
        let long = vec![7; MAX_BLOCK + 1];
        let fits = vec![8; MAX_BLOCK];
        let redundant = [
            Block {
                pt: 1,
                offset: MAX_OFFSET + 1,
                payload: b"far",
            },
            Block {
                pt: 1,
                offset: 960,
                payload: &long,
            },
            Block {
                pt: 1,
                offset: 960,
                payload: b"",
            },
            Block {
                pt: 1,
                offset: 0,
                payload: b"same",
            },
            Block {
                pt: 1,
                offset: MAX_OFFSET,
                payload: &fits,
            },
        ];
        let mut out = Vec::new();
        assert_eq!(join(2, b"p", &redundant, &mut out), Ok(1));
        let blocks = split(&out).unwrap();
        assert_eq!(blocks.redundant().collect::<Vec<_>>(), redundant[4..]);
        assert_eq!(blocks.primary().payload, b"p");
    }

    #[test]
    fn the_oldest_of_too_many_generations_go() {
        let payloads: Vec<[u8; 1]> = (0..12).map(|index| [index]).collect();
        let redundant: Vec<Block<'_>> = payloads
            .iter()
            .enumerate()
            .map(|(index, payload)| Block {
                pt: 1,
                offset: 960 * (12 - index as u32),
                payload,
            })
            .collect();
        let mut out = Vec::new();
        assert_eq!(join(1, b"p", &redundant, &mut out), Ok(MAX_GENERATIONS));
        assert_eq!(
            split(&out).unwrap().redundant().next().unwrap().payload,
            [4]
        );
    }

    #[test]
    fn damaged_payloads_are_errors() {
        assert_eq!(split(&[]), Err(RedError::HeaderTruncated { len: 0 }));
        assert_eq!(
            split(&[0x80 | 111]),
            Err(RedError::HeaderTruncated { len: 1 })
        );
        assert_eq!(
            split(&[0xef, 0x0f, 0x00, 0x02]),
            Err(RedError::HeaderTruncated { len: 4 })
        );
        assert_eq!(
            split(&[0xef, 0x0f, 0x00, 0x02, 0x6f, 1]),
            Err(RedError::BlockTruncated { needed: 7, len: 6 })
        );
        let mut many = [0xef, 0x0f, 0x00, 0x00].repeat(MAX_GENERATIONS + 1);
        many.push(0x6f);
        assert_eq!(split(&many), Err(RedError::TooManyBlocks));
        assert_eq!(
            join(128, b"", &[], &mut Vec::new()),
            Err(RedError::PayloadType { pt: 128 })
        );
        let wrong = [Block {
            pt: 200,
            offset: 1,
            payload: b"x",
        }];
        assert_eq!(
            join(1, b"", &wrong, &mut Vec::new()),
            Err(RedError::PayloadType { pt: 200 })
        );
    }

    #[test]
    fn an_empty_primary_is_legal() {
        let blocks = split(&[0xef, 0x0f, 0x00, 0x01, 0x6f, 9]).unwrap();
        assert!(blocks.primary().payload.is_empty());
        assert_eq!(blocks.redundant().next().unwrap().payload, [9]);
    }
}
