//! Whether two payload formats are the same codec in the same variant.
//!
//! Payload types differ between offers and between sides; name, clock rate, channels and the parameters that
//! choose a bitstream variant do not.

use lk_types::Codec;

use crate::fmtp;

/// Whether two `a=fmtp` parameter lists of one codec name the same variant of it.
#[must_use]
pub fn same_variant(codec: Codec, ours: &[(String, String)], theirs: &[(String, String)]) -> bool {
    let same = |name: &str, default: &str| {
        fmtp::value(ours, name).unwrap_or(default) == fmtp::value(theirs, name).unwrap_or(default)
    };
    match codec {
        // RFC 6184 §8.2.2: mode and profile must be the same, the level may differ.
        Codec::H264 => {
            let profile = |pairs| {
                H264Profile::parse(fmtp::value(pairs, "profile-level-id").unwrap_or("42000a"))
            };
            same("packetization-mode", "0")
                && profile(ours).is_some()
                && profile(ours) == profile(theirs)
        }
        // RFC 9628 §6.
        Codec::Vp9 => same("profile-id", "0"),
        // AV1 RTP payload format §7.2.
        Codec::Av1 => same("profile", "0"),
        // RFC 7798 §7.1.
        Codec::H265 => same("profile-id", "1") && same("tier-flag", "0") && same("tx-mode", "SRST"),
        Codec::Opus | Codec::Red | Codec::Vp8 | Codec::Rtx => true,
    }
}

/// Profiles that RFC 6184 §8.1 (table 5) tells apart by `profile_idc` and the constraint flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum H264Profile {
    /// What every H.264 implementation of WebRTC has (RFC 7742 §6.2).
    ConstrainedBaseline,
    /// With slice groups and redundant slices.
    Baseline,
    /// Main.
    Main,
    /// High without interlacing and B frames.
    ConstrainedHigh,
    /// High.
    High,
    /// High 4:4:4 predictive.
    PredictiveHigh444,
}

impl H264Profile {
    /// Reads a `profile-level-id`; `None` where it is not six hexadecimal digits or names none of these.
    #[must_use]
    pub fn parse(profile_level_id: &str) -> Option<Self> {
        let (idc, iop, _) = bytes(profile_level_id)?;
        match idc {
            // 0x40 is constraint_set1: the stream also obeys Main, which leaves constrained baseline.
            0x42 if iop & 0x4f == 0x40 => Some(Self::ConstrainedBaseline),
            0x42 if iop & 0x4f == 0x00 => Some(Self::Baseline),
            0x4d if iop & 0x8f == 0x80 => Some(Self::ConstrainedBaseline),
            0x4d if iop & 0xaf == 0x00 => Some(Self::Main),
            0x58 if iop & 0xcf == 0xc0 => Some(Self::ConstrainedBaseline),
            0x58 if iop & 0xcf == 0x80 => Some(Self::Baseline),
            0x64 if iop == 0x00 => Some(Self::High),
            0x64 if iop == 0x0c => Some(Self::ConstrainedHigh),
            0xf4 if iop == 0x00 => Some(Self::PredictiveHigh444),
            _ => None,
        }
    }
}

/// The `profile-level-id` of an answer (RFC 6184 §8.2.2): our own level where both sides allow asymmetry, else
/// the lower of the two.
#[must_use]
pub fn answer_profile_level_id(
    ours: &[(String, String)],
    theirs: &[(String, String)],
) -> Option<String> {
    let own = fmtp::value(ours, "profile-level-id")?;
    let other = fmtp::value(theirs, "profile-level-id").unwrap_or(own);
    let asymmetric = |pairs| fmtp::value(pairs, "level-asymmetry-allowed") == Some("1");
    let (own_idc, own_iop, own_level) = bytes(own)?;
    let (_, _, other_level) = bytes(other)?;
    let level = if asymmetric(ours) && asymmetric(theirs) {
        own_level
    } else {
        own_level.min(other_level)
    };
    Some(format!("{own_idc:02x}{own_iop:02x}{level:02x}"))
}

fn bytes(profile_level_id: &str) -> Option<(u8, u8, u8)> {
    if profile_level_id.len() != 6
        || !profile_level_id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
    {
        return None;
    }
    let value = u32::from_str_radix(profile_level_id, 16).ok()?;
    let [_, idc, iop, level] = value.to_be_bytes();
    Some((idc, iop, level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(codec: Codec, a: &str, b: &str) -> bool {
        same_variant(codec, &fmtp::split(a), &fmtp::split(b))
    }

    #[test]
    fn h264_matches_by_profile_and_mode_but_not_by_level() {
        let ours = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        assert!(same(
            Codec::H264,
            ours,
            "packetization-mode=1;profile-level-id=42e034"
        ));
        assert!(
            same(
                Codec::H264,
                ours,
                "profile-level-id=42C01F;packetization-mode=1"
            ),
            "constrained baseline too"
        );
        assert!(!same(
            Codec::H264,
            ours,
            "packetization-mode=0;profile-level-id=42e01f"
        ));
        assert!(!same(
            Codec::H264,
            ours,
            "packetization-mode=1;profile-level-id=42001f"
        ));
        assert!(!same(
            Codec::H264,
            ours,
            "packetization-mode=1;profile-level-id=64001f"
        ));
        assert!(!same(
            Codec::H264,
            ours,
            "packetization-mode=1;profile-level-id=ééé"
        ));
    }

    #[test]
    fn missing_parameters_mean_the_formats_defaults() {
        assert!(same(Codec::Vp9, "profile-id=0", ""));
        assert!(!same(Codec::Vp9, "profile-id=0", "profile-id=2"));
        assert!(same(Codec::Av1, "level-idx=5;profile=0;tier=0", ""));
        assert!(same(Codec::H264, "", "profile-level-id=42001f"));
    }

    #[test]
    fn the_answers_level_is_the_lower_one_unless_both_allow_asymmetry() {
        let level = |ours: &str, theirs: &str| {
            answer_profile_level_id(&fmtp::split(ours), &fmtp::split(theirs))
        };
        let asymmetric = "level-asymmetry-allowed=1;profile-level-id=42e01f";
        assert_eq!(
            level(
                asymmetric,
                "level-asymmetry-allowed=1;profile-level-id=42e00d"
            )
            .as_deref(),
            Some("42e01f")
        );
        assert_eq!(
            level(asymmetric, "profile-level-id=42e00d").as_deref(),
            Some("42e00d")
        );
        assert_eq!(level("", "profile-level-id=42e00d"), None);
    }
}
