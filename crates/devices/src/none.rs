//! A build without devices.

use crate::{DeviceError, Devices, Fill, Heard, Lost};

/// An open device; there is none.
#[derive(Debug)]
pub struct Stream(std::convert::Infallible);

impl Stream {
    /// Whether sound flows.
    #[must_use]
    pub fn is_running(&self) -> bool {
        match self.0 {}
    }

    /// Whether the server moved it to another device than it was opened for.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        match self.0 {}
    }
}

pub(crate) fn list() -> Result<Devices, DeviceError> {
    Err(DeviceError::NotBuilt)
}

pub(crate) fn record(
    _device: Option<&str>,
    _heard: Heard,
    _lost: Lost,
) -> Result<Stream, DeviceError> {
    Err(DeviceError::NotBuilt)
}

pub(crate) fn play(_device: Option<&str>, _fill: Fill, _lost: Lost) -> Result<Stream, DeviceError> {
    Err(DeviceError::NotBuilt)
}
