//! One trickled ICE candidate.

use std::fmt;
use std::net::IpAddr;

use crate::session_description::SdpParseError;

/// A candidate and the m-line it belongs to.
#[derive(Clone)]
pub struct IceCandidate {
    sdp_mid: String,
    sdp_mline_index: i32,
    candidate: String,
}

impl IceCandidate {
    /// Reads a candidate attribute (RFC 8839 §5.1), with or without `a=` in front.
    ///
    /// # Errors
    /// Says which of the six fixed fields is missing or malformed. Host names (mDNS) pass: whether they can
    /// be used is decided where the candidate is applied.
    pub fn parse(
        sdp_mid: &str,
        sdp_mline_index: i32,
        sdp: &str,
    ) -> Result<IceCandidate, SdpParseError> {
        let candidate = sdp
            .trim_end()
            .strip_prefix("a=")
            .unwrap_or_else(|| sdp.trim_end());
        check(candidate).map_err(|description| SdpParseError {
            line: sdp.to_owned(),
            description,
        })?;
        Ok(Self::trusted(sdp_mid, sdp_mline_index, candidate))
    }

    /// A candidate of our own making, which needs no check.
    pub(crate) fn trusted(sdp_mid: &str, sdp_mline_index: i32, candidate: &str) -> Self {
        Self {
            sdp_mid: sdp_mid.to_owned(),
            sdp_mline_index,
            candidate: candidate.to_owned(),
        }
    }

    /// Identification of its m-line.
    #[must_use]
    pub fn sdp_mid(&self) -> String {
        self.sdp_mid.clone()
    }

    /// Position of its m-line, from 0.
    #[must_use]
    pub fn sdp_mline_index(&self) -> i32 {
        self.sdp_mline_index
    }

    /// The attribute's text, from `candidate:` on.
    #[must_use]
    pub fn candidate(&self) -> String {
        self.candidate.clone()
    }

    /// The attribute's text without a copy.
    pub(crate) fn as_str(&self) -> &str {
        &self.candidate
    }
}

fn check(candidate: &str) -> Result<(), String> {
    let Some(value) = candidate.strip_prefix("candidate:") else {
        return Err("does not start with `candidate:`".to_owned());
    };
    let mut fields = value.split_ascii_whitespace();
    let mut field = |name: &str| fields.next().ok_or_else(|| format!("lacks its {name}"));
    let foundation = field("foundation")?;
    if foundation.len() > 32 {
        return Err(format!(
            "its foundation {foundation:?} is longer than 32 characters"
        ));
    }
    let number = |name: &str, text: &str, largest: u32| match text.parse::<u32>() {
        Ok(value) if value <= largest => Ok(()),
        _ => Err(format!(
            "its {name} {text:?} is not a number up to {largest}"
        )),
    };
    number("component", field("component")?, 256)?;
    let transport = field("transport")?;
    if !transport.eq_ignore_ascii_case("udp")
        && !transport.eq_ignore_ascii_case("tcp")
        && !transport.eq_ignore_ascii_case("ssltcp")
    {
        return Err(format!(
            "its transport {transport:?} is neither udp nor tcp"
        ));
    }
    number("priority", field("priority")?, u32::MAX)?;
    let address = field("address")?;
    if address.parse::<IpAddr>().is_err() && !address.contains('.') {
        return Err(format!(
            "its address {address:?} is neither an IP address nor a host name"
        ));
    }
    number("port", field("port")?, 65_535)?;
    if field("type")? != "typ" {
        return Err("lacks `typ` after its port".to_owned());
    }
    let kind = field("type")?;
    if !["host", "srflx", "prflx", "relay"].contains(&kind) {
        return Err(format!("its type {kind:?} is unknown"));
    }
    Ok(())
}

impl fmt::Display for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.candidate)
    }
}

impl fmt::Debug for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCandidate")
            .field("candidate", &self.candidate)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_of_all_kinds_are_read() {
        for text in [
            "candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host",
            "candidate:4 1 UDP 1 2001:db8::1 9 typ host generation 0 ufrag abcd",
            "a=candidate:2 1 tcp 1671430143 10.0.0.1 7881 typ host tcptype passive",
            "candidate:3 1 udp 1 1.2.3.4 4000 typ srflx raddr 0.0.0.0 rport 0\r\n",
            "candidate:3 1 udp 1 0a1b2c3d.local 4000 typ host",
        ] {
            let candidate = IceCandidate::parse("0", 0, text).expect(text);
            assert!(
                candidate.candidate().starts_with("candidate:"),
                "{candidate}"
            );
            assert!(!candidate.to_string().ends_with('\n'));
        }
    }

    #[test]
    fn malformed_candidates_are_refused() {
        for text in [
            "",
            "candidate:",
            "candidate:1 1 udp",
            "candidate:1 1 sctp 1 1.2.3.4 1 typ host",
            "candidate:1 x udp 1 1.2.3.4 1 typ host",
            "candidate:1 1 udp 1 nowhere 1 typ host",
            "candidate:1 1 udp 1 1.2.3.4 70000 typ host",
            "candidate:1 1 udp 1 1.2.3.4 1 kind host",
            "candidate:1 1 udp 1 1.2.3.4 1 typ other",
        ] {
            let error = IceCandidate::parse("0", 0, text).expect_err(text);
            assert_eq!(error.line, text);
            assert!(!error.description.is_empty());
        }
    }
}
