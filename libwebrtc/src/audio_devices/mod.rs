//! The platform's audio devices: one microphone and one loudspeaker for the whole process.
//!
//! They are used while somebody has a share in them ([`acquire`]). The microphone is open while a track of it is sent or
//! listened to, or a program asked for it; the loudspeaker while there are remote audio tracks, all of which it plays.
//! Opening and closing never happens on a thread of media: those only say that something changed. What is wanted and
//! cannot be had, as the sound server ended or is not there yet, is tried again (`again`).

mod again;
mod loudspeaker;
mod microphone;
mod processing;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use lk_devices::Stream;
pub use lk_devices::{Device, DeviceError, Devices};
use lk_dsp::Stages;
use parking_lot::Mutex;
use thiserror::Error;

pub(crate) use self::loudspeaker::register as register_remote;
pub(crate) use self::microphone::source as microphone;
use crate::audio_source::AudioSourceOptions;

/// Why a device cannot be used.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AudioDeviceError {
    /// The system has none, or does not give it.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// No device has this identifier.
    #[error("no {kind} is called {id:?}")]
    Unknown {
        /// `microphone` or `loudspeaker`.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Nobody has a share in the devices.
    #[error("platform audio is not in use: acquire it first")]
    NotAcquired,
    /// The microphone was switched off by the program.
    #[error("recording is disabled")]
    Disabled,
}

/// What the program wants.
struct Wishes {
    shares: u32,
    recording_enabled: bool,
    playout_enabled: bool,
    /// The last word on recording: start or stop; none: as tracks need it.
    recording: Option<bool>,
    playout_stopped: bool,
    /// Identifiers; none for the system's default.
    microphone: Option<String>,
    loudspeaker: Option<String>,
}

/// What is open, and on which device.
struct Open {
    recording: Slot,
    playing: Slot,
}

struct Slot(Option<(Option<String>, Stream)>);

static WISHES: Mutex<Wishes> = Mutex::new(Wishes {
    shares: 0,
    recording_enabled: true,
    playout_enabled: false,
    recording: None,
    playout_stopped: false,
    microphone: None,
    loudspeaker: None,
});
/// Held while a device is opened or closed; taken before [`WISHES`].
static OPEN: Mutex<Open> = Mutex::new(Open {
    recording: Slot(None),
    playing: Slot(None),
});

/// What is there now.
///
/// # Errors
/// Where the system has no sound, as text for people.
pub fn list() -> Result<Devices, AudioDeviceError> {
    Ok(lk_devices::list()?)
}

/// Takes a share in the devices.
///
/// # Errors
/// Where the system has no sound.
pub fn acquire() -> Result<(), AudioDeviceError> {
    list()?;
    WISHES.lock().shares += 1;
    settle_later();
    Ok(())
}

/// Gives a share back; with the last one the devices are closed, and the choice of devices is forgotten.
pub fn release() {
    let last = {
        let mut wishes = WISHES.lock();
        wishes.shares = wishes.shares.saturating_sub(1);
        if wishes.shares == 0 {
            wishes.recording = None;
            wishes.playout_stopped = false;
            wishes.microphone = None;
            wishes.loudspeaker = None;
        }
        wishes.shares == 0
    };
    if last {
        again::end();
        // Closing does not fail.
        let _ = settle();
    }
}

/// Shares taken.
#[must_use]
pub fn shares() -> u32 {
    WISHES.lock().shares
}

/// Chooses a microphone, by identifier; one that runs gives way to it at once.
///
/// # Errors
/// Where there is no such microphone, or it cannot be opened; the choice is kept in the second case.
pub fn choose_microphone(id: &str) -> Result<(), AudioDeviceError> {
    find("microphone", &list()?.microphones, id)?;
    WISHES.lock().microphone = Some(id.to_owned());
    OPEN.lock().recording.come_back();
    Ok(settle().recording?)
}

/// Chooses a loudspeaker, by identifier; one that runs gives way to it at once.
///
/// # Errors
/// As for [`choose_microphone`].
pub fn choose_loudspeaker(id: &str) -> Result<(), AudioDeviceError> {
    find("loudspeaker", &list()?.loudspeakers, id)?;
    WISHES.lock().loudspeaker = Some(id.to_owned());
    OPEN.lock().playing.come_back();
    Ok(settle().playing?)
}

/// Opens the microphone, whether a track needs it or not.
///
/// # Errors
/// Where nobody has a share, recording is disabled, or the microphone cannot be opened: it is then not opened later,
/// either, except for a track, or where it was started before.
pub fn start_recording() -> Result<(), AudioDeviceError> {
    let before = {
        let mut wishes = WISHES.lock();
        if wishes.shares == 0 {
            return Err(AudioDeviceError::NotAcquired);
        }
        if !wishes.recording_enabled {
            return Err(AudioDeviceError::Disabled);
        }
        wishes.recording.replace(true)
    };
    let opened = settle().recording;
    if opened.is_err() && before != Some(true) {
        // Nobody is to be recorded by what they were told had failed.
        WISHES.lock().recording = before;
        settle_later();
    }
    Ok(opened?)
}

/// Closes the microphone, whether a track needs it or not, until [`start_recording`].
///
/// # Errors
/// Where nobody has a share.
pub fn stop_recording() -> Result<(), AudioDeviceError> {
    {
        let mut wishes = WISHES.lock();
        if wishes.shares == 0 {
            return Err(AudioDeviceError::NotAcquired);
        }
        wishes.recording = Some(false);
    }
    Ok(settle().recording?)
}

/// Opens the loudspeaker as soon as there are tracks to be heard, or keeps it closed.
///
/// # Errors
/// Where nobody has a share, or the loudspeaker cannot be opened.
pub fn set_playing(playing: bool) -> Result<(), AudioDeviceError> {
    {
        let mut wishes = WISHES.lock();
        if wishes.shares == 0 {
            return Err(AudioDeviceError::NotAcquired);
        }
        wishes.playout_stopped = !playing;
    }
    Ok(settle().playing?)
}

/// Whether the microphone is open.
#[must_use]
pub fn is_recording() -> bool {
    OPEN.lock().recording.is_running()
}

/// Whether the loudspeaker is open.
#[must_use]
pub fn is_playing() -> bool {
    OPEN.lock().playing.is_running()
}

/// What is done to the sound of the microphone from now on. Without a word everything is done.
pub fn set_processing(options: &AudioSourceOptions) {
    let any = options.echo_cancellation || options.noise_suppression || options.auto_gain_control;
    processing::set(Stages {
        echo_canceller: options.echo_cancellation,
        gain_controller: options.auto_gain_control,
        noise_suppression: options.noise_suppression,
        high_pass_filter: any,
    });
}

/// Whether the microphone may run at all.
pub(crate) fn set_recording_enabled(enabled: bool) {
    WISHES.lock().recording_enabled = enabled;
    settle_later();
}

pub(crate) fn recording_enabled() -> bool {
    WISHES.lock().recording_enabled
}

/// Whether remote tracks are played at all.
pub(crate) fn set_playout_enabled(enabled: bool) {
    WISHES.lock().playout_enabled = enabled;
    settle_later();
}

pub(crate) fn playout_enabled() -> bool {
    WISHES.lock().playout_enabled
}

/// Opens and closes what has to be, soon and on another thread. Cheap where nobody has a share.
pub(crate) fn settle_later() {
    static PENDING: AtomicBool = AtomicBool::new(false);
    if shares() == 0 || PENDING.swap(true, Ordering::AcqRel) {
        return;
    }
    let spawned = thread::Builder::new()
        .name("lk-devices".to_owned())
        .spawn(|| {
            // Before it looks, so that a later change is not lost.
            PENDING.store(false, Ordering::Release);
            if let Err(error) = settle().all() {
                log::warn!("audio devices: {error}");
            }
        });
    if let Err(error) = spawned {
        PENDING.store(false, Ordering::Release);
        log::warn!("audio devices: no thread to open them: {error}");
    }
}

/// Opens and closes what has to be, as [`settle_once`]; what cannot be opened is tried again later.
fn settle() -> Settled {
    let settled = settle_once();
    if !settled.is_done() {
        again::later();
    }
    settled
}

/// Opens and closes what has to be. Waits for the system, for some seconds at most.
fn settle_once() -> Settled {
    let mut open = OPEN.lock();
    let (microphone, loudspeaker) = WISHES.lock().devices();
    Settled {
        recording: open.recording.follow(microphone, microphone::open),
        playing: open.playing.follow(loudspeaker, loudspeaker::open),
    }
}

/// What became of the microphone and the loudspeaker.
struct Settled {
    recording: Result<(), DeviceError>,
    playing: Result<(), DeviceError>,
}

impl Settled {
    fn is_done(&self) -> bool {
        self.recording.is_ok() && self.playing.is_ok()
    }

    fn all(self) -> Result<(), DeviceError> {
        self.recording.and(self.playing)
    }
}

impl Wishes {
    /// The microphone and the loudspeaker that have to be open.
    fn devices(&self) -> (Option<Option<String>>, Option<Option<String>>) {
        let record = self.shares > 0
            && self.recording_enabled
            && self.recording.unwrap_or_else(microphone::is_needed);
        let play = self.shares > 0
            && self.playout_enabled
            && !self.playout_stopped
            && loudspeaker::is_needed();
        (
            record.then(|| self.microphone.clone()),
            play.then(|| self.loudspeaker.clone()),
        )
    }
}

impl Slot {
    fn is_running(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|(_, stream)| stream.is_running())
    }

    /// Closes a device that the system has put in the place of the one that was opened.
    fn come_back(&mut self) {
        self.0.take_if(|(_, stream)| stream.is_elsewhere());
    }

    /// Has the wanted device open, and no other.
    fn follow(
        &mut self,
        wanted: Option<Option<String>>,
        open: impl FnOnce(Option<&str>) -> Result<Stream, DeviceError>,
    ) -> Result<(), DeviceError> {
        let current = self.0.as_ref().map(|(device, _)| device);
        if current == wanted.as_ref() && (wanted.is_none() || self.is_running()) {
            return Ok(());
        }
        // Closed first: many a device opens only once.
        self.0 = None;
        if let Some(device) = wanted {
            let stream = open(device.as_deref())?;
            self.0 = Some((device, stream));
        }
        Ok(())
    }
}

fn find(kind: &'static str, devices: &[Device], id: &str) -> Result<(), AudioDeviceError> {
    if devices.iter().any(|device| device.id == id) {
        Ok(())
    } else {
        let id = id.to_owned();
        Err(AudioDeviceError::Unknown { kind, id })
    }
}
