//! Data streams: options inward, facts and failures outward, raw packets both ways
//! (`data_stream.proto` and the `DataStream` messages of `room.proto`).

use std::collections::BTreeMap;

use livekit::{
    ByteStreamInfo, OperationType, SendByteOptions, SendTextOptions, StreamByteOptions,
    StreamError, StreamTextOptions, TextStreamInfo,
};
use livekit_protocol::data_stream as signal;

use super::{enum_field, map_enum, optional_enum_field};
use crate::{error::FfiError, proto};

map_enum!(proto::text_stream_info::OperationType, OperationType {
    Create <=> Create,
    Update <=> Update,
    Delete <=> Delete,
    Reaction <=> Reaction,
});

map_enum!(proto::data_stream::OperationType, signal::OperationType {
    Create <=> Create,
    Update <=> Update,
    Delete <=> Delete,
    Reaction <=> Reaction,
});

fn operation(wire: Option<i32>) -> Result<Option<OperationType>, FfiError> {
    let operation = optional_enum_field::<proto::text_stream_info::OperationType>(
        "options.operation_type",
        wire,
    )?;
    Ok(operation.map(Into::into))
}

/// The fields that the options of all four ways to begin a stream share. `livekit` has a type of
/// its own for each way, with these fields under the same names.
macro_rules! common_options {
    ($wire:ident) => {{
        let mut options = Self::new_with_topic($wire.topic);
        options.attributes = $wire.attributes.into_iter().collect();
        options.destination_identities = $wire
            .destination_identities
            .into_iter()
            .map(Into::into)
            .collect();
        options.id = $wire.id;
        options.sender_identity = $wire.sender_identity.map(Into::into);
        options
    }};
}

/// As [`common_options`], with what both ways to begin a text share.
macro_rules! text_options {
    ($wire:ident) => {{
        let operation_type = operation($wire.operation_type)?;
        let mut options = common_options!($wire);
        options.operation_type = operation_type;
        options.version = $wire.version;
        options.reply_to_stream_id = $wire.reply_to_stream_id;
        options.attached_stream_ids = $wire.attached_stream_ids;
        options.generated = $wire.generated;
        options
    }};
}

/// As [`common_options`], with what both ways to begin bytes share.
macro_rules! byte_options {
    ($wire:ident) => {{
        let mut options = common_options!($wire);
        options.name = $wire.name;
        options.mime_type = $wire.mime_type;
        options
    }};
}

/// Options of a stream that is written piece by piece; `compress` does not apply to those.
impl TryFrom<proto::StreamTextOptions> for StreamTextOptions {
    type Error = FfiError;

    fn try_from(wire: proto::StreamTextOptions) -> Result<Self, FfiError> {
        Ok(text_options!(wire))
    }
}

/// Options of a text that is sent as a whole.
impl TryFrom<proto::StreamTextOptions> for SendTextOptions {
    type Error = FfiError;

    fn try_from(wire: proto::StreamTextOptions) -> Result<Self, FfiError> {
        let mut options: Self = text_options!(wire);
        options.compress = wire.compress;
        Ok(options)
    }
}

/// Options of a stream that is written piece by piece; `compress` does not apply to those.
impl From<proto::StreamByteOptions> for StreamByteOptions {
    fn from(wire: proto::StreamByteOptions) -> Self {
        let mut options: Self = byte_options!(wire);
        options.total_length = wire.total_length;
        options
    }
}

/// Options of bytes or a file that are sent as a whole, whose length is known.
impl From<proto::StreamByteOptions> for SendByteOptions {
    fn from(wire: proto::StreamByteOptions) -> Self {
        let mut options: Self = byte_options!(wire);
        options.compress = wire.compress;
        options
    }
}

impl From<&TextStreamInfo> for proto::TextStreamInfo {
    fn from(info: &TextStreamInfo) -> Self {
        Self {
            stream_id: info.id.clone(),
            timestamp: info.timestamp.timestamp_millis(),
            mime_type: info.mime_type.clone(),
            topic: info.topic.clone(),
            total_length: info.total_length,
            attributes: info.attributes().into_iter().collect(),
            operation_type: proto::text_stream_info::OperationType::from(info.operation_type)
                .into(),
            version: Some(info.version),
            reply_to_stream_id: info.reply_to_stream_id.clone(),
            attached_stream_ids: info.attached_stream_ids.clone(),
            generated: Some(info.generated),
            encryption_type: proto::EncryptionType::from(info.encryption_type).into(),
        }
    }
}

impl From<&ByteStreamInfo> for proto::ByteStreamInfo {
    fn from(info: &ByteStreamInfo) -> Self {
        Self {
            stream_id: info.id.clone(),
            timestamp: info.timestamp.timestamp_millis(),
            mime_type: info.mime_type.clone(),
            topic: info.topic.clone(),
            total_length: info.total_length,
            attributes: info.attributes().into_iter().collect(),
            name: info.name.clone(),
            encryption_type: proto::EncryptionType::from(info.encryption_type).into(),
        }
    }
}

impl From<StreamError> for proto::StreamError {
    fn from(error: StreamError) -> Self {
        Self {
            description: error.to_string(),
        }
    }
}

impl TryFrom<proto::data_stream::Header> for signal::Header {
    type Error = FfiError;

    fn try_from(wire: proto::data_stream::Header) -> Result<Self, FfiError> {
        use proto::data_stream::header::ContentHeader;
        let content_header = match wire.content_header {
            Some(ContentHeader::TextHeader(text)) => {
                Some(signal::header::ContentHeader::TextHeader(text.try_into()?))
            }
            Some(ContentHeader::ByteHeader(bytes)) => Some(
                signal::header::ContentHeader::ByteHeader(signal::ByteHeader { name: bytes.name }),
            ),
            None => None,
        };
        Ok(Self {
            stream_id: wire.stream_id,
            timestamp: wire.timestamp,
            topic: wire.topic,
            mime_type: wire.mime_type,
            total_length: wire.total_length,
            attributes: wire.attributes.into_iter().collect(),
            content_header,
            ..Default::default()
        })
    }
}

impl TryFrom<proto::data_stream::TextHeader> for signal::TextHeader {
    type Error = FfiError;

    fn try_from(wire: proto::data_stream::TextHeader) -> Result<Self, FfiError> {
        let operation = enum_field::<proto::data_stream::OperationType>(
            "text_header.operation_type",
            wire.operation_type,
        )?;
        Ok(Self {
            operation_type: signal::OperationType::from(operation).into(),
            version: wire.version.unwrap_or_default(),
            reply_to_stream_id: wire.reply_to_stream_id.unwrap_or_default(),
            attached_stream_ids: wire.attached_stream_ids,
            generated: wire.generated.unwrap_or_default(),
        })
    }
}

impl From<proto::data_stream::Chunk> for signal::Chunk {
    #[expect(
        deprecated,
        reason = "the field stands on our wire, and the server forwards it"
    )]
    fn from(wire: proto::data_stream::Chunk) -> Self {
        Self {
            stream_id: wire.stream_id,
            chunk_index: wire.chunk_index,
            content: wire.content,
            version: wire.version.unwrap_or_default(),
            iv: wire.iv,
        }
    }
}

impl From<proto::data_stream::Trailer> for signal::Trailer {
    fn from(wire: proto::data_stream::Trailer) -> Self {
        Self {
            stream_id: wire.stream_id,
            reason: wire.reason,
            attributes: wire.attributes.into_iter().collect(),
        }
    }
}

impl From<signal::Header> for proto::data_stream::Header {
    fn from(header: signal::Header) -> Self {
        use proto::data_stream::header::ContentHeader;
        let content_header = header.content_header.map(|content| match content {
            signal::header::ContentHeader::TextHeader(text) => {
                ContentHeader::TextHeader(text.into())
            }
            signal::header::ContentHeader::ByteHeader(bytes) => {
                ContentHeader::ByteHeader(proto::data_stream::ByteHeader { name: bytes.name })
            }
        });
        Self {
            stream_id: header.stream_id,
            timestamp: header.timestamp,
            mime_type: header.mime_type,
            topic: header.topic,
            total_length: header.total_length,
            attributes: BTreeMap::from_iter(header.attributes),
            content_header,
        }
    }
}

impl From<signal::TextHeader> for proto::data_stream::TextHeader {
    fn from(text: signal::TextHeader) -> Self {
        let operation = proto::data_stream::OperationType::from(text.operation_type());
        Self {
            operation_type: operation.into(),
            version: Some(text.version),
            reply_to_stream_id: Some(text.reply_to_stream_id),
            attached_stream_ids: text.attached_stream_ids,
            generated: Some(text.generated),
        }
    }
}

impl From<signal::Chunk> for proto::data_stream::Chunk {
    #[expect(
        deprecated,
        reason = "the field stands on our wire, and the server forwards it"
    )]
    fn from(chunk: signal::Chunk) -> Self {
        Self {
            stream_id: chunk.stream_id,
            chunk_index: chunk.chunk_index,
            content: chunk.content,
            version: Some(chunk.version),
            iv: chunk.iv,
        }
    }
}

impl From<signal::Trailer> for proto::data_stream::Trailer {
    fn from(trailer: signal::Trailer) -> Self {
        Self {
            stream_id: trailer.stream_id,
            reason: trailer.reason,
            attributes: BTreeMap::from_iter(trailer.attributes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_support::assert_round_trip;

    fn text_options() -> proto::StreamTextOptions {
        proto::StreamTextOptions {
            topic: "t".into(),
            attributes: BTreeMap::from([("k".into(), "v".into())]),
            destination_identities: vec!["bob".into()],
            operation_type: Some(proto::text_stream_info::OperationType::Update.into()),
            version: Some(2),
            compress: Some(true),
            sender_identity: Some("agent".into()),
            ..Default::default()
        }
    }

    #[test]
    fn every_operation_survives_both_ways() {
        assert_round_trip::<proto::text_stream_info::OperationType, OperationType>(3);
        assert_round_trip::<proto::data_stream::OperationType, signal::OperationType>(3);
    }

    #[test]
    fn text_options_are_taken() {
        let options = SendTextOptions::try_from(text_options()).unwrap();
        assert_eq!(options.topic, "t");
        assert_eq!(options.attributes["k"], "v");
        assert_eq!(options.destination_identities[0].as_str(), "bob");
        assert_eq!(options.operation_type, Some(OperationType::Update));
        assert_eq!(options.version, Some(2));
        assert_eq!(options.compress, Some(true));
        assert_eq!(options.sender_identity.unwrap().as_str(), "agent");
        assert_eq!(
            StreamTextOptions::try_from(text_options()).unwrap().version,
            Some(2)
        );
    }

    #[test]
    fn an_unknown_operation_is_refused_by_name() {
        let wire = proto::StreamTextOptions {
            operation_type: Some(12),
            ..text_options()
        };
        let error = SendTextOptions::try_from(wire).unwrap_err().to_string();
        assert!(
            error.contains("operation_type") && error.contains("12"),
            "{error}"
        );
    }

    #[test]
    fn raw_packets_survive_both_ways() {
        let header = proto::data_stream::Header {
            stream_id: "s".into(),
            timestamp: 5,
            mime_type: "text/plain".into(),
            topic: "t".into(),
            total_length: Some(9),
            attributes: BTreeMap::from([("k".into(), "v".into())]),
            content_header: Some(proto::data_stream::header::ContentHeader::TextHeader(
                proto::data_stream::TextHeader {
                    operation_type: proto::data_stream::OperationType::Reaction.into(),
                    version: Some(1),
                    reply_to_stream_id: Some("r".into()),
                    attached_stream_ids: vec!["a".into()],
                    generated: Some(true),
                },
            )),
        };
        let there = signal::Header::try_from(header.clone()).unwrap();
        assert_eq!(proto::data_stream::Header::from(there), header);

        let chunk = proto::data_stream::Chunk {
            stream_id: "s".into(),
            chunk_index: 3,
            content: vec![1, 2],
            version: Some(0),
            iv: None,
        };
        assert_eq!(
            proto::data_stream::Chunk::from(signal::Chunk::from(chunk.clone())),
            chunk
        );

        let trailer = proto::data_stream::Trailer {
            stream_id: "s".into(),
            reason: "done".into(),
            attributes: BTreeMap::new(),
        };
        let back = proto::data_stream::Trailer::from(signal::Trailer::from(trailer.clone()));
        assert_eq!(back, trailer);
    }
}
