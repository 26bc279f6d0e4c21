//! The quantizer of a picture, read from its bytes: OpenH264 does not tell it.

/// Reads the quantizer of each picture's first slice (H.264 §7.3.3). Knows what baseline streams of progressive pictures
/// use, which is what the encoder makes, and gives `None` for anything else.
#[derive(Debug, Default)]
pub(super) struct QpReader {
    sps: Option<Sps>,
    pps: Option<Pps>,
}

#[derive(Clone, Copy, Debug)]
struct Sps {
    frame_num_bits: u32,
    /// Bits of the picture order count; 0 where the slices do not carry one.
    order_bits: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pps {
    initial_qp: i64,
    order_delta_present: bool,
    redundant_count_present: bool,
}

/// More than any slice header of ours takes.
const HEADER_BYTES: usize = 64;

impl QpReader {
    /// The quantizer, 0 to 51, of an access unit in Annex B form. Parameter sets in it are remembered.
    pub(super) fn read(&mut self, payload: &[u8]) -> Option<u32> {
        for unit in units(payload) {
            let header = *unit.first()?;
            let mut bits = Bits::new(&unit[1..]);
            match header & 0x1f {
                7 => self.sps = Sps::read(&mut bits),
                8 => self.pps = Pps::read(&mut bits),
                kind @ (1 | 5) => {
                    let qp = slice_qp(&mut bits, kind == 5, header >> 5 & 3, self.sps?, self.pps?)?;
                    return u32::try_from(qp).ok().filter(|qp| *qp <= 51);
                }
                _ => {}
            }
        }
        None
    }
}

impl Sps {
    fn read(bits: &mut Bits) -> Option<Self> {
        // Profile, constraints, level. Only the profiles without chroma format fields are read.
        if !matches!(bits.take(8)?, 66 | 77 | 88) {
            return None;
        }
        bits.take(16)?;
        bits.unsigned()?;
        let frame_num_bits = bits.unsigned()? + 4;
        let order_bits = match bits.unsigned()? {
            0 => bits.unsigned()? + 4,
            2 => 0,
            _ => return None,
        };
        (frame_num_bits <= 16 && order_bits <= 16).then_some(Self {
            frame_num_bits,
            order_bits,
        })
    }
}

impl Pps {
    fn read(bits: &mut Bits) -> Option<Self> {
        bits.unsigned()?;
        bits.unsigned()?;
        bits.take(1)?;
        let order_delta_present = bits.take(1)? == 1;
        if bits.unsigned()? != 0 {
            return None; // slice groups
        }
        bits.unsigned()?;
        bits.unsigned()?;
        if bits.take(3)? != 0 {
            return None; // weighted prediction
        }
        let initial_qp = 26 + bits.signed()?;
        bits.signed()?;
        bits.signed()?;
        bits.take(2)?;
        Some(Self {
            initial_qp,
            order_delta_present,
            redundant_count_present: bits.take(1)? == 1,
        })
    }
}

fn slice_qp(bits: &mut Bits, idr: bool, ref_idc: u8, sps: Sps, pps: Pps) -> Option<i64> {
    bits.unsigned()?;
    let kind = bits.unsigned()? % 5;
    bits.unsigned()?;
    bits.take(sps.frame_num_bits)?;
    if idr {
        bits.unsigned()?;
    }
    if sps.order_bits > 0 {
        bits.take(sps.order_bits)?;
        if pps.order_delta_present {
            bits.signed()?;
        }
    }
    if pps.redundant_count_present {
        bits.unsigned()?;
    }
    match kind {
        0 => {
            if bits.take(1)? == 1 {
                bits.unsigned()?;
            }
            if bits.take(1)? == 1 {
                while bits.unsigned()? != 3 {
                    bits.unsigned()?;
                }
            }
        }
        2 => {}
        _ => return None,
    }
    if ref_idc != 0 {
        if idr {
            bits.take(2)?;
        } else if bits.take(1)? == 1 {
            loop {
                match bits.unsigned()? {
                    0 => break,
                    3 => {
                        bits.unsigned()?;
                        bits.unsigned()?;
                    }
                    1 | 2 | 4 | 6 => drop(bits.unsigned()?),
                    _ => {}
                }
            }
        }
    }
    Some(pps.initial_qp + bits.signed()?)
}

/// The NAL units of a byte stream (H.264 annex B), without start codes.
fn units(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(payload);
    std::iter::from_fn(move || {
        let unit = rest?;
        rest = after_start_code(unit);
        let len = rest.map_or(unit.len(), |next| unit.len() - next.len() - 3);
        Some(&unit[..len])
    })
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.windows(3).position(|three| three == [0, 0, 1])?;
    Some(&bytes[at + 3..])
}

/// Reads bits, most significant first, of a unit whose emulation prevention bytes are left out.
struct Bits {
    bytes: [u8; HEADER_BYTES],
    end: usize,
    at: usize,
}

impl Bits {
    fn new(unit: &[u8]) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        let (mut end, mut zeros) = (0, 0);
        for byte in unit {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            if end == HEADER_BYTES {
                break;
            }
            bytes[end] = *byte;
            end += 1;
        }
        Self {
            bytes,
            end: end * 8,
            at: 0,
        }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            if self.at == self.end {
                return None;
            }
            value = value << 1 | u32::from(self.bytes[self.at / 8] >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// `ue(v)` of §9.1, up to 24 bits.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 24 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// `se(v)` of §9.1.1.
    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes bits given as text; blanks are for the reader.
    fn unit(header: u8, bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits
            .bytes()
            .filter(|bit| *bit != b' ')
            .map(|bit| bit - b'0')
            .collect();
        let mut out = vec![0, 0, 0, 1, header];
        out.extend(bits.chunks(8).map(|chunk| {
            chunk
                .iter()
                .enumerate()
                .fold(0, |byte, (at, bit)| byte | bit << (7 - at))
        }));
        out
    }

    fn stream(slice_header: u8, slice: &str) -> Vec<u8> {
        [
            // Baseline, level 3.1, id 0, 4 bits of frame number, no picture order count.
            unit(0x67, "01000010 11000000 00011111 1 1 011 1"),
            // Ids 0, CAVLC, one slice group, one reference, initial quantizer 26.
            unit(0x68, "1 1 0 0 1 1 1 000 1 1 1 1 0 0 1"),
            unit(slice_header, slice),
        ]
        .concat()
    }

    #[test]
    fn the_quantizer_of_a_keyframe_and_of_what_follows() {
        let mut reader = QpReader::default();
        // First macroblock 0, type 7 (I), id 0, frame number 0, IDR id 0, no marking, delta +3.
        let key = stream(0x65, "1 0001000 1 0000 1 00 00110 1");
        assert_eq!(reader.read(&key), Some(29));
        // Type 5 (P), frame number 1, no override, no reordering, no adaptive marking, delta -2.
        let next = unit(0x61, "1 00110 1 0001 0 0 0 00101 1");
        assert_eq!(reader.read(&next), Some(24));
        // A frame that nobody refers to has no marking.
        let last = unit(0x01, "1 00110 1 0010 0 0 010 1");
        assert_eq!(reader.read(&last), Some(27));
    }

    #[test]
    fn what_is_cut_or_unknown_has_no_quantizer() {
        let key = stream(0x65, "1 0001000 1 0000 1 00 00110 1");
        for len in 0..key.len() {
            let _ = QpReader::default().read(&key[..len]);
        }
        assert_eq!(QpReader::default().read(&unit(0x65, "1 0001000 1")), None);
        assert_eq!(QpReader::default().read(&[0, 0, 1]), None);
        // A High profile sequence.
        let high = [
            unit(0x67, "01100100 00000000 00011111 1"),
            key[17..].to_vec(),
        ]
        .concat();
        assert_eq!(QpReader::default().read(&high), None);
    }
}
