//! How many frames of a data track get through a real server, by a host that costs nothing itself.
//!
//! ```sh
//! cargo run --release --example frames -- ws://127.0.0.1:7880 TOKEN_OF_A_SENDER TOKEN_OF_A_READER
//! ```
//!
//! Pushes 10,000 frames of 200 bytes a second for five seconds, and says how many were taken and how many were read.

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use livekit_ffi::{
    dispatch::dispatch,
    hostmem::HostMemory,
    proto::{
        self, FfiEvent, FfiRequest, connect_callback, data_track_stream_event::Detail,
        ffi_event::Message as Event, ffi_request::Message as Request,
        ffi_response::Message as Response, publish_data_track_callback, room_event,
    },
    server::{Server, ServerConfig, events::EventSink},
};
use prost::Message as _;

type Failure = Box<dyn Error + Send + Sync>;

const A_SECOND: u32 = 10_000;
const SIZE: usize = 200;
const LASTS: Duration = Duration::from_secs(5);
/// What is under way when the last frame was pushed has come after this.
const QUIET: Duration = Duration::from_millis(500);

struct Inbox(Mutex<Sender<Event>>);

impl EventSink for Inbox {
    fn deliver(&self, bytes: &[u8]) {
        let event = FfiEvent::decode(bytes).ok().and_then(|event| event.message);
        if let (Some(event), Ok(inbox)) = (event, self.0.lock()) {
            // Nobody reads any more once `main` is over.
            let _unread = inbox.send(event);
        }
    }
}

fn ask(server: &Arc<Server>, request: Request) -> Result<Response, Failure> {
    let request = FfiRequest {
        message: Some(request),
    };
    // SAFETY: no request here names an address.
    let mut memory = unsafe { HostMemory::for_this_call() };
    Ok(dispatch(server, &mut memory, request)?)
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
    server: &Arc<Server>,
    events: &Receiver<Event>,
    url: &str,
    token: String,
) -> Result<(u64, u64), Failure> {
    let request = proto::ConnectRequest {
        url: url.to_owned(),
        token,
        ..Default::default()
    };
    ask(server, Request::Connect(request))?;
    let outcome = wait(events, |event| match event {
        Event::Connect(done) => done.message,
        _ => None,
    })?;
    let connect_callback::Message::Result(joined) = outcome else {
        return Err(format!("{outcome:?}").into());
    };
    let room_handle = joined.room.handle.id;
    ask(
        server,
        Request::ReadyForRoomEvent(proto::ReadyForRoomEventRequest { room_handle }),
    )?;
    Ok((room_handle, joined.local_participant.handle.id))
}

/// How many were taken.
fn push(server: &Arc<Server>, track_handle: u64) -> Result<u32, Failure> {
    let began = Instant::now();
    let (mut pushed, mut taken) = (0, 0);
    while began.elapsed() < LASTS {
        let due = (began.elapsed().as_secs_f64() * f64::from(A_SECOND)) as u32;
        while pushed < due {
            pushed += 1;
            let frame = proto::DataTrackFrame {
                payload: vec![7; SIZE],
                user_timestamp: None,
            };
            let request = proto::LocalDataTrackTryPushRequest {
                track_handle,
                frame,
            };
            if let Response::LocalDataTrackTryPush(answer) =
                ask(server, Request::LocalDataTrackTryPush(request))?
            {
                taken += u32::from(answer.error.is_none());
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(taken)
}

fn run(
    server: &Arc<Server>,
    events: &Receiver<Event>,
    url: &str,
    tokens: [String; 2],
) -> Result<(), Failure> {
    let [sender, reader] = tokens;
    let (_, sender) = enter(server, events, url, sender)?;
    let (reading, _) = enter(server, events, url, reader)?;
    let request = proto::PublishDataTrackRequest {
        local_participant_handle: sender,
        options: proto::DataTrackOptions {
            name: "frames".to_owned(),
            ..Default::default()
        },
        request_async_id: None,
    };
    ask(server, Request::PublishDataTrack(request))?;
    let (mut ours, mut theirs) = (None, None);
    while ours.is_none() || theirs.is_none() {
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
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Err("no track".into());
    };
    let request = proto::SubscribeDataTrackRequest {
        track_handle: theirs,
        options: proto::DataTrackSubscribeOptions {
            buffer_size: Some(8_192),
        },
    };
    let Response::SubscribeDataTrack(answer) = ask(server, Request::SubscribeDataTrack(request))?
    else {
        return Err("another answer".into());
    };
    let stream_handle = answer.stream.handle.id;
    let next = || {
        ask(
            server,
            Request::DataTrackStreamRead(proto::DataTrackStreamReadRequest { stream_handle }),
        )
    };
    // The server begins to pass frames on a moment after it was asked to.
    next()?;
    loop {
        let frame = proto::DataTrackFrame {
            payload: vec![1],
            user_timestamp: None,
        };
        let request = proto::LocalDataTrackTryPushRequest {
            track_handle: ours,
            frame,
        };
        ask(server, Request::LocalDataTrackTryPush(request))?;
        match events.recv_timeout(Duration::from_millis(50)) {
            Ok(Event::DataTrackStreamEvent(_)) => break,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
    next()?;
    let pusher = {
        let server = server.clone();
        thread::spawn(move || push(&server, ours))
    };
    let mut read = 0_u32;
    loop {
        match events.recv_timeout(QUIET) {
            Ok(Event::DataTrackStreamEvent(event)) => match event.detail {
                Some(Detail::FrameReceived(received)) => {
                    read += u32::from(received.frame.payload.len() == SIZE);
                    next()?;
                }
                _ => break,
            },
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let taken = pusher.join().map_err(|_| "the pusher ended badly")??;
    writeln!(
        io::stdout(),
        "{A_SECOND} frames of {SIZE} bytes a second for {LASTS:?}: {taken} taken, {read} read"
    )?;
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(url), Some(sender), Some(reader)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        let _unsaid = writeln!(io::stderr(), "usage: frames URL TOKEN TOKEN");
        return ExitCode::from(2);
    };
    let (inbox, events) = channel();
    let config = ServerConfig {
        first_id: 1,
        sdk: "rust-example".to_owned(),
        sdk_version: "1".to_owned(),
        capture_logs: false,
    };
    let done = Server::with_sink(config, Arc::new(Inbox(Mutex::new(inbox))))
        .map_err(Failure::from)
        .and_then(|server| {
            let done = run(&server, &events, &url, [sender, reader]);
            // Frees every handle and ends every thread.
            server.dispose();
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
