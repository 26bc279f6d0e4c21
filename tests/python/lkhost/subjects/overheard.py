"""Room events as the library sends them, also those that the SDK keeps to itself, and what the library logs."""

from __future__ import annotations

import asyncio
import logging

from livekit.rtc._ffi_client import FfiClient

from .held import Held, facts


class Overheard:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def overhear(self, *, names: list[str]) -> None:
        """From now on each room event of these names (those of the protocol's RoomEvent) gives the event
        `raw <name>` with its fields. May be asked before any room is joined."""
        heard = FfiClient.instance.queue.subscribe(
            filter_fn=lambda event: event.WhichOneof("message") == "room_event"
            and event.room_event.WhichOneof("message") in names
        )

        async def follow() -> None:
            try:
                while True:
                    event = (await heard.get()).room_event
                    name = event.WhichOneof("message")
                    self.held.send({"event": f"raw {name}", "fields": facts(getattr(event, name))})
            finally:
                FfiClient.instance.queue.unsubscribe(heard)

        self.held.keep(asyncio.create_task(follow()))

    async def overhear_logs(self) -> None:
        """From now on each warning and error of the library gives the event `log`, with its `level` and `text`."""
        self.held.keep(asyncio.create_task(_Logs(self.held).follow()))
        # The task begins with the next turn.
        await asyncio.sleep(0)


class _Logs(logging.Handler):
    """Takes what the SDK makes of the library's records, on a thread of the library."""

    def __init__(self, held: Held) -> None:
        super().__init__(logging.WARNING)
        self._held, self._loop = held, asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        line = {"event": "log", "level": record.levelname, "text": record.getMessage()}
        self._loop.call_soon_threadsafe(self._held.send, line)

    async def follow(self) -> None:
        logger = logging.getLogger("livekit")
        logger.addHandler(self)
        try:
            await asyncio.Event().wait()
        finally:
            logger.removeHandler(self)
