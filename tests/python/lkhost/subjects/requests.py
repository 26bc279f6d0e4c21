"""Requests as they are told, with handles of any room in any place: what the SDK never mixes up."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from lkhost import wire

from .held import Held, answered, ask, facts

# `error` of the answers that have it by an addition of ours.
ADDED_ERROR = 1001


class Requests:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def request(self, what: str, fields: dict[str, Any], limit: float = 25) -> dict[str, Any]:
        """Sends the request of that name and waits for its callback, where one is announced. `fields` are the
        request's; a text such as `@track b tone` stands for a handle, see `_handle`. Returns `error` (None, or its
        text), and the `answer` and `callback` (or None) with their facts. A refused request raises."""
        message = ffi_pb2.FfiRequest()
        ParseDict({what: self._resolved(fields)}, message)
        announced: list[Message] = []

        def number(answer: ffi_pb2.FfiResponse) -> int:
            announced.append(_member(answer))
            return announced[0].async_id

        def outcome(event: ffi_pb2.FfiEvent, async_id: int) -> Message | None:
            member = _member(event)
            bears = "async_id" in member.DESCRIPTOR.fields_by_name and member.async_id == async_id
            return member if bears else None

        response = ffi_pb2.FfiResponse.DESCRIPTOR.fields_by_name[what].message_type
        if "async_id" in response.fields_by_name:
            callback = await answered(message, number, outcome, limit)
            [answer] = announced
        else:
            answer, callback = _member(ask(message)), None
        return {
            "error": _error(answer) or (None if callback is None else _error(callback)),
            "answer": facts(answer),
            "callback": None if callback is None else facts(callback),
        }

    async def next_invocation(self, method: str) -> int:
        """The library's own number for the next call of a method that is served here."""
        heard = FfiClient.instance.queue.subscribe(
            filter_fn=lambda event: event.WhichOneof("message") == "rpc_method_invocation"
            and event.rpc_method_invocation.method == method
        )
        self.held.send({"event": "invocations_heard"})
        try:
            return (await heard.get()).rpc_method_invocation.invocation_id
        finally:
            FfiClient.instance.queue.unsubscribe(heard)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._resolved(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._resolved(one) for one in value]
        return self._handle(*value[1:].split()) if isinstance(value, str) and value.startswith("@") else value

    def _handle(self, kind: str, room: str, name: str = "") -> int:
        """The handle of a room, of who is in it or of what is published there."""
        here = self.held.rooms[room]
        of: Any = {
            "room": lambda: here,
            "local": lambda: here.local_participant,
            "participant": lambda: here.remote_participants[name],
            "track": lambda: self.held.tracks[room, name],
            "publication": lambda: self.held.publications[room, name],
            "remote_publication": lambda: self.held.remote(room, name),
            "remote_track": lambda: self.held.remote(room, name).track,
            "data_track": lambda: self.held.data_tracks[room, name],
            "remote_data_track": lambda: self.held.remote_data_tracks[room, name],
        }[kind]()
        return of._ffi_handle.handle


def _member(message: Any) -> Any:
    return getattr(message, message.WhichOneof("message"))


def _error(member: Any) -> str | None:
    known = member.DESCRIPTOR.fields_by_name.get("error")
    if known is None:
        added = wire.decode(member.SerializeToString()).get(ADDED_ERROR)
        return None if added is None else wire.text(added)
    return str(member.error).strip() or "without a text" if member.HasField("error") else None
