"""Room events as the library sends them, also those that the SDK keeps to itself."""

from __future__ import annotations

import asyncio

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
