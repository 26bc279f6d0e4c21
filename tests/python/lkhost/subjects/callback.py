"""Inside the library's callback, on the library's own thread, before anything stands in a queue of the SDK."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from typing import Any

from livekit.rtc import _ffi_client
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from .held import Held


class Callback:
    def __init__(self, held: Held) -> None:
        self.held = held
        self._taken = hashlib.sha256()
        self._bytes = 0
        self._go = threading.Event()

    async def take_bytes_in_callback(self) -> None:
        """From now on what a byte stream brings is hashed and forgotten inside the callback, which stays there with the
        first piece until `let_callback_go`. The stream must be read piece by piece; the SDK sees its pieces no more."""
        self._taken, self._bytes = hashlib.sha256(), 0
        self._go.clear()
        queue = FfiClient.instance.queue
        usual = queue.put

        def put(event: ffi_pb2.FfiEvent) -> None:
            reader = event.byte_stream_reader_event
            if event.WhichOneof("message") != "byte_stream_reader_event" or not reader.HasField("chunk_received"):
                usual(event)
                return
            self._taken.update(reader.chunk_received.content)
            self._bytes += len(reader.chunk_received.content)
            if not self._go.is_set():
                self.held.send({"event": "callback_held"})
                self._go.wait()

        def end() -> None:
            queue.put = usual
            self._go.set()

        queue.put = put
        await self._while_remembered(end)

    async def let_callback_go(self) -> None:
        self._go.set()

    async def taken_in_callback(self) -> dict[str, Any]:
        """What the callback took so far. The library is asked nothing: this is answered while the callback is held."""
        return {"size": self._bytes, "sha": self._taken.hexdigest()}

    async def report_records(self) -> None:
        """From now on each log record that the library hands over gives the event `record`, whatever the SDK does
        with it."""
        usual = _ffi_client.to_python_level

        def level(value: Any) -> Any:
            self.held.send({"event": "record", "level": ffi_pb2.LogLevel.Name(value)})
            return usual(value)

        def end() -> None:
            _ffi_client.to_python_level = usual

        _ffi_client.to_python_level = level
        await self._while_remembered(end)

    async def _while_remembered(self, end: Callable[[], None]) -> None:
        """Runs `end` when everything is forgotten, for the next test uses the same program."""

        async def stay() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                end()

        self.held.keep(asyncio.create_task(stay()))
        # A task that never began has no end either.
        await asyncio.sleep(0)
