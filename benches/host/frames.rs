//! How many frames of a data track get through a real server, by a host that costs next to nothing itself.
//!
//! ```sh
//! cargo run --release --example frames -- LIBRARY ws://127.0.0.1:7880 TOKEN_OF_A_SENDER TOKEN_OF_A_READER
//! ```
//!
//! Loads whatever library it is told, pushes 10,000 frames of 200 bytes a second for five seconds, each in its turn, and
//! prints one line of JSON: how many were taken, how many were read, and what the process took of the processors.

use std::{
    env,
    error::Error,
    ffi::c_char,
    io::{self, Write as _},
    process::ExitCode,
    ptr, slice,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use libloading::Library;
use livekit_ffi::proto::{
    self, FfiEvent, FfiRequest, FfiResponse, connect_callback, data_track_stream_event::Detail,
    ffi_event::Message as Event, ffi_request::Message as Request,
    ffi_response::Message as Response, get_session_stats_callback, publish_data_track_callback,
    room_event, rtc_stats::Stats,
};
use prost::Message as _;

type Failure = Box<dyn Error + Send + Sync>;

const A_SECOND: u32 = 10_000;
const SIZE: usize = 200;
const LASTS: Duration = Duration::from_secs(5);
/// Shorter than two frames are apart, so that hardly any two are pushed together: `livekit` keeps one for the channel,
/// the latest.
const TURN: Duration = Duration::from_micros(40);
/// What is under way when the last frame was pushed has come after this.
const QUIET: Duration = Duration::from_millis(500);

/// What Linux counts a second of processor time in, whatever the kernel's own clock.
const USER_HZ: f64 = 100.0;

type Callback = unsafe extern "C" fn(*const u8, usize);
type Initialize = unsafe extern "C" fn(Callback, bool, *const c_char, *const c_char);
type Serve = unsafe extern "C" fn(*const u8, usize, *mut *const u8, *mut usize) -> u64;
type Drop = unsafe extern "C" fn(u64) -> bool;
type Dispose = unsafe extern "C" fn();

static INBOX: Mutex<Option<Sender<Event>>> = Mutex::new(None);

unsafe extern "C" fn on_event(data: *const u8, len: usize) {
    // SAFETY: the library hands over `len` bytes for as long as this call takes.
    let bytes = unsafe { slice::from_raw_parts(data, len) };
    let event = FfiEvent::decode(bytes).ok().and_then(|event| event.message);
    if let (Some(event), Ok(inbox)) = (event, INBOX.lock())
        && let Some(inbox) = &*inbox
    {
        // Nobody reads any more once `run` is over.
        let _unread = inbox.send(event);
    }
}

/// A library and the functions taken out of it.
struct Host {
    serve: Serve,
    drop: Drop,
    dispose: Dispose,
    _library: Library,
}

impl Host {
    fn load(path: &str) -> Result<Self, Failure> {
        // SAFETY: a LiveKit library, says whoever runs this; loading one does nothing but set itself up.
        let library = unsafe { Library::new(path) }?;
        // SAFETY: the four have these types in every LiveKit library, and are called while it is loaded.
        unsafe {
            let initialize = *library.get::<Initialize>(b"livekit_ffi_initialize")?;
            let host = Self {
                serve: *library.get(b"livekit_ffi_request")?,
                drop: *library.get(b"livekit_ffi_drop_handle")?,
                dispose: *library.get(b"livekit_ffi_dispose")?,
                _library: library,
            };
            initialize(on_event, false, c"rust-bench".as_ptr(), c"1".as_ptr());
            Ok(host)
        }
    }

    fn ask(&self, request: Request) -> Result<Response, Failure> {
        let request = FfiRequest {
            message: Some(request),
        }
        .encode_to_vec();
        let (mut answer, mut size) = (ptr::null(), 0);
        // SAFETY: the request's bytes and the two results live through the call.
        let handle =
            unsafe { (self.serve)(request.as_ptr(), request.len(), &mut answer, &mut size) };
        if handle == 0 {
            return Err("refused".into());
        }
        // SAFETY: `size` bytes that stay until the handle is dropped, below.
        let response = FfiResponse::decode(unsafe { slice::from_raw_parts(answer, size) })?.message;
        // SAFETY: a handle of ours.
        unsafe { (self.drop)(handle) };
        response.ok_or_else(|| "an answer without a message".into())
    }
}

fn wait<T>(
    events: &Receiver<Event>,
    mut wanted: impl FnMut(Event) -> Option<T>,
) -> Result<T, Failure> {
    loop {
        if let Some(found) = wanted(events.recv_timeout(Duration::from_secs(20))?) {
            return Ok(found);
        }
    }
}

/// The handles of the room and of who is in it.
fn enter(
    host: &Host,
    events: &Receiver<Event>,
    url: &str,
    token: String,
) -> Result<(u64, u64), Failure> {
    let request = proto::ConnectRequest {
        url: url.to_owned(),
        token,
        ..Default::default()
    };
    host.ask(Request::Connect(request))?;
    let outcome = wait(events, |event| match event {
        Event::Connect(done) => done.message,
        _ => None,
    })?;
    let connect_callback::Message::Result(joined) = outcome else {
        return Err(format!("{outcome:?}").into());
    };
    let room_handle = joined.room.handle.id;
    host.ask(Request::ReadyForRoomEvent(
        proto::ReadyForRoomEventRequest { room_handle },
    ))?;
    Ok((room_handle, joined.local_participant.handle.id))
}

/// The handles of the track, as its publisher and as the other one has it.
fn publish(
    host: &Host,
    events: &Receiver<Event>,
    sender: u64,
    reading: u64,
) -> Result<(u64, u64), Failure> {
    let request = proto::PublishDataTrackRequest {
        local_participant_handle: sender,
        options: proto::DataTrackOptions {
            name: "frames".to_owned(),
            ..Default::default()
        },
        request_async_id: None,
    };
    host.ask(Request::PublishDataTrack(request))?;
    let (mut ours, mut theirs) = (None, None);
    loop {
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            return Ok((ours, theirs));
        }
        match events.recv_timeout(Duration::from_secs(20))? {
            Event::PublishDataTrack(done) => match done.result {
                Some(publish_data_track_callback::Result::Track(track)) => {
                    ours = Some(track.handle.id);
                }
                other => return Err(format!("{other:?}").into()),
            },
            Event::RoomEvent(proto::RoomEvent {
                room_handle,
                message: Some(room_event::Message::DataTrackPublished(published)),
            }) if room_handle == reading => theirs = Some(published.track.handle.id),
            _ => {}
        }
    }
}

/// Whether the frame was taken.
fn push_one(host: &Host, track_handle: u64, size: usize) -> Result<bool, Failure> {
    let request = proto::LocalDataTrackTryPushRequest {
        track_handle,
        frame: proto::DataTrackFrame {
            payload: vec![7; size],
            user_timestamp: None,
        },
    };
    match host.ask(Request::LocalDataTrackTryPush(request))? {
        Response::LocalDataTrackTryPush(answer) => Ok(answer.error.is_none()),
        other => Err(format!("{other:?}").into()),
    }
}

/// How many were pushed, and how many taken.
fn push(host: &Host, track: u64) -> Result<(u32, u32), Failure> {
    let began = Instant::now();
    let (mut pushed, mut taken) = (0, 0);
    while began.elapsed() < LASTS {
        let due = (began.elapsed().as_secs_f64() * f64::from(A_SECOND)) as u32;
        while pushed < due {
            pushed += 1;
            taken += u32::from(push_one(host, track, SIZE)?);
        }
        thread::sleep(TURN);
    }
    Ok((pushed, taken))
}

/// How many frames came until none came any more.
fn read(
    events: &Receiver<Event>,
    next: impl Fn() -> Result<Response, Failure>,
) -> Result<u32, Failure> {
    let mut read = 0;
    loop {
        match events.recv_timeout(QUIET) {
            Ok(Event::DataTrackStreamEvent(event)) => match event.detail {
                Some(Detail::FrameReceived(received)) => {
                    read += u32::from(received.frame.payload.len() == SIZE);
                    next()?;
                }
                _ => return Ok(read),
            },
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(read),
            Err(error) => return Err(error.into()),
        }
    }
}

fn run(
    host: &Arc<Host>,
    events: &Receiver<Event>,
    url: &str,
    tokens: [String; 2],
) -> Result<(), Failure> {
    let [sender, reader] = tokens;
    let (sending, sender) = enter(host, events, url, sender)?;
    let (reading, _) = enter(host, events, url, reader)?;
    let (ours, theirs) = publish(host, events, sender, reading)?;
    let request = proto::SubscribeDataTrackRequest {
        track_handle: theirs,
        options: proto::DataTrackSubscribeOptions {
            buffer_size: Some(8_192),
        },
    };
    let Response::SubscribeDataTrack(answer) = host.ask(Request::SubscribeDataTrack(request))?
    else {
        return Err("another answer".into());
    };
    let stream_handle = answer.stream.handle.id;
    let next = || {
        host.ask(Request::DataTrackStreamRead(
            proto::DataTrackStreamReadRequest { stream_handle },
        ))
    };
    // The server begins to pass frames on a moment after it was asked to.
    next()?;
    loop {
        push_one(host, ours, 1)?;
        match events.recv_timeout(Duration::from_millis(50)) {
            Ok(Event::DataTrackStreamEvent(_)) => break,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
    next()?;
    let before = processor_time()?;
    let pusher = {
        let host = Arc::clone(host);
        thread::spawn(move || push(&host, ours))
    };
    let read = read(events, next)?;
    let (pushed, taken) = pusher.join().map_err(|_| "the pusher ended badly")??;
    let share = (processor_time()? - before) / LASTS.as_secs_f64();
    let (sent, _) = messages(host, events, sending)?;
    let (_, came) = messages(host, events, reading)?;
    writeln!(
        io::stdout(),
        r#"{{"pushed": {pushed}, "taken": {taken}, "sent": {sent}, "came": {came}, "read": {read}, "cpu": {share:.3}}}"#
    )?;
    Ok(())
}

/// Messages that went out and came in on the room's channel for data tracks.
fn messages(
    host: &Host,
    events: &Receiver<Event>,
    room_handle: u64,
) -> Result<(u32, u32), Failure> {
    let request = proto::GetSessionStatsRequest {
        room_handle,
        request_async_id: None,
    };
    host.ask(Request::GetSessionStats(request))?;
    let outcome = wait(events, |event| match event {
        Event::GetSessionStats(done) => done.message,
        _ => None,
    })?;
    let get_session_stats_callback::Message::Result(both) = outcome else {
        return Err(format!("{outcome:?}").into());
    };
    let mut sum = (0, 0);
    for stats in both
        .publisher_stats
        .into_iter()
        .chain(both.subscriber_stats)
    {
        if let Some(Stats::DataChannel(channel)) = stats.stats
            && channel.dc.label == "_data_track"
        {
            sum.0 += channel.dc.messages_sent;
            sum.1 += channel.dc.messages_received;
        }
    }
    Ok(sum)
}

/// What the process took so far of the processors, in seconds.
fn processor_time() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may hold anything: utime and stime are the 14th and 15th of all fields (proc(5)).
    let (_, fields) = text.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let sum: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(sum as f64 / USER_HZ)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, url, sender, reader] = arguments.as_slice() else {
        let _unsaid = writeln!(io::stderr(), "usage: frames LIBRARY URL TOKEN TOKEN");
        return ExitCode::from(2);
    };
    let (inbox, events) = channel();
    if let Ok(mut slot) = INBOX.lock() {
        *slot = Some(inbox);
    }
    let tokens = [sender.clone(), reader.clone()];
    let done = Host::load(library).map(Arc::new).and_then(|host| {
        let done = run(&host, &events, url, tokens);
        // SAFETY: initialized above, and nothing of ours is in a call.
        unsafe { (host.dispose)() };
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unsaid = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
