//! What a host sees of a server: events in order, bounded, and an end in bounded time.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use prost::Message as _;

use super::{
    Server, ServerConfig,
    events::{EventSink, LOG_LIMIT, PIECES_IN_MEMORY},
    handles::{Ownership, Resource},
    logging, panics,
};
use crate::{
    error::FfiError,
    proto::{self, FfiEvent, byte_stream_reader_event, ffi_event::Message},
};

const SOON: Duration = Duration::from_secs(10);

type Reaction = Box<dyn Fn(&Message) + Send + Sync>;

/// Remembers what arrives; can be slow, or call back.
#[derive(Default)]
struct Host {
    seen: Mutex<Vec<Message>>,
    changed: Condvar,
    blocked: Mutex<bool>,
    unblocked: Condvar,
    entered: AtomicUsize,
    reaction: Mutex<Option<Arc<Reaction>>>,
}

impl EventSink for Host {
    fn deliver(&self, bytes: &[u8]) {
        let message = FfiEvent::decode(bytes).unwrap().message.unwrap();
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        let mut blocked = self.blocked.lock();
        while *blocked {
            self.unblocked.wait(&mut blocked);
        }
        drop(blocked);
        let reaction = self.reaction.lock().clone();
        if let Some(reaction) = reaction {
            reaction(&message);
        }
        self.seen.lock().push(message);
        self.changed.notify_all();
    }
}

impl Host {
    fn server() -> (Arc<Self>, Arc<Server>) {
        panics::install_hook();
        let host = Arc::new(Self::default());
        let config = ServerConfig {
            first_id: 1,
            capture_logs: true,
            ..Default::default()
        };
        let server = Server::with_sink(config, Arc::clone(&host) as Arc<dyn EventSink>).unwrap();
        (host, server)
    }

    /// As [`Host::server`], with the host inside its callback for event 1 until it is unblocked.
    fn busy_server() -> (Arc<Self>, Arc<Server>) {
        let (host, server) = Self::server();
        host.block(true);
        server.send(event(1));
        host.await_entered(1);
        (host, server)
    }

    fn react(&self, reaction: impl Fn(&Message) + Send + Sync + 'static) {
        *self.reaction.lock() = Some(Arc::new(Box::new(reaction)));
    }

    fn block(&self, blocked: bool) {
        *self.blocked.lock() = blocked;
        self.unblocked.notify_all();
    }

    /// Waits until the callback was entered `count` times.
    fn await_entered(&self, count: usize) {
        let until = Instant::now() + SOON;
        let mut seen = self.seen.lock();
        while self.entered.load(Ordering::SeqCst) < count {
            assert!(
                !self.changed.wait_until(&mut seen, until).timed_out(),
                "no event {count}"
            );
        }
    }

    /// Waits for `count` events and returns all there are.
    fn await_events(&self, count: usize) -> Vec<Message> {
        let until = Instant::now() + SOON;
        let mut seen = self.seen.lock();
        while seen.len() < count {
            assert!(
                !self.changed.wait_until(&mut seen, until).timed_out(),
                "{} of {count}",
                seen.len()
            );
        }
        seen.clone()
    }

    fn async_ids(&self, count: usize) -> Vec<u64> {
        self.await_events(count).iter().map(async_id).collect()
    }
}

/// Runs `end`, which must take less than 3 s of those that the machine had for us: threads that sleep for a moment again
/// and again, as many as there are processors, oversleep while it is somewhere else.
fn within_three_seconds(end: impl FnOnce()) {
    const TICK: Duration = Duration::from_millis(10);
    let over = AtomicBool::new(false);
    let watch = || {
        let (first, mut taken) = (Instant::now(), Duration::ZERO);
        while !over.load(Ordering::SeqCst) && first.elapsed() < 3 * SOON {
            let begin = Instant::now();
            thread::sleep(TICK);
            let late = begin.elapsed().saturating_sub(TICK);
            if late > TICK {
                taken += late;
            }
        }
        taken
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let watching: Vec<_> = (0..processors).map(|_| scope.spawn(watch)).collect();
        let begin = Instant::now();
        end();
        let spent = begin.elapsed();
        over.store(true, Ordering::SeqCst);
        let taken: Duration = watching.into_iter().map(|one| one.join().unwrap()).sum();
        assert!(
            spent.saturating_sub(taken) < Duration::from_secs(3),
            "{spent:?}, of which {taken:?} were not ours"
        );
    });
}

struct Buffer;
impl Resource for Buffer {
    const KIND: &'static str = "buffer";
}

fn event(async_id: u64) -> Message {
    Message::Disconnect(proto::DisconnectCallback {
        async_id,
        ..Default::default()
    })
}

fn frame(stream: u64, number: u64) -> Message {
    let info = proto::AudioFrameBufferInfo {
        data_ptr: number,
        ..Default::default()
    };
    let handle = proto::FfiOwnedHandle { id: number };
    Message::AudioStreamEvent(proto::AudioStreamEvent {
        stream_handle: stream,
        message: Some(proto::audio_stream_event::Message::FrameReceived(
            proto::AudioFrameReceived {
                frame: proto::OwnedAudioFrameBuffer { handle, info },
            },
        )),
    })
}

/// The async id of a callback, or the number of a frame.
fn async_id(message: &Message) -> u64 {
    match message {
        Message::Disconnect(callback) => callback.async_id,
        Message::Dispose(callback) => callback.async_id,
        Message::AudioStreamEvent(proto::AudioStreamEvent {
            message: Some(proto::audio_stream_event::Message::FrameReceived(received)),
            ..
        }) => received.frame.info.data_ptr,
        other => panic!("not expected: {other:?}"),
    }
}

#[test]
fn events_and_frames_arrive_in_the_order_of_sending() {
    let (host, server) = Host::server();
    for round in 0..50 {
        server.send(event(3 * round + 1));
        server
            .events()
            .send_media(100, 1_000, frame(100, 3 * round + 2), 0);
        server
            .events()
            .send_media(101, 1_000, frame(101, 3 * round + 3), 0);
    }
    assert_eq!(host.async_ids(150), (1..=150).collect::<Vec<_>>());
    server.dispose();
}

#[test]
fn a_slow_host_loses_the_oldest_frames_and_nothing_else() {
    let (host, server) = Host::busy_server();

    let mut buffers = Vec::new();
    let mut dropped = 0;
    for number in 10..20 {
        let buffer = server.handles().insert(Arc::new(Buffer), Ownership::HOST);
        buffers.push(buffer);
        dropped += server
            .events()
            .send_media(100, 3, frame(100, number), buffer);
        server.send(event(number + 100));
    }
    server.events().send_media(101, 3, frame(101, 50), 0);
    assert_eq!(dropped, 7);
    // The buffers of the frames that nobody will see are free; the others are not.
    let left: Vec<bool> = buffers
        .iter()
        .map(|id| server.handles().contains(*id))
        .collect();
    assert_eq!(
        left,
        [
            false, false, false, false, false, false, false, true, true, true
        ]
    );

    host.block(false);
    let expected = [
        1, 110, 111, 112, 113, 114, 115, 116, 17, 117, 18, 118, 19, 119, 50,
    ];
    assert_eq!(host.async_ids(expected.len()), expected);
    server.dispose();
}

#[test]
fn the_end_of_a_stream_is_its_last_event() {
    let (host, server) = Host::busy_server();
    server.events().send_media(100, 2, frame(100, 5), 0);
    server.events().send_media(100, 2, frame(100, 6), 0);
    server.events().finish_stream(100, event(7));
    host.block(false);
    assert_eq!(host.async_ids(4), [1, 5, 6, 7]);
    server.dispose();
}

#[test]
fn frames_of_a_dropped_stream_are_freed_and_never_delivered() {
    let (host, server) = Host::busy_server();
    let buffer = server.handles().insert(Arc::new(Buffer), Ownership::HOST);
    server.events().send_media(100, 9, frame(100, 5), buffer);
    server.events().discard_stream(100);
    assert!(!server.handles().contains(buffer));
    server.send(event(2));
    host.block(false);
    assert_eq!(host.async_ids(2), [1, 2]);
    server.dispose();
}

#[test]
fn more_pieces_of_streams_than_memory_is_for_arrive_whole_and_in_order() {
    const PIECE: usize = 64 * 1024;
    let (host, server) = Host::busy_server();
    let pieces = 2 * PIECES_IN_MEMORY / PIECE;
    for number in 0..pieces {
        server.send(Message::ByteStreamReaderEvent(
            proto::ByteStreamReaderEvent {
                reader_handle: 3,
                detail: Some(byte_stream_reader_event::Detail::ChunkReceived(
                    proto::ByteStreamReaderChunkReceived {
                        content: vec![number as u8; PIECE],
                    },
                )),
            },
        ));
    }
    server.send(event(2));
    host.block(false);
    let events = host.await_events(pieces + 2);
    for (number, message) in events[1..=pieces].iter().enumerate() {
        let Message::ByteStreamReaderEvent(event) = message else {
            panic!("{message:?}");
        };
        let Some(byte_stream_reader_event::Detail::ChunkReceived(chunk)) = &event.detail else {
            panic!("{event:?}");
        };
        assert!(chunk.content.iter().all(|byte| *byte == number as u8));
        assert_eq!(chunk.content.len(), PIECE);
    }
    assert_eq!(async_id(&events[pieces + 1]), 2);
    server.dispose();
}

#[test]
fn log_records_come_in_one_batch_and_a_flood_is_counted() {
    // While the host is busy nothing is sent, however long this takes.
    let (host, server) = Host::busy_server();
    for number in 0..LOG_LIMIT + 5 {
        server.log_error(format!("record {number}"));
    }
    host.block(false);
    let events = host.await_events(2);
    let Message::Logs(batch) = &events[1] else {
        panic!("not logs: {events:?}")
    };
    assert_eq!(batch.records.len(), LOG_LIMIT + 1);
    assert_eq!(batch.records[0].message, "record 0");
    assert!(
        batch.records[LOG_LIMIT]
            .message
            .starts_with("5 log records")
    );
    server.dispose();
    assert_eq!(host.await_events(2).len(), 2);
}

#[test]
fn no_logs_cross_unless_the_host_wants_them() {
    let (host, server) = Host::server();
    server.set_capture_logs(false);
    server.log_error("unwanted".to_owned());
    server.send(event(1));
    server.dispose();
    assert_eq!(host.async_ids(1), [1]);
}

#[test]
fn a_callback_may_send_and_look_up() {
    let (host, server) = Host::server();
    let inner = Arc::clone(&server);
    host.react(move |message| {
        if async_id(message) == 1 {
            let id = inner.handles().insert(Arc::new(Buffer), Ownership::HOST);
            assert!(inner.drop_handle(id));
            inner.send(event(2));
        }
    });
    server.send(event(1));
    assert_eq!(host.async_ids(2), [1, 2]);
    *host.reaction.lock() = None;
    server.dispose();
}

#[test]
fn dispose_delivers_what_is_queued_and_then_nothing() {
    let (host, server) = Host::server();
    for number in 1..=200 {
        server.send(event(number));
    }
    let handle = server.handles().insert(Arc::new(Buffer), Ownership::HOST);
    server.dispose();
    assert_eq!(host.seen.lock().len(), 200);
    assert!(!server.drop_handle(handle));
    server.send(event(1_000));
    assert!(matches!(server.ensure_running(), Err(FfiError::Disposed)));
    assert!(matches!(server.runtime(), Err(FfiError::Disposed)));
    server.dispose();
    assert_eq!(host.seen.lock().len(), 200);
}

#[test]
fn dispose_from_inside_the_callback_does_not_deadlock() {
    let (host, server) = Host::server();
    server.runtime().unwrap();
    let inner = Arc::clone(&server);
    host.react(move |_| inner.dispose());
    within_three_seconds(|| {
        server.send(event(1));
        server.send(event(2));
        assert_eq!(host.async_ids(1), [1]);
    });
    *host.reaction.lock() = None;
    server.dispose();
    assert_eq!(host.seen.lock().len(), 1, "what was queued is discarded");
}

#[test]
fn dispose_closes_every_room_at_once_and_survives_a_panic() {
    let (host, server) = Host::server();
    server.runtime().unwrap();
    let closed = Arc::new(AtomicUsize::new(0));
    let barrier = Arc::new(tokio::sync::Barrier::new(3));
    for id in 1..=3 {
        let (closed, barrier, events) = (
            Arc::clone(&closed),
            Arc::clone(&barrier),
            Arc::clone(server.events()),
        );
        server.register_closer(
            id,
            Box::new(move || {
                Box::pin(async move {
                    // Passes only if all three run side by side.
                    barrier.wait().await;
                    closed.fetch_add(1, Ordering::SeqCst);
                    events.send(event(id));
                })
            }),
        );
    }
    server.register_closer(
        4,
        Box::new(|| Box::pin(async { panic!("a room that cannot be closed") })),
    );
    server.register_closer(
        5,
        Box::new(|| Box::pin(async { unreachable!("was taken back") })),
    );
    assert!(server.remove_closer(5));
    assert!(!server.remove_closer(5));
    server.dispose();
    assert_eq!(closed.load(Ordering::SeqCst), 3);
    // The events of the closing rooms, and a log batch about the panic.
    let events = host.await_events(4);
    let logged = events.iter().any(|message| {
        matches!(message, Message::Logs(batch) if batch.records[0].message.contains("cannot be closed"))
    });
    assert!(logged, "{events:?}");
}

#[test]
fn dispose_is_bounded_when_a_room_never_closes() {
    let (_host, server) = Host::server();
    server.runtime().unwrap();
    server.register_closer(1, Box::new(|| Box::pin(std::future::pending())));
    within_three_seconds(|| server.dispose());
}

#[test]
fn dispose_is_bounded_when_the_callback_hangs() {
    let (host, server) = Host::busy_server();
    within_three_seconds(|| server.dispose());
    host.block(false);
    assert_eq!(host.async_ids(1), [1]);
}

#[test]
fn dispose_works_inside_a_runtime_of_the_hosts() {
    let (_host, server) = Host::server();
    server.runtime().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { server.dispose() });
    assert!(server.ensure_running().is_err());
}

#[test]
fn dispose_in_the_background_says_so_in_the_last_event() {
    let (host, server) = Host::server();
    server.send(event(1));
    server.dispose_in_background(Message::Dispose(proto::DisposeCallback { async_id: 2 }));
    assert_eq!(host.async_ids(2), [1, 2]);
    server.wait_disposed();
    assert!(server.ensure_running().is_err());
}

#[test]
fn a_panic_in_a_task_becomes_its_answer() {
    let (host, server) = Host::server();
    let answer = |async_id, error: FfiError| {
        assert!(
            error
                .to_string()
                .contains("internal error in a test: a bug"),
            "{error}"
        );
        event(async_id)
    };
    let task = async {
        tokio::task::yield_now().await;
        if std::hint::black_box(true) {
            panic!("a bug");
        }
        event(1)
    };
    server
        .spawn_answer("a test", task, move |error| answer(2, error))
        .unwrap();
    let events = host.await_events(1);
    assert_eq!(async_id(&events[0]), 2);
    server
        .spawn_answer("a test", async { event(3) }, |_| event(4))
        .unwrap();
    server.dispose();
}

#[test]
fn an_async_id_is_the_hosts_own_or_new_and_never_zero() {
    let (_host, server) = Host::server();
    assert_eq!(server.async_id(Some(77)), 77);
    assert_eq!(server.async_id(None), 1);
    assert_eq!(server.async_id(Some(0)), 2);
    assert_eq!(
        server.handles().insert(Arc::new(Buffer), Ownership::HOST),
        3
    );
    server.dispose();
}

#[test]
fn a_handle_may_use_the_runtime_when_it_is_dropped() {
    struct Spawner;
    impl Resource for Spawner {
        const KIND: &'static str = "spawner";
    }
    impl Drop for Spawner {
        fn drop(&mut self) {
            tokio::spawn(async {});
        }
    }
    let (_host, server) = Host::server();
    server.runtime().unwrap();
    let dropped = server.handles().insert(Arc::new(Spawner), Ownership::HOST);
    server.handles().insert(Arc::new(Spawner), Ownership::HOST);
    assert!(server.drop_handle(dropped));
    server.dispose();
    assert!(server.handles().is_empty());
}

#[test]
fn log_and_tracing_records_cross_if_they_are_important_enough() {
    static BRIDGE: logging::LogBridge = logging::LogBridge::new();
    const TEXTS: [&str; 7] = [
        "connected",
        "chatter",
        "of no interest",
        "of interest",
        "never",
        "from tracing",
        "too late",
    ];
    // While the host is busy nothing is sent, however long this takes.
    let (host, server) = Host::busy_server();
    BRIDGE.connect(Arc::clone(server.events()), false);
    log::info!(target: "livekit::room", "connected");
    log::debug!(target: "livekit::room", "chatter");
    log::info!(target: "rustls", "of no interest");
    log::warn!(target: "rustls", "of interest");
    log::trace!(target: "livekit", "never");
    tracing::info!(target: "lk_engine", "from tracing");
    BRIDGE.disconnect();
    log::error!(target: "livekit", "too late");
    host.block(false);
    let events = host.await_events(2);
    server.dispose();
    let Message::Logs(batch) = &events[1] else {
        panic!("not logs: {events:?}")
    };
    // The bridge is the process's: the tests beside this one log, too.
    let records: Vec<_> = batch
        .records
        .iter()
        .filter(|record| TEXTS.iter().any(|text| record.message.contains(text)))
        .collect();
    let messages: Vec<&str> = records
        .iter()
        .map(|record| record.message.as_str())
        .collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[..2], ["connected", "of interest"]);
    assert!(messages[2].contains("from tracing"));
    assert_eq!(records[0].level, i32::from(proto::LogLevel::LogInfo));
    assert_eq!(records[0].target, "livekit::room");
    assert_eq!(host.seen.lock().len(), 2);
}
