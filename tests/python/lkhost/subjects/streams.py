"""Data streams: sent in every way the protocol has, and read piece by piece, as a whole or into a file.

The SDK reads piece by piece only, and has no option for some fields. What it lacks is asked of the library directly.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, FfiHandle
from livekit.rtc._proto import ffi_pb2

from .held import Held, answered, ask, facts

LIMIT = 90.0
# A text up to this size goes into the event; of a longer one only its hash.
SHOWN = 2000


class Streams:
    def __init__(self, held: Held) -> None:
        self.held = held
        self._read_so_far = 0

    # Reading

    async def hear_streams(self, topic: str = "", room: str = "room", pause: float = 0) -> None:
        """Reads every stream of the topic piece by piece through the SDK. Each gives the events `stream_opened` and
        `stream_ended`. `pause` is waited after each piece, in seconds."""

        def begin(reader: rtc.TextStreamReader | rtc.ByteStreamReader, sender: str) -> None:
            self.held.keep(asyncio.create_task(self._read(reader, sender, pause)))

        self.held.rooms[room].register_text_stream_handler(topic, begin)
        self.held.rooms[room].register_byte_stream_handler(topic, begin)

    async def read_so_far(self) -> int:
        """The bytes of all streams that were read by `hear_streams` in this program."""
        return self._read_so_far

    async def deaf_to_streams(self, topic: str = "", room: str = "room") -> None:
        self.held.rooms[room].unregister_text_stream_handler(topic)
        self.held.rooms[room].unregister_byte_stream_handler(topic)

    async def _read(self, reader: rtc.TextStreamReader | rtc.ByteStreamReader, sender: str, pause: float) -> None:
        kind = "text" if isinstance(reader, rtc.TextStreamReader) else "bytes"
        self._opened(kind, sender, vars(reader.info))
        total, pieces, error = hashlib.sha256(), 0, None
        size, text = 0, ""
        try:
            async for piece in reader:
                data = piece.encode() if isinstance(piece, str) else piece
                total.update(data)
                size += len(data)
                self._read_so_far += len(data)
                pieces += 1
                if isinstance(piece, str) and size <= SHOWN:
                    text += piece
                if pause:
                    await asyncio.sleep(pause)
        except rtc.StreamError as failure:
            error = failure.description
        self.held.send(
            {
                "event": "stream_ended",
                "kind": kind,
                "topic": reader.info.topic,
                "stream": reader.info.stream_id,
                "size": size,
                "sha": total.hexdigest(),
                "pieces": pieces,
                "text": text,
                "attributes": reader.info.attributes,
                "error": error,
            }
        )

    async def take_streams(
        self,
        topic: str,
        how: str,
        directory: str | None = None,
        name: str | None = None,
        then: str = "read",
        room: str = "room",
    ) -> None:
        """Reads every stream of the topic without the SDK: `how` is `all` (as a whole) or `file` (bytes only). `then`
        is `read`, `drop` (its handle, unread) or `twice` (read, and asked to read again)."""
        async def take(is_text: bool, one: Any) -> None:
            handle = one.reader.handle.id
            info = facts(one.reader.info)
            self._opened("text" if is_text else "bytes", one.participant_identity, info)
            if then == "drop":
                FfiHandle(handle).dispose()
                return
            message = ffi_pb2.FfiRequest()
            field = "text_read_all" if is_text else "byte_write_to_file" if how == "file" else "byte_read_all"
            request = getattr(message, field)
            request.reader_handle = handle
            if how == "file" and directory is not None:
                request.directory = directory
            if how == "file" and name is not None:
                request.name_override = name
            answer = {
                "text_read_all": "text_stream_reader_read_all",
                "byte_read_all": "byte_stream_reader_read_all",
                "byte_write_to_file": "byte_stream_reader_write_to_file",
            }[field]
            result = await self._callback(message, field, answer)
            path = result.file_path if field == "byte_write_to_file" else ""
            if path:
                data = Path(path).read_bytes()
            else:
                content = getattr(result, "content", b"")
                data = content.encode() if isinstance(content, str) else content
            again = None
            if then == "twice":
                try:
                    again = (await self._callback(message, field, answer)).error.description
                except RuntimeError as refused:
                    again = str(refused)
            self.held.send(
                {
                    "event": "stream_ended",
                    "kind": "text" if is_text else "bytes",
                    "topic": topic,
                    "stream": info["stream_id"],
                    "size": len(data),
                    "sha": hashlib.sha256(data).hexdigest(),
                    "path": path,
                    "error": result.error.description if result.HasField("error") else None,
                    "again": again,
                }
            )

        # The SDK drops a reader that nobody registered for: it must not see these.
        instance = self.held.rooms[room]
        for method, is_text in (("_handle_text_stream_opened", True), ("_handle_byte_stream_opened", False)):

            def divert(one: Any, is_text: bool = is_text, usual: Any = getattr(instance, method)) -> None:
                if one.reader.info.topic == topic:
                    self.held.keep(asyncio.create_task(take(is_text, one)))
                else:
                    usual(one)

            setattr(instance, method, divert)

    def _opened(self, kind: str, sender: str, info: dict[str, Any]) -> None:
        self.held.send({"event": "stream_opened", "kind": kind, "participant": sender, "info": info})

    # Sending as a whole

    async def send_text(self, text: str = "", room: str = "room", **options: Any) -> dict[str, Any]:
        """By the SDK; `options` are those of its send_text."""
        return vars(await self.held.rooms[room].local_participant.send_text(text, **options))

    async def send_bytes(self, size: int, seed: int = 0, room: str = "room", **options: Any) -> dict[str, Any]:
        """By the SDK: bytes that nobody can compress."""
        data = random.Random(seed).randbytes(size)
        return vars(await self.held.rooms[room].local_participant.send_bytes(data, **options))

    async def send_file(self, path: str, room: str = "room", **options: Any) -> dict[str, Any]:
        return vars(await self.held.rooms[room].local_participant.send_file(path, **options))

    async def send_as_told(self, what: str, options: dict[str, Any], room: str = "room", **fields: Any) -> dict[str, Any]:
        """A whole text, bytes or file (`what` is `text`, `bytes` or `file`) with exactly these options of the protocol."""
        message = ffi_pb2.FfiRequest()
        field = f"send_{what}"
        request = getattr(message, field)
        request.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
        ParseDict(options, request.options)
        if what == "bytes":
            request.bytes = bytes(fields["length"])
        elif what == "file":
            request.file_path = fields["path"]
        else:
            request.text = fields["text"]
        result = await self._callback(message, field, field)
        if result.HasField("error"):
            raise rtc.StreamError(result.error.description)
        return facts(result.info)

    async def send_many(self, count: int, topic: str, size: int, room: str = "room") -> None:
        """So many texts at once, each with its number in front. The SDK would look at every event once for each text
        that is under way: the library is asked directly."""
        done = FfiClient.instance.queue.subscribe(filter_fn=lambda event: event.WhichOneof("message") == "send_text")
        try:
            waiting = set()
            for number in range(count):
                message = ffi_pb2.FfiRequest()
                message.send_text.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
                message.send_text.text = f"{number:05}".ljust(size, ".")
                message.send_text.options.topic = topic
                waiting.add(ask(message).send_text.async_id)
            while waiting:
                sent = (await done.get()).send_text
                waiting.discard(sent.async_id)
                if sent.HasField("error"):
                    raise rtc.StreamError(sent.error.description)
        finally:
            FfiClient.instance.queue.unsubscribe(done)

    # Sending piece by piece

    async def open_stream(self, name: str, kind: str, room: str = "room", **options: Any) -> dict[str, Any]:
        """Opens a stream under a name of the test's; `options` are those of the SDK's stream_text or stream_bytes."""
        local = self.held.rooms[room].local_participant
        if kind == "text":
            writer: Any = await local.stream_text(**options)
        else:
            writer = await local.stream_bytes(name, **options)
        self.held.writers[room, name] = writer
        return vars(writer.info)

    async def write_stream(
        self, name: str, text: str | None = None, size: int = 0, seed: int = 0, room: str = "room"
    ) -> None:
        piece = text if text is not None else random.Random(seed).randbytes(size)
        await self.held.writers[room, name].write(piece)

    async def close_stream(
        self, name: str, reason: str = "", attributes: dict[str, str] | None = None, room: str = "room"
    ) -> None:
        await self.held.writers.pop((room, name)).aclose(reason=reason, attributes=attributes)

    async def drop_stream(self, name: str, room: str = "room") -> None:
        """Drops the writer's handle without closing the stream."""
        ask_for = self.held.writers.pop((room, name))
        ask_for._writer_handle, handle = None, ask_for._writer_handle
        for owned in list(self.held.rooms[room].local_participant._open_stream_writers.values()):
            if owned.handle == handle:
                owned.dispose()

    async def write_after_end(self, name: str, room: str = "room") -> str:
        """Closes the stream and then writes through its handle all the same; returns the error."""
        writer = self.held.writers[room, name]
        handle = writer._writer_handle
        await self.close_stream(name, room=room)
        message = ffi_pb2.FfiRequest()
        message.byte_stream_write.writer_handle = handle
        message.byte_stream_write.bytes = b"late"
        result = await self._callback(message, "byte_stream_write", "byte_stream_writer_write")
        return result.error.description

    # Packets of a stream, as hosts of older SDKs send them

    async def send_packets(
        self, header: dict[str, Any], chunks: list[dict[str, Any]], trailer: dict[str, Any] | None, room: str = "room"
    ) -> list[str]:
        """A stream from its packets; fields are those of the protocol's DataStream messages. Returns the errors."""
        local = self.held.rooms[room].local_participant
        errors = []
        parts = [("header", header), *(("chunk", one) for one in chunks)]
        if trailer is not None:
            parts.append(("trailer", trailer))
        for part, fields in parts:
            message = ffi_pb2.FfiRequest()
            request = getattr(message, f"send_stream_{part}")
            request.local_participant_handle = local._ffi_handle.handle
            request.sender_identity = local.identity
            ParseDict(fields, getattr(request, part))
            result = await self._callback(message, f"send_stream_{part}", f"send_stream_{part}")
            if result.HasField("error"):
                errors.append(result.error)
        return errors

    async def _callback(self, message: ffi_pb2.FfiRequest, response: str, event: str) -> Any:
        def mine(one: ffi_pb2.FfiEvent, number: int) -> Any:
            if one.WhichOneof("message") == event and getattr(one, event).async_id == number:
                return getattr(one, event)
            return None

        return await answered(message, lambda one: getattr(one, response).async_id, mine, LIMIT)

    async def buffered_threshold(self, bytes_: int, kind: str = "KIND_RELIABLE", room: str = "room") -> None:
        """Sets the low-water mark of a data channel."""
        message = ffi_pb2.FfiRequest()
        request = message.set_data_channel_buffered_amount_low_threshold
        request.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
        ParseDict({"threshold": bytes_, "kind": kind}, request)
        ask(message)
