"""Data, digits, transcriptions and chat, and what a participant says of itself."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.json_format import ParseDict
from livekit import rtc
from livekit.rtc._proto import ffi_pb2

from .held import Held, answered, facts


class Messages:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def publish_data(
        self,
        data: str = "",
        size: int | None = None,
        reliable: bool = True,
        topic: str = "",
        to: list[str] | None = None,
        room: str = "room",
    ) -> None:
        payload = bytes(index % 251 for index in range(size)) if size is not None else base64.b64decode(data)
        await self.held.rooms[room].local_participant.publish_data(
            payload, reliable=reliable, topic=topic, destination_identities=to or []
        )

    async def publish_numbered(self, count: int, room: str = "room") -> None:
        """So many messages one after the other, reliable and lossy in turn; the topic of each is its number."""
        local = self.held.rooms[room].local_participant
        for number in range(count):
            await local.publish_data(b"x" * 100, reliable=number % 2 == 1, topic=str(number))

    async def publish_dtmf(self, code: int, digit: str, room: str = "room") -> None:
        await self.held.rooms[room].local_participant.publish_dtmf(code=code, digit=digit)

    async def publish_transcription(self, name: str, segments: list[dict[str, Any]], room: str = "room") -> None:
        """Says what is said in a track of our own; `segments` have the fields of the SDK's TranscriptionSegment."""
        local = self.held.rooms[room].local_participant
        await local.publish_transcription(
            rtc.Transcription(
                participant_identity=local.identity,
                track_sid=self.held.publications[room, name].sid,
                segments=[rtc.TranscriptionSegment(**one) for one in segments],
            )
        )

    async def chat(self, text: str, room: str = "room") -> dict[str, Any]:
        """The chat request, which the SDK does not wrap any more."""
        message = ffi_pb2.FfiRequest()
        message.send_chat_message.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
        message.send_chat_message.message = text
        return await answered(
            message,
            lambda answer: answer.send_chat_message.async_id,
            lambda event, number: facts(event.chat_message) if event.chat_message.async_id == number else None,
            limit=10,
        )

    async def edit_chat(self, text: str, message: dict[str, Any], room: str = "room") -> dict[str, Any]:
        """Puts a text into the place of one that was sent; `message` is what `chat` answered."""
        local = self.held.rooms[room].local_participant
        request = ffi_pb2.FfiRequest()
        request.edit_chat_message.local_participant_handle = local._ffi_handle.handle
        request.edit_chat_message.edit_text = text
        ParseDict(message, request.edit_chat_message.original_message)
        return await answered(
            request,
            lambda answer: answer.send_chat_message.async_id,
            lambda event, number: facts(event.chat_message) if event.chat_message.async_id == number else None,
            limit=10,
        )

    async def set_metadata(self, value: str, room: str = "room") -> None:
        await self.held.rooms[room].local_participant.set_metadata(value)

    async def set_name(self, value: str, room: str = "room") -> None:
        await self.held.rooms[room].local_participant.set_name(value)

    async def set_attributes(self, value: dict[str, str], room: str = "room") -> None:
        await self.held.rooms[room].local_participant.set_attributes(value)
