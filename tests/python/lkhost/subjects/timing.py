"""What the benches measure inside the peer: when a sound was captured and heard, and what a request costs."""

from __future__ import annotations

import asyncio
import ctypes
import time

import numpy as np
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from lkhost import tones

from .held import Held
from .publishing import publish


class Timing:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def first_sound(self, room: str = "room", timeout: float = 15) -> dict[str, float]:
        """Listens to the first audio track that is subscribed; when (monotonic clock) it was subscribed, gave its
        first frame, and its first frame that is not silent."""
        instance = self.held.rooms[room]
        found: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

        def subscribed(track: rtc.Track, *_: Any) -> None:
            if not found.done() and track.kind == rtc.TrackKind.KIND_AUDIO:
                found.set_result(track)

        instance.on("track_subscribed", subscribed)
        times: dict[str, float] = {}

        async def listen() -> None:
            stream = rtc.AudioStream(await found)
            times["subscribed"] = time.monotonic()
            async for event in stream:
                times.setdefault("frame", time.monotonic())
                if np.abs(np.frombuffer(event.frame.data, dtype=np.int16).astype(np.int32)).max() > 300:
                    times["sound"] = time.monotonic()
                    break
            await stream.aclose()

        await asyncio.wait_for(listen(), timeout)
        instance.off("track_subscribed", subscribed)
        return times

    async def pulses(self, name: str, count: int, room: str = "room", lead: int = 50) -> list[float]:
        """Publishes a track of silence with a 30 ms burst each 400 ms; returns when each burst was captured."""
        source = rtc.AudioSource(48000, 1, queue_size_ms=0)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        await publish(self.held, room, name, track, "SOURCE_MICROPHONE", {})
        await self.held.publications[room, name].wait_for_subscription()
        loud = tones.Oscillator([1000.0], 0.5, 48000)
        silence = bytes(960)
        times = []
        began = time.monotonic()
        for number in range(lead + count * 40 + 40):
            burst, phase = divmod(number - lead, 40)
            sounding = number >= lead and phase < 3 and burst < count
            data = loud.block(480) if sounding else silence
            await asyncio.sleep(max(0.0, began + number / 100 - time.monotonic()))
            if sounding and phase == 0:
                times.append(time.monotonic())
            await source.capture_frame(rtc.AudioFrame(data, 48000, 1, 480))
        return times

    async def hear_pulses(self, track: str, count: int, room: str = "room", timeout: float = 30) -> list[float]:
        """When each burst of `pulses` was handed to this host."""
        stream = rtc.AudioStream(self.held.remote(room, track).track)
        times: list[float] = []

        async def listen() -> None:
            async for event in stream:
                peak = np.abs(np.frombuffer(event.frame.data, dtype=np.int16).astype(np.int32)).max()
                if peak > 4000 and (not times or time.monotonic() - times[-1] > 0.2):
                    times.append(time.monotonic())
                    if len(times) == count:
                        return

        try:
            await asyncio.wait_for(listen(), timeout)
        finally:
            await stream.aclose()
        return times

    async def cheap_requests(self, count: int) -> float:
        """Microseconds for one cheap request and the drop of its answer, the median of `count`, without the SDK's
        own work: the bytes are made once, and the answer is not parsed."""
        source = rtc.AudioSource(48000, 1)
        message = ffi_pb2.FfiRequest()
        message.clear_audio_buffer.source_handle = source._ffi_handle.handle
        data = message.SerializeToString()
        buffer = (ctypes.c_ubyte * len(data)).from_buffer_copy(data)
        answer, size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()
        where, length = ctypes.byref(answer), ctypes.byref(size)
        library = FfiClient.instance._ffi_lib
        call, drop, clock = library.livekit_ffi_request, library.livekit_ffi_drop_handle, time.perf_counter_ns
        times = []
        for _ in range(count):
            began = clock()
            handle = call(buffer, len(data), where, length)
            drop(handle)
            times.append(clock() - began)
            assert handle
        await source.aclose()
        return float(np.median(times)) / 1000
