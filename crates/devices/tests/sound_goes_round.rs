//! Against a real PulseAudio server of the test's own, whose only sinks are null sinks.
#![cfg(feature = "pulse")]

use std::{
    env, fs,
    io::Read,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use lk_devices::{DeviceError, Stream};

const SOON: Duration = Duration::from_secs(60);
/// Servers play in real time: tests one after the other, or they make holes in each other's sound.
static ONE: Mutex<()> = Mutex::new(());
const TONE_HZ: f64 = 440.0;
/// As many samples at 48 kHz as are looked at together.
const WHOLE: usize = 9_600;

/// A folder of a test's own. Removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("lk-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    /// What `PULSE_SERVER` has to be for the server in there.
    fn server(&self) -> String {
        format!("unix:{}/native", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A temporary folder that stays harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A sound server in a folder. Killed when dropped.
struct Daemon {
    process: Child,
}

impl Daemon {
    /// With two sinks, `first` (the default) and `second`. `None` where PulseAudio is not installed.
    fn start(folder: &Path) -> Option<Self> {
        let socket = format!("socket={}/native auth-anonymous=1", folder.display());
        let mut process = Command::new("pulseaudio")
            .args([
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--log-target=stderr",
            ])
            .arg("--load=module-null-sink sink_name=first sink_properties=device.description=One")
            .arg("--load=module-null-sink sink_name=second sink_properties=device.description=Two")
            .arg(format!("--load=module-native-protocol-unix {socket}"))
            .envs([("XDG_RUNTIME_DIR", folder), ("HOME", folder)])
            .env_remove("PULSE_SERVER")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let until = Instant::now() + SOON;
        while UnixStream::connect(folder.join("native")).is_err() {
            if Instant::now() > until || process.try_wait().expect("a child").is_some() {
                process.kill().expect("a child");
                let mut said = String::new();
                let stderr = process.stderr.as_mut().expect("piped");
                stderr.read_to_string(&mut said).expect("text");
                panic!("the sound server did not start: {said}");
            }
            thread::yield_now();
        }
        Some(Self { process })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs this test again in a process whose environment names a server, and there calls `body` with the server and its
/// folder.
fn with_server(test: &str, body: impl FnOnce(Daemon, &Path)) {
    if env::var("LK_DEVICES_TEST").as_deref() == Ok(test) {
        let socket = env::var("PULSE_SERVER").expect("a server's place");
        let folder = Path::new(socket.trim_start_matches("unix:")).parent();
        let folder = folder.expect("a folder");
        let Some(daemon) = Daemon::start(folder) else {
            assert!(
                env::var("CI").is_err(),
                "PulseAudio is not installed: run scripts/setup.sh"
            );
            return;
        };
        return body(daemon, folder);
    }
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new(test);
    let outcome = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env("LK_DEVICES_TEST", test)
        .env("PULSE_SERVER", folder.server())
        .output()
        .expect("this test, again");
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(
        outcome.status.success(),
        "{}{said}",
        String::from_utf8_lossy(&outcome.stdout)
    );
}

/// Fills stereo with a tone.
fn tone() -> impl FnMut(&mut [i16]) + Send {
    let mut at = 0_u32;
    move |samples| {
        for frame in samples.chunks_exact_mut(2) {
            let phase = f64::from(at) * TONE_HZ / 48_000.0 * std::f64::consts::TAU;
            frame.fill((phase.sin() * 10_000.0) as i16);
            at += 1;
        }
    }
}

/// How much of the power in `samples` lies at the tone's frequency.
fn share_of_tone(samples: &[i16]) -> f64 {
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let sample = f64::from(*sample);
        let phase = at as f64 * TONE_HZ / 48_000.0 * std::f64::consts::TAU;
        sine += sample * phase.sin();
        cosine += sample * phase.cos();
        power += sample * sample;
    }
    2.0 * (sine * sine + cosine * cosine) / samples.len() as f64 / power.max(1.0)
}

/// A tone that is played on the second sink, and recorded from there.
struct Round {
    microphone: Stream,
    loudspeaker: Stream,
    heard: Receiver<Vec<i16>>,
    /// Which of the two the server ended.
    lost: Receiver<&'static str>,
}

impl Round {
    fn start() -> Self {
        let (sender, heard) = mpsc::channel();
        let (losing, lost) = mpsc::channel();
        let also_losing = losing.clone();
        // The test may have heard enough.
        let hear = move |samples: &[i16]| drop(sender.send(samples.to_vec()));
        let microphone = lk_devices::record(Some("second.monitor"), hear, move || {
            losing.send("microphone").expect("a test");
        });
        let loudspeaker = lk_devices::play(Some("second"), tone(), move || {
            also_losing.send("loudspeaker").expect("a test");
        });
        Self {
            microphone: microphone.expect("a microphone"),
            loudspeaker: loudspeaker.expect("a loudspeaker"),
            heard,
            lost,
        }
    }

    fn hear_the_tone(&self) {
        let mut all: Vec<i16> = Vec::new();
        let until = Instant::now() + SOON;
        // Where the machine stands still for longer than the server has sound, there is a hole: the
        // tone before it and the tone after it are not in phase, and are no tone together.
        while all.len() < WHOLE || share_of_tone(&all[all.len() - WHOLE..]) < 0.99 {
            let left = until.saturating_duration_since(Instant::now());
            all.extend(self.heard.recv_timeout(left).expect("tone"));
        }
        assert!(self.microphone.is_running() && self.loudspeaker.is_running());
    }

    /// Drops both streams, which must not take long. What is left tells of losses.
    fn end(self) -> Receiver<&'static str> {
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            drop((self.microphone, self.loudspeaker));
            sender.send(()).expect("a test");
        });
        ended.recv_timeout(SOON).expect("an end");
        self.lost
    }
}

/// Waits until no thread of ours is left.
fn await_no_threads() {
    let until = Instant::now() + SOON;
    loop {
        let tasks = fs::read_dir("/proc/self/task").expect("a list");
        let names =
            tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let ours: Vec<String> = names.filter(|name| name.starts_with("lk-")).collect();
        if ours.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "left: {ours:?}");
        thread::yield_now();
    }
}

#[test]
fn the_tone_played_is_the_tone_recorded() {
    with_server("the_tone_played_is_the_tone_recorded", |_daemon, _| {
        let round = Round::start();
        round.hear_the_tone();
        assert_eq!(round.lost.try_recv(), Err(mpsc::TryRecvError::Empty));
    });
}

#[test]
fn streams_end_with_their_server_and_new_ones_find_the_next() {
    let test = "streams_end_with_their_server_and_new_ones_find_the_next";
    with_server(test, |mut daemon, folder| {
        for _ in 0..2 {
            let round = Round::start();
            round.hear_the_tone();
            drop(daemon);
            let mut lost = [(); 2].map(|()| round.lost.recv_timeout(SOON).expect("a loss"));
            lost.sort_unstable();
            assert_eq!(lost, ["loudspeaker", "microphone"]);
            assert!(!round.microphone.is_running() && !round.loudspeaker.is_running());
            let lost = round.end();
            assert_eq!(lost.try_recv(), Err(mpsc::TryRecvError::Disconnected));
            await_no_threads();
            let error = lk_devices::list().expect_err("no server");
            assert!(error.to_string().contains("/native"), "{error}");

            daemon = Daemon::start(folder).expect("PulseAudio, as before");
            assert_eq!(lk_devices::list().expect("a server").loudspeakers.len(), 2);
        }
        let round = Round::start();
        round.hear_the_tone();
        round.end();
        await_no_threads();
    });
}

#[test]
fn a_server_that_hangs_holds_nobody() {
    with_server("a_server_that_hangs_holds_nobody", |daemon, _| {
        let round = Round::start();
        round.hear_the_tone();
        let process = daemon.process.id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &process]).status();
        assert!(stopped.expect("kill").success());
        let error = lk_devices::list().expect_err("no answer");
        assert!(matches!(error, DeviceError::Timeout { .. }), "{error}");
        let lost = round.end();
        await_no_threads();
        assert_eq!(lost.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    });
}

#[test]
fn devices_have_names_and_the_default_comes_first() {
    with_server(
        "devices_have_names_and_the_default_comes_first",
        |_daemon, _| {
            let devices = lk_devices::list().expect("a server");
            let name = |device: &lk_devices::Device| (device.id.clone(), device.name.clone());
            let names: Vec<_> = devices.loudspeakers.iter().map(name).collect();
            assert_eq!(
                names,
                [("first", "One"), ("second", "Two")].map(|(id, name)| (id.into(), name.into()))
            );
            let ids: Vec<_> = devices
                .microphones
                .iter()
                .map(|device| device.id.as_str())
                .collect();
            assert_eq!(ids, ["first.monitor", "second.monitor"]);
        },
    );
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    with_server("a_device_that_is_not_there_is_refused", |_daemon, _| {
        let error =
            lk_devices::record(Some("nowhere"), |_| {}, || {}).expect_err("no such microphone");
        assert!(matches!(error, DeviceError::Refused { .. }), "{error}");
        let error = lk_devices::play(Some("no\0where"), |_| {}, || {}).expect_err("no such name");
        assert!(matches!(error, DeviceError::Name { .. }), "{error}");
    });
}

#[test]
fn without_a_server_every_call_says_so() {
    let test = "without_a_server_every_call_says_so";
    if env::var("LK_DEVICES_TEST").as_deref() == Ok(test) {
        for error in [
            lk_devices::list().expect_err("no server"),
            lk_devices::record(None, |_| {}, || {}).expect_err("no server"),
            lk_devices::play(None, |_| {}, || {}).expect_err("no server"),
        ] {
            assert!(error.to_string().contains("/nowhere/native"), "{error}");
        }
        return;
    }
    let outcome = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env("LK_DEVICES_TEST", test)
        .env("PULSE_SERVER", "unix:/nowhere/native")
        .output();
    assert!(outcome.expect("this test, again").status.success());
}
