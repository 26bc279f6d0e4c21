//! Against a real PulseAudio server of the test's own, whose only sinks are null sinks.
#![cfg(feature = "pulse")]

use std::{
    env, fs,
    io::Read,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(20);
const TONE_HZ: f64 = 440.0;
/// As many samples at 48 kHz as are looked at together.
const WHOLE: usize = 9_600;

/// A sound server in a folder of its own. Killed when dropped.
struct Daemon {
    process: Child,
    folder: PathBuf,
}

impl Daemon {
    /// With two sinks, `first` (the default) and `second`. `None` where PulseAudio is not installed.
    fn start(name: &str) -> Option<Self> {
        let folder = env::temp_dir().join(format!("lk-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
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
            .envs([("XDG_RUNTIME_DIR", &folder), ("HOME", &folder)])
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
            std::thread::yield_now();
        }
        Some(Self { process, folder })
    }

    fn server(&self) -> String {
        format!("unix:{}/native", self.folder.display())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs this test again in a process whose environment names a server, and there calls `body`.
fn with_server(test: &str, body: impl FnOnce()) {
    if env::var("LK_DEVICES_TEST").as_deref() == Ok(test) {
        return body();
    }
    let Some(daemon) = Daemon::start(test) else {
        assert!(
            env::var("CI").is_err(),
            "PulseAudio is not installed: run scripts/setup.sh"
        );
        return;
    };
    let outcome = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env("LK_DEVICES_TEST", test)
        .env("PULSE_SERVER", daemon.server())
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

#[test]
fn the_tone_played_is_the_tone_recorded() {
    with_server("the_tone_played_is_the_tone_recorded", || {
        let (sender, heard) = mpsc::channel();
        let microphone = lk_devices::record(Some("second.monitor"), move |samples| {
            // The test may have heard enough.
            let _ = sender.send(samples.to_vec());
        })
        .expect("a microphone");
        let loudspeaker = lk_devices::play(Some("second"), tone()).expect("a loudspeaker");
        let mut all: Vec<i16> = Vec::new();
        let until = Instant::now() + SOON;
        // Where the machine stands still for longer than the server has sound, there is a hole: the
        // tone before it and the tone after it are not in phase, and are no tone together.
        while all.len() < WHOLE || share_of_tone(&all[all.len() - WHOLE..]) < 0.99 {
            let left = until.saturating_duration_since(Instant::now());
            all.extend(heard.recv_timeout(left).expect("tone"));
        }
        assert!(microphone.is_running() && loudspeaker.is_running());
    });
}

#[test]
fn devices_have_names_and_the_default_comes_first() {
    with_server("devices_have_names_and_the_default_comes_first", || {
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
    });
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    with_server("a_device_that_is_not_there_is_refused", || {
        let error = lk_devices::record(Some("nowhere"), |_| {}).expect_err("no such microphone");
        assert!(
            matches!(error, lk_devices::DeviceError::Refused { .. }),
            "{error}"
        );
        let error = lk_devices::play(Some("no\0where"), |_| {}).expect_err("no such name");
        assert!(
            matches!(error, lk_devices::DeviceError::Name { .. }),
            "{error}"
        );
    });
}

#[test]
fn without_a_server_every_call_says_so() {
    let test = "without_a_server_every_call_says_so";
    if env::var("LK_DEVICES_TEST").as_deref() == Ok(test) {
        for error in [
            lk_devices::list().expect_err("no server"),
            lk_devices::record(None, |_| {}).expect_err("no server"),
            lk_devices::play(None, |_| {}).expect_err("no server"),
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
