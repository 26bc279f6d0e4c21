//! What can go wrong with devices.

use std::{io, path::PathBuf, sync::Arc};

use thiserror::Error;

/// Why a device cannot be listed, opened or used.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Built without the feature `pulse`.
    #[error("this build knows no audio devices: the feature `devices` is off")]
    NotBuilt,
    /// Nothing that could be a sound server's socket.
    #[error("no sound server: no socket of PulseAudio's or PipeWire's at {looked_at}")]
    NoServer {
        /// The places, separated by commas.
        looked_at: String,
    },
    /// `PULSE_SERVER` names another machine.
    #[error("PULSE_SERVER is {value}: only sockets of this machine are supported")]
    Elsewhere {
        /// The variable's value.
        value: String,
    },
    /// The socket is there, and nobody listens.
    #[error("the sound server at {} does not let us in: {source}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// It took too long.
    #[error("the sound server did not answer {what} within {limit_ms} ms")]
    Timeout {
        /// What it was asked.
        what: &'static str,
        /// What it had, ms.
        limit_ms: u128,
    },
    /// It said no.
    #[error("the sound server refused {what}: {reason}")]
    Refused {
        /// What it was asked.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
    /// It went away, or speaks something else.
    #[error("the sound server failed at {what}: {reason}")]
    Failed {
        /// What it was asked.
        what: &'static str,
        /// What came instead.
        reason: String,
    },
    /// A name that no device can have.
    #[error("device {id:?} cannot be: the name holds a zero byte")]
    Name {
        /// What was asked for.
        id: String,
    },
    /// The system has no thread for a stream.
    #[error("no thread for the sound of a device: {source}")]
    Thread {
        /// The system's answer.
        source: Arc<io::Error>,
    },
}
