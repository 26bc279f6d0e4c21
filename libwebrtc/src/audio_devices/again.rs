//! Devices that cannot be opened now are tried again: a sound server that was started anew is found by itself.

use std::{thread, time::Duration};

use parking_lot::{Condvar, Mutex};

use super::{settle_once, shares};

/// From one try to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// The thread that tries, if there is one.
struct Trying {
    running: bool,
    /// Something failed since its last try began.
    needed: bool,
}

static TRYING: Mutex<Trying> = Mutex::new(Trying {
    running: false,
    needed: false,
});
static HURRY: Condvar = Condvar::new();

/// Tries again after a while, and on until everything is open that is wanted. One thread, which ends then.
///
/// Also where a stream was lost: a server that takes each one away at once is not asked more often, either.
pub(super) fn later() {
    let mut trying = TRYING.lock();
    trying.needed = true;
    if trying.running || shares() == 0 {
        return;
    }
    let spawned = thread::Builder::new()
        .name("lk-devices".to_owned())
        .spawn(run);
    match spawned {
        Ok(_) => trying.running = true,
        Err(error) => log::warn!("audio devices: no thread to try again: {error}"),
    }
}

/// Has the thread look at once whether it is still needed.
pub(super) fn hurry() {
    // Not between its look and its sleep.
    let _trying = TRYING.lock();
    HURRY.notify_all();
}

fn run() {
    let mut told = String::new();
    let mut trying = TRYING.lock();
    while trying.needed && shares() > 0 {
        if !HURRY.wait_for(&mut trying, PAUSE).timed_out() {
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
    trying.running = false;
}
