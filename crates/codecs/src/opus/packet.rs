//! What a packet says about itself without being decoded.

use super::{Error, MAX_PACKET_SAMPLES};

/// Samples at 48 kHz that `packet` covers, from its table-of-contents byte (RFC 6716 §3.1, §3.2).
///
/// # Errors
/// [`Error::MalformedPacket`] where the packet is empty, lacks its frame count or claims more than 120 ms.
pub fn duration_48k(packet: &[u8]) -> Result<u32, Error> {
    let malformed = Error::MalformedPacket { len: packet.len() };
    let Ok(samples) = ::opus::packet::get_nb_samples(packet, 48_000) else {
        return Err(malformed);
    };
    match u32::try_from(samples) {
        Ok(samples) if samples > 0 && samples as usize <= MAX_PACKET_SAMPLES => Ok(samples),
        _ => Err(malformed),
    }
}

/// Whether `packet` carries a copy of the frame before it (in-band FEC, RFC 6716 §2.1.7).
///
/// Only SILK frames can. Their first bits are one voice flag for each 20 ms, then the LBRR flag, once for
/// each channel (RFC 6716 §4.2.3); all of them have probability one half, so that they stand in the first
/// byte as plain bits. A malformed packet has none.
#[must_use]
pub fn has_fec(packet: &[u8]) -> bool {
    let Some(&toc) = packet.first() else {
        return false;
    };
    // Configurations 16 to 31 are CELT, which has no such copy (RFC 6716 table 2).
    if toc & 0x80 != 0 {
        return false;
    }
    let Some(first) = first_frame_byte(packet) else {
        return false;
    };
    let silk_frames = match (toc >> 3) & 0b11 {
        // Hybrid has 10 and 20 ms only; SILK has 10, 20, 40, 60.
        _ if toc & 0x60 == 0x60 => 1,
        2 => 2,
        3 => 3,
        _ => 1,
    };
    let middle = first >> (7 - silk_frames) & 1 != 0;
    let stereo = toc & 0x04 != 0;
    // The side channel's flags follow the middle's; with three frames each its own is the eighth bit.
    let side = stereo && first >> (6 - 2 * silk_frames) & 1 != 0;
    middle || side
}

/// The first byte of the first frame, if that frame holds anything.
fn first_frame_byte(packet: &[u8]) -> Option<u8> {
    // Code 0: the rest of the packet is the one frame, as in nearly every packet of a call.
    if packet[0] & 0b11 == 0 {
        return packet.get(1).copied();
    }
    let parsed = ::opus::packet::parse(packet).ok()?;
    parsed
        .frames
        .first()
        .and_then(|frame| frame.first())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_tells_its_duration() {
        // SILK wideband 20 ms mono (configuration 9), code 0.
        assert_eq!(duration_48k(&[9 << 3, 0]), Ok(960));
        // CELT fullband 2.5 ms (configuration 28), two frames of one size.
        assert_eq!(duration_48k(&[(28 << 3) | 1, 0, 0]), Ok(240));
    }

    #[test]
    fn packets_that_make_no_sense_have_no_duration_and_no_fec() {
        // Nothing; a frame count that is missing; 48 frames of 20 ms.
        for packet in [&[][..], &[3], &[(9 << 3) | 3, 48]] {
            assert_eq!(
                duration_48k(packet),
                Err(Error::MalformedPacket { len: packet.len() })
            );
            assert!(!has_fec(packet));
        }
    }

    #[test]
    fn the_flag_is_read_after_the_voice_flags() {
        let toc = |configuration: u8, stereo: bool| (configuration << 3) | (u8::from(stereo) << 2);
        assert!(has_fec(&[toc(9, false), 0b0100_0000]));
        assert!(
            !has_fec(&[toc(9, false), 0b1000_0000]),
            "that is the voice flag"
        );
        assert!(
            has_fec(&[toc(9, true), 0b0001_0000]),
            "the side channel's flag"
        );
        assert!(
            has_fec(&[toc(11, false), 0b0001_0000]),
            "60 ms: three voice flags first"
        );
        assert!(
            has_fec(&[toc(11, true), 0b0000_0001]),
            "60 ms stereo: the eighth bit"
        );
        assert!(has_fec(&[toc(15, false), 0b0100_0000]), "hybrid");
        assert!(!has_fec(&[toc(20, false), 0xFF]), "CELT");
    }
}
