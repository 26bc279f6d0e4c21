"""Video of others: what is seen, when, and how well."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc._proto import ffi_pb2, track_pb2

from lkhost import pictures

from .held import Held, ask, facts


class Eye:
    """Watches one video track and measures every picture."""

    def __init__(self, stream: rtc.VideoStream, compare: bool) -> None:
        self.stream = stream
        self.compare = compare
        self.seen: list[pictures.Seen] = []
        self.times: list[float] = []
        self.rotations: list[int] = []
        self.stamps: list[int] = []
        self.changes: list[float] = []
        self._last = np.zeros(0, dtype=np.int16)
        self.ended = asyncio.Event()
        self._more = asyncio.Condition()
        self.task = asyncio.create_task(self._run())
        # The SDK's own task ends with the stream, but whoever waits for a frame then waits for ever.
        stream._task.add_done_callback(lambda _: asyncio.create_task(self._end()))

    async def _end(self) -> None:
        async with self._more:
            self.ended.set()
            self._more.notify_all()

    async def _run(self) -> None:
        try:
            async for event in self.stream:
                frame = event.frame
                if frame.type != rtc.VideoBufferType.I420:
                    raise ValueError(f"asked for I420, got {frame.type}")
                data = np.frombuffer(frame.data, dtype=np.uint8)
                seen = pictures.measure(data, frame.width, frame.height, self.compare)
                async with self._more:
                    self.seen.append(seen)
                    self.times.append(time.monotonic())
                    self.rotations.append(int(event.rotation))
                    self.stamps.append(event.timestamp_us)
                    self.changes.append(self._change(data[: frame.width * frame.height]))
                    self._more.notify_all()
        finally:
            self.ended.set()

    def _change(self, luma: np.ndarray) -> float:
        """How much the luma differs from the picture before, in the mean of some samples; 0 after another size."""
        now = luma[::31].astype(np.int16)
        same = len(now) == len(self._last)
        change = float(np.abs(now - self._last).mean()) if same else 0.0
        self._last = now
        return change

    async def until(self, ready: Any, seconds: float) -> bool:
        """Waits until `ready()` holds; false when the time or the stream ends before."""

        async def wait() -> bool:
            async with self._more:
                while not ready():
                    if self.ended.is_set():
                        return False
                    await self._more.wait()
            return True

        try:
            return await asyncio.wait_for(wait(), seconds)
        except asyncio.TimeoutError:
            return False


class Watching:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def watch(
        self,
        track: str = "video",
        room: str = "room",
        participant: str | None = None,
        source: str = "SOURCE_CAMERA",
        compare: bool = True,
    ) -> None:
        """Begins to watch a track, or whatever a participant sends from a source. Without `compare` the pictures are
        not measured, only their numbers read."""
        if participant is None:
            stream = rtc.VideoStream(self.held.remote(room, track).track, format=rtc.VideoBufferType.I420)
        else:
            stream = rtc.VideoStream.from_participant(
                participant=self.held.rooms[room].remote_participants[participant],
                track_source=track_pb2.TrackSource.Value(source),
                format=rtc.VideoBufferType.I420,
            )
        self.held.ears[room, track] = Eye(stream, compare)

    async def see(
        self,
        track: str = "video",
        room: str = "room",
        count: int = 10,
        least: int = 0,
        width: int | None = None,
        height: int | None = None,
        seconds: float = 45,
    ) -> list[dict[str, Any]]:
        """The next `count` pictures, of this size where one is given, that come from now on and have at least the
        number `least`."""
        eye = self._eye(room, track)
        start = len(eye.seen)

        def wanted() -> list[int]:
            return [
                at
                for at in range(start, len(eye.seen))
                if width in (None, eye.seen[at].width)
                and height in (None, eye.seen[at].height)
                and eye.seen[at].number >= least
            ]

        if not await eye.until(lambda: len(wanted()) >= count, seconds):
            sizes = sorted({(one.width, one.height) for one in eye.seen[start:]})
            raise TimeoutError(
                f"{len(wanted())} of {count} pictures within {seconds} s"
                f" ({len(eye.seen)} in all, sizes of late {sizes}, ended: {eye.ended.is_set()})"
            )
        return [
            {
                **dataclasses.asdict(eye.seen[at]),
                "at": eye.times[at],
                "rotation": eye.rotations[at],
                "timestamp_us": eye.stamps[at],
                "change": eye.changes[at],
            }
            for at in wanted()[:count]
        ]

    async def seen(self, track: str = "video", room: str = "room") -> dict[str, Any]:
        """All numbers and times so far."""
        eye = self._eye(room, track)
        return {
            "numbers": [one.number for one in eye.seen],
            "times": eye.times,
            "sizes": [[one.width, one.height] for one in eye.seen],
        }

    async def eye_ended(self, track: str = "video", room: str = "room", seconds: float = 10) -> None:
        """Waits until the stream says that nothing more comes."""
        await asyncio.wait_for(self._eye(room, track).ended.wait(), seconds)

    async def close_eye(self, track: str = "video", room: str = "room") -> None:
        eye = self.held.ears.pop((room, track))
        await eye.stream.aclose()
        eye.task.cancel()
        await asyncio.gather(eye.task, return_exceptions=True)

    async def layers(self, widths: list[int], track: str = "video", room: str = "room", seconds: float = 45) -> None:
        """Waits until the layers of our own track that are encoded have just these widths. Figures tell of no change,
        so they are asked for again and again."""
        deadline = time.monotonic() + seconds
        while True:
            stats = [facts(one) for one in await self.held.tracks[room, track].get_stats()]
            active = sorted(
                one["outbound_rtp"]["outbound"]["frame_width"]
                for one in stats
                if one.get("outbound_rtp", {}).get("outbound", {}).get("active")
            )
            if active == sorted(widths):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"layers {active}, not {widths}, after {seconds} s")
            await asyncio.sleep(0.1)

    async def quality(self, quality: int, track: str = "video", room: str = "room") -> None:
        """Asks for a quality: 0 low, 1 medium, 2 high."""
        message = ffi_pb2.FfiRequest()
        wish = message.set_remote_track_publication_quality
        wish.track_publication_handle = self.held.remote(room, track)._ffi_handle.handle
        wish.quality = quality
        ask(message)

    async def dimension(self, width: int, height: int, track: str = "video", room: str = "room") -> None:
        """Says in which size the track is shown here."""
        message = ffi_pb2.FfiRequest()
        wish = message.update_remote_track_publication_dimension
        wish.track_publication_handle = self.held.remote(room, track)._ffi_handle.handle
        wish.width, wish.height = width, height
        ask(message)

    def _eye(self, room: str, track: str) -> Eye:
        eye = self.held.ears[room, track]
        assert isinstance(eye, Eye), f"{track!r} is listened to, not watched"
        return eye
