//! The dictionaries of W3C webrtc-stats.
//!
//! Field names are the standard's in snake case; [serde] reads them from their camel-case JSON. Enumerations
//! without a natural default are optional. What is not measured stands at its type's default.

use serde::Deserialize;

use crate::data_channel::DataChannelState;

pub mod dictionaries;
pub(crate) mod report;
mod video;

/// One entry of a report.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum RtcStats {
    /// A negotiated format.
    Codec(CodecStats),
    /// A stream we receive.
    InboundRtp(InboundRtpStats),
    /// A stream we send.
    OutboundRtp(OutboundRtpStats),
    /// Our stream as the peer receives it.
    RemoteInboundRtp(RemoteInboundRtpStats),
    /// The peer's stream as it sends it.
    RemoteOutboundRtp(RemoteOutboundRtpStats),
    /// The source of a local track.
    MediaSource(MediaSourceStats),
    /// A playout path.
    MediaPlayout(MediaPlayoutStats),
    /// The whole connection.
    PeerConnection(PeerConnectionStats),
    /// A data channel.
    DataChannel(DataChannelStats),
    /// The ICE and DTLS transport.
    Transport(TransportStats),
    /// A pair of candidates.
    CandidatePair(CandidatePairStats),
    /// A candidate of ours.
    LocalCandidate(LocalCandidateStats),
    /// A candidate of the peer.
    RemoteCandidate(RemoteCandidateStats),
    /// A certificate.
    Certificate(CertificateStats),
    /// A media stream.
    Stream(StreamStats),
    /// A track; the standard has dropped this one, and it is never reported.
    Track,
}

/// Why a sender sends less than it could (`RTCQualityLimitationReason`).
#[derive(Debug, Default, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QualityLimitationReason {
    /// `none`
    #[default]
    None,
    /// `cpu`
    Cpu,
    /// `bandwidth`
    Bandwidth,
    /// `other`
    Other,
}

/// Which side nominates pairs (`RTCIceRole`).
#[derive(Debug, Default, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceRole {
    /// `unknown`
    #[default]
    Unknown,
    /// `controlling`
    Controlling,
    /// `controlled`
    Controlled,
}

/// `RTCDtlsTransportState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsTransportState {
    /// `new`
    New,
    /// `connecting`
    Connecting,
    /// `connected`
    Connected,
    /// `closed`
    Closed,
    /// `failed`
    Failed,
}

/// `RTCIceTransportState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTransportState {
    /// `new`
    New,
    /// `checking`
    Checking,
    /// `connected`
    Connected,
    /// `completed`
    Completed,
    /// `disconnected`
    Disconnected,
    /// `failed`
    Failed,
    /// `closed`
    Closed,
}

/// Which side began the handshake (`RTCDtlsRole`).
#[derive(Debug, Default, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsRole {
    /// `client`
    Client,
    /// `server`
    Server,
    /// `unknown`
    #[default]
    Unknown,
}

/// `RTCStatsIceCandidatePairState`.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IceCandidatePairState {
    /// `frozen`
    Frozen,
    /// `waiting`
    Waiting,
    /// `in-progress`
    InProgress,
    /// `failed`
    Failed,
    /// `succeeded`
    Succeeded,
}

/// `RTCIceCandidateType`.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceCandidateType {
    /// `host`
    Host,
    /// `srflx`
    Srflx,
    /// `prflx`
    Prflx,
    /// `relay`
    Relay,
}

/// How a TURN server is reached (`RTCIceServerTransportProtocol`).
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceServerTransportProtocol {
    /// `udp`
    Udp,
    /// `tcp`
    Tcp,
    /// `tls`
    Tls,
}

/// `RTCIceTcpCandidateType`.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTcpCandidateType {
    /// `active`
    Active,
    /// `passive`
    Passive,
    /// `so`
    So,
}

/// Entries are made of the dictionaries they inherit from.
macro_rules! entry {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $dictionary:ident),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, Clone, Deserialize)]
        pub struct $name {
            /// Identifier and time.
            #[serde(flatten)]
            pub rtc: dictionaries::RtcStats,
            $(
                #[doc = concat!("The members of `", stringify!($dictionary), "`.")]
                #[serde(flatten)]
                pub $field: dictionaries::$dictionary,
            )*
        }
    )+};
}

entry! {
    /// A negotiated format.
    CodecStats { codec: CodecStats }
    /// A stream we receive.
    InboundRtpStats { stream: RtpStreamStats, received: ReceivedRtpStreamStats, inbound: InboundRtpStreamStats }
    /// A stream we send.
    OutboundRtpStats { stream: RtpStreamStats, sent: SentRtpStreamStats, outbound: OutboundRtpStreamStats }
    /// Our stream as the peer receives it.
    RemoteInboundRtpStats { stream: RtpStreamStats, received: ReceivedRtpStreamStats, remote_inbound: RemoteInboundRtpStreamStats }
    /// The peer's stream as it sends it.
    RemoteOutboundRtpStats { stream: RtpStreamStats, sent: SentRtpStreamStats, remote_outbound: RemoteOutboundRtpStreamStats }
    /// The source of a local track.
    MediaSourceStats { source: MediaSourceStats, audio: AudioSourceStats, video: VideoSourceStats }
    /// A playout path.
    MediaPlayoutStats { audio_playout: AudioPlayoutStats }
    /// The whole connection.
    PeerConnectionStats { pc: PeerConnectionStats }
    /// A data channel.
    DataChannelStats { dc: DataChannelStats }
    /// The ICE and DTLS transport.
    TransportStats { transport: TransportStats }
    /// A pair of candidates.
    CandidatePairStats { candidate_pair: CandidatePairStats }
    /// A candidate of ours.
    LocalCandidateStats { local_candidate: IceCandidateStats }
    /// A candidate of the peer.
    RemoteCandidateStats { remote_candidate: IceCandidateStats }
    /// A certificate.
    CertificateStats { certificate: CertificateStats }
    /// A media stream.
    StreamStats { stream: StreamStats }
}

/// A track; nothing is reported of it.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct TrackStats {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_knows_the_dictionaries_it_is_made_of() {
        let stats = InboundRtpStats {
            rtc: dictionaries::RtcStats {
                id: "IT01A7".to_owned(),
                timestamp: 1,
            },
            received: dictionaries::ReceivedRtpStreamStats {
                packets_lost: -1,
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(stats.received.packets_lost, -1);
        assert_eq!(stats.inbound.frames_decoded, 0);
        assert_eq!(TransportStats::default().transport.dtls_state, None);
    }
}
