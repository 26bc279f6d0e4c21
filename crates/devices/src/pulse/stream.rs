//! Open devices: one connection and one thread each.

use std::{
    ffi::{CStr, CString},
    fmt,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use pulseaudio::protocol::{
    ChannelMap, Command, CreatePlaybackStreamReply, CreateRecordStreamReply, PlaybackStreamParams,
    Prop, Props, RecordStreamParams, SampleFormat, SampleSpec,
    stream::{BufferAttr, StreamFlags},
};

use super::connection::{Connection, Incoming};
use crate::{
    DeviceError, Fill, Heard, LOUDSPEAKER_CHANNELS, Lost, MICROPHONE_CHANNELS, SAMPLE_RATE,
};

/// What the server sends at a time, ms.
const RECORD_MS: u32 = 10;
/// What waits in the server to be played, ms: two requests, so that a late answer is not heard.
const PLAY_MS: u32 = 40;
/// What the server asks for at a time, ms.
const REQUEST_MS: u32 = 10;
/// Sound is sent in pieces of this many samples at most.
const PIECE: usize = 4_800;

/// An open device. Dropped, it is closed, and its callback is not called any more.
pub struct Stream {
    socket: UnixStream,
    running: Arc<AtomicBool>,
    elsewhere: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stream {
    /// Whether sound flows: false once the server has closed the stream or has gone.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Whether the server moved it to another device than it was opened for, as it does when that one is pulled out. It
    /// does not go back by itself. Never true of a stream on the system's default.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere.load(Ordering::Acquire)
    }

    fn start(
        connection: Connection,
        name: &str,
        lost: Lost,
        run: impl FnOnce(Connection, &AtomicBool) -> Result<(), DeviceError> + Send + 'static,
    ) -> Result<Self, DeviceError> {
        let socket = connection.socket().map_err(|error| DeviceError::Thread {
            source: Arc::new(error),
        })?;
        let running = Arc::new(AtomicBool::new(true));
        let flag = Ended(Arc::clone(&running));
        let elsewhere = Arc::new(AtomicBool::new(false));
        let moved = Arc::clone(&elsewhere);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let ended = flag;
                if let Err(error) = run(connection, &moved)
                    && ended.0.swap(false, Ordering::AcqRel)
                {
                    log::warn!("a device's sound ended: {error}");
                    lost();
                }
            })
            .map_err(|error| DeviceError::Thread {
                source: Arc::new(error),
            })?;
        Ok(Self {
            socket,
            running,
            elsewhere,
            thread: Some(thread),
        })
    }
}

/// Says that the thread is over, also after a panic in a callback.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Release);
        // The server may have closed it already.
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            log::error!("a device's thread ended by a panic");
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}

pub(crate) fn record(
    device: Option<&str>,
    mut heard: Heard,
    lost: Lost,
) -> Result<Stream, DeviceError> {
    let mut connection = Connection::open()?;
    let wanted = device.map(c_name).transpose()?;
    let params = RecordStreamParams {
        sample_spec: spec(MICROPHONE_CHANNELS),
        channel_map: ChannelMap::mono(),
        source_index: None,
        source_name: wanted.clone(),
        buffer_attr: BufferAttr {
            fragment_size: bytes(RECORD_MS, MICROPHONE_CHANNELS),
            ..BufferAttr::default()
        },
        flags: StreamFlags {
            adjust_latency: true,
            ..StreamFlags::default()
        },
        direct_on_input_index: None,
        cvolume: None,
        props: props(c"Microphone"),
        formats: Vec::new(),
    };
    let reply: CreateRecordStreamReply =
        connection.ask("to record", &Command::CreateRecordStream(params))?;
    let channel = reply.channel;
    Stream::start(
        connection,
        "lk-microphone",
        lost,
        move |mut connection, elsewhere| {
            let mut samples = Vec::new();
            loop {
                match connection.receive("the microphone", None)? {
                    Incoming::Sound(from, sound) if from == channel => {
                        samples.clear();
                        let pairs = sound.chunks_exact(2);
                        samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
                        heard(&samples);
                    }
                    Incoming::Command(_, command) => match *command {
                        Command::RecordStreamKilled(gone) if gone == channel => {
                            return Err(killed("the microphone"));
                        }
                        Command::RecordStreamMoved(now) => {
                            elsewhere.store(
                                is_other(wanted.as_deref(), &now.device_name),
                                Ordering::Release,
                            );
                        }
                        _ => {}
                    },
                    Incoming::Sound(..) | Incoming::Unknown => {}
                }
            }
        },
    )
}

pub(crate) fn play(
    device: Option<&str>,
    mut fill: Fill,
    lost: Lost,
) -> Result<Stream, DeviceError> {
    let mut connection = Connection::open()?;
    let place = device.map(c_name).transpose()?;
    let params = PlaybackStreamParams {
        sample_spec: spec(LOUDSPEAKER_CHANNELS),
        channel_map: ChannelMap::stereo(),
        sink_index: None,
        sink_name: place.clone(),
        buffer_attr: BufferAttr {
            target_length: bytes(PLAY_MS, LOUDSPEAKER_CHANNELS),
            pre_buffering: bytes(PLAY_MS / 2, LOUDSPEAKER_CHANNELS),
            minimum_request_length: bytes(REQUEST_MS, LOUDSPEAKER_CHANNELS),
            ..BufferAttr::default()
        },
        sync_id: 0,
        cvolume: None,
        props: props(c"Loudspeaker"),
        formats: Vec::new(),
        flags: StreamFlags {
            adjust_latency: true,
            ..StreamFlags::default()
        },
    };
    let reply: CreatePlaybackStreamReply =
        connection.ask("to play", &Command::CreatePlaybackStream(params))?;
    let (channel, mut wanted) = (reply.channel, reply.requested_bytes as usize);
    Stream::start(
        connection,
        "lk-loudspeaker",
        lost,
        move |mut connection, elsewhere| {
            let frame = 2 * LOUDSPEAKER_CHANNELS as usize;
            let mut samples = [0; PIECE];
            let mut sound = Vec::with_capacity(2 * PIECE);
            loop {
                while wanted >= frame {
                    let count = (wanted / frame * frame / 2).min(PIECE);
                    fill(&mut samples[..count]);
                    sound.clear();
                    sound.extend(
                        samples[..count]
                            .iter()
                            .flat_map(|sample| sample.to_le_bytes()),
                    );
                    connection.send_sound(channel, &sound)?;
                    wanted -= 2 * count;
                }
                match connection.receive("the loudspeaker", None)? {
                    Incoming::Command(_, command) => match *command {
                        Command::Request(request) if request.channel == channel => {
                            // Never more than the server's own buffer; a second is far beyond.
                            let second = bytes(1_000, LOUDSPEAKER_CHANNELS) as usize;
                            wanted = wanted.saturating_add(request.length as usize).min(second);
                        }
                        Command::PlaybackStreamKilled(gone) if gone == channel => {
                            return Err(killed("the loudspeaker"));
                        }
                        Command::PlaybackStreamMoved(now) => {
                            elsewhere.store(
                                is_other(place.as_deref(), &now.device_name),
                                Ordering::Release,
                            );
                        }
                        _ => {}
                    },
                    Incoming::Sound(..) | Incoming::Unknown => {}
                }
            }
        },
    )
}

fn spec(channels: u32) -> SampleSpec {
    SampleSpec {
        format: SampleFormat::S16Le,
        channels: channels as u8,
        sample_rate: SAMPLE_RATE,
    }
}

fn bytes(ms: u32, channels: u32) -> u32 {
    SAMPLE_RATE / 1_000 * ms * channels * 2
}

fn props(name: &CStr) -> Props {
    let mut props = Props::new();
    props.set(Prop::MediaName, name);
    // The server turns other sound down while somebody talks.
    props.set(Prop::MediaRole, c"phone");
    props
}

fn c_name(id: &str) -> Result<CString, DeviceError> {
    CString::new(id).map_err(|_| DeviceError::Name { id: id.to_owned() })
}

/// Whether a stream that was opened for the device `wanted`, or for the default, now is on another one.
fn is_other(wanted: Option<&CStr>, now: &CStr) -> bool {
    wanted.is_some_and(|wanted| wanted != now)
}

fn killed(what: &'static str) -> DeviceError {
    DeviceError::Failed {
        what,
        reason: "it took the stream away".to_owned(),
    }
}
