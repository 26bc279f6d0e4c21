//! Parameters from and to the negotiated state.

use std::hash::{DefaultHasher, Hash, Hasher};

use lk_jsep::plan::MediaPlan;
use lk_jsep::{Encoding, KindCapabilities, Transceiver};
use lk_types::{Rid, Ssrc};

use super::{
    Priority, RtcpParameters, RtpCapabilities, RtpCodecCapability, RtpCodecParameters,
    RtpEncodingParameters, RtpHeaderExtensionCapability, RtpHeaderExtensionParameters,
    RtpParameters,
};
use crate::rtp_transceiver::RtpTransceiverDirection;

impl RtpParameters {
    /// What a sender is to do.
    pub(crate) fn of_sender(transceiver: &Transceiver, cname: &str) -> Self {
        let encodings = transceiver
            .sender()
            .encodings
            .iter()
            .map(RtpEncodingParameters::from_jsep)
            .collect();
        Self {
            encodings,
            rtcp: RtcpParameters {
                cname: cname.to_owned(),
                reduced_size: true,
            },
            transaction_id: transaction_id(transceiver),
            ..Self::of_receiver(transceiver)
        }
    }

    /// What a receiver may get.
    pub(crate) fn of_receiver(transceiver: &Transceiver) -> Self {
        let plan = transceiver.negotiated();
        Self {
            codecs: plan.map(codecs).unwrap_or_default(),
            header_extensions: plan.map(header_extensions).unwrap_or_default(),
            rtcp: RtcpParameters {
                cname: String::new(),
                reduced_size: true,
            },
            ..Self::default()
        }
    }
}

/// Stands for the encodings as they are: it differs as soon as one of them is changed.
pub(crate) fn transaction_id(transceiver: &Transceiver) -> String {
    let mut hasher = DefaultHasher::new();
    transceiver.id().hash(&mut hasher);
    for encoding in &transceiver.sender().encodings {
        encoding.rid.hash(&mut hasher);
        encoding.active.hash(&mut hasher);
        encoding.max_bitrate.hash(&mut hasher);
        encoding.max_framerate.map(f64::to_bits).hash(&mut hasher);
        encoding
            .scale_resolution_down_by
            .map(f64::to_bits)
            .hash(&mut hasher);
        encoding.scalability_mode.hash(&mut hasher);
        (encoding.priority as u8).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn codecs(plan: &MediaPlan) -> Vec<RtpCodecParameters> {
    plan.codecs
        .iter()
        .map(|codec| RtpCodecParameters {
            payload_type: codec.pt.0,
            mime_type: format!(
                "{}/{}",
                codec.codec.kind().unwrap_or(plan.kind),
                codec.codec
            ),
            clock_rate: Some(u64::from(codec.clock_rate)),
            channels: codec.channels.map(u16::from),
        })
        .collect()
}

fn header_extensions(plan: &MediaPlan) -> Vec<RtpHeaderExtensionParameters> {
    plan.extensions
        .iter()
        .map(|extension| RtpHeaderExtensionParameters {
            uri: extension.uri.clone(),
            id: i32::from(extension.id),
            encrypted: false,
        })
        .collect()
}

impl RtpEncodingParameters {
    pub(crate) fn from_jsep(encoding: &Encoding) -> Self {
        Self {
            active: encoding.active,
            max_bitrate: encoding.max_bitrate,
            max_framerate: encoding.max_framerate,
            priority: Priority::from_jsep(encoding.priority),
            rid: encoding
                .rid
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            scale_resolution_down_by: encoding.scale_resolution_down_by,
            scalability_mode: encoding.scalability_mode.clone(),
            has_ssrc: encoding.ssrc.is_some(),
            ssrc: encoding.ssrc.map_or(0, |Ssrc(ssrc)| ssrc),
        }
    }

    /// The values a program may set; sources are the session's.
    pub(crate) fn to_jsep(&self) -> Encoding {
        Encoding {
            rid: (!self.rid.is_empty()).then(|| Rid::new(&self.rid)),
            active: self.active,
            max_bitrate: self.max_bitrate,
            max_framerate: self.max_framerate,
            scale_resolution_down_by: self.scale_resolution_down_by,
            scalability_mode: self.scalability_mode.clone(),
            priority: self.priority.to_jsep(),
            ssrc: None,
            rtx_ssrc: None,
        }
    }
}

impl Priority {
    fn from_jsep(priority: lk_jsep::Priority) -> Self {
        match priority {
            lk_jsep::Priority::VeryLow => Self::VeryLow,
            lk_jsep::Priority::Low => Self::Low,
            lk_jsep::Priority::Medium => Self::Medium,
            lk_jsep::Priority::High => Self::High,
        }
    }

    fn to_jsep(self) -> lk_jsep::Priority {
        match self {
            Self::VeryLow => lk_jsep::Priority::VeryLow,
            Self::Low => lk_jsep::Priority::Low,
            Self::Medium => lk_jsep::Priority::Medium,
            Self::High => lk_jsep::Priority::High,
        }
    }
}

impl RtpCapabilities {
    pub(crate) fn from_jsep(capabilities: &KindCapabilities) -> Self {
        Self {
            codecs: capabilities
                .codecs
                .iter()
                .map(|codec| RtpCodecCapability {
                    channels: codec.channels.map(u16::from),
                    clock_rate: Some(u64::from(codec.clock_rate)),
                    mime_type: codec.mime_type(),
                    sdp_fmtp_line: codec.fmtp_line(),
                })
                .collect(),
            header_extensions: capabilities
                .extensions
                .iter()
                .map(|extension| RtpHeaderExtensionCapability {
                    uri: extension.uri.clone(),
                    direction: RtpTransceiverDirection::SendRecv,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_survives_the_way_down_and_up() {
        let encoding = RtpEncodingParameters {
            active: false,
            max_bitrate: Some(64_000),
            max_framerate: Some(20.0),
            priority: Priority::High,
            rid: "q".to_owned(),
            scale_resolution_down_by: Some(4.0),
            scalability_mode: Some("L1T2".to_owned()),
            has_ssrc: true,
            ssrc: 9,
        };
        let back = RtpEncodingParameters::from_jsep(&encoding.to_jsep());
        assert_eq!(
            format!("{back:?}"),
            format!(
                "{:?}",
                RtpEncodingParameters {
                    has_ssrc: false,
                    ssrc: 0,
                    ..encoding
                }
            )
        );
    }

    #[test]
    fn capabilities_name_every_video_codec() {
        let capabilities = RtpCapabilities::from_jsep(&lk_jsep::Capabilities::default().video);
        let names: Vec<_> = capabilities
            .codecs
            .iter()
            .map(|codec| codec.mime_type.as_str())
            .collect();
        for name in ["video/VP8", "video/VP9", "video/H264", "video/AV1"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }
}
