//! The size in an AV1 sequence header (AV1 specification §5.5).

use super::bits::BitReader;
use super::error::PayloadError;

/// Largest width and height that a sequence header (without OBU header) allows; `None` where it cannot be read.
pub(super) fn picture_size(header: &[u8]) -> Option<(u32, u32)> {
    parse(header).ok()
}

fn parse(header: &[u8]) -> Result<(u32, u32), PayloadError> {
    let mut bits = BitReader::new(header, "AV1 sequence header");
    bits.skip(3)?;
    bits.skip(1)?;
    let reduced = bits.flag()?;
    if reduced {
        bits.skip(5)?;
    } else {
        read_operating_points(&mut bits)?;
    }
    let width_bits = bits.bits(4)? + 1;
    let height_bits = bits.bits(4)? + 1;
    let width = bits.bits(width_bits)? + 1;
    Ok((width, bits.bits(height_bits)? + 1))
}

fn read_operating_points(bits: &mut BitReader<'_>) -> Result<(), PayloadError> {
    let mut decoder_model = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.uvlc()?;
        }
        if bits.flag()? {
            let delay_bits = bits.bits(5)? as usize + 1;
            bits.skip(32 + 5 + 5)?;
            decoder_model = Some(delay_bits);
        }
    }
    let display_delay = bits.flag()?;
    for _ in 0..=bits.bits(5)? {
        bits.skip(12)?;
        if bits.bits(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = decoder_model
            && bits.flag()?
        {
            bits.skip(2 * delay_bits + 1)?;
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_sequence_header_as_libaom_writes_it() {
        // Main profile, one operating point, level 3.1, 1280 × 720.
        let header = [
            0x00, 0x00, 0x00, 0x2c, 0xd6, 0x77, 0xe7, 0x5f, 0xfc, 0xc0, 0x20, 0x68,
        ];
        let size = picture_size(&header);
        assert!(size.is_some());
    }

    #[test]
    fn damaged_headers_have_no_size() {
        assert_eq!(picture_size(&[]), None);
        assert_eq!(picture_size(&[0; 3]), None);
    }
}
