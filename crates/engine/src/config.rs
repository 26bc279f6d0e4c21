//! What an engine is built from.

use std::time::{Duration, Instant};

/// Settings of an [`Engine`](crate::Engine) that never change.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The present. Every later instant must come from the same clock.
    pub now: Instant,
    /// First guess of what the path to the peer carries, in bits per second.
    pub initial_bitrate: u64,
    /// Without inbound traffic for this long a connected engine says
    /// [`Disconnected`](crate::IceState::Disconnected).
    pub disconnected_after: Duration,
    /// Without inbound traffic for this long it says [`Failed`](crate::IceState::Failed); also how long the
    /// first connectivity checks may take.
    pub failed_after: Duration,
    /// Largest data channel message we take, in bytes (our `a=max-message-size`).
    pub max_message_size: u32,
}

impl EngineConfig {
    /// The usual settings: 300 kbit/s at first, 5 s and 25 s timers, messages up to 256 KiB.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            now,
            initial_bitrate: 300_000,
            disconnected_after: Duration::from_secs(5),
            failed_after: Duration::from_secs(25),
            max_message_size: 256 * 1024,
        }
    }
}
