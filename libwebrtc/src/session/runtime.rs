//! Where the actors run: the caller's tokio runtime, or one small runtime of our own.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use super::internal;
use crate::RtcError;

static OWN: OnceLock<Runtime> = OnceLock::new();

/// The runtime of the calling task; else our own, whose one thread starts with the first call.
pub(crate) fn current() -> Result<Handle, RtcError> {
    if let Ok(handle) = Handle::try_current() {
        return Ok(handle);
    }
    if let Some(runtime) = OWN.get() {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("libwebrtc")
        .enable_all()
        .build()
        .map_err(|error| internal(format!("runtime: {error}")))?;
    Ok(OWN.get_or_init(|| runtime).handle().clone())
}
