//! RTP parameters and capabilities (W3C webrtc-pc §5.2).

mod convert;

pub(crate) use convert::transaction_id;

use crate::rtp_transceiver::RtpTransceiverDirection;

/// Relative importance of a stream (W3C `RTCPriorityType`).
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum Priority {
    /// Below everything else.
    VeryLow,
    /// The default.
    Low,
    /// Above the default.
    Medium,
    /// Above everything else.
    High,
}

/// What gives way first when a video sender lacks bandwidth or time.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Default)]
pub enum DegradationPreference {
    /// Nothing: whole frames are dropped before they are encoded.
    MaintainFramerateAndResolution,
    /// The resolution.
    MaintainFramerate,
    /// The frame rate.
    MaintainResolution,
    /// Both, in turn.
    #[default]
    Balanced,
}

impl DegradationPreference {
    /// The former name of [`MaintainFramerateAndResolution`](Self::MaintainFramerateAndResolution).
    #[deprecated(since = "0.3.0", note = "use MaintainFramerateAndResolution")]
    #[expect(non_upper_case_globals, reason = "the name that existing programs use")]
    pub const Disabled: Self = Self::MaintainFramerateAndResolution;
}

/// A negotiated header extension (RFC 8285).
#[derive(Debug, Clone)]
pub struct RtpHeaderExtensionParameters {
    /// What it means.
    pub uri: String,
    /// Its identifier on this m-line.
    pub id: i32,
    /// Whether it is sent encrypted (RFC 6904).
    pub encrypted: bool,
}

/// The parameters of a sender or receiver. Those of a sender are changed by reading, changing and setting
/// them back; a set of parameters that was changed meanwhile is refused.
#[derive(Debug, Clone, Default)]
pub struct RtpParameters {
    /// Negotiated formats, most preferred first; read-only.
    pub codecs: Vec<RtpCodecParameters>,
    /// Negotiated header extensions; read-only.
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// One for each simulcast layer, in the order they were first given.
    pub encodings: Vec<RtpEncodingParameters>,
    /// RTCP of the m-line; read-only.
    pub rtcp: RtcpParameters,
    /// Which `parameters` call these came from (W3C `transactionId`).
    pub(crate) transaction_id: String,
    /// What gives way first, where the program said so.
    pub(crate) degradation_preference: Option<DegradationPreference>,
}

impl RtpParameters {
    /// Says what gives way first when bandwidth or time is short.
    pub fn set_degradation_preference(&mut self, preference: DegradationPreference) {
        self.degradation_preference = Some(preference);
    }

    /// What was set by [`set_degradation_preference`](Self::set_degradation_preference), if anything.
    #[must_use]
    pub fn degradation_preference(&self) -> Option<DegradationPreference> {
        self.degradation_preference
    }
}

/// A negotiated format.
#[derive(Debug, Clone, Default)]
pub struct RtpCodecParameters {
    /// 0 to 127.
    pub payload_type: u8,
    /// For example `audio/opus`.
    pub mime_type: String,
    /// RTP clock rate in Hz.
    pub clock_rate: Option<u64>,
    /// Channels of an audio format.
    pub channels: Option<u16>,
}

/// RTCP of an m-line.
#[derive(Debug, Clone, Default)]
pub struct RtcpParameters {
    /// Canonical name of our streams (RFC 7022).
    pub cname: String,
    /// Reduced-size RTCP (RFC 5506) is negotiated.
    pub reduced_size: bool,
}

/// One encoding of a sender: a simulcast layer, or the whole.
#[derive(Debug, Clone)]
pub struct RtpEncodingParameters {
    /// Whether it is sent.
    pub active: bool,
    /// Upper limit in bits per second.
    pub max_bitrate: Option<u64>,
    /// Upper limit in frames per second.
    pub max_framerate: Option<f64>,
    /// Importance against the program's other streams.
    pub priority: Priority,
    /// Restriction identifier (RFC 8851); empty without simulcast.
    pub rid: String,
    /// Divisor of width and height, at least 1.
    pub scale_resolution_down_by: Option<f64>,
    /// Layers inside one stream (W3C webrtc-svc), for example `L3T3_KEY`.
    pub scalability_mode: Option<String>,
    /// `ssrc` holds a value.
    pub has_ssrc: bool,
    /// The stream's source, where one is assigned; read-only.
    pub ssrc: u32,
}

impl Default for RtpEncodingParameters {
    fn default() -> Self {
        Self {
            active: true,
            max_bitrate: None,
            max_framerate: None,
            priority: Priority::Low,
            rid: String::new(),
            scale_resolution_down_by: None,
            scalability_mode: None,
            has_ssrc: false,
            ssrc: 0,
        }
    }
}

/// A format that could be negotiated.
#[derive(Debug, Clone)]
pub struct RtpCodecCapability {
    /// Channels of an audio format.
    pub channels: Option<u16>,
    /// RTP clock rate in Hz.
    pub clock_rate: Option<u64>,
    /// For example `video/VP8`.
    pub mime_type: String,
    /// The value of `a=fmtp`, `name=value` joined by semicolons.
    pub sdp_fmtp_line: Option<String>,
}

/// A header extension that could be negotiated.
#[derive(Debug, Clone)]
pub struct RtpHeaderExtensionCapability {
    /// What it means.
    pub uri: String,
    /// The direction it is offered in.
    pub direction: RtpTransceiverDirection,
}

/// What could be negotiated for one kind of media.
#[derive(Debug, Clone)]
pub struct RtpCapabilities {
    /// Formats, most preferred first.
    pub codecs: Vec<RtpCodecCapability>,
    /// Header extensions.
    pub header_extensions: Vec<RtpHeaderExtensionCapability>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degradation_preference_is_unset_until_it_is_set() {
        let mut parameters = RtpParameters::default();
        assert_eq!(parameters.degradation_preference(), None);
        parameters.set_degradation_preference(DegradationPreference::MaintainResolution);
        assert_eq!(
            parameters.degradation_preference(),
            Some(DegradationPreference::MaintainResolution)
        );
    }

    #[test]
    fn an_encoding_is_active_and_unlimited_by_default() {
        let encoding = RtpEncodingParameters::default();
        assert!(encoding.active);
        assert_eq!(encoding.max_bitrate, None);
        assert_eq!(encoding.priority, Priority::Low);
        assert!(encoding.rid.is_empty());
    }
}
