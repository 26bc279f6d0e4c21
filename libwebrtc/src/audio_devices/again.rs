//! Devices that cannot be opened now are tried again: a sound server that was started anew is found by itself.

use std::{
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::{settle_once, shares};

/// From one try to the next.
const PAUSE: Duration = Duration::from_secs(1);

struct Trying {
    /// Something failed since the last try began.
    needed: bool,
    /// The thread that tries, if there is one.
    thread: Option<JoinHandle<()>>,
    /// That thread's number: one that has another is to end.
    turn: u64,
}

static TRYING: Mutex<Trying> = Mutex::new(Trying {
    needed: false,
    thread: None,
    turn: 0,
});
static ENDED: Condvar = Condvar::new();

/// Tries again after a while, and on until everything is open that is wanted. One thread, which ends then.
///
/// Also where a stream was lost: a server that takes each one away at once is not asked more often, either.
pub(super) fn later() {
    let mut trying = TRYING.lock();
    trying.needed = true;
    trying.start();
}

/// Ends the thread: nobody has a share any more. Waits for the try that it is at, if it is.
pub(super) fn end() {
    let ending = {
        let mut trying = TRYING.lock();
        trying.turn += 1;
        let ending = trying.thread.take();
        // Somebody may have taken a share, and failed, meanwhile.
        trying.start();
        ending
    };
    ENDED.notify_all();
    if ending.is_some_and(|thread| thread.join().is_err()) {
        log::error!("the thread that opens devices again ended by a panic");
    }
}

impl Trying {
    fn start(&mut self) {
        if !self.needed || self.thread.is_some() || shares() == 0 {
            return;
        }
        self.turn += 1;
        let turn = self.turn;
        let spawned = thread::Builder::new()
            .name("lk-devices".to_owned())
            .spawn(move || run(turn));
        match spawned {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => log::warn!("audio devices: no thread to try again: {error}"),
        }
    }
}

fn run(turn: u64) {
    let mut told = String::new();
    let mut trying = TRYING.lock();
    while trying.turn == turn {
        if !trying.needed || shares() == 0 {
            trying.thread = None;
            return;
        }
        if !ENDED.wait_for(&mut trying, PAUSE).timed_out() {
            continue;
        }
        trying.needed = false;
        drop(trying);
        let outcome = settle_once().all();
        trying = TRYING.lock();
        match outcome {
            Ok(()) => log::info!("audio devices are as wanted again"),
            Err(error) => {
                trying.needed = true;
                let text = error.to_string();
                if text != told {
                    log::warn!("audio devices, tried again every {PAUSE:?}: {text}");
                    told = text;
                }
            }
        }
    }
}
