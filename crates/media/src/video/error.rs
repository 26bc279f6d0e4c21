//! What can be wrong with payloads and frames.

use lk_types::Codec;
use thiserror::Error;

use super::descriptor::WriteError;

/// A received payload or header is not what its specification describes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PayloadError {
    /// It ends too early.
    #[error("{what} runs over the end of {len} bytes")]
    Truncated {
        /// Which structure.
        what: &'static str,
        /// Bytes there were.
        len: usize,
    },
    /// A field has a value that is not allowed or not supported.
    #[error("{field} is {value}, which {reason}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: u64,
        /// What is wrong with that.
        reason: &'static str,
    },
    /// The structure that a descriptor refers to has not come.
    #[error(
        "dependency descriptor of frame {frame} names template {template}, no such template is known"
    )]
    UnknownTemplate {
        /// Frame number.
        frame: u16,
        /// Template id.
        template: u8,
    },
}

/// A frame cannot be sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PacketizeError {
    /// Audio, or a format that is no codec.
    #[error("codec {codec} is not video that can be packetised")]
    Codec {
        /// The offending codec.
        codec: Codec,
    },
    /// The frame is in another codec than the packetiser's.
    #[error("frame is {frame}, the stream is {stream}")]
    OtherCodec {
        /// The frame's codec.
        frame: Codec,
        /// The packetiser's.
        stream: Codec,
    },
    /// Too little room for headers.
    #[error("max_payload {max_payload} is below {least}")]
    MaxPayload {
        /// What was asked for.
        max_payload: usize,
        /// The least that is possible.
        least: usize,
    },
    /// A frame without anything to send.
    #[error("{codec} frame of {len} bytes has no data to send")]
    Empty {
        /// The frame's codec.
        codec: Codec,
        /// Its length.
        len: usize,
    },
    /// The payload is not in the form its codec asks for.
    #[error("{codec} frame of {len} bytes is malformed: {error}")]
    Malformed {
        /// The frame's codec.
        codec: Codec,
        /// Its length.
        len: usize,
        /// What is wrong.
        #[source]
        error: PayloadError,
    },
    /// The frame's references cannot be described.
    #[error("dependency descriptor: {0}")]
    Descriptor(#[from] WriteError),
    /// A layer that the scalability mode does not have.
    #[error("layer S{spatial}T{temporal} is not one of mode {mode}")]
    Layer {
        /// The frame's spatial layer.
        spatial: u8,
        /// The frame's temporal layer.
        temporal: u8,
        /// The mode's name.
        mode: String,
    },
}
