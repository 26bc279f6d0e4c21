//! Session descriptions (RFC 8866) as typed values.
//!
//! Parsing is lenient: what it does not know it keeps and prints again, what it knows must be well formed.
//! Printing follows the order of Google's library, so that its own descriptions survive byte for byte.

mod media;
mod parse;
mod print;

use std::collections::HashSet;

use lk_types::{Direction, Mid};

pub use media::{
    Attribute, ExtMap, Format, MediaSection, Msid, RidLine, SectionKind, Simulcast, SimulcastLayer,
    Source, SsrcGroup, SsrcLine,
};

use crate::plan::{Fingerprint, IceParameters};

/// A session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    /// Value of the `o=` line.
    pub origin: String,
    /// Value of the `s=` line.
    pub name: String,
    /// Value of the `t=` line.
    pub timing: String,
    /// `a=group`: semantics and the mids in it.
    pub groups: Vec<Group>,
    /// `a=extmap-allow-mixed` (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// `a=msid-semantic`.
    pub msid_semantic: Option<String>,
    /// `a=ice-lite`.
    pub ice_lite: bool,
    /// Transport attributes that stand for every m-line without its own.
    pub transport: TransportLines,
    /// Default direction of every m-line without its own.
    pub direction: Option<Direction>,
    /// Attributes this crate does not know.
    pub other: Vec<Attribute>,
    /// m-lines in order.
    pub media: Vec<MediaSection>,
}

/// `a=group` (RFC 5888).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE`, `LS`, …
    pub semantics: String,
    /// Its members.
    pub mids: Vec<Mid>,
}

/// `a=setup` (RFC 4145, RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Starts the handshake.
    Active,
    /// Waits for it.
    Passive,
    /// Leaves the choice to the answerer.
    ActPass,
    /// Keeps the connection waiting.
    HoldConn,
}

impl Setup {
    /// The attribute's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }

    fn parse(value: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn]
            .into_iter()
            .find(|setup| setup.as_str() == value)
    }
}

/// ICE and DTLS attributes, which may stand at either level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportLines {
    /// `a=ice-ufrag`
    pub ice_ufrag: Option<String>,
    /// `a=ice-pwd`
    pub ice_pwd: Option<String>,
    /// `a=ice-options`
    pub ice_options: Option<String>,
    /// `a=fingerprint`; several hash functions may be given.
    pub fingerprints: Vec<Fingerprint>,
    /// `a=setup`
    pub setup: Option<Setup>,
}

impl Sdp {
    /// The m-line with a mid.
    #[must_use]
    pub fn by_mid(&self, mid: &Mid) -> Option<&MediaSection> {
        self.media
            .iter()
            .find(|section| section.mid.as_ref() == Some(mid))
    }

    /// Members of the first BUNDLE group (RFC 9143).
    #[must_use]
    pub fn bundle(&self) -> &[Mid] {
        self.groups
            .iter()
            .find(|group| group.semantics == "BUNDLE")
            .map_or(&[], |group| &group.mids)
    }

    /// m-lines, from the one that carries the BUNDLE transport on: the tagged one first, then the others that
    /// are not rejected.
    fn transports(&self) -> impl Iterator<Item = &TransportLines> {
        let tagged = self.bundle().first().and_then(|mid| self.by_mid(mid));
        let others = self.media.iter().filter(|section| section.port != 0);
        tagged
            .into_iter()
            .chain(others)
            .map(|section| &section.transport)
            .chain([&self.transport])
    }

    /// Credentials of the BUNDLE transport.
    #[must_use]
    pub fn ice(&self) -> Option<IceParameters> {
        let ufrag = self
            .transports()
            .find_map(|lines| lines.ice_ufrag.clone())?;
        let pwd = self.transports().find_map(|lines| lines.ice_pwd.clone())?;
        Some(IceParameters {
            ufrag,
            pwd,
            lite: self.ice_lite,
        })
    }

    /// Fingerprint of the BUNDLE transport; SHA-256 where several are given.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        let lines = self
            .transports()
            .find(|lines| !lines.fingerprints.is_empty())?;
        lines
            .fingerprints
            .iter()
            .find(|print| print.algorithm == "sha-256")
            .or(lines.fingerprints.first())
    }

    /// DTLS setup of the BUNDLE transport.
    #[must_use]
    pub fn setup(&self) -> Option<Setup> {
        self.transports().find_map(|lines| lines.setup)
    }

    /// Every `a=candidate` value, each once, with the word `candidate:` in front.
    #[must_use]
    pub fn candidates(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let lines = self.media.iter().flat_map(|section| &section.candidates);
        lines
            .filter(|line| seen.insert(line.as_str()))
            .map(|line| format!("candidate:{line}"))
            .collect()
    }

    /// Direction of an m-line, defaults considered; a rejected one is inactive.
    #[must_use]
    pub fn direction_of(&self, section: &MediaSection) -> Direction {
        if section.is_rejected() {
            return Direction::Inactive;
        }
        section.direction.or(self.direction).unwrap_or_default()
    }
}
