//! The wire: messages generated from `protocol/`, and nothing else.
//!
//! Units, ownership and errors are documented in the `.proto` files.

#![expect(
    missing_docs,
    reason = "generated from protocol/, which holds the documentation"
)]
#![expect(clippy::all, clippy::pedantic, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/livekit.proto.rs"));

/// The `FileDescriptorSet` of `protocol/`, encoded; the tests compare it with the official SDKs.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
