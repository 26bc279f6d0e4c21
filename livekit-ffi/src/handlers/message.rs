//! Messages to other participants: data, transcriptions, tones, chat, raw stream packets.
//!
//! Each leaves in the order of the requests; see `events::outbox`.

use std::sync::Arc;

use livekit::{DataPacket, SipDTMF, Transcription};
use livekit_protocol::{self as signal, data_packet::Value};

use super::{answer, local_participant};
use crate::{
    convert::enum_field,
    error::FfiError,
    events::objects::ParticipantObject,
    hostmem::HostMemory,
    proto::{self, ffi_event::Message, send_chat_message_callback},
    server::Server,
};

/// Sends data of the host's. The data is copied before this returns.
pub(crate) fn publish_data(
    server: &Arc<Server>,
    memory: &HostMemory,
    request: proto::PublishDataRequest,
) -> proto::PublishDataResponse {
    const OPERATION: &str = "publish_data";
    let async_id = server.async_id(request.request_async_id);
    let callback =
        move |error| Message::PublishData(proto::PublishDataCallback { async_id, error });
    let prepared = memory
        .bytes("data_ptr", request.data_ptr, request.data_len)
        .map_err(FfiError::from)
        .and_then(|data| {
            Ok((
                data.to_vec(),
                sender(server, request.local_participant_handle, OPERATION)?,
            ))
        });
    match prepared {
        Ok((payload, object)) => {
            let packet = DataPacket {
                payload,
                topic: request.topic,
                reliable: request.reliable,
                destination_identities: request
                    .destination_identities
                    .into_iter()
                    .map(Into::into)
                    .collect(),
            };
            let outbox = if request.reliable {
                &object.session.reliable
            } else {
                &object.session.lossy
            };
            outbox.post(
                |local| async move {
                    local
                        .publish_data(packet)
                        .await
                        .map_err(|error| error.to_string())
                },
                callback,
            );
        }
        Err(error) => server.send(callback(Some(error.to_string()))),
    }
    proto::PublishDataResponse { async_id }
}

/// Sends a transcription.
pub(crate) fn publish_transcription(
    server: &Arc<Server>,
    request: proto::PublishTranscriptionRequest,
) -> proto::PublishTranscriptionResponse {
    const OPERATION: &str = "publish_transcription";
    let async_id = server.async_id(request.request_async_id);
    let callback = move |error| {
        Message::PublishTranscription(proto::PublishTranscriptionCallback { async_id, error })
    };
    match sender(server, request.local_participant_handle, OPERATION) {
        Ok(object) => object.session.reliable.post(
            |local| async move {
                local
                    .publish_transcription(Transcription::from(request))
                    .await
                    .map_err(|error| error.to_string())
            },
            callback,
        ),
        Err(error) => server.send(callback(Some(error.to_string()))),
    }
    proto::PublishTranscriptionResponse { async_id }
}

/// Sends a telephone tone.
pub(crate) fn publish_sip_dtmf(
    server: &Arc<Server>,
    request: proto::PublishSipDtmfRequest,
) -> proto::PublishSipDtmfResponse {
    const OPERATION: &str = "publish_sip_dtmf";
    let async_id = server.async_id(request.request_async_id);
    let callback =
        move |error| Message::PublishSipDtmf(proto::PublishSipDtmfCallback { async_id, error });
    match sender(server, request.local_participant_handle, OPERATION) {
        Ok(object) => {
            let tone = SipDTMF {
                code: request.code,
                digit: request.digit,
                destination_identities: request
                    .destination_identities
                    .into_iter()
                    .map(Into::into)
                    .collect(),
            };
            object.session.reliable.post(
                |local| async move {
                    local
                        .publish_dtmf(tone)
                        .await
                        .map_err(|error| error.to_string())
                },
                callback,
            );
        }
        Err(error) => server.send(callback(Some(error.to_string()))),
    }
    proto::PublishSipDtmfResponse { async_id }
}

/// Sends a chat message.
pub(crate) fn send_chat_message(
    server: &Arc<Server>,
    request: proto::SendChatMessageRequest,
) -> Result<proto::SendChatMessageResponse, FfiError> {
    const OPERATION: &str = "send_chat_message";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).map(
        |(local, _)| async move {
            let destinations = some_destinations(request.destination_identities);
            local
                .send_chat_message(request.message, destinations, request.sender_identity)
                .await
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        chat_callback(async_id, outcome)
    })?;
    Ok(proto::SendChatMessageResponse { async_id })
}

/// Sends a chat message anew, under the id that it had.
pub(crate) fn edit_chat_message(
    server: &Arc<Server>,
    request: proto::EditChatMessageRequest,
) -> Result<proto::SendChatMessageResponse, FfiError> {
    const OPERATION: &str = "edit_chat_message";
    let async_id = server.async_id(request.request_async_id);
    let task = local_participant(server, request.local_participant_handle, OPERATION).map(
        |(local, _)| async move {
            let destinations = some_destinations(request.destination_identities);
            let original = request.original_message.into();
            local
                .edit_chat_message(
                    request.edit_text,
                    original,
                    destinations,
                    request.sender_identity,
                )
                .await
        },
    );
    answer(server, OPERATION, task, move |outcome| {
        chat_callback(async_id, outcome)
    })?;
    Ok(proto::SendChatMessageResponse { async_id })
}

/// Sends the header of a data stream that the host writes by itself.
pub(crate) fn send_stream_header(
    server: &Arc<Server>,
    request: proto::SendStreamHeaderRequest,
) -> proto::SendStreamHeaderResponse {
    let async_id = server.async_id(request.request_async_id);
    let value = signal::data_stream::Header::try_from(request.header).map(Value::StreamHeader);
    send_raw(
        server,
        request.local_participant_handle,
        "send_stream_header",
        value.map(|value| {
            packet(
                value,
                request.sender_identity,
                request.destination_identities,
            )
        }),
        move |error| Message::SendStreamHeader(proto::SendStreamHeaderCallback { async_id, error }),
    );
    proto::SendStreamHeaderResponse { async_id }
}

/// Sends a piece of a data stream that the host writes by itself.
pub(crate) fn send_stream_chunk(
    server: &Arc<Server>,
    request: proto::SendStreamChunkRequest,
) -> proto::SendStreamChunkResponse {
    let async_id = server.async_id(request.request_async_id);
    let value = Value::StreamChunk(request.chunk.into());
    send_raw(
        server,
        request.local_participant_handle,
        "send_stream_chunk",
        Ok(packet(
            value,
            request.sender_identity,
            request.destination_identities,
        )),
        move |error| Message::SendStreamChunk(proto::SendStreamChunkCallback { async_id, error }),
    );
    proto::SendStreamChunkResponse { async_id }
}

/// Sends the end of a data stream that the host writes by itself.
pub(crate) fn send_stream_trailer(
    server: &Arc<Server>,
    request: proto::SendStreamTrailerRequest,
) -> proto::SendStreamTrailerResponse {
    let async_id = server.async_id(request.request_async_id);
    let value = Value::StreamTrailer(request.trailer.into());
    send_raw(
        server,
        request.local_participant_handle,
        "send_stream_trailer",
        Ok(packet(
            value,
            request.sender_identity,
            request.destination_identities,
        )),
        move |error| {
            Message::SendStreamTrailer(proto::SendStreamTrailerCallback { async_id, error })
        },
    );
    proto::SendStreamTrailerResponse { async_id }
}

/// Sets when `data_channel_low_threshold_changed` tells that a channel has drained.
pub(crate) fn set_buffered_amount_low_threshold(
    server: &Arc<Server>,
    request: &proto::SetDataChannelBufferedAmountLowThresholdRequest,
) -> proto::SetDataChannelBufferedAmountLowThresholdResponse {
    let outcome = set_threshold(server, request);
    proto::SetDataChannelBufferedAmountLowThresholdResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

fn set_threshold(
    server: &Arc<Server>,
    request: &proto::SetDataChannelBufferedAmountLowThresholdRequest,
) -> Result<(), FfiError> {
    const OPERATION: &str = "set_data_channel_buffered_amount_low_threshold";
    let kind = enum_field::<proto::DataPacketKind>("kind", request.kind)?;
    let (local, object) = local_participant(server, request.local_participant_handle, OPERATION)?;
    object.session.connected_room(OPERATION)?;
    let runtime = server.runtime()?;
    let _inside = runtime.enter();
    local
        .set_data_channel_buffered_amount_low_threshold(request.threshold, kind.into())
        .map_err(|error| FfiError::operation(OPERATION, error))
}

/// Sends a packet that names its own sender.
fn send_raw(
    server: &Arc<Server>,
    participant: u64,
    operation: &'static str,
    packet: Result<signal::DataPacket, FfiError>,
    callback: impl FnOnce(Option<String>) -> Message + Send + 'static,
) {
    let prepared = packet.and_then(|packet| Ok((packet, sender(server, participant, operation)?)));
    match prepared {
        Ok((packet, object)) => object.session.reliable.post(
            |local| async move {
                local
                    .publish_raw_data(packet, true)
                    .await
                    .map_err(|error| error.to_string())
            },
            callback,
        ),
        Err(error) => server.send(callback(Some(error.to_string()))),
    }
}

fn packet(
    value: Value,
    participant_identity: String,
    destination_identities: Vec<String>,
) -> signal::DataPacket {
    signal::DataPacket {
        participant_identity,
        destination_identities,
        value: Some(value),
        ..Default::default()
    }
}

/// The local participant's object, whose room is open.
fn sender(
    server: &Server,
    handle: u64,
    operation: &'static str,
) -> Result<Arc<ParticipantObject>, FfiError> {
    let (_, object) = local_participant(server, handle, operation)?;
    Ok(object)
}

/// No destination means everybody.
fn some_destinations(identities: Vec<String>) -> Option<Vec<String>> {
    (!identities.is_empty()).then_some(identities)
}

fn chat_callback(async_id: u64, outcome: Result<livekit::ChatMessage, String>) -> Message {
    use send_chat_message_callback::Message as Outcome;
    let message = match outcome {
        Ok(message) => Outcome::ChatMessage(message.into()),
        Err(error) => Outcome::Error(error),
    };
    Message::ChatMessage(proto::SendChatMessageCallback {
        async_id,
        message: Some(message),
    })
}
