//! Reading and writing single bits, most significant first.

use super::error::PayloadError;

/// Reads bits; past the end is an error that names what was read.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, at: 0, what }
    }

    fn truncated(&self) -> PayloadError {
        PayloadError::Truncated {
            what: self.what,
            len: self.bytes.len(),
        }
    }

    /// `count` bits, at most 32.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, PayloadError> {
        let mut value = 0_u64;
        for _ in 0..count {
            value = value << 1 | u64::from(self.flag()?);
        }
        Ok(value as u32)
    }

    pub(super) fn flag(&mut self) -> Result<bool, PayloadError> {
        let byte = self
            .bytes
            .get(self.at / 8)
            .ok_or_else(|| self.truncated())?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), PayloadError> {
        let end = self.at.saturating_add(count);
        if end > self.bytes.len() * 8 {
            return Err(self.truncated());
        }
        self.at = end;
        Ok(())
    }

    /// The bytes behind the one that was read from last.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at.div_ceil(8)..).unwrap_or(&[])
    }

    /// Exp-Golomb `ue(v)` (H.264 §9.1).
    pub(super) fn ue(&mut self) -> Result<u32, PayloadError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(PayloadError::Field {
                    field: self.what,
                    value: zeros,
                    reason: "is too long an Exp-Golomb prefix",
                });
            }
        }
        let rest = self.bits(zeros as u32)?;
        Ok((1_u32 << zeros) - 1 + rest)
    }

    /// Exp-Golomb `se(v)`.
    pub(super) fn se(&mut self) -> Result<i64, PayloadError> {
        let code = i64::from(self.ue()?);
        Ok(if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }

    /// AV1's `ns(n)`: a number below `bound` in as few bits as it takes.
    pub(super) fn non_symmetric(&mut self, bound: u32) -> Result<u32, PayloadError> {
        let width = 32 - bound.leading_zeros();
        let shorter = (1_u64 << width) as u32 - bound;
        let value = self.bits(width.saturating_sub(1))?;
        if value < shorter {
            return Ok(value);
        }
        Ok((value << 1 | u32::from(self.flag()?)) - shorter)
    }

    /// AV1's `uvlc()`.
    pub(super) fn uvlc(&mut self) -> Result<u32, PayloadError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros >= 32 {
                return Ok(u32::MAX);
            }
        }
        Ok((1_u32 << zeros) - 1 + self.bits(zeros)?)
    }
}

/// Writes bits into a buffer.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits used of the last byte; 0 where the next bit opens one.
    used: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, used: 0 }
    }

    /// The low `count` bits of `value`.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.flag(value >> bit & 1 == 1);
        }
    }

    pub(super) fn flag(&mut self, value: bool) {
        if self.used == 0 {
            self.out.push(0);
        }
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(value) << (7 - self.used);
        }
        self.used = (self.used + 1) % 8;
    }

    pub(super) fn non_symmetric(&mut self, value: u32, bound: u32) {
        let width = 32 - bound.leading_zeros();
        let shorter = (1_u64 << width) as u32 - bound;
        if value < shorter {
            self.bits(value, width.saturating_sub(1));
        } else {
            self.bits(value + shorter, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were_written() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        writer.bits(0b101, 3);
        writer.bits(0xdead_beef, 32);
        for bound in 1..40 {
            for value in 0..bound {
                writer.non_symmetric(value, bound);
            }
        }
        let mut reader = BitReader::new(&out, "test");
        assert_eq!(reader.bits(3), Ok(0b101));
        assert_eq!(reader.bits(32), Ok(0xdead_beef));
        for bound in 1..40 {
            for value in 0..bound {
                assert_eq!(reader.non_symmetric(bound), Ok(value));
            }
        }
    }

    #[test]
    fn exponential_golomb_codes_of_the_standards_table() {
        // H.264 table 9-2: 1, 010, 011, 00100, 00101 are 0 to 4, and signed 0, 1, −1, 2, −2.
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut reader = BitReader::new(&bytes, "test");
        let unsigned: Vec<u32> = (0..5).map(|_| reader.ue().unwrap()).collect();
        assert_eq!(unsigned, [0, 1, 2, 3, 4]);
        let mut reader = BitReader::new(&bytes, "test");
        let signed: Vec<i64> = (0..5).map(|_| reader.se().unwrap()).collect();
        assert_eq!(signed, [0, 1, -1, 2, -2]);
        assert!(BitReader::new(&[0; 5], "test").ue().is_err());
        assert!(BitReader::new(&[0], "test").ue().is_err());
        assert!(BitReader::new(&[0], "test").skip(9).is_err());
    }
}
