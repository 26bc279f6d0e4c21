//! The picture size in an H.264 sequence parameter set (H.264 §7.3.2.1.1).

use super::annexb;
use super::bits::BitReader;
use super::error::PayloadError;

/// More of a parameter set than any size needs.
const LIMIT: usize = 1_024;

/// Width and height after cropping that a unit of type 7 (with its header byte) declares; `None` where it cannot be
/// read.
#[must_use]
pub(super) fn picture_size(sps: &[u8]) -> Option<(u32, u32)> {
    if sps.first()? & 0x1f != 7 {
        return None;
    }
    parse(&annexb::unescape(&sps[1..], LIMIT)).ok().flatten()
}

fn parse(sps: &[u8]) -> Result<Option<(u32, u32)>, PayloadError> {
    let mut bits = BitReader::new(sps, "H.264 sequence parameter set");
    let profile = bits.bits(8)?;
    bits.skip(16)?;
    bits.ue()?;
    let (mut chroma_format, mut separate_planes) = (1, false);
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        chroma_format = bits.ue()?;
        if chroma_format == 3 {
            separate_planes = bits.flag()?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
        if bits.flag()? {
            let lists = if chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(256) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.skip(1)?;
    let columns = u64::from(bits.ue()?) + 1;
    let map_rows = u64::from(bits.ue()?) + 1;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let mut crop = [0_u64; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = u64::from(bits.ue()?);
        }
    }
    let field_factor = if frames_only { 1 } else { 2 };
    // §6.2 table 6-1: chroma is halved across in formats 1 and 2, down in format 1 only.
    let (unit_x, unit_y) = match (chroma_format, separate_planes) {
        (1, _) => (2, 2),
        (2, _) => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] = crop;
    let width = (columns * 16).checked_sub((left + right) * unit_x);
    let height = (map_rows * 16 * field_factor).checked_sub((top + bottom) * unit_y * field_factor);
    Ok(width
        .zip(height)
        .filter(|(width, height)| *width > 0 && *height > 0)
        .and_then(|(width, height)| Some((width.try_into().ok()?, height.try_into().ok()?))))
}

fn skip_scaling_list(bits: &mut BitReader<'_>, size: usize) -> Result<(), PayloadError> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()? + 256).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_real_parameter_sets() {
        // Constrained baseline from openh264, 640 × 360 (cropped from 368 rows).
        let baseline = [
            0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc, 0xb0, 0x0f, 0x08, 0x84,
            0x6a,
        ];
        assert_eq!(picture_size(&baseline), Some((640, 360)));
        // High profile from x264, 1920 × 1080.
        let high = [
            0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00,
            0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
        ];
        assert_eq!(picture_size(&high), Some((1_920, 1_080)));
    }

    #[test]
    fn damaged_sets_have_no_size() {
        let baseline = [0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc];
        for length in 0..8 {
            assert_eq!(picture_size(&baseline[..length]), None);
        }
        assert_eq!(picture_size(&[0x67; 64]), picture_size(&[0x67; 64]));
        assert_eq!(picture_size(&[0x68, 1, 2, 3]), None);
    }
}
