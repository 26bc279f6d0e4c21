"""What the publisher shows, and how the subscriber looks at it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from lkhost import pictures
from telling import say

WIDTH, HEIGHT, FRAMERATE = 1280, 720, 30


async def show(source: rtc.VideoSource) -> None:
    """Numbered pictures, until it is cancelled."""
    began, number = time.monotonic(), 0
    while True:
        picture = pictures.draw(number, WIDTH, HEIGHT)
        source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, picture.tobytes()))
        number += 1
        await asyncio.sleep(max(0.0, began + number / FRAMERATE - time.monotonic()))


@dataclass
class Sight:
    """What was seen so far."""

    numbers: list[int] = field(default_factory=list)
    latest: pictures.Seen | None = None
    rgb: np.ndarray | None = None
    """The latest picture of full size, of shape (height, width, 3)."""
    full: asyncio.Event = field(default_factory=asyncio.Event)
    """There is one that is not the first of its size, which is coarse."""


async def look(track: rtc.Track, sight: Sight) -> None:
    """Watches until the track ends."""
    stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
    async for event in stream:
        frame = event.frame
        seen = pictures.measure(np.frombuffer(frame.data, dtype=np.uint8), frame.width, frame.height)
        if not sight.numbers:
            say(f"first picture received: number {seen.number}, {seen.width} x {seen.height}")
        sight.numbers.append(seen.number)
        if (seen.width, seen.height) != (WIDTH, HEIGHT):
            continue
        if sight.latest is None or seen.number >= sight.latest.number + FRAMERATE:
            if sight.latest is not None:
                sight.full.set()
            sight.latest = seen
            colours = frame.convert(rtc.VideoBufferType.RGB24)
            sight.rgb = np.frombuffer(colours.data, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
