//! Our identifiers and the stack's.

use lk_jsep::plan::Fingerprint;
use lk_types::{Mid, Rid, Rotation, Ssrc};
use str0m::media::{Mid as StackMid, Pt as StackPt, Rid as StackRid};
use str0m::net::Protocol;
use str0m::rtp::{Ssrc as StackSsrc, VideoOrientation};

use crate::Transport;

/// Longest `a=mid` the stack can carry, in bytes.
pub(crate) const MID_LIMIT: usize = 16;
/// Longest `a=rid` the stack can carry, in bytes.
pub(crate) const RID_LIMIT: usize = 8;

pub(crate) fn mid(mid: &Mid) -> StackMid {
    StackMid::from(mid.as_str())
}

pub(crate) fn rid(rid: &Rid) -> StackRid {
    StackRid::from(rid.as_str())
}

pub(crate) fn ssrc(ssrc: Ssrc) -> StackSsrc {
    StackSsrc::from(ssrc.0)
}

pub(crate) fn pt(pt: lk_types::Pt) -> StackPt {
    StackPt::from(pt.0)
}

pub(crate) fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Udp => Protocol::Udp,
        Transport::Tcp => Protocol::Tcp,
    }
}

pub(crate) fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Transport::Tcp,
    }
}

pub(crate) fn fingerprint(theirs: &str0m::crypto::Fingerprint) -> Fingerprint {
    let value = theirs
        .bytes
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":");
    Fingerprint {
        algorithm: theirs.hash_func.to_ascii_lowercase(),
        value,
    }
}

/// The stack names the header's values by the turn that the camera made, counter to the one that shows the picture
/// upright.
pub(crate) fn orientation(rotation: Rotation) -> VideoOrientation {
    match rotation {
        Rotation::None => VideoOrientation::Deg0,
        Rotation::Quarter => VideoOrientation::Deg270,
        Rotation::Half => VideoOrientation::Deg180,
        Rotation::ThreeQuarters => VideoOrientation::Deg90,
    }
}

pub(crate) fn rotation(orientation: VideoOrientation) -> Rotation {
    match orientation {
        VideoOrientation::Deg0 => Rotation::None,
        VideoOrientation::Deg270 => Rotation::Quarter,
        VideoOrientation::Deg180 => Rotation::Half,
        VideoOrientation::Deg90 => Rotation::ThreeQuarters,
    }
}

/// Wall time as RTCP states it: 32.32 fixed-point seconds since 1900.
pub(crate) fn ntp(time: std::time::SystemTime) -> u64 {
    const SECONDS_1900_TO_1970: u64 = 2_208_988_800;
    let since = time
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = (since.as_secs() + SECONDS_1900_TO_1970) << 32;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    seconds | fraction
}

pub(crate) fn low_32(value: u64) -> u32 {
    // The mask makes the conversion exact.
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default()
}
