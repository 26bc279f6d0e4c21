//! Microphones and loudspeakers of the system, at 48 kHz in 16 bits: a microphone gives mono, a loudspeaker takes stereo.
//!
//! The system is spoken to over the socket of its sound server, PulseAudio or PipeWire in its place; no library of the
//! system's is linked or loaded. Nothing runs before the first call: a list is one short connection, each open stream one
//! connection with one thread. No call takes longer than [`PATIENCE`].
#![forbid(unsafe_code)]

mod error;
#[cfg(not(feature = "pulse"))]
mod none;
#[cfg(feature = "pulse")]
mod pulse;

use std::time::Duration;

pub use error::DeviceError;
#[cfg(not(feature = "pulse"))]
use none as system;
#[cfg(feature = "pulse")]
use pulse as system;
pub use system::Stream;

/// Of all sound here, Hz.
pub const SAMPLE_RATE: u32 = 48_000;
/// Channels that a microphone gives.
pub const MICROPHONE_CHANNELS: u32 = 1;
/// Channels that a loudspeaker takes, interleaved.
pub const LOUDSPEAKER_CHANNELS: u32 = 2;
/// What the sound server may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Takes what a microphone heard.
type Heard = Box<dyn FnMut(&[i16]) + Send>;
/// Fills what a loudspeaker will play.
type Fill = Box<dyn FnMut(&mut [i16]) + Send>;
/// Is told that the sound server ended a stream.
type Lost = Box<dyn FnOnce() + Send>;

/// A microphone or a loudspeaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its lasting name in the system.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// All devices: the system's default first. What is played back by a loudspeaker can be recorded, too, as the last of
/// the microphones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// What can be recorded from.
    pub microphones: Vec<Device>,
    /// What can be played on.
    pub loudspeakers: Vec<Device>,
}

/// What is there now.
///
/// # Errors
/// Where no sound server is there or it does not answer.
pub fn list() -> Result<Devices, DeviceError> {
    system::list()
}

/// Records from the microphone with this id, or the system's default, until the stream is dropped. `heard` gets some 10 ms
/// of mono at a time, on the stream's thread.
///
/// A stream that the sound server ends, or that ends with it, stays silent: `lost` is then called, as the last thing on
/// the stream's thread, and [`Stream::is_running`] says no already. It must not wait for the stream to be dropped. It is
/// not called for a stream that is dropped first.
///
/// # Errors
/// Where no sound server is there, it refuses or does not answer, or no thread is to be had.
pub fn record(
    device: Option<&str>,
    heard: impl FnMut(&[i16]) + Send + 'static,
    lost: impl FnOnce() + Send + 'static,
) -> Result<Stream, DeviceError> {
    system::record(device, Box::new(heard), Box::new(lost))
}

/// Plays on the loudspeaker with this id, or the system's default, until the stream is dropped. `fill` is given whole
/// frames of stereo to fill, on the stream's thread; `lost` as for [`record`].
///
/// # Errors
/// As for [`record`].
pub fn play(
    device: Option<&str>,
    fill: impl FnMut(&mut [i16]) + Send + 'static,
    lost: impl FnOnce() + Send + 'static,
) -> Result<Stream, DeviceError> {
    system::play(device, Box::new(fill), Box::new(lost))
}
