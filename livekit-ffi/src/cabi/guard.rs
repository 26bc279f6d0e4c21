//! Around every export: a panic or an error becomes the export's failure value.

use std::sync::Arc;

use super::{last_error, process};
use crate::{
    error::FfiError,
    server::{Server, panics},
};

/// What an export returns when it failed.
pub(super) trait Failure {
    const FAILURE: Self;
}

impl Failure for () {
    const FAILURE: Self = ();
}

/// A handle, or a length.
impl Failure for u64 {
    const FAILURE: Self = 0;
}

impl Failure for usize {
    const FAILURE: Self = 0;
}

impl Failure for bool {
    const FAILURE: Self = false;
}

/// Runs an export's body; what fails is kept for `livekit_ffi_last_error` and, if `logged`, sent
/// to the host's log.
pub(super) fn export<T: Failure>(
    place: &'static str,
    logged: Logged,
    body: impl FnOnce() -> Result<T, FfiError>,
) -> T {
    match panics::catch(place, body) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) | Err(error) => {
            // Reporting must not unwind into the host either.
            let _ = panics::catch(place, || report(place, logged, &error));
            T::FAILURE
        }
    }
}

/// Whether a failure is worth a log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logged {
    Yes,
    /// Only if it is a bug of ours.
    No,
}

fn report(place: &'static str, logged: Logged, error: &FfiError) {
    last_error::set(error);
    if logged == Logged::Yes || matches!(error, FfiError::Panic { .. }) {
        let server: Option<Arc<Server>> = process::current().ok();
        if let Some(server) = server {
            server.log_error(format!("{place}: {error}"));
        }
    }
}
