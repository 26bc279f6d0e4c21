//! Participants of ours in a room of a real livekit-server.

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod wire;
