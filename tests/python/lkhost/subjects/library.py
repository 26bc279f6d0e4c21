"""The library itself: which one it is, its end and new beginning, and requests made of raw bytes."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import os
import time
from typing import Any

from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from .held import Held, ask, last_error
from .taken import Taken


class Library:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def ready(self) -> None:
        """Nothing: answered as soon as the program runs, before the library is loaded."""

    async def about(self) -> dict[str, Any]:
        library = FfiClient.instance._ffi_lib
        return {"pid": os.getpid(), "library": library._name, "ours": hasattr(library, "livekit_ffi_last_error")}

    async def dispose(self) -> float:
        """Disposes the library while rooms may be open; returns how long that took, in seconds, without those that the
        machine did not have for us."""
        for feed in self.held.feeds.values():
            feed.task.cancel()
        for ear in self.held.ears.values():
            ear.task.cancel()
        with Taken() as taken:
            began = time.monotonic()
            # The library's own thread may need this interpreter while it ends: keep it free.
            await asyncio.to_thread(FfiClient.instance._dispose)
            seconds = time.monotonic() - began
        self.held.forget()
        return seconds - taken.seconds

    async def initialize(self) -> None:
        """Makes the SDK's client anew, which initializes the library again.

        The old one stays in place until the new one is there. Were there none in between, a room collected just then
        would ask for one in its `__del__`, on this thread, and wait for ever for the lock under which it is made.
        """
        FfiClient._instance = FfiClient()

    async def raw(self, request: str) -> str:
        """Sends a request as it is (base64 both ways); a refused one raises with the library's last error."""
        return base64.b64encode(
            ask(ffi_pb2.FfiRequest.FromString(base64.b64decode(request))).SerializeToString()
        ).decode()

    async def raw_bytes(self, request: str) -> None:
        """Hands these bytes (hex) to the library, whatever they are."""
        data = bytes.fromhex(request)
        answer = ctypes.POINTER(ctypes.c_ubyte)()
        size = ctypes.c_size_t()
        buffer = (ctypes.c_ubyte * max(1, len(data))).from_buffer_copy(data or b"\0")
        handle = FfiClient.instance._ffi_lib.livekit_ffi_request(
            buffer, len(data), ctypes.byref(answer), ctypes.byref(size)
        )
        if handle == 0:
            raise RuntimeError(f"request refused: {last_error()}")

    async def clear_handle(self, handle: int) -> None:
        """Clears the queue of an audio source, whose answer has no room for an error."""
        message = ffi_pb2.FfiRequest()
        message.clear_audio_buffer.source_handle = handle
        ask(message)
