//! Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 §2.2).

use lk_types::Ssrc;

/// Everything after the two sources of the RTCP header.
pub(crate) fn payload(bitrate: u64, ssrcs: &[Ssrc]) -> Vec<u8> {
    // 18 bits of mantissa, 6 of exponent.
    let mut mantissa = bitrate;
    let mut exponent: u8 = 0;
    while mantissa >= 1 << 18 {
        mantissa >>= 1;
        exponent += 1;
    }
    let [.., high, middle, low] = mantissa.to_be_bytes();
    let count = u8::try_from(ssrcs.len()).unwrap_or(u8::MAX);
    let mut payload = Vec::with_capacity(8 + 4 * usize::from(count));
    payload.extend_from_slice(b"REMB");
    payload.extend_from_slice(&[count, (exponent << 2) | high, middle, low]);
    for ssrc in ssrcs.iter().take(usize::from(count)) {
        payload.extend_from_slice(&ssrc.0.to_be_bytes());
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_mantissa_and_an_exponent() {
        // 1,048,576 = 131072 · 2³
        assert_eq!(
            payload(1 << 20, &[Ssrc(1)]),
            [b'R', b'E', b'M', b'B', 1, (3 << 2) | 2, 0, 0, 0, 0, 0, 1]
        );
        assert_eq!(payload(100, &[])[4..], [0, 0, 0, 100]);
        assert_eq!(payload(u64::MAX, &[])[5] >> 2, 46);
    }
}
