"""A PulseAudio server of the tests' own, all of whose sinks lead nowhere but to their monitors."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from . import tones

RATE = 48000


class SoundServer:
    """With one null sink for each name. What is played on it can be recorded from `<name>.monitor`.

    It runs from the start, and may be stopped and started again in the same place.
    """

    def __init__(self, folder: Path, sinks: list[str]) -> None:
        assert shutil.which("pulseaudio"), "PulseAudio is not installed: run scripts/setup.sh"
        self.address = f"unix:{folder}/native"
        self._folder, self._sinks = folder, sinks
        self._log = folder / "pulseaudio.log"
        self.start()

    def start(self) -> None:
        folder = self._folder
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--log-target=stderr"]
        command += [f"--load={' '.join(self._module(sink))}" for sink in self._sinks]
        command.append(f"--load=module-native-protocol-unix socket={folder}/native auth-anonymous=1")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}, stderr=log
            )
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
                one.connect(f"{folder}/native")
                return
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text(errors="replace")
            time.sleep(0.02)

    @contextlib.contextmanager
    def playing(self, sink: str, frequency: float, amplitude: float = 0.3) -> Iterator[None]:
        """Another program plays a tone."""
        with self._tool("pacat", "--playback", f"--device={sink}", stdin=subprocess.PIPE) as player:
            # A minute is more than any test takes; the program reads ahead as far as it likes.
            oscillator = tones.Oscillator([frequency], amplitude, RATE)
            sound = b"".join(oscillator.block(RATE) for _ in range(60))
            assert player.stdin is not None

            def feed() -> None:
                # It is ended while it still has to read.
                with contextlib.suppress(OSError):
                    player.stdin.write(sound)

            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            try:
                yield
            finally:
                player.kill()
                feeder.join(10)

    def hear(self, source: str, frequency: float, seconds: float = 30, level: float | None = None) -> tones.Tone:
        """Records as another program until there is a whole window of this tone, at its level in dB if one is given."""
        window = RATE * 2 // 10
        deadline = time.monotonic() + seconds
        last = tones.Tone(0.0, -120.0, 0.0)
        with self._tool("parec", "--record", f"--device={source}", "--latency-msec=20", stdout=subprocess.PIPE) as one:
            assert one.stdout is not None
            while time.monotonic() < deadline:
                data = one.stdout.read(2 * window)
                assert len(data) == 2 * window, "the recording ended"
                last = tones.measure(np.frombuffer(data, dtype="<i2"), RATE)
                loud = level is None or abs(last.level - level) < 1.5
                if abs(last.frequency - frequency) < 3 and last.purity > 0.95 and loud:
                    return last
        raise AssertionError(f"{frequency} Hz not heard on {source} in {seconds} s: {last}")

    @staticmethod
    def _module(sink: str) -> list[str]:
        return ["module-null-sink", f"sink_name={sink}", f"sink_properties=device.description={sink.capitalize()}"]

    def pull_out(self, sink: str) -> None:
        """As a headset is."""
        modules = (line.split("\t") for line in self._control("list", "short", "modules"))
        [index] = [index for index, _, arguments, *_ in modules if f"sink_name={sink} " in arguments]
        self._control("unload-module", index)

    def put_in(self, sink: str) -> None:
        """The device that was pulled out."""
        self._control("load-module", *self._module(sink))

    def recorders(self) -> int:
        """How many streams record now."""
        return len(self._control("list", "short", "source-outputs"))

    def _control(self, *command: str) -> list[str]:
        whole = ["pactl", f"--server={self.address}", *command]
        return subprocess.run(whole, check=True, capture_output=True, timeout=20, text=True).stdout.splitlines()

    def await_recorders(self, count: int, seconds: float = 30) -> None:
        """Waits until so many streams record."""
        deadline = time.monotonic() + seconds
        while (found := self.recorders()) != count:
            assert time.monotonic() < deadline, f"{found} streams record, not {count}"
            time.sleep(0.05)

    @contextlib.contextmanager
    def _tool(self, *command: str, **pipes: int) -> Iterator[subprocess.Popen[bytes]]:
        form = ["--raw", f"--rate={RATE}", "--channels=1", "--format=s16le"]
        with subprocess.Popen([*command, *form, f"--server={self.address}"], **pipes) as one:
            try:
                yield one
            finally:
                one.kill()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
