//! What a datagram shows without being opened: the stack below does not count all that webrtc-stats wants to know.

use lk_types::Ssrc;

/// STUN's magic cookie (RFC 8489 §5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A connectivity check and its answer (RFC 8445 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Request,
    Response,
}

/// What of ICE a datagram is; `None` for anything else.
pub(crate) fn check(datagram: &[u8]) -> Option<Check> {
    if datagram.get(4..8)? != COOKIE {
        return None;
    }
    match datagram.get(..2)? {
        [0x00, 0x01] => Some(Check::Request),
        [0x01, 0x01] => Some(Check::Response),
        _ => None,
    }
}

/// The part of an SRTP packet that is sent in the clear (RFC 3711 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClearRtp {
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence: u16,
    /// Bytes of the header with its sources and extensions.
    pub(crate) header: usize,
    /// It ends in padding: the estimator's, and no media.
    pub(crate) padded: bool,
}

/// Reads the header of an SRTP packet; `None` for SRTCP (RFC 5761 §4) and anything else.
pub(crate) fn rtp(datagram: &[u8]) -> Option<ClearRtp> {
    let fixed = datagram.first_chunk::<12>()?;
    if fixed[0] >> 6 != 2 || (64..96).contains(&(fixed[1] & 0x7f)) {
        return None;
    }
    let mut header = 12 + usize::from(fixed[0] & 0xf) * 4;
    if fixed[0] & 0x10 != 0 {
        let length = datagram.get(header + 2..header + 4)?;
        header += 4 + usize::from(u16::from_be_bytes([length[0], length[1]])) * 4;
    }
    (header <= datagram.len()).then(|| ClearRtp {
        ssrc: Ssrc(u32::from_be_bytes([
            fixed[8], fixed[9], fixed[10], fixed[11],
        ])),
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        header,
        padded: fixed[0] & 0x20 != 0,
    })
}

/// The cipher suite that a DTLS 1.2 server chose, where the record is its ServerHello (RFC 5246 §7.4.1.3).
pub(crate) fn chosen_cipher(record: &[u8]) -> Option<u16> {
    const HANDSHAKE: u8 = 22;
    const SERVER_HELLO: u8 = 2;
    // 13 bytes of record header, 12 of handshake header, version and random.
    const SESSION_ID: usize = 13 + 12 + 2 + 32;
    if *record.first()? != HANDSHAKE || *record.get(13)? != SERVER_HELLO {
        return None;
    }
    let at = SESSION_ID + 1 + usize::from(*record.get(SESSION_ID)?);
    let cipher = record.get(at..at + 2)?;
    Some(u16::from_be_bytes([cipher[0], cipher[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_known_by_their_kind_and_cookie() {
        let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        assert_eq!(check(&message), Some(Check::Request));
        message[0] = 1;
        assert_eq!(check(&message), Some(Check::Response));
        message[5] = 0;
        assert_eq!(check(&message), None);
        assert_eq!(check(&[0, 1]), None);
    }

    #[test]
    fn headers_have_sources_and_extensions() {
        let mut packet = vec![0x80, 96, 0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 7];
        let plain = ClearRtp {
            ssrc: Ssrc(7),
            sequence: 0x1234,
            header: 12,
            padded: false,
        };
        assert_eq!(rtp(&packet), Some(plain));
        packet[0] = 0xb2;
        packet.extend([0; 8]);
        packet.extend([0xbe, 0xde, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        let full = ClearRtp {
            header: 32,
            padded: true,
            ..plain
        };
        assert_eq!(rtp(&packet), Some(full));
        packet.truncate(30);
        assert_eq!(rtp(&packet), None, "cut short");
        packet[1] = 200;
        assert_eq!(rtp(&packet), None, "a sender report");
    }

    #[test]
    fn the_server_says_its_cipher() {
        let mut record = vec![22, 0xfe, 0xfd];
        record.resize(13, 0);
        record.push(2);
        record.resize(13 + 12 + 34, 0);
        record.extend([1, 9, 0xc0, 0x2b]);
        assert_eq!(chosen_cipher(&record), Some(0xc02b));
        record.truncate(62);
        assert_eq!(chosen_cipher(&record), None);
        record[13] = 1;
        assert_eq!(chosen_cipher(&record), None, "a client's");
    }
}
