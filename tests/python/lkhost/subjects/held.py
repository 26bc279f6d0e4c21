"""What a peer program holds while it runs, shared by all subjects, and how a request is sent without the SDK's help."""

from __future__ import annotations

import asyncio
import ctypes
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from google.protobuf.json_format import MessageToDict
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2


class Feed(Protocol):
    """Something that captures into a source until it is stopped."""

    task: asyncio.Task[None]

    async def stop(self) -> None: ...




class Held:
    """Rooms by name; publications, tracks, feeds and ears by room and track name. `send` gives the test a line."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self.send = send
        self.forgotten: weakref.WeakSet[rtc.Room] = weakref.WeakSet()
        self.rooms: dict[str, rtc.Room] = {}
        self.publications: dict[tuple[str, str], rtc.LocalTrackPublication] = {}
        self.tracks: dict[tuple[str, str], Any] = {}
        self.feeds: dict[tuple[str, str], Feed] = {}
        self.ears: dict[tuple[str, str], Any] = {}
        # By room and name: writers of data streams, data tracks of our own and of others, and what reads those.
        self.writers: dict[tuple[str, str], Any] = {}
        self.data_tracks: dict[tuple[str, str], Any] = {}
        self.remote_data_tracks: dict[tuple[str, str], Any] = {}
        self.data_streams: dict[tuple[str, str], Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def remote(self, room: str, track: str) -> rtc.RemoteTrackPublication:
        """A remote publication by sid or by name."""
        for participant in self.rooms[room].remote_participants.values():
            for publication in participant.track_publications.values():
                if track in (publication.sid, publication.name):
                    return publication
        raise LookupError(f"no remote track {track!r} in room {room!r}")

    def keep(self, task: asyncio.Task[None]) -> None:
        """Lets a task run until it ends or everything is forgotten."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop_feeds(self, room: str | None = None) -> None:
        """Ends the feeds of one room, or of all."""
        for key in [key for key in self.feeds if room in (None, key[0])]:
            await self.feeds.pop(key).stop()

    async def stop_ears(self) -> None:
        """Ends all listening; the library is not asked to end the streams in good order."""
        for ear in self.ears.values():
            ear.stream._ffi_handle.dispose()
            ear.task.cancel()
        await asyncio.gather(*(ear.task for ear in self.ears.values()), return_exceptions=True)

    def forget(self) -> None:
        """Lets go of everything; what a forgotten room still says would be taken for the next test's room."""
        self.forgotten.update(self.rooms.values())
        for task in self._tasks:
            task.cancel()
        stores = (
            self.feeds,
            self.ears,
            self.publications,
            self.tracks,
            self.writers,
            self.data_tracks,
            self.remote_data_tracks,
            self.data_streams,
            self.rooms,
        )
        for store in stores:
            store.clear()


def facts(message: Any) -> dict[str, Any]:
    """A protobuf message as a dictionary: every field by its own name, enumerations by name, unset fields included."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def ask(message: ffi_pb2.FfiRequest) -> ffi_pb2.FfiResponse:
    """Sends a request; a refused one raises with the library's own text."""
    try:
        return FfiClient.instance.request(message)
    except AssertionError as error:
        raise RuntimeError(f"request refused: {last_error()}") from error


async def answered(
    message: ffi_pb2.FfiRequest,
    number: Callable[[ffi_pb2.FfiResponse], Any],
    outcome: Callable[[ffi_pb2.FfiEvent, Any], Any],
    limit: float,
) -> Any:
    """Sends a request whose answer comes as an event: `number` finds the async id in the response, `outcome` the
    result in the event that bears it (None for every other event)."""
    events = FfiClient.instance.queue.subscribe()
    try:
        async_id = number(ask(message))

        async def mine() -> Any:
            while (result := outcome(await events.get(), async_id)) is None:
                pass
            return result

        return await asyncio.wait_for(mine(), limit)
    finally:
        FfiClient.instance.queue.unsubscribe(events)


def last_error() -> str:
    """Our library's text for the last failure on this thread; empty on a library that has no such function."""
    library = FfiClient.instance._ffi_lib
    try:
        function = library.livekit_ffi_last_error
    except AttributeError:
        return ""
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    function.restype = ctypes.c_size_t
    buffer = ctypes.create_string_buffer(1024)
    function(buffer, len(buffer))
    return buffer.value.decode(errors="replace")
