//! The picture size in an H.265 sequence parameter set (H.265 §7.3.2.2).

use super::annexb;
use super::bits::BitReader;
use super::error::PayloadError;

/// More of a parameter set than its size needs.
const LIMIT: usize = 512;

/// Width and height within the conformance window that a unit of type 33 (with its header) declares; `None` where it
/// cannot be read.
#[must_use]
pub(super) fn picture_size(sps: &[u8]) -> Option<(u32, u32)> {
    let (header, rest) = sps.split_at_checked(2)?;
    if header[0] >> 1 & 0x3f != 33 {
        return None;
    }
    parse(&annexb::unescape(rest, LIMIT)).ok().flatten()
}

fn parse(sps: &[u8]) -> Result<Option<(u32, u32)>, PayloadError> {
    let mut bits = BitReader::new(sps, "H.265 sequence parameter set");
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    bits.skip(1)?;
    skip_profile(&mut bits, sub_layers)?;
    bits.ue()?;
    let chroma_format = bits.ue()?;
    let separate_planes = chroma_format == 3 && bits.flag()?;
    let width = u64::from(bits.ue()?);
    let height = u64::from(bits.ue()?);
    let mut window = [0_u64; 4];
    if bits.flag()? {
        for side in &mut window {
            *side = u64::from(bits.ue()?);
        }
    }
    // Table 6-1.
    let (unit_x, unit_y) = match (chroma_format, separate_planes) {
        (1, _) => (2, 2),
        (2, _) => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] = window;
    let width = width.checked_sub((left + right) * unit_x);
    let height = height.checked_sub((top + bottom) * unit_y);
    Ok(width
        .zip(height)
        .filter(|(width, height)| *width > 0 && *height > 0)
        .and_then(|(width, height)| Some((width.try_into().ok()?, height.try_into().ok()?))))
}

/// `profile_tier_level` (§7.3.3).
fn skip_profile(bits: &mut BitReader<'_>, sub_layers: u32) -> Result<(), PayloadError> {
    bits.skip(88 + 8)?;
    let mut present = Vec::with_capacity(8);
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(88 * usize::from(profile) + 8 * usize::from(level))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Main profile, level 3.1, 1280 × 720, as x265 writes it.
    const MAIN: [u8; 28] = [
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,
        0x03, 0x00, 0x5d, 0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93,
    ];

    #[test]
    fn the_size_of_a_real_parameter_set() {
        assert_eq!(picture_size(&MAIN), Some((1_280, 720)));
    }

    #[test]
    fn damaged_sets_have_no_size() {
        for length in 0..22 {
            assert_eq!(picture_size(&MAIN[..length]), None, "{length}");
        }
        assert_eq!(picture_size(&[0x40, 1, 2]), None);
        assert_eq!(picture_size(&[0x42; 99]), picture_size(&[0x42; 99]));
    }
}
