//! Where media, codecs and signal processing are joined: one task for each sender and for each receiver somebody
//! listens to.
//!
//! A pipeline knows neither session nor façade. The session feeds it packets and takes its packets; the façade gives
//! it samples and takes its samples. Tasks are spawned on a runtime that is handed in, and none of them keeps a timer
//! while there is nothing to do.

pub(crate) mod audio_recv;
pub(crate) mod audio_send;
pub(crate) mod audio_sink;
pub(crate) mod audio_source;
pub(crate) mod capture_clock;
pub(crate) mod level;
mod opus_packets;
mod opus_stream;
mod tap;
#[cfg(test)]
mod tests;
pub(crate) mod transform;
pub(crate) mod video_recv;
pub(crate) mod video_send;
pub(crate) mod video_source;

/// Runs a thread's work: a panic in it is a bug of ours, ends that work alone and is logged.
fn guarded(what: &str, work: impl FnOnce()) {
    let work = std::panic::AssertUnwindSafe(work);
    if std::panic::catch_unwind(work).is_err() {
        log::error!("{what}: ended by a panic");
    }
}

/// A pipeline that sends a track.
pub(crate) trait FollowsMute {
    /// Sends (`true`), or sends nothing while its source goes on in real time.
    fn set_enabled(&self, enabled: bool);
}
