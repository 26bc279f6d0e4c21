//! An SDP text with its role in the exchange.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// The role of a description (W3C `RTCSdpType`).
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum SdpType {
    /// Opens an exchange.
    Offer,
    /// Answers for now; another answer follows.
    PrAnswer,
    /// Closes an exchange.
    Answer,
    /// Takes back an offer; its text is not looked at.
    Rollback,
}

impl SdpType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::PrAnswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        }
    }

    /// The same in the terms of the layer below.
    pub(crate) fn to_jsep(self) -> lk_jsep::SdpType {
        match self {
            Self::Offer => lk_jsep::SdpType::Offer,
            Self::PrAnswer => lk_jsep::SdpType::PrAnswer,
            Self::Answer => lk_jsep::SdpType::Answer,
            Self::Rollback => lk_jsep::SdpType::Rollback,
        }
    }

    fn from_jsep(sdp_type: lk_jsep::SdpType) -> Self {
        match sdp_type {
            lk_jsep::SdpType::Offer => Self::Offer,
            lk_jsep::SdpType::PrAnswer => Self::PrAnswer,
            lk_jsep::SdpType::Answer => Self::Answer,
            lk_jsep::SdpType::Rollback => Self::Rollback,
        }
    }
}

impl FromStr for SdpType {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Offer, Self::PrAnswer, Self::Answer, Self::Rollback]
            .into_iter()
            .find(|candidate| candidate.as_str() == name)
            .ok_or("invalid SdpType")
    }
}

impl fmt::Display for SdpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A description that looks like SDP; whether it fits the session is decided where it is applied.
#[derive(Clone)]
pub struct SessionDescription {
    sdp: Arc<str>,
    sdp_type: SdpType,
}

/// The line of a text that is not SDP (RFC 8866 §5), or not an ICE candidate (RFC 8839 §5.1).
#[derive(Clone, Error, Debug)]
#[error("line {line:?} cannot be read: {description}")]
pub struct SdpParseError {
    /// The offending line; empty where the text as a whole is at fault.
    pub line: String,
    /// What is wrong with it.
    pub description: String,
}

impl SessionDescription {
    /// Reads a description. The version, origin, session-name and time lines must come first and in order,
    /// every other line must have the form `<letter>=<value>`.
    ///
    /// # Errors
    /// Names the first line that does not fit. The text of a rollback is not looked at.
    pub fn parse(sdp: &str, sdp_type: SdpType) -> Result<Self, SdpParseError> {
        if sdp_type != SdpType::Rollback {
            check_lines(sdp)?;
        }
        Ok(Self {
            sdp: sdp.into(),
            sdp_type,
        })
    }

    /// A description of our own making, which needs no check.
    pub(crate) fn trusted(sdp: &str, sdp_type: SdpType) -> Self {
        Self {
            sdp: sdp.into(),
            sdp_type,
        }
    }

    /// A description that was applied.
    pub(crate) fn from_jsep(description: &lk_jsep::Description) -> Self {
        Self::trusted(
            description.text(),
            SdpType::from_jsep(description.sdp_type()),
        )
    }

    /// The role it was given.
    #[must_use]
    pub fn sdp_type(&self) -> SdpType {
        self.sdp_type
    }

    /// The SDP text.
    pub(crate) fn as_str(&self) -> &str {
        &self.sdp
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sdp)
    }
}

impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDescription")
            .field("sdp_type", &self.sdp_type)
            .finish_non_exhaustive()
    }
}

/// Checks the fixed head of a description and the form of every line.
fn check_lines(sdp: &str) -> Result<(), SdpParseError> {
    let fail = |line: &str, description: &str| SdpParseError {
        line: line.to_owned(),
        description: description.to_owned(),
    };
    let mut head = ['v', 'o', 's'].into_iter();
    let mut lines = 0;
    for line in sdp.lines() {
        let mut characters = line.chars();
        let (letter, equals) = (characters.next(), characters.next());
        let Some(letter) = letter.filter(char::is_ascii_lowercase) else {
            return Err(fail(line, "does not start with a lower-case letter"));
        };
        if equals != Some('=') {
            return Err(fail(line, "has no `=` after its letter"));
        }
        if let Some(expected) = head.next().filter(|expected| *expected != letter) {
            return Err(fail(
                line,
                &format!("stands where the `{expected}=` line is required"),
            ));
        }
        if letter == 'v' && line != "v=0" {
            return Err(fail(line, "is not protocol version 0"));
        }
        if letter == 'm' && line[2..].split_ascii_whitespace().count() < 4 {
            return Err(fail(line, "lacks media, port, protocol or format"));
        }
        lines += 1;
    }
    if lines == 0 {
        return Err(fail("", "the description is empty"));
    }
    match head.next() {
        Some(missing) => Err(fail(
            "",
            &format!("the description ends before its `{missing}=` line"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

    #[test]
    fn a_description_keeps_its_text_and_type() {
        let parsed = SessionDescription::parse(MINIMAL, SdpType::Offer).expect("is SDP");
        assert_eq!(parsed.to_string(), MINIMAL);
        assert_eq!(parsed.sdp_type(), SdpType::Offer);
    }

    #[test]
    fn the_error_names_the_line_at_fault() {
        for (sdp, line) in [
            ("", ""),
            ("hello", "hello"),
            ("v=1\r\n", "v=1"),
            ("v=0\r\ns=-\r\n", "s=-"),
            ("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n", ""),
            ("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\n?\r\n", "?"),
            (
                "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nm=audio 9\r\n",
                "m=audio 9",
            ),
            ("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nm\r\n", "m"),
        ] {
            let error = SessionDescription::parse(sdp, SdpType::Answer).expect_err(sdp);
            assert_eq!(error.line, line, "{error}");
        }
    }

    #[test]
    fn a_rollback_needs_no_text() {
        assert!(SessionDescription::parse("", SdpType::Rollback).is_ok());
    }

    #[test]
    fn type_names_round_trip() {
        for name in ["offer", "pranswer", "answer", "rollback"] {
            assert_eq!(name.parse::<SdpType>().expect(name).to_string(), name);
        }
        assert!("Offer".parse::<SdpType>().is_err());
    }
}
