"""When the next frame of a feed is due."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """So many times a second. What was missed while the machine did something else is not made up for: a source that
    is fed in a burst keeps the newest picture only."""

    def __init__(self, rate: float) -> None:
        self.interval = 1 / rate
        self.due = time.monotonic()

    async def next(self) -> None:
        now = time.monotonic()
        self.due = max(self.due + self.interval, now)
        await asyncio.sleep(self.due - now)
