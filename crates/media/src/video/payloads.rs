//! The payloads of one frame while they are being written.

/// How many bytes the packets of a frame may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// In the first packet, which may carry a bigger header extension.
    pub(super) first: usize,
    /// In every other one.
    pub(super) rest: usize,
}

impl Room {
    /// What is left beside `bytes` of header in each packet.
    pub(super) fn without(self, bytes: usize) -> Self {
        Self {
            first: self.first.saturating_sub(bytes).max(1),
            rest: self.rest.saturating_sub(bytes).max(1),
        }
    }

    /// The room in a frame's packet of that index.
    pub(super) fn of(self, index: usize) -> usize {
        if index == 0 { self.first } else { self.rest }
    }
}

/// Payloads one after the other in one buffer, which is kept from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Payloads {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Finished payloads.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds to the payload that is being written.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next byte starts another payload.
    pub(super) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// A finished payload.
    pub(super) fn payload(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

/// Lengths that share `total` bytes out among as few packets as `room` allows, as evenly as it allows: one small
/// packet at the end costs as much as a full one and is lost as easily.
pub(super) fn even_lengths(total: usize, room: Room) -> impl Iterator<Item = usize> {
    // As if the first packet had the others' room and its extra header were media.
    let extra = room.rest.saturating_sub(room.first);
    let mut packets = if total <= room.first {
        usize::from(total > 0)
    } else {
        (total + extra).div_ceil(room.rest.max(1))
    };
    let first = if packets < 2 {
        total
    } else {
        let share = ((total + extra) / packets).saturating_sub(extra).max(1);
        share.max(total.saturating_sub((packets - 1) * room.rest))
    };
    let mut left = total;
    std::iter::from_fn(move || {
        if packets == 0 {
            return None;
        }
        let length = if left == total { first } else { left / packets };
        packets -= 1;
        left -= length;
        Some(length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_fits_and_shares_differ_by_little() {
        for first in [1, 5, 60, 99, 100] {
            for total in 0..1_500 {
                let room = Room { first, rest: 100 };
                let lengths: Vec<usize> = even_lengths(total, room).collect();
                assert_eq!(lengths.iter().sum::<usize>(), total);
                for (index, length) in lengths.iter().enumerate() {
                    assert!(
                        (1..=room.of(index)).contains(length),
                        "{total} in {room:?}: {lengths:?}"
                    );
                }
                let fewest = if total <= first {
                    usize::from(total > 0)
                } else {
                    (total + 100 - first).div_ceil(100)
                };
                assert_eq!(lengths.len(), fewest, "{total} in {room:?}");
                if let (Some(most), Some(least)) =
                    (lengths.iter().skip(1).max(), lengths.iter().skip(1).min())
                {
                    assert!(most - least <= 2, "{total} in {room:?}: {lengths:?}");
                }
            }
        }
    }

    #[test]
    fn payloads_are_kept_apart() {
        let mut payloads = Payloads::default();
        payloads.write(b"one");
        payloads.end();
        payloads.write(b"tw");
        payloads.write(b"o");
        payloads.end();
        assert_eq!(payloads.len(), 2);
        assert_eq!(
            (payloads.payload(0), payloads.payload(1)),
            (&b"one"[..], &b"two"[..])
        );
    }
}
