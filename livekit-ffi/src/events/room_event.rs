//! Room events that need no ordering: their translation, and the handles they carry.

use std::sync::Arc;

use livekit::{
    RoomEvent, StreamReader as _, TakeCell, participant::Participant,
    webrtc::native::frame_cryptor::EncryptionState,
};

use super::{data_stream::Incoming, data_track::own_remote, given::owned, session::RoomSession};
use crate::{
    convert::participant::{attributes, permission_out, room_end},
    proto::{self, room_event::Message},
    server::handles::Resource,
};

/// The payload of a received message, which the host reads where it lies.
struct ReceivedData(#[expect(dead_code, reason = "keeps the host's view alive")] Arc<Vec<u8>>);

impl Resource for ReceivedData {
    const KIND: &'static str = "received data";
}

/// Translates an event. Those that `room` treats itself, and ones that this version does not
/// know, have nothing for the host: `None`.
pub(super) fn translate(session: &Arc<RoomSession>, event: RoomEvent) -> Option<Message> {
    let message = match event {
        RoomEvent::ParticipantConnected(participant) => {
            Message::ParticipantConnected(proto::ParticipantConnected {
                info: session.own_participant(Participant::Remote(participant)),
            })
        }
        RoomEvent::ParticipantActive(participant) => {
            Message::ParticipantActive(proto::ParticipantActive {
                participant_identity: participant.identity().into(),
            })
        }
        RoomEvent::TrackPublished {
            publication,
            participant,
        } => Message::TrackPublished(proto::TrackPublished {
            participant_identity: participant.identity().into(),
            publication: session.own_remote_publication(publication),
        }),
        RoomEvent::TrackUnpublished {
            publication,
            participant,
        } => Message::TrackUnpublished(proto::TrackUnpublished {
            participant_identity: participant.identity().into(),
            publication_sid: publication.sid().into(),
        }),
        RoomEvent::TrackSubscriptionFailed {
            participant,
            error,
            track_sid,
        } => Message::TrackSubscriptionFailed(proto::TrackSubscriptionFailed {
            participant_identity: participant.identity().into(),
            track_sid: track_sid.into(),
            error: error.to_string(),
        }),
        RoomEvent::DataReceived {
            payload,
            topic,
            kind,
            participant,
        } => {
            let participant_identity = participant
                .map(|sender| sender.identity().into())
                .unwrap_or_default();
            data_received(session, payload, topic, kind, participant_identity)
        }
        RoomEvent::SipDTMFReceived {
            code,
            digit,
            participant,
        } => Message::DataPacketReceived(proto::DataPacketReceived {
            kind: proto::DataPacketKind::KindReliable.into(),
            participant_identity: participant
                .map(|sender| sender.identity().into())
                .unwrap_or_default(),
            value: Some(proto::data_packet_received::Value::SipDtmf(
                proto::SipDtmf { code, digit },
            )),
        }),
        RoomEvent::ChatMessage {
            message,
            participant,
        } => Message::ChatMessage(proto::ChatMessageReceived {
            message: message.into(),
            participant_identity: participant
                .map(|sender| sender.identity().into())
                .unwrap_or_default(),
        }),
        RoomEvent::TranscriptionReceived {
            participant,
            track_publication,
            segments,
        } => Message::TranscriptionReceived(proto::TranscriptionReceived {
            participant_identity: participant.map(|speaker| speaker.identity().into()),
            track_sid: track_publication.map(|publication| publication.sid().into()),
            segments: segments.into_iter().map(Into::into).collect(),
        }),
        RoomEvent::ByteStreamOpened {
            reader,
            participant_identity,
            ..
        } => {
            return byte_stream_opened(session, &reader, participant_identity.into());
        }
        RoomEvent::TextStreamOpened {
            reader,
            participant_identity,
            ..
        } => {
            return text_stream_opened(session, &reader, participant_identity.into());
        }
        RoomEvent::DataTrackPublished(track) => {
            Message::DataTrackPublished(proto::DataTrackPublished {
                track: own_remote(&session.server, session.ownership(), track),
            })
        }
        RoomEvent::DataTrackUnpublished(sid) => {
            Message::DataTrackUnpublished(proto::DataTrackUnpublished {
                sid: sid.to_string(),
            })
        }
        RoomEvent::E2eeStateChanged { participant, state } => encryption(&participant, state),
        other => return room_facts(other),
    };
    Some(message)
}

/// Events about the room, its people and its connection; they carry no handles.
fn room_facts(event: RoomEvent) -> Option<Message> {
    let message = match event {
        RoomEvent::RoomMetadataChanged { metadata, .. } => {
            Message::RoomMetadataChanged(proto::RoomMetadataChanged { metadata })
        }
        RoomEvent::ParticipantMetadataChanged {
            participant,
            metadata,
            ..
        } => Message::ParticipantMetadataChanged(proto::ParticipantMetadataChanged {
            participant_identity: participant.identity().into(),
            metadata,
        }),
        RoomEvent::ParticipantNameChanged {
            participant, name, ..
        } => Message::ParticipantNameChanged(proto::ParticipantNameChanged {
            participant_identity: participant.identity().into(),
            name,
        }),
        RoomEvent::ParticipantAttributesChanged {
            participant,
            changed_attributes,
        } => Message::ParticipantAttributesChanged(proto::ParticipantAttributesChanged {
            participant_identity: participant.identity().into(),
            attributes: attributes(participant.attributes()),
            changed_attributes: attributes(changed_attributes),
        }),
        RoomEvent::ParticipantEncryptionStatusChanged {
            participant,
            is_encrypted,
        } => {
            Message::ParticipantEncryptionStatusChanged(proto::ParticipantEncryptionStatusChanged {
                participant_identity: participant.identity().into(),
                is_encrypted,
            })
        }
        RoomEvent::ParticipantPermissionChanged {
            participant,
            permission,
        } => Message::ParticipantPermissionChanged(proto::ParticipantPermissionChanged {
            participant_identity: participant.identity().into(),
            permission: permission.map(|permission| permission_out(&permission)),
        }),
        RoomEvent::ActiveSpeakersChanged { speakers } => {
            Message::ActiveSpeakersChanged(proto::ActiveSpeakersChanged {
                participant_identities: speakers
                    .into_iter()
                    .map(|speaker| speaker.identity().into())
                    .collect(),
            })
        }
        RoomEvent::ConnectionQualityChanged {
            quality,
            participant,
        } => Message::ConnectionQualityChanged(proto::ConnectionQualityChanged {
            participant_identity: participant.identity().into(),
            quality: proto::ConnectionQuality::from(quality).into(),
        }),
        RoomEvent::ConnectionStateChanged(state) => {
            Message::ConnectionStateChanged(proto::ConnectionStateChanged {
                state: proto::ConnectionState::from(state).into(),
            })
        }
        RoomEvent::Disconnected { reason } => Message::Disconnected(proto::Disconnected {
            reason: room_end(reason).into(),
        }),
        RoomEvent::RoomUpdated { room } => Message::RoomUpdated(room.into()),
        RoomEvent::Moved { room } => Message::Moved(room.into()),
        RoomEvent::ParticipantsUpdated { participants } => {
            Message::ParticipantsUpdated(proto::ParticipantsUpdated {
                participants: participants.iter().map(Into::into).collect(),
            })
        }
        RoomEvent::TokenRefreshed { token } => {
            Message::TokenRefreshed(proto::TokenRefreshed { token })
        }
        RoomEvent::DataChannelBufferedAmountLowThresholdChanged { kind, threshold } => {
            Message::DataChannelLowThresholdChanged(
                proto::DataChannelBufferedAmountLowThresholdChanged {
                    kind: proto::DataPacketKind::from(kind).into(),
                    threshold,
                },
            )
        }
        other => return raw_stream(other),
    };
    Some(message)
}

/// The packets of data streams, for hosts that put them together themselves.
#[expect(
    deprecated,
    reason = "hosts that read packets themselves still rely on these events"
)]
fn raw_stream(event: RoomEvent) -> Option<Message> {
    Some(match event {
        RoomEvent::StreamHeaderReceived {
            header,
            participant_identity,
        } => Message::StreamHeaderReceived(proto::DataStreamHeaderReceived {
            participant_identity,
            header: header.into(),
        }),
        RoomEvent::StreamChunkReceived {
            chunk,
            participant_identity,
        } => Message::StreamChunkReceived(proto::DataStreamChunkReceived {
            participant_identity,
            chunk: chunk.into(),
        }),
        RoomEvent::StreamTrailerReceived {
            trailer,
            participant_identity,
        } => Message::StreamTrailerReceived(proto::DataStreamTrailerReceived {
            participant_identity,
            trailer: trailer.into(),
        }),
        _ => return None,
    })
}

fn data_received(
    session: &Arc<RoomSession>,
    payload: Arc<Vec<u8>>,
    topic: Option<String>,
    kind: livekit::DataPacketKind,
    participant_identity: String,
) -> Message {
    let data = proto::BufferInfo {
        data_ptr: payload.as_ptr().expose_provenance() as u64,
        data_len: payload.len() as u64,
    };
    let handle = session
        .server
        .handles()
        .insert(Arc::new(ReceivedData(payload)), session.ownership());
    Message::DataPacketReceived(proto::DataPacketReceived {
        kind: proto::DataPacketKind::from(kind).into(),
        participant_identity,
        value: Some(proto::data_packet_received::Value::User(
            proto::UserPacket {
                data: proto::OwnedBuffer {
                    handle: owned(handle),
                    data,
                },
                topic,
            },
        )),
    })
}

fn byte_stream_opened(
    session: &Arc<RoomSession>,
    reader: &TakeCell<livekit::ByteStreamReader>,
    participant_identity: String,
) -> Option<Message> {
    let reader = reader.take()?;
    let info = proto::ByteStreamInfo::from(reader.info());
    let object = Arc::new(Incoming::new(reader));
    let handle = session.server.handles().insert(object, session.ownership());
    Some(Message::ByteStreamOpened(proto::ByteStreamOpened {
        reader: proto::OwnedByteStreamReader {
            handle: owned(handle),
            info,
        },
        participant_identity,
    }))
}

fn text_stream_opened(
    session: &Arc<RoomSession>,
    reader: &TakeCell<livekit::TextStreamReader>,
    participant_identity: String,
) -> Option<Message> {
    let reader = reader.take()?;
    let info = proto::TextStreamInfo::from(reader.info());
    let object = Arc::new(Incoming::new(reader));
    let handle = session.server.handles().insert(object, session.ownership());
    Some(Message::TextStreamOpened(proto::TextStreamOpened {
        reader: proto::OwnedTextStreamReader {
            handle: owned(handle),
            info,
        },
        participant_identity,
    }))
}

fn encryption(participant: &Participant, state: EncryptionState) -> Message {
    Message::E2eeStateChanged(proto::E2eeStateChanged {
        participant_identity: participant.identity().into(),
        state: proto::EncryptionState::from(state).into(),
    })
}
