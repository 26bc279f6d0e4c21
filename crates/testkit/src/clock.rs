//! Where virtual time begins.

use std::time::Instant;

/// A start for virtual time: the only look at the real clock. Everything later is this plus a duration.
#[must_use]
pub fn start() -> Instant {
    Instant::now()
}
