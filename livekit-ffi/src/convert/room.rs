//! Room options inward; room facts, states and messages both ways (`room.proto`).

use std::time::Duration;

use livekit::{
    ChatMessage, ConnectionState, DataPacketKind, RoomDataStreamOptions, RoomInfo, RoomOptions,
    SimulateScenario, Transcription, TranscriptionSegment,
    participant::ConnectionQuality,
    webrtc::prelude::{ContinualGatheringPolicy, IceServer, IceTransportsType, RtcConfiguration},
};

use super::{enum_field, map_enum, optional_enum_field};
use crate::{error::FfiError, proto};

map_enum!(proto::ConnectionQuality, ConnectionQuality {
    QualityPoor <=> Poor,
    QualityGood <=> Good,
    QualityExcellent <=> Excellent,
    QualityLost <=> Lost,
});

map_enum!(proto::ConnectionState, ConnectionState {
    ConnDisconnected <=> Disconnected,
    ConnConnected <=> Connected,
    ConnReconnecting <=> Reconnecting,
});

map_enum!(proto::DataPacketKind, DataPacketKind {
    KindLossy <=> Lossy,
    KindReliable <=> Reliable,
});

map_enum!(proto::IceTransportType, IceTransportsType {
    TransportRelay <=> Relay,
    TransportNohost <=> NoHost,
    TransportAll <=> All,
});

map_enum!(proto::ContinualGatheringPolicy, ContinualGatheringPolicy {
    GatherOnce <=> GatherOnce,
    GatherContinually <=> GatherContinually,
});

map_enum!(proto::SimulateScenarioKind, SimulateScenario {
    SimulateSignalReconnect <=> SignalReconnect,
    SimulateSpeaker <=> Speaker,
    SimulateNodeFailure <=> NodeFailure,
    SimulateServerLeave <=> ServerLeave,
    SimulateMigration <=> Migration,
    SimulateForceTcp <=> ForceTcp,
    SimulateForceTls <=> ForceTls,
    SimulateFullReconnect <=> FullReconnect,
    SimulateDisconnectSignalOnResume <=> DisconnectSignalOnResume,
});

/// `livekit` adds one to the number of retries without looking, and pauses between no two of them;
/// the time that joining may take ends them long before this many that wait for an answer.
const MAX_JOIN_RETRIES: u32 = 100;

/// Absent fields keep the defaults of `livekit`. `data_stream.use_legacy_client_implementation`
/// has no counterpart there and changes nothing.
impl TryFrom<proto::RoomOptions> for RoomOptions {
    type Error = FfiError;

    fn try_from(mut wire: proto::RoomOptions) -> Result<Self, FfiError> {
        let mut options = Self::default();
        if let Some(auto_subscribe) = wire.auto_subscribe {
            options.auto_subscribe = auto_subscribe;
        }
        if let Some(adaptive_stream) = wire.adaptive_stream {
            options.adaptive_stream = adaptive_stream;
        }
        if let Some(dynacast) = wire.dynacast {
            options.dynacast = dynacast;
        }
        if let Some(rtc_config) = wire.rtc_config.take() {
            options.rtc_config = rtc_config.try_into()?;
        }
        if let Some(join_retries) = wire.join_retries {
            options.join_retries = join_retries.min(MAX_JOIN_RETRIES);
        }
        if let Some(single) = wire.single_peer_connection {
            options.single_peer_connection = single;
        }
        if let Some(timeout) = wire.connect_timeout_ms {
            options.connect_timeout = Duration::from_millis(timeout);
        }
        if let Some(limit) = wire
            .data_stream
            .and_then(|streams| streams.max_payload_byte_length)
        {
            // A limit beyond the address space is no limit.
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            options.data_stream =
                RoomDataStreamOptions::default().with_max_payload_byte_length(limit);
        }
        options.sdk_options.other_sdks = wire.other_sdks.take();
        set_encryption(&mut options, wire)?;
        Ok(options)
    }
}

/// `e2ee` encrypts media alone, `encryption` media and data; `livekit` keeps them apart.
#[expect(
    deprecated,
    reason = "hosts still send the older field, and it means less than the newer"
)]
fn set_encryption(options: &mut RoomOptions, wire: proto::RoomOptions) -> Result<(), FfiError> {
    options.e2ee = wire.e2ee.map(TryInto::try_into).transpose()?;
    options.encryption = wire.encryption.map(TryInto::try_into).transpose()?;
    Ok(())
}

impl TryFrom<proto::RtcConfig> for RtcConfiguration {
    type Error = FfiError;

    fn try_from(wire: proto::RtcConfig) -> Result<Self, FfiError> {
        let mut config = RoomOptions::default().rtc_config;
        let transports = optional_enum_field::<proto::IceTransportType>(
            "rtc_config.ice_transport_type",
            wire.ice_transport_type,
        )?;
        if let Some(transports) = transports {
            // `livekit` would only say "internal webrtc failure", after as many attempts as it has.
            if transports != proto::IceTransportType::TransportAll {
                return Err(FfiError::field(
                    "rtc_config.ice_transport_type",
                    transports.as_str_name(),
                    "only candidates of our own interfaces are gathered: give TRANSPORT_ALL",
                ));
            }
            config.ice_transport_type = transports.into();
        }
        let policy = optional_enum_field::<proto::ContinualGatheringPolicy>(
            "rtc_config.continual_gathering_policy",
            wire.continual_gathering_policy,
        )?;
        if let Some(policy) = policy {
            config.continual_gathering_policy = policy.into();
        }
        config.ice_servers = wire.ice_servers.into_iter().map(Into::into).collect();
        Ok(config)
    }
}

impl From<proto::IceServer> for IceServer {
    fn from(wire: proto::IceServer) -> Self {
        Self {
            urls: wire.urls,
            username: wire.username.unwrap_or_default(),
            password: wire.password.unwrap_or_default(),
        }
    }
}

/// Parses the scenario of a simulate request.
pub(crate) fn scenario(value: i32) -> Result<SimulateScenario, FfiError> {
    enum_field::<proto::SimulateScenarioKind>("scenario", value).map(Into::into)
}

impl From<RoomInfo> for proto::RoomInfo {
    fn from(info: RoomInfo) -> Self {
        Self {
            sid: info.sid.map(String::from),
            name: info.name,
            metadata: info.metadata,
            lossy_dc_buffered_amount_low_threshold: info
                .lossy_dc_options
                .buffered_amount_low_threshold,
            reliable_dc_buffered_amount_low_threshold: info
                .reliable_dc_options
                .buffered_amount_low_threshold,
            empty_timeout: info.empty_timeout,
            departure_timeout: info.departure_timeout,
            max_participants: info.max_participants,
            creation_time: info.creation_time,
            num_participants: info.num_participants,
            num_publishers: info.num_publishers,
            active_recording: info.active_recording,
        }
    }
}

/// The same facts read from a live room, for the connect callback.
impl From<&livekit::Room> for proto::RoomInfo {
    fn from(room: &livekit::Room) -> Self {
        let threshold = |kind| {
            room.data_channel_options(kind)
                .buffered_amount_low_threshold
        };
        Self {
            sid: room.maybe_sid().map(String::from),
            name: room.name(),
            metadata: room.metadata(),
            lossy_dc_buffered_amount_low_threshold: threshold(DataPacketKind::Lossy),
            reliable_dc_buffered_amount_low_threshold: threshold(DataPacketKind::Reliable),
            empty_timeout: room.empty_timeout(),
            departure_timeout: room.departure_timeout(),
            max_participants: room.max_participants(),
            creation_time: room.creation_time(),
            num_participants: room.num_participants(),
            num_publishers: room.num_publishers(),
            active_recording: room.active_recording(),
        }
    }
}

impl From<proto::ChatMessage> for ChatMessage {
    fn from(wire: proto::ChatMessage) -> Self {
        Self {
            id: wire.id,
            message: wire.message,
            timestamp: wire.timestamp,
            edit_timestamp: wire.edit_timestamp,
            deleted: wire.deleted,
            generated: wire.generated,
        }
    }
}

impl From<ChatMessage> for proto::ChatMessage {
    fn from(message: ChatMessage) -> Self {
        Self {
            id: message.id,
            timestamp: message.timestamp,
            message: message.message,
            edit_timestamp: message.edit_timestamp,
            deleted: message.deleted,
            generated: message.generated,
        }
    }
}

impl From<proto::TranscriptionSegment> for TranscriptionSegment {
    fn from(wire: proto::TranscriptionSegment) -> Self {
        Self {
            id: wire.id,
            text: wire.text,
            start_time: wire.start_time,
            end_time: wire.end_time,
            r#final: wire.r#final,
            language: wire.language,
        }
    }
}

impl From<TranscriptionSegment> for proto::TranscriptionSegment {
    fn from(segment: TranscriptionSegment) -> Self {
        Self {
            id: segment.id,
            text: segment.text,
            start_time: segment.start_time,
            end_time: segment.end_time,
            r#final: segment.r#final,
            language: segment.language,
        }
    }
}

impl From<proto::PublishTranscriptionRequest> for Transcription {
    fn from(wire: proto::PublishTranscriptionRequest) -> Self {
        Self {
            participant_identity: wire.participant_identity,
            track_id: wire.track_id,
            segments: wire.segments.into_iter().map(Into::into).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_support::assert_round_trip;

    #[test]
    fn every_room_enum_survives_both_ways() {
        assert_round_trip::<proto::ConnectionQuality, ConnectionQuality>(3);
        assert_round_trip::<proto::ConnectionState, ConnectionState>(2);
        assert_round_trip::<proto::DataPacketKind, DataPacketKind>(1);
        assert_round_trip::<proto::IceTransportType, IceTransportsType>(2);
        assert_round_trip::<proto::ContinualGatheringPolicy, ContinualGatheringPolicy>(1);
        assert_round_trip::<proto::SimulateScenarioKind, SimulateScenario>(8);
    }

    #[test]
    fn absent_options_keep_the_defaults() {
        let options = RoomOptions::try_from(proto::RoomOptions::default()).unwrap();
        let defaults = RoomOptions::default();
        assert_eq!(options.auto_subscribe, defaults.auto_subscribe);
        assert_eq!(options.adaptive_stream, defaults.adaptive_stream);
        assert_eq!(options.dynacast, defaults.dynacast);
        assert_eq!(options.join_retries, defaults.join_retries);
        assert_eq!(
            options.single_peer_connection,
            defaults.single_peer_connection
        );
        assert_eq!(options.connect_timeout, defaults.connect_timeout);
        assert!(options.encryption.is_none());
    }

    #[test]
    fn retries_without_end_are_bounded() {
        for (wanted, taken) in [(0, 0), (100, 100), (101, 100), (u32::MAX, 100)] {
            let wire = proto::RoomOptions {
                join_retries: Some(wanted),
                ..Default::default()
            };
            assert_eq!(RoomOptions::try_from(wire).unwrap().join_retries, taken);
        }
    }

    #[test]
    fn given_options_are_taken() {
        let options = RoomOptions::try_from(proto::RoomOptions {
            auto_subscribe: Some(false),
            adaptive_stream: Some(true),
            dynacast: Some(true),
            join_retries: Some(7),
            single_peer_connection: Some(false),
            connect_timeout_ms: Some(1_234),
            other_sdks: Some("agents:1.0".into()),
            rtc_config: Some(proto::RtcConfig {
                ice_transport_type: Some(proto::IceTransportType::TransportAll.into()),
                continual_gathering_policy: Some(
                    proto::ContinualGatheringPolicy::GatherOnce.into(),
                ),
                ice_servers: vec![proto::IceServer {
                    urls: vec!["turn:example.org".into()],
                    username: Some("user".into()),
                    password: None,
                }],
            }),
            ..Default::default()
        })
        .unwrap();
        assert!(!options.auto_subscribe && options.adaptive_stream && options.dynacast);
        assert_eq!(options.join_retries, 7);
        assert!(!options.single_peer_connection);
        assert_eq!(options.connect_timeout, Duration::from_millis(1_234));
        assert_eq!(
            options.sdk_options.other_sdks.as_deref(),
            Some("agents:1.0")
        );
        assert_eq!(
            options.rtc_config.ice_transport_type,
            IceTransportsType::All
        );
        assert_eq!(
            options.rtc_config.continual_gathering_policy,
            ContinualGatheringPolicy::GatherOnce
        );
        assert_eq!(options.rtc_config.ice_servers[0].username, "user");
        assert_eq!(options.rtc_config.ice_servers[0].password, "");
    }

    #[test]
    fn an_unknown_transport_type_is_refused_by_name() {
        let error = RtcConfiguration::try_from(proto::RtcConfig {
            ice_transport_type: Some(9),
            ..Default::default()
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("ice_transport_type") && error.contains('9'),
            "{error}"
        );
    }

    #[test]
    fn a_transport_type_that_nothing_is_gathered_for_is_refused_by_name() {
        for kind in [
            proto::IceTransportType::TransportRelay,
            proto::IceTransportType::TransportNohost,
        ] {
            let error = RtcConfiguration::try_from(proto::RtcConfig {
                ice_transport_type: Some(kind.into()),
                ..Default::default()
            })
            .unwrap_err()
            .to_string();
            assert!(
                error.contains("rtc_config.ice_transport_type")
                    && error.contains(kind.as_str_name()),
                "{error}"
            );
        }
    }

    #[test]
    fn an_unknown_scenario_is_refused_by_name() {
        let error = scenario(-1).unwrap_err().to_string();
        assert!(
            error.contains("scenario") && error.contains("-1"),
            "{error}"
        );
    }
}
