"""What the publisher plays, and how the subscriber keeps what it hears."""

from __future__ import annotations

import numpy as np
from livekit import rtc
from lkhost import tones
from telling import say

RATE = 48000
AMPLITUDE = 0.3
# The tone that is measured, `MEASURED` of these, then a little scale for the picture.
MEASURED = 4
STEPS = [440.0] * MEASURED + [523.25, 659.25, 783.99, 1046.5]
STEP_SECONDS = 1.0


async def play(source: rtc.AudioSource) -> None:
    """The whole scale, once."""
    oscillator = tones.Oscillator([STEPS[0]], AMPLITUDE, RATE)
    samples = RATE // 50
    for number in range(int(len(STEPS) * STEP_SECONDS * 50)):
        oscillator.frequencies = [STEPS[int(number / 50 / STEP_SECONDS)]]
        await source.capture_frame(rtc.AudioFrame(oscillator.block(samples), RATE, 1, samples))


async def record(track: rtc.Track) -> np.ndarray:
    """As much sound as the scale lasts, from the first that is not silence."""
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    blocks: list[np.ndarray] = []
    wanted = int(len(STEPS) * STEP_SECONDS * RATE)
    heard = 0
    async for event in stream:
        block = np.frombuffer(event.frame.data, dtype=np.int16)
        if not blocks and not np.any(np.abs(block.astype(np.int32)) > 300):
            continue
        if not blocks:
            say("first sound received")
        blocks.append(block)
        heard += len(block)
        if heard >= wanted:
            break
    await stream.aclose()
    return np.concatenate(blocks)
