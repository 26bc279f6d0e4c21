//! Data tracks and their schemas (`data_track.proto`).

use livekit::data_track::{
    DataTrackFrame, DataTrackFrameEncoding, DataTrackInfo, DataTrackOptions,
    DataTrackSchemaEncoding, DataTrackSchemaId, DataTrackSubscribeError, DataTrackSubscribeOptions,
    PublishError, PushFrameErrorReason, RemoteDataTrackPipelineOptions,
};

use super::enum_field;
use crate::{
    error::FfiError,
    proto::{
        self, data_track_frame_encoding as frame_encoding,
        data_track_schema_encoding as schema_encoding,
    },
};

/// The fields that name an encoding, as errors call them.
const SCHEMA_ENCODING: &str = "schema.encoding";
const FRAME_ENCODING: &str = "frame_encoding";

impl TryFrom<proto::DataTrackOptions> for DataTrackOptions {
    type Error = FfiError;

    fn try_from(wire: proto::DataTrackOptions) -> Result<Self, FfiError> {
        let mut options = Self::new(wire.name);
        if let Some(schema) = wire.schema {
            options = options.with_schema(schema.try_into()?);
        }
        if let Some(encoding) = wire.frame_encoding {
            options = options.with_frame_encoding(encoding.try_into()?);
        }
        Ok(options)
    }
}

impl TryFrom<proto::DataTrackSchemaId> for DataTrackSchemaId {
    type Error = FfiError;

    fn try_from(wire: proto::DataTrackSchemaId) -> Result<Self, FfiError> {
        let encoding = named(SCHEMA_ENCODING, wire.encoding)?;
        Ok(Self::new(wire.name, encoding.try_into()?))
    }
}

impl TryFrom<proto::DataTrackSchemaEncoding> for DataTrackSchemaEncoding {
    type Error = FfiError;

    fn try_from(wire: proto::DataTrackSchemaEncoding) -> Result<Self, FfiError> {
        use schema_encoding::{Encoding, WellKnownSchemaEncoding as WellKnown};
        let number = match named(SCHEMA_ENCODING, wire.encoding)? {
            Encoding::Custom(name) => return Ok(Self::Custom(name)),
            Encoding::WellKnown(number) => number,
        };
        Ok(match enum_field::<WellKnown>(SCHEMA_ENCODING, number)? {
            WellKnown::Unspecified => Self::Other,
            WellKnown::Protobuf => Self::Protobuf,
            WellKnown::Flatbuffer => Self::Flatbuffer,
            WellKnown::Ros1Msg => Self::Ros1Msg,
            WellKnown::Ros2Msg => Self::Ros2Msg,
            WellKnown::Ros2Idl => Self::Ros2Idl,
            WellKnown::OmgIdl => Self::OmgIdl,
            WellKnown::JsonSchema => Self::JsonSchema,
        })
    }
}

impl TryFrom<proto::DataTrackFrameEncoding> for DataTrackFrameEncoding {
    type Error = FfiError;

    fn try_from(wire: proto::DataTrackFrameEncoding) -> Result<Self, FfiError> {
        use frame_encoding::{Encoding, WellKnownFrameEncoding as WellKnown};
        let number = match named(FRAME_ENCODING, wire.encoding)? {
            Encoding::Custom(name) => return Ok(Self::Custom(name)),
            Encoding::WellKnown(number) => number,
        };
        Ok(match enum_field::<WellKnown>(FRAME_ENCODING, number)? {
            WellKnown::Unspecified => Self::Other,
            WellKnown::Ros1 => Self::Ros1,
            WellKnown::Cdr => Self::Cdr,
            WellKnown::Protobuf => Self::Protobuf,
            WellKnown::Flatbuffer => Self::Flatbuffer,
            WellKnown::Cbor => Self::Cbor,
            WellKnown::Msgpack => Self::Msgpack,
            WellKnown::Json => Self::Json,
        })
    }
}

impl From<&DataTrackSchemaId> for proto::DataTrackSchemaId {
    fn from(id: &DataTrackSchemaId) -> Self {
        Self {
            name: id.name().to_owned(),
            encoding: Some(id.encoding().into()),
        }
    }
}

/// An encoding that a host must name.
fn named<T>(field: &'static str, encoding: Option<T>) -> Result<T, FfiError> {
    encoding.ok_or_else(|| FfiError::field(field, "absent", "an encoding is needed"))
}

/// Encodings that this protocol cannot name go out as unspecified.
impl From<&DataTrackSchemaEncoding> for proto::DataTrackSchemaEncoding {
    fn from(encoding: &DataTrackSchemaEncoding) -> Self {
        use schema_encoding::{Encoding, WellKnownSchemaEncoding as WellKnown};
        let well_known = match encoding {
            DataTrackSchemaEncoding::Custom(name) => {
                return Self {
                    encoding: Some(Encoding::Custom(name.clone())),
                };
            }
            DataTrackSchemaEncoding::Protobuf => WellKnown::Protobuf,
            DataTrackSchemaEncoding::Flatbuffer => WellKnown::Flatbuffer,
            DataTrackSchemaEncoding::Ros1Msg => WellKnown::Ros1Msg,
            DataTrackSchemaEncoding::Ros2Msg => WellKnown::Ros2Msg,
            DataTrackSchemaEncoding::Ros2Idl => WellKnown::Ros2Idl,
            DataTrackSchemaEncoding::OmgIdl => WellKnown::OmgIdl,
            DataTrackSchemaEncoding::JsonSchema => WellKnown::JsonSchema,
            _ => WellKnown::Unspecified,
        };
        Self {
            encoding: Some(Encoding::WellKnown(well_known.into())),
        }
    }
}

/// Encodings that this protocol cannot name go out as unspecified.
impl From<&DataTrackFrameEncoding> for proto::DataTrackFrameEncoding {
    fn from(encoding: &DataTrackFrameEncoding) -> Self {
        use frame_encoding::{Encoding, WellKnownFrameEncoding as WellKnown};
        let well_known = match encoding {
            DataTrackFrameEncoding::Custom(name) => {
                return Self {
                    encoding: Some(Encoding::Custom(name.clone())),
                };
            }
            DataTrackFrameEncoding::Ros1 => WellKnown::Ros1,
            DataTrackFrameEncoding::Cdr => WellKnown::Cdr,
            DataTrackFrameEncoding::Protobuf => WellKnown::Protobuf,
            DataTrackFrameEncoding::Flatbuffer => WellKnown::Flatbuffer,
            DataTrackFrameEncoding::Cbor => WellKnown::Cbor,
            DataTrackFrameEncoding::Msgpack => WellKnown::Msgpack,
            DataTrackFrameEncoding::Json => WellKnown::Json,
            _ => WellKnown::Unspecified,
        };
        Self {
            encoding: Some(Encoding::WellKnown(well_known.into())),
        }
    }
}

impl From<&DataTrackInfo> for proto::DataTrackInfo {
    fn from(info: &DataTrackInfo) -> Self {
        Self {
            name: info.name().to_owned(),
            sid: info.sid().to_string(),
            uses_e2ee: info.uses_e2ee(),
            schema: info.schema().map(Into::into),
            frame_encoding: info.frame_encoding().map(Into::into),
        }
    }
}

impl From<proto::DataTrackFrame> for DataTrackFrame {
    fn from(wire: proto::DataTrackFrame) -> Self {
        let frame = Self::new(wire.payload);
        match wire.user_timestamp {
            Some(timestamp) => frame.with_user_timestamp(timestamp),
            None => frame,
        }
    }
}

impl From<DataTrackFrame> for proto::DataTrackFrame {
    fn from(frame: DataTrackFrame) -> Self {
        Self {
            payload: frame.payload().to_vec(),
            user_timestamp: frame.user_timestamp(),
        }
    }
}

impl From<proto::DataTrackSubscribeOptions> for DataTrackSubscribeOptions {
    fn from(wire: proto::DataTrackSubscribeOptions) -> Self {
        match wire.buffer_size {
            Some(frames) => Self::new().with_buffer_size(frames as usize),
            None => Self::new(),
        }
    }
}

impl From<proto::RemoteDataTrackPipelineOptions> for RemoteDataTrackPipelineOptions {
    fn from(wire: proto::RemoteDataTrackPipelineOptions) -> Self {
        match wire.max_partial_frames {
            Some(frames) => Self::new().with_max_partial_frames(frames as usize),
            None => Self::new(),
        }
    }
}

impl From<PublishError> for proto::PublishDataTrackError {
    fn from(error: PublishError) -> Self {
        use proto::PublishDataTrackErrorCode as Code;
        let code = match &error {
            PublishError::NotAllowed => Code::NotAllowed,
            PublishError::DuplicateName => Code::DuplicateName,
            PublishError::InvalidName => Code::InvalidName,
            PublishError::Timeout => Code::Timeout,
            PublishError::LimitReached => Code::LimitReached,
            PublishError::Disconnected => Code::Disconnected,
            PublishError::InvalidSchema(_) => Code::InvalidSchema,
            PublishError::Internal(_) => Code::Internal,
        };
        Self {
            code: code.into(),
            message: error.to_string(),
        }
    }
}

impl From<PushFrameErrorReason> for proto::LocalDataTrackTryPushError {
    fn from(reason: PushFrameErrorReason) -> Self {
        use proto::LocalDataTrackTryPushErrorCode as Code;
        let code = match reason {
            PushFrameErrorReason::TrackUnpublished => Code::TrackUnpublished,
            PushFrameErrorReason::QueueFull => Code::QueueFull,
        };
        Self {
            code: code.into(),
            message: reason.to_string(),
        }
    }
}

impl From<DataTrackSubscribeError> for proto::SubscribeDataTrackError {
    fn from(error: DataTrackSubscribeError) -> Self {
        use proto::SubscribeDataTrackErrorCode as Code;
        let code = match &error {
            DataTrackSubscribeError::Unpublished => Code::Unpublished,
            DataTrackSubscribeError::Timeout => Code::Timeout,
            DataTrackSubscribeError::Disconnected => Code::Disconnected,
            DataTrackSubscribeError::Internal(_) => Code::Internal,
        };
        Self {
            code: code.into(),
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_encodings_survive_both_ways() {
        for number in 0..=7 {
            let wire = proto::DataTrackSchemaEncoding {
                encoding: Some(schema_encoding::Encoding::WellKnown(number)),
            };
            let own = DataTrackSchemaEncoding::try_from(wire.clone()).unwrap();
            assert_eq!(proto::DataTrackSchemaEncoding::from(&own), wire);
        }
        let custom = proto::DataTrackSchemaEncoding {
            encoding: Some(schema_encoding::Encoding::Custom("mine".into())),
        };
        let own = DataTrackSchemaEncoding::try_from(custom.clone()).unwrap();
        assert_eq!(proto::DataTrackSchemaEncoding::from(&own), custom);
    }

    #[test]
    fn frame_encodings_survive_both_ways() {
        for number in 0..=7 {
            let wire = proto::DataTrackFrameEncoding {
                encoding: Some(frame_encoding::Encoding::WellKnown(number)),
            };
            let own = DataTrackFrameEncoding::try_from(wire.clone()).unwrap();
            assert_eq!(proto::DataTrackFrameEncoding::from(&own), wire);
        }
    }

    #[test]
    fn an_unknown_or_missing_encoding_is_refused_by_name() {
        let unknown = proto::DataTrackFrameEncoding {
            encoding: Some(frame_encoding::Encoding::WellKnown(31)),
        };
        let error = DataTrackFrameEncoding::try_from(unknown)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("frame_encoding") && error.contains("31"),
            "{error}"
        );
        let missing = proto::DataTrackSchemaId {
            name: "n".into(),
            encoding: None,
        };
        let error = DataTrackSchemaId::try_from(missing)
            .unwrap_err()
            .to_string();
        assert!(error.contains("schema.encoding"), "{error}");
    }

    #[test]
    fn a_frame_keeps_payload_and_timestamp() {
        let wire = proto::DataTrackFrame {
            payload: vec![1, 2, 3],
            user_timestamp: Some(9),
        };
        assert_eq!(
            proto::DataTrackFrame::from(DataTrackFrame::from(wire.clone())),
            wire
        );
    }
}
