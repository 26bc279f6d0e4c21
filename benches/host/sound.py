"""Sound processing, without a room: what 10 ms of sound cost, in a process of its own for each library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stage import Figures, Stage

SECONDS = 20


def processing(stage: Stage, kind: str) -> Figures:
    """Resampled and cleaned by requests of one block of 10 ms each, as hosts do it."""
    library = stage.libraries[kind]
    named = {} if library is None else {"LIVEKIT_LIB_PATH": str(library)}
    environment = {name: value for name, value in os.environ.items() if name != "LIVEKIT_LIB_PATH"} | named
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _cost(work: object, blocks: int) -> float:
    """Microseconds of processor time for each block."""
    began = time.process_time()
    for block in range(blocks):
        work(block)  # type: ignore[operator]
    return (time.process_time() - began) * 1e6 / blocks


def main() -> None:
    import random

    from livekit.rtc import AudioFrame
    from livekit.rtc.apm import AudioProcessingModule
    from livekit.rtc.audio_resampler import AudioResampler, AudioResamplerQuality

    noise = random.Random(1).randbytes(480 * 2 * 100)
    blocks = [bytearray(noise[at : at + 960]) for at in range(0, len(noise), 960)]
    count = SECONDS * 100
    figures = {}
    for quality in (AudioResamplerQuality.MEDIUM, AudioResamplerQuality.VERY_HIGH):
        resampler = AudioResampler(48_000, 16_000, num_channels=1, quality=quality)
        cost = _cost(lambda at, to=resampler: to.push(blocks[at % 100]), count)
        figures[f"48 → 16 kHz, quality {quality.value}, mono: µs per 10 ms"] = cost
    frames = [AudioFrame(block, 48_000, 1, 480) for block in blocks]
    cleaning = {"echo_cancellation": True, "noise_suppression": True, "high_pass_filter": True, "auto_gain_control": True}
    for name in cleaning:
        module = AudioProcessingModule(**{name: True})
        figures[f"{name}, mono 48 kHz: µs per 10 ms"] = _cost(lambda at, to=module: to.process_stream(frames[at % 100]), count)
    everything = AudioProcessingModule(**cleaning)

    def both(at: int) -> None:
        everything.process_reverse_stream(frames[(at + 50) % 100])
        everything.process_stream(frames[at % 100])

    figures["all of them with the far end, mono 48 kHz: µs per 10 ms"] = _cost(both, count)
    print(json.dumps(figures))  # noqa: T201


def measures() -> dict:
    return {"sound": processing}


if __name__ == "__main__":
    main()
