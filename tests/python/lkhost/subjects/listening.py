"""Tracks of others: subscribing by hand, and measuring what is heard."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc._proto import ffi_pb2, track_pb2

from lkhost import tones, wire

from .held import Held, ask, facts


class Ear:
    """Listens to one audio track and keeps its last seconds."""

    KEEP_SECONDS = 4
    # What a step of the course covers.
    STEP_MS = 100

    def __init__(self, track: rtc.RemoteAudioTrack | None, rate: int, channels: int, **options: Any) -> None:
        self.rate = rate
        self.channels = channels
        self.samples = np.zeros((0, channels), dtype=np.int16)
        self.total = 0
        self.course: list[dict[str, float]] = []
        self.first: float | None = None
        # When a frame came, or somebody looked and this program itself had stood still.
        self._latest = self._looked = time.monotonic()
        self.ended = asyncio.Event()
        self._more = asyncio.Condition()
        if "participant" in options:
            self.stream = rtc.AudioStream.from_participant(
                participant=options["participant"],
                track_source=options["track_source"],
                sample_rate=rate,
                num_channels=channels,
            )
        else:
            self.stream = rtc.AudioStream(track, sample_rate=rate, num_channels=channels)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for event in self.stream:
                if self.first is None:
                    self.first = time.monotonic()
                self._latest = time.monotonic()
                frame = event.frame
                if frame.sample_rate != self.rate or frame.num_channels != self.channels:
                    raise ValueError(f"asked for {self.rate}/{self.channels}, got {frame!r}")
                block = np.frombuffer(frame.data, dtype=np.int16).reshape(-1, self.channels)
                self.samples = np.concatenate([self.samples, block])[-self.KEEP_SECONDS * self.rate :]
                self.total += len(block)
                self._measure()
                async with self._more:
                    self._more.notify_all()
        finally:
            self.ended.set()
            async with self._more:
                self._more.notify_all()

    def _measure(self) -> None:
        """Adds the steps of the first channel that are complete."""
        size = self.rate * self.STEP_MS // 1000
        while (len(self.course) + 1) * size <= self.total:
            ends = len(self.samples) - (self.total - (len(self.course) + 1) * size)
            tone = tones.measure(self.samples[max(0, ends - size) : ends, 0], self.rate)
            self.course.append({"at": time.monotonic(), **tone.as_dict()})

    async def until(self, total: int, deadline: float) -> bool:
        """Waits until `total` samples were received in all; false when the deadline or the stream's end comes first."""
        async with self._more:
            while self.total < total:
                left = deadline - time.monotonic()
                if left <= 0 or self.ended.is_set():
                    return False
                try:
                    await asyncio.wait_for(self._more.wait(), left)
                except asyncio.TimeoutError:
                    return False
        return True

    def missing(self) -> float:
        """For how many seconds nothing has come, as far as this program was there to see it: asked again and again."""
        now = time.monotonic()
        if now - self._looked > 0.2:
            self._latest = now
        self._looked = now
        return now - self._latest

    def window(self, samples: int) -> list[tones.Tone]:
        part = self.samples[-samples:]
        return [tones.measure(part[:, channel], self.rate) for channel in range(self.channels)]


class Listening:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def set_subscribed(
        self, track: str, values: list[bool], room: str = "room", pause_ms: int = 0
    ) -> list[str | None]:
        """Says each value in turn; returns what our library answered in `error` to each."""
        handle = self.held.remote(room, track)._ffi_handle.handle
        answers: list[str | None] = []
        for number, value in enumerate(values):
            if number and pause_ms:
                await asyncio.sleep(pause_ms / 1000)
            message = ffi_pb2.FfiRequest()
            message.set_subscribed.subscribe = value
            message.set_subscribed.publication_handle = handle
            answer = ask(message)
            error = wire.decode(answer.set_subscribed.SerializeToString()).get(wire.SET_SUBSCRIBED_ERROR)
            answers.append(None if error is None else wire.text(error))
        return answers

    async def enable(self, track: str, enabled: bool, room: str = "room") -> None:
        """Pauses or resumes a subscribed track without giving it up."""
        message = ffi_pb2.FfiRequest()
        wanted = message.enable_remote_track_publication
        wanted.track_publication_handle = self.held.remote(room, track)._ffi_handle.handle
        wanted.enabled = enabled
        ask(message)

    async def listen(
        self,
        track: str = "tone",
        room: str = "room",
        rate: int = 48000,
        channels: int = 1,
        participant: str | None = None,
        source: str = "SOURCE_MICROPHONE",
    ) -> None:
        """Opens a stream on a subscribed track, or on a participant's source."""
        if participant is not None:
            options = {
                "participant": self.held.rooms[room].remote_participants[participant],
                "track_source": track_pb2.TrackSource.Value(source),
            }
            self.held.ears[room, track] = Ear(None, rate, channels, **options)
            return
        remote = self.held.remote(room, track).track
        if remote is None:
            raise LookupError(f"track {track!r} is not subscribed")
        self.held.ears[room, track] = Ear(remote, rate, channels)

    async def hear(
        self,
        track: str = "tone",
        room: str = "room",
        frequencies: list[float] | None = None,
        amplitude: float = 0.3,
        window_ms: int = 200,
        tolerance_db: float = 1.5,
        timeout: float = 45,
    ) -> list[dict[str, float]]:
        """Waits until a whole window carries these tones, one for each channel, pure and at their level."""
        ear = self.held.ears[room, track]
        frequencies = frequencies or [440.0] * ear.channels
        size = ear.rate * window_ms // 1000
        level = tones.sine_level(amplitude)
        deadline = time.monotonic() + timeout
        at = ear.total + size
        last: list[tones.Tone] = []
        while await ear.until(at, deadline):
            last = ear.window(size)
            if all(
                abs(one.frequency - wanted) < max(2.0, wanted * 0.005)
                and abs(one.level - level) < tolerance_db
                and one.purity > 0.95
                for one, wanted in zip(last, frequencies, strict=True)
            ):
                return [one.as_dict() for one in last]
            at = ear.total + ear.rate // 20
        raise AssertionError(
            f"{frequencies} Hz at {level:.1f} dB not heard; {ear.total} samples in all, last {last}, "
            f"stream ended: {ear.ended.is_set()}"
        )

    async def measure(self, track: str = "tone", room: str = "room", ms: int = 1000) -> list[dict[str, float]]:
        """Measures the next `ms` as they are."""
        ear = self.held.ears[room, track]
        size = ear.rate * ms // 1000
        if not await ear.until(ear.total + size, time.monotonic() + 2 * ms / 1000 + 5):
            raise AssertionError(f"less than {ms} ms arrived")
        return [one.as_dict() for one in ear.window(size)]

    async def heard(self, track: str = "tone", room: str = "room") -> list[dict[str, float]]:
        """The first channel since `listen`, in steps of 100 ms: when each was complete, and how it sounded."""
        return self.held.ears[room, track].course

    async def quiet(
        self, track: str = "tone", room: str = "room", window_ms: int = 800, timeout: float = 30
    ) -> None:
        """Waits until a whole window is silent (samples below -60 dBFS), until the stream has ended, or until nothing
        has come for three windows. A stall of somebody's processor is shorter than a window."""
        ear = self.held.ears[room, track]
        size = ear.rate * window_ms // 1000
        deadline = time.monotonic() + timeout
        last: list[tones.Tone] = []
        at = ear.total + size
        while time.monotonic() < deadline:
            if await ear.until(at, min(deadline, time.monotonic() + 0.05)):
                last = ear.window(size)
                if all(one.level < -60 for one in last):
                    return
                at = ear.total + ear.rate // 20
            elif ear.ended.is_set() or ear.missing() > 3 * window_ms / 1000:
                return
        raise AssertionError(f"still heard: {last}")

    async def listen_end(self, track: str = "tone", room: str = "room", timeout: float = 20) -> int:
        """Waits for the stream's own end; returns the samples received in all."""
        ear = self.held.ears[room, track]
        await asyncio.wait_for(ear.ended.wait(), timeout)
        await asyncio.wait_for(ear.task, 1)
        return ear.total

    async def stop_listening(self, track: str = "tone", room: str = "room") -> None:
        ear = self.held.ears.pop((room, track))
        await ear.stream.aclose()
        await asyncio.wait_for(ear.ended.wait(), 5)

    async def track_stats(self, name: str, room: str = "room", remote: bool = False) -> list[dict[str, Any]]:
        track = self.held.remote(room, name).track if remote else self.held.tracks[room, name]
        return [facts(one) for one in await track.get_stats()]
