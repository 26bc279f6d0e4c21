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
        for sink in self._sinks:
            described = f"sink_name={sink} sink_properties=device.description={sink.capitalize()}"
            command.append(f"--load=module-null-sink {described}")
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

    def hear(self, source: str, frequency: float, seconds: float = 30) -> tones.Tone:
        """Records as another program until there is a whole window of this tone."""
        window = RATE * 4 // 10
        deadline = time.monotonic() + seconds
        last = tones.Tone(0.0, -120.0, 0.0)
        with self._tool("parec", "--record", f"--device={source}", "--latency-msec=20", stdout=subprocess.PIPE) as one:
            assert one.stdout is not None
            while time.monotonic() < deadline:
                data = one.stdout.read(2 * window)
                assert len(data) == 2 * window, "the recording ended"
                last = tones.measure(np.frombuffer(data, dtype="<i2"), RATE)
                if abs(last.frequency - frequency) < 3 and last.purity > 0.95:
                    return last
        raise AssertionError(f"{frequency} Hz not heard on {source} in {seconds} s: {last}")

    def recorders(self) -> int:
        """How many streams record now."""
        command = ["pactl", f"--server={self.address}", "list", "short", "source-outputs"]
        return len(subprocess.run(command, check=True, capture_output=True, timeout=20).stdout.splitlines())

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
