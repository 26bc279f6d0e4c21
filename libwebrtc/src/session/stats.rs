//! Figures of a connection at one moment, as the façade turns them into W3C dictionaries.

use lk_engine::EngineStats;

use super::media::MediaEntry;

/// Transport and streams as the engine counts them, and the media objects they belong to.
pub(crate) struct SessionStats {
    pub(crate) engine: EngineStats,
    pub(crate) media: Vec<MediaEntry>,
    /// What the path to us is thought to carry, bit/s; `None` where the peer measures that.
    pub(crate) incoming_bitrate: Option<u64>,
}
