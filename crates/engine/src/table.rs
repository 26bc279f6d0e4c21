//! What the stack is told at birth: every format and header extension that may ever be negotiated.
//!
//! The stack has one table of each for the whole session and cannot be given more later: it only matches what a
//! description says against what stands here, and moves numbers around. Numbers below are thus first guesses.

use std::fmt;
use std::sync::Arc;

use lk_types::{Codec, Pt};
use str0m::format::CodecConfig;
use str0m::rtp::{Extension, ExtensionMap, ExtensionSerializer, ExtensionValues};

/// `a=extmap` URI of transport-wide congestion control.
pub(crate) const TRANSPORT_CC_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// AV1's dependency descriptor.
const DEPENDENCY_DESCRIPTOR_URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// RED's usual payload type.
pub(crate) const DEFAULT_RED: Pt = Pt(63);

/// A header extension that is carried as it is.
#[derive(Clone)]
pub(crate) struct DependencyDescriptor(pub(crate) Arc<[u8]>);

struct RawDependencyDescriptor;

impl fmt::Debug for RawDependencyDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawDependencyDescriptor")
    }
}

impl ExtensionSerializer for RawDependencyDescriptor {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(DependencyDescriptor(bytes)) = values.user_values.get() else {
            return 0;
        };
        let Some(room) = buf.get_mut(..bytes.len()) else {
            return 0;
        };
        room.copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(DependencyDescriptor(buf.into()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values
            .user_values
            .get()
            .is_some_and(|DependencyDescriptor(bytes)| bytes.is_empty() || bytes.len() > 16)
    }
}

/// Every extension we may negotiate, at the ids that Google's library uses.
pub(crate) fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    let known = [
        (1, Extension::AudioLevel),
        (2, Extension::AbsoluteSendTime),
        (3, Extension::TransportSequenceNumber),
        (4, Extension::RtpMid),
        (5, Extension::PlayoutDelay),
        (6, Extension::VideoContentType),
        (7, Extension::VideoTiming),
        (8, Extension::ColorSpace),
        (
            9,
            Extension::with_serializer(DEPENDENCY_DESCRIPTOR_URI, RawDependencyDescriptor),
        ),
        (10, Extension::RtpStreamId),
        (11, Extension::RepairedRtpStreamId),
        (12, Extension::AbsoluteCaptureTime),
        (13, Extension::VideoOrientation),
        (14, Extension::TransmissionTimeOffset),
        (
            15,
            Extension::with_serializer(str0m::rtp::vla::URI, str0m::rtp::vla::Serializer),
        ),
    ];
    for (id, extension) in known {
        map.set(id, extension);
    }
    map
}

/// Fills the format table.
pub(crate) fn formats(config: &mut CodecConfig) {
    config.clear();
    config.enable_opus(true, true);
    config.enable_vp8(true);
    config.enable_vp9(true);
    config.enable_h264(true);
    config.enable_h265(true);
    config.enable_av1(true);
}

/// Whether the stack's entry is about this codec.
pub(crate) fn same_codec(theirs: str0m::format::Codec, ours: Codec) -> bool {
    use str0m::format::Codec as Stack;
    matches!(
        (theirs, ours),
        (Stack::Opus, Codec::Opus)
            | (Stack::Vp8, Codec::Vp8)
            | (Stack::Vp9, Codec::Vp9)
            | (Stack::H264, Codec::H264)
            | (Stack::H265, Codec::H265)
            | (Stack::Av1, Codec::Av1)
    )
}
