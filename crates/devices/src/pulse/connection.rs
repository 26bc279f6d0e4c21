//! One connection to the sound server: questions, answers, and the messages of streams.

use std::{
    ffi::CString,
    io::{self, Read},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use pulseaudio::protocol::{
    self, AuthParams, AuthReply, Command, CommandReply, DESCRIPTOR_SIZE, Prop, Props,
    ProtocolError, SetClientNameReply,
};

use super::place;
use crate::{DeviceError, PATIENCE};

/// Messages longer than this are no protocol of sound.
const LONGEST: usize = 8 << 20;
/// The channel of commands; any other is a stream's.
const COMMANDS: u32 = u32::MAX;

/// See the module's documentation.
pub(super) struct Connection {
    socket: UnixStream,
    version: u16,
    sequence: u32,
    /// The last message, with its descriptor.
    message: Vec<u8>,
}

/// What came.
pub(super) enum Incoming<'a> {
    /// A command, or an answer, with its number.
    Command(u32, Box<Command>),
    /// Something that this version does not know.
    Unknown,
    /// Sound of a stream.
    Sound(u32, &'a [u8]),
}

impl Connection {
    /// Connects and says who we are.
    pub(super) fn open() -> Result<Self, DeviceError> {
        let path = place::socket()?;
        let socket = connect(path.clone())?;
        socket
            .set_write_timeout(Some(PATIENCE))
            .map_err(|error| DeviceError::Connect {
                path,
                source: Arc::new(error),
            })?;
        let mut connection = Self {
            socket,
            version: protocol::MAX_VERSION,
            sequence: 0,
            message: Vec::new(),
        };
        let auth = AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie: place::cookie(),
        };
        let reply: AuthReply = connection.ask("to let us in", &Command::Auth(auth))?;
        if reply.version < protocol::MIN_VERSION {
            return Err(DeviceError::Failed {
                what: "the handshake",
                reason: format!("protocol version {} is too old", reply.version),
            });
        }
        connection.version = reply.version.min(protocol::MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"LiveKit");
        let process = CString::new(std::process::id().to_string()).unwrap_or_default();
        props.set(Prop::ApplicationProcessId, process);
        let _: SetClientNameReply =
            connection.ask("to take our name", &Command::SetClientName(props))?;
        Ok(connection)
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask<R: CommandReply>(
        &mut self,
        what: &'static str,
        command: &Command,
    ) -> Result<R, DeviceError> {
        let deadline = Instant::now() + PATIENCE;
        let sequence = self.send(what, command)?;
        let version = self.version;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(timeout(what));
            }
            match self.receive(what, Some(left))? {
                Incoming::Command(number, command) if number == sequence => match *command {
                    Command::Reply => {
                        let mut message = self.message.as_slice();
                        return protocol::read_reply_message(&mut message, version)
                            .map(|(_, reply)| reply)
                            .map_err(|error| failed(what, &error));
                    }
                    Command::Error(reason) => {
                        return Err(DeviceError::Refused {
                            what,
                            reason: format!("{reason:?}"),
                        });
                    }
                    _ => {}
                },
                Incoming::Command(..) | Incoming::Sound(..) | Incoming::Unknown => {}
            }
        }
    }

    /// Sends a command; returns the number of its answer.
    fn send(&mut self, what: &'static str, command: &Command) -> Result<u32, DeviceError> {
        self.sequence = self.sequence.wrapping_add(1);
        protocol::write_command_message(&mut &self.socket, self.sequence, command, self.version)
            .map_err(|error| failed(what, &error))?;
        Ok(self.sequence)
    }

    /// Sends sound to a stream.
    pub(super) fn send_sound(&mut self, channel: u32, sound: &[u8]) -> Result<(), DeviceError> {
        protocol::write_memblock(&mut &self.socket, channel, sound, 0)
            .map_err(|error| failed("a stream's sound", &error))
    }

    /// Waits for the next message; without a limit, until there is one or the connection is shut.
    pub(super) fn receive(
        &mut self,
        what: &'static str,
        limit: Option<Duration>,
    ) -> Result<Incoming<'_>, DeviceError> {
        let until = limit.map(|limit| Instant::now() + limit);
        self.message.resize(DESCRIPTOR_SIZE, 0);
        self.fill(what, 0, until)?;
        let descriptor = protocol::read_descriptor(&mut self.message.as_slice())
            .map_err(|error| failed(what, &error))?;
        let length = descriptor.length as usize;
        if length > LONGEST {
            return Err(DeviceError::Failed {
                what,
                reason: format!("a message of {length} bytes"),
            });
        }
        self.message.resize(DESCRIPTOR_SIZE + length, 0);
        self.fill(what, DESCRIPTOR_SIZE, until)?;
        let mut payload = &self.message[DESCRIPTOR_SIZE..];
        if descriptor.channel != COMMANDS {
            return Ok(Incoming::Sound(descriptor.channel, payload));
        }
        Ok(
            match Command::read_tag_prefixed(&mut payload, self.version) {
                Ok((number, command)) => Incoming::Command(number, Box::new(command)),
                Err(_) => Incoming::Unknown,
            },
        )
    }

    /// Reads until the message is full, from `start` on.
    fn fill(
        &mut self,
        what: &'static str,
        mut start: usize,
        until: Option<Instant>,
    ) -> Result<(), DeviceError> {
        while start < self.message.len() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(timeout(what));
            }
            let read = self
                .socket
                .set_read_timeout(left)
                .and_then(|()| self.socket.read(&mut self.message[start..]));
            match read {
                Ok(0) => {
                    return Err(DeviceError::Failed {
                        what,
                        reason: "it closed the connection".to_owned(),
                    });
                }
                Ok(count) => start += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Err(timeout(what));
                }
                Err(error) => return Err(failed(what, &ProtocolError::Io(error))),
            }
        }
        Ok(())
    }

    /// A second hold on the socket, to shut it from another thread.
    pub(super) fn socket(&self) -> io::Result<UnixStream> {
        self.socket.try_clone()
    }
}

/// Connects within [`PATIENCE`]: a server that hangs has a full queue, and then the system waits without limit.
fn connect(path: PathBuf) -> Result<UnixStream, DeviceError> {
    let (sender, outcome) = mpsc::channel();
    let to = path.clone();
    thread::Builder::new()
        .name("lk-devices".to_owned())
        .spawn(move || {
            // Nobody may wait any more.
            let _ = sender.send(UnixStream::connect(to));
        })
        .map_err(|error| DeviceError::Thread {
            source: Arc::new(error),
        })?;
    match outcome.recv_timeout(PATIENCE) {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(error)) => Err(DeviceError::Connect {
            path,
            source: Arc::new(error),
        }),
        Err(_) => Err(timeout("the connection")),
    }
}

fn timeout(what: &'static str) -> DeviceError {
    DeviceError::Timeout {
        what,
        limit_ms: PATIENCE.as_millis(),
    }
}

fn failed(what: &'static str, error: &ProtocolError) -> DeviceError {
    DeviceError::Failed {
        what,
        reason: error.to_string(),
    }
}
