//! The one map from whatever went wrong to what a host reads.
//!
//! A failure reaches the host in one of two ways: as the `error` field of a
//! response or callback, where the message has one (`FfiError`'s text),
//! or as a failed call: 0 from `livekit_ffi_request`, the text in
//! `livekit_ffi_last_error`, and a log record. Texts never carry tokens, keys,
//! identities or payloads.

use thiserror::Error;

use crate::hostmem::HostMemError;

/// Why a request, or something it started, failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FfiError {
    /// A request came before `livekit_ffi_initialize`.
    #[error("the library is not initialized: call livekit_ffi_initialize first")]
    NotInitialized,
    /// A request came after `livekit_ffi_dispose`.
    #[error("the library is disposed: call livekit_ffi_initialize again")]
    Disposed,
    /// The process was forked after initialize; threads and sockets did not come along.
    #[error("the library cannot be used in a forked child: start a new process instead")]
    Forked,
    /// A pointer argument of the C boundary was null.
    #[error("argument `{argument}` is null")]
    NullArgument {
        /// The argument's name in `livekit_ffi.h`.
        argument: &'static str,
    },
    /// The request's bytes are no `FfiRequest`.
    #[error("{len} bytes are not a valid FfiRequest: {source}")]
    Decode {
        /// How many bytes came.
        len: usize,
        /// What the decoder stumbled over.
        source: prost::DecodeError,
    },
    /// An `FfiRequest` without a member, or with one this version does not know.
    #[error("the FfiRequest has no member of `message` that this version knows")]
    EmptyRequest,
    /// A handle that does not fit.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// An address that does not fit.
    #[error(transparent)]
    HostMemory(#[from] HostMemError),
    /// A field of the request holds a value that cannot be used.
    #[error("field `{field}` is {value}: {reason}")]
    InvalidField {
        /// The field's path in the request, e.g. `options.queue_size_ms`.
        field: &'static str,
        /// The value, as text; never a secret.
        value: String,
        /// What would have been right.
        reason: &'static str,
    },
    /// The operation was understood and tried, and failed.
    #[error("{operation}: {reason}")]
    Operation {
        /// What was tried, e.g. `publish_track`.
        operation: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// The operating system refused a thread or the runtime.
    #[error("cannot start {what}: {source}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A bug of ours: the panic was caught, the library goes on.
    #[error("internal error in {place}: {message}")]
    Panic {
        /// The export or task that panicked.
        place: &'static str,
        /// The panic's message and location.
        message: String,
    },
}

impl FfiError {
    /// An [`FfiError::InvalidField`]; `value` must not be a secret.
    pub fn field(field: &'static str, value: impl ToString, reason: &'static str) -> Self {
        Self::InvalidField {
            field,
            value: value.to_string(),
            reason,
        }
    }

    /// An [`FfiError::Operation`].
    pub fn operation(operation: &'static str, reason: impl ToString) -> Self {
        Self::Operation {
            operation,
            reason: reason.to_string(),
        }
    }
}

/// Why a handle could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandleError {
    /// Never given out, dropped, or consumed.
    #[error("handle {id} is not a known {wanted}")]
    Unknown {
        /// The host's number.
        id: u64,
        /// What the request needs.
        wanted: &'static str,
    },
    /// The handle is something else.
    #[error("handle {id} is a {found}, not a {wanted}")]
    WrongKind {
        /// The host's number.
        id: u64,
        /// What the request needs.
        wanted: &'static str,
        /// What the handle is.
        found: &'static str,
    },
}
