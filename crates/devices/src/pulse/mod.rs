//! The sound server's own protocol, on its socket.
//!
//! The messages are those of the crate `pulseaudio`; its client is not used: that one keeps a thread for good, whose end
//! nobody can ask for, and waits for answers without limit.

mod connection;
mod place;
mod stream;

use pulseaudio::protocol::{Command, ServerInfo, SinkInfo, SourceInfo};

use self::connection::Connection;
pub use self::stream::Stream;
pub(crate) use self::stream::{play, record};
use crate::{Device, DeviceError, Devices};

pub(crate) fn list() -> Result<Devices, DeviceError> {
    let mut server = Connection::open()?;
    let info: ServerInfo = server.ask("about itself", &Command::GetServerInfo)?;
    let sources: Vec<SourceInfo> =
        server.ask("for its microphones", &Command::GetSourceInfoList)?;
    let sinks: Vec<SinkInfo> = server.ask("for its loudspeakers", &Command::GetSinkInfoList)?;

    let mut microphones: Vec<_> = sources
        .into_iter()
        .map(|source| {
            let default = Some(&source.name) == info.default_source_name.as_ref();
            let rank = (source.monitor_of_sink_index.is_some(), !default);
            (rank, device(&source.name, source.description.as_deref()))
        })
        .collect();
    let mut loudspeakers: Vec<_> = sinks
        .into_iter()
        .map(|sink| {
            let default = Some(&sink.name) == info.default_sink_name.as_ref();
            (!default, device(&sink.name, sink.description.as_deref()))
        })
        .collect();
    // Stable: the rest stays in the server's order.
    microphones.sort_by_key(|(rank, _)| *rank);
    loudspeakers.sort_by_key(|(rank, _)| *rank);
    Ok(Devices {
        microphones: microphones.into_iter().map(|(_, device)| device).collect(),
        loudspeakers: loudspeakers.into_iter().map(|(_, device)| device).collect(),
    })
}

fn device(name: &std::ffi::CStr, description: Option<&std::ffi::CStr>) -> Device {
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    Device {
        id: text(name),
        name: text(description.unwrap_or(name)),
    }
}
