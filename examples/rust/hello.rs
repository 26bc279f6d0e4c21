//! The smallest host in Rust: joins a room, says one second of a tone, prints what happens, leaves.
//!
//! ```sh
//! cargo run --example hello -- ws://127.0.0.1:7880 TOKEN
//! ```
//!
//! A host in Rust can link the library and call `dispatch` with messages of `protocol/`, without the C boundary.
//! Its answers are values; what takes time ends in an event that bears the answer's `async_id`.

use std::{
    env,
    error::Error,
    f64::consts::TAU,
    io::{self, Write as _},
    process::ExitCode,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use livekit_ffi::{
    dispatch::dispatch,
    hostmem::HostMemory,
    proto::{
        self, FfiEvent, FfiRequest, connect_callback, ffi_event::Message as Event,
        ffi_request::Message as Request, ffi_response::Message as Response, publish_track_callback,
        room_event,
    },
    server::{Server, ServerConfig, events::EventSink},
};
use prost::Message as _;

type Failure = Box<dyn Error>;

const RATE: u32 = 48_000;
/// Samples in a block of 10 ms.
const BLOCK: u32 = RATE / 100;

/// The answer to a request; both bear the same name.
macro_rules! ask {
    ($host:expr, $name:ident, $request:expr) => {
        match $host.ask(Request::$name($request))? {
            Response::$name(answer) => answer,
            other => return Err(format!("an answer of another kind: {other:?}").into()),
        }
    };
}

/// Waits for the event of that name that ends what an answer began.
macro_rules! finish {
    ($host:expr, $name:ident, $begun:expr) => {
        $host.wait(|event| match event {
            Event::$name(done) if done.async_id == $begun.async_id => Some(done.clone()),
            _ => None,
        })?
    };
}

/// Where the library's event thread leaves the events. The bytes are ours only during the call.
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

struct Host {
    server: Arc<Server>,
    events: Receiver<Event>,
}

impl Host {
    fn ask(&self, request: Request) -> Result<Response, Failure> {
        let request = FfiRequest {
            message: Some(request),
        };
        // SAFETY: the one address that a request of ours names is that of `samples` in `say_tone`, which lives on.
        let mut memory = unsafe { HostMemory::for_this_call() };
        Ok(dispatch(&self.server, &mut memory, request)?)
    }

    /// Waits for the event that `wanted` takes, and prints those of the room meanwhile.
    fn wait<T>(&self, mut wanted: impl FnMut(&Event) -> Option<T>) -> Result<T, Failure> {
        loop {
            let event = self.events.recv()?;
            if let Event::RoomEvent(proto::RoomEvent {
                message: Some(message),
                ..
            }) = &event
            {
                print_event(message)?;
            }
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
    }

    fn connect(&self, url: String, token: String) -> Result<connect_callback::Result, Failure> {
        let request = proto::ConnectRequest {
            url,
            token,
            ..Default::default()
        };
        let begun = ask!(self, Connect, request);
        match finish!(self, Connect, begun).message {
            Some(connect_callback::Message::Result(joined)) => Ok(joined),
            Some(connect_callback::Message::Error(error)) => Err(error.into()),
            None => Err("a callback without an outcome".into()),
        }
    }

    /// Makes a source and a track of it, and publishes that; returns the source and the publication.
    fn publish(
        &self,
        local_participant_handle: u64,
    ) -> Result<(u64, proto::OwnedTrackPublication), Failure> {
        let request = proto::NewAudioSourceRequest {
            r#type: proto::AudioSourceType::AudioSourceNative.into(),
            sample_rate: Some(RATE),
            num_channels: Some(1),
            queue_size_ms: Some(100),
            ..Default::default()
        };
        let source_handle = ask!(self, NewAudioSource, request).source.handle.id;
        let request = proto::CreateAudioTrackRequest {
            name: "hello".to_owned(),
            source_handle,
        };
        let track_handle = ask!(self, CreateAudioTrack, request).track.handle.id;
        let request = proto::PublishTrackRequest {
            local_participant_handle,
            track_handle,
            options: proto::TrackPublishOptions {
                source: Some(proto::TrackSource::SourceMicrophone.into()),
                ..Default::default()
            },
            ..Default::default()
        };
        let begun = ask!(self, PublishTrack, request);
        match finish!(self, PublishTrack, begun).message {
            Some(publish_track_callback::Message::Publication(publication)) => {
                Ok((source_handle, publication))
            }
            Some(publish_track_callback::Message::Error(error)) => Err(error.into()),
            None => Err("a callback without an outcome".into()),
        }
    }

    /// Waits until somebody has subscribed, or for ten seconds. Who subscribes later misses the beginning, and who has
    /// not subscribed when we leave never does.
    fn await_listener(&self, publication_handle: u64) -> Result<(), Failure> {
        let request = proto::WaitForSubscriptionRequest {
            publication_handle,
            timeout_ms: Some(10_000),
            ..Default::default()
        };
        let begun = ask!(self, WaitForSubscription, request);
        if let Some(error) = finish!(self, WaitForSubscription, begun).error {
            say(&format!("nobody listens: {error}"))?;
        }
        Ok(())
    }

    /// One second of 440 Hz. The source answers each block when it has room for more, which keeps the pace.
    fn say_tone(&self, source_handle: u64) -> Result<(), Failure> {
        for block in 0..100 {
            let samples: Vec<i16> = (0..BLOCK)
                .map(|index| {
                    let time = f64::from(block * BLOCK + index) / f64::from(RATE);
                    (9_000.0 * (TAU * 440.0 * time).sin()) as i16
                })
                .collect();
            let request = proto::CaptureAudioFrameRequest {
                source_handle,
                buffer: proto::AudioFrameBufferInfo {
                    data_ptr: samples.as_ptr().expose_provenance() as u64,
                    num_channels: 1,
                    sample_rate: RATE,
                    samples_per_channel: BLOCK,
                },
                ..Default::default()
            };
            let begun = ask!(self, CaptureAudioFrame, request);
            if let Some(error) = finish!(self, CaptureAudioFrame, begun).error {
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn leave(&self, room_handle: u64) -> Result<(), Failure> {
        let request = proto::DisconnectRequest {
            room_handle,
            ..Default::default()
        };
        let begun = ask!(self, Disconnect, request);
        finish!(self, Disconnect, begun);
        Ok(())
    }
}

/// The name of a room event, and who or what it is about.
fn print_event(message: &room_event::Message) -> Result<(), Failure> {
    use room_event::Message as Of;
    say(&match message {
        Of::ParticipantConnected(event) => format!("{} came", event.info.info.identity),
        Of::ParticipantDisconnected(event) => format!("{} left", event.participant_identity),
        Of::LocalTrackSubscribed(event) => format!("somebody hears {}", event.track_sid),
        Of::ConnectionStateChanged(event) => format!("connection: {:?}", event.state()),
        Of::Eos(_) => "the room's last event".to_owned(),
        _ => return Ok(()),
    })
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

fn run(host: &Host, url: String, token: String) -> Result<(), Failure> {
    let joined = host.connect(url, token)?;
    let room_handle = joined.room.handle.id;
    let local = &joined.local_participant;
    say(&format!("connected as {}", local.info.identity))?;
    // The room's events come from now on.
    ask!(
        host,
        ReadyForRoomEvent,
        proto::ReadyForRoomEventRequest { room_handle }
    );
    let (source, publication) = host.publish(local.handle.id)?;
    say(&format!("published {}", publication.info.sid))?;
    host.await_listener(publication.handle.id)?;
    host.say_tone(source)?;
    host.leave(room_handle)?;
    say("left")
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(url), Some(token)) = (arguments.next(), arguments.next()) else {
        let _unsaid = writeln!(io::stderr(), "usage: hello URL TOKEN");
        return ExitCode::from(2);
    };
    let (sender, events) = channel();
    let config = ServerConfig {
        first_id: 1,
        sdk: "rust-example".to_owned(),
        sdk_version: "1".to_owned(),
        capture_logs: false,
    };
    let done = Server::with_sink(config, Arc::new(Inbox(Mutex::new(sender))))
        .map_err(Failure::from)
        .and_then(|server| {
            let host = Host { server, events };
            let done = run(&host, url, token);
            // Frees every handle and ends every thread.
            host.server.dispose();
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
