//! Participants, outward, and why they leave, both ways (`participant.proto`).

use livekit::participant::{
    DisconnectReason, Participant, ParticipantKind, ParticipantKindDetail, ParticipantState,
};

use super::{map_enum, optional_enum_field};
use crate::{error::FfiError, proto};

/// The reason as the signalling protocol spells it; `Room::close_with_reason` and
/// `RoomEvent::Disconnected` use this one, participants the other.
pub(crate) type SignalDisconnectReason = livekit::DisconnectReason;

map_enum!(proto::DisconnectReason, DisconnectReason {
    UnknownReason <=> UnknownReason,
    ClientInitiated <=> ClientInitiated,
    DuplicateIdentity <=> DuplicateIdentity,
    ServerShutdown <=> ServerShutdown,
    ParticipantRemoved <=> ParticipantRemoved,
    RoomDeleted <=> RoomDeleted,
    StateMismatch <=> StateMismatch,
    JoinFailure <=> JoinFailure,
    Migration <=> Migration,
    SignalClose <=> SignalClose,
    RoomClosed <=> RoomClosed,
    UserUnavailable <=> UserUnavailable,
    UserRejected <=> UserRejected,
    SipTrunkFailure <=> SipTrunkFailure,
    ConnectionTimeout <=> ConnectionTimeout,
    MediaFailure <=> MediaFailure,
    AgentError <=> AgentError,
});

map_enum!(proto::ParticipantKind, ParticipantKind {
    Standard <=> Standard,
    Ingress <=> Ingress,
    Egress <=> Egress,
    Sip <=> Sip,
    Agent <=> Agent,
    Connector <=> Connector,
    Bridge <=> Bridge,
});

map_enum!(proto::ParticipantKindDetail, ParticipantKindDetail {
    CloudAgent <=> CloudAgent,
    Forwarded <=> Forwarded,
    ConnectorWhatsapp <=> ConnectorWhatsapp,
    ConnectorTwilio <=> ConnectorTwilio,
    BridgeRtsp <=> BridgeRtsp,
    Simulation <=> Simulation,
});

map_enum!(proto::ParticipantState, ParticipantState {
    Joining <=> Joining,
    Joined <=> Joined,
    Active <=> Active,
    Disconnected <=> Disconnected,
});

/// The reason of a room's end, outward.
pub(crate) fn room_end(reason: SignalDisconnectReason) -> proto::DisconnectReason {
    DisconnectReason::from(reason).into()
}

/// The reason a host gives when it disconnects; absent means that the client wanted it.
pub(crate) fn disconnect_reason(wire: Option<i32>) -> Result<SignalDisconnectReason, FfiError> {
    let reason = optional_enum_field::<proto::DisconnectReason>("reason", wire)?
        .unwrap_or(proto::DisconnectReason::ClientInitiated);
    Ok(DisconnectReason::from(reason).into())
}

impl From<&Participant> for proto::ParticipantInfo {
    fn from(participant: &Participant) -> Self {
        Self {
            sid: participant.sid().into(),
            name: participant.name(),
            identity: participant.identity().into(),
            state: proto::ParticipantState::from(participant.state()).into(),
            metadata: participant.metadata(),
            attributes: participant.attributes().into_iter().collect(),
            kind: proto::ParticipantKind::from(participant.kind()).into(),
            disconnect_reason: proto::DisconnectReason::from(participant.disconnect_reason())
                .into(),
            joined_at: participant.joined_at(),
            kind_details: participant
                .kind_details()
                .into_iter()
                .map(|detail| proto::ParticipantKindDetail::from(detail).into())
                .collect(),
            permission: participant
                .permission()
                .map(|permission| permission_out(&permission)),
            client_protocol: participant.client_protocol(),
        }
    }
}

/// What the server lets a participant do. Sources that this protocol cannot name are left out.
pub(crate) fn permission_out(
    permission: &livekit_protocol::ParticipantPermission,
) -> proto::ParticipantPermission {
    proto::ParticipantPermission {
        can_subscribe: permission.can_subscribe,
        can_publish: permission.can_publish,
        can_publish_data: permission.can_publish_data,
        can_publish_sources: permission
            .can_publish_sources()
            .map(|source| {
                proto::TrackSource::from(livekit::track::TrackSource::from(source)).into()
            })
            .collect(),
        hidden: permission.hidden,
        can_update_metadata: permission.can_update_metadata,
        can_subscribe_metrics: permission.can_subscribe_metrics,
        can_manage_agent_session: permission.can_manage_agent_session,
    }
}

/// Attributes as the list of pairs that events use, sorted so that equal maps look alike.
pub(crate) fn attributes(
    map: impl IntoIterator<Item = (String, String)>,
) -> Vec<proto::AttributesEntry> {
    let mut entries: Vec<_> = map
        .into_iter()
        .map(|(key, value)| proto::AttributesEntry { key, value })
        .collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_support::assert_round_trip;

    #[test]
    fn every_participant_enum_survives_both_ways() {
        assert_round_trip::<proto::DisconnectReason, DisconnectReason>(16);
        assert_round_trip::<proto::ParticipantKind, ParticipantKind>(6);
        assert_round_trip::<proto::ParticipantKindDetail, ParticipantKindDetail>(5);
        assert_round_trip::<proto::ParticipantState, ParticipantState>(3);
    }

    #[test]
    fn an_absent_reason_is_the_clients() {
        assert_eq!(
            disconnect_reason(None).unwrap(),
            SignalDisconnectReason::ClientInitiated
        );
    }

    #[test]
    fn a_given_reason_is_taken_and_an_unknown_one_refused() {
        let agent = proto::DisconnectReason::AgentError.into();
        assert_eq!(
            disconnect_reason(Some(agent)).unwrap(),
            SignalDisconnectReason::AgentError
        );
        let error = disconnect_reason(Some(99)).unwrap_err().to_string();
        assert!(error.contains("reason") && error.contains("99"), "{error}");
    }

    #[test]
    fn permissions_keep_every_right() {
        let permission = livekit_protocol::ParticipantPermission {
            can_subscribe: true,
            can_publish_data: true,
            can_publish_sources: vec![livekit_protocol::TrackSource::ScreenShare.into()],
            can_update_metadata: true,
            ..Default::default()
        };
        let wire = permission_out(&permission);
        assert!(wire.can_subscribe && wire.can_publish_data && wire.can_update_metadata);
        assert!(!wire.can_publish && !wire.hidden);
        assert_eq!(
            wire.can_publish_sources,
            [proto::TrackSource::SourceScreenshare as i32]
        );
    }

    #[test]
    fn attributes_come_sorted() {
        let pairs = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let entries = attributes(pairs);
        assert_eq!(
            (entries[0].key.as_str(), entries[0].value.as_str()),
            ("a", "1")
        );
        assert_eq!(entries[1].key, "b");
    }
}
