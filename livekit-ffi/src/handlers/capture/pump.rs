//! The thread behind a capture: from start to end, which is told once.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::{
    error::FfiError,
    proto::{self, capture_source_event::Message as End, ffi_event::Message},
    server::{Server, panics},
};

/// What waiting for a thread may take when its source is dropped: it ends by itself if it takes longer.
const JOIN: Duration = Duration::from_secs(1);

/// Where pictures come from.
pub(super) trait Producer: Send {
    /// Waits for the next picture and hands it on. Returns as soon as `stop` is told, and in any case within 200 ms.
    ///
    /// # Errors
    /// The end, as text: no picture comes any more.
    fn step(&mut self, stop: &Stop) -> Result<Step, String>;
}

/// What a [`Producer`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A picture was handed on.
    Captured,
    /// There was none yet.
    Waited,
    /// There is none any more.
    Ended,
}

/// The word to stop, and the word that it is over.
#[derive(Default)]
pub(super) struct Stop {
    state: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    stop: bool,
    over: bool,
}

impl Stop {
    /// Waits until `due`; true where it is time to stop.
    pub(super) fn wait_until(&self, due: Instant) -> bool {
        let mut told = self.state.lock();
        while !told.stop {
            if self.changed.wait_until(&mut told, due).timed_out() {
                break;
            }
        }
        told.stop
    }

    fn is_told(&self) -> bool {
        self.state.lock().stop
    }

    fn tell(&self) {
        self.state.lock().stop = true;
        self.changed.notify_all();
    }

    fn over(&self) {
        self.state.lock().over = true;
        self.changed.notify_all();
    }

    fn wait_over(&self, until: Instant) {
        let mut told = self.state.lock();
        while !told.over && !self.changed.wait_until(&mut told, until).timed_out() {}
    }
}

enum Stage {
    Idle(Box<dyn Producer>),
    Started,
}

/// See the module's documentation.
pub(super) struct Pump {
    stop: Arc<Stop>,
    stage: Mutex<Stage>,
}

impl Pump {
    pub(super) fn new(producer: Box<dyn Producer>) -> Self {
        Self {
            stop: Arc::default(),
            stage: Mutex::new(Stage::Idle(producer)),
        }
    }

    /// Starts the thread; `handle` is the source's in the event of its end.
    pub(super) fn start(&self, server: &Arc<Server>, handle: u64) -> Result<(), FfiError> {
        const OPERATION: &str = "start_capture";
        let mut stage = self.stage.lock();
        let Stage::Idle(producer) = std::mem::replace(&mut *stage, Stage::Started) else {
            let over = self.stop.state.lock().over;
            let reason = if over {
                "the capture is over: make another source"
            } else {
                "the capture is started already"
            };
            return Err(FfiError::operation(OPERATION, reason));
        };
        let (server, stop) = (Arc::clone(server), Arc::clone(&self.stop));
        let spawned = thread::Builder::new()
            .name("lk-capture".to_owned())
            .spawn(move || {
                panics::mark_thread();
                let end = run(producer, &stop);
                stop.over();
                server.send(Message::CaptureSourceEvent(proto::CaptureSourceEvent {
                    capture_handle: handle,
                    message: Some(end),
                }));
            });
        if let Err(source) = spawned {
            self.stop.over();
            return Err(FfiError::Start {
                what: "the thread of a capture",
                source,
            });
        }
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.stop.tell();
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.tell();
        if matches!(*self.stage.get_mut(), Stage::Started) {
            self.stop.wait_over(Instant::now() + JOIN);
        }
    }
}

/// Captures until the end, and says how it came.
fn run(mut producer: Box<dyn Producer>, stop: &Stop) -> End {
    let mut frames_captured = 0;
    let finished = panics::catch("capture", || {
        let exit = loop {
            if stop.is_told() {
                break proto::CaptureExit::Stopped;
            }
            match producer.step(stop)? {
                Step::Captured => frames_captured += 1,
                Step::Waited => {}
                Step::Ended => break proto::CaptureExit::EndOfStream,
            }
        };
        Ok::<_, String>(exit)
    });
    // What it holds goes before the end is told.
    let dropped = panics::catch("the end of a capture", move || drop(producer));
    match finished.and_then(|finished| dropped.map(|()| finished)) {
        Ok(Ok(exit)) => End::Finished(proto::CaptureFinished {
            frames_captured,
            exit: exit.into(),
        }),
        Ok(Err(error)) => failed(error, proto::CaptureErrorKind::Source),
        Err(panic) => failed(panic.to_string(), proto::CaptureErrorKind::Panicked),
    }
}

fn failed(error: String, kind: proto::CaptureErrorKind) -> End {
    End::Error(proto::CaptureError {
        error,
        kind: kind.into(),
    })
}
