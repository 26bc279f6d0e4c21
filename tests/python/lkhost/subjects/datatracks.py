"""Data tracks and their schemas."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from typing import Any

from google.protobuf.json_format import ParseDict
from livekit import rtc
from livekit.rtc._proto import ffi_pb2

from .held import Held, answered, ask, facts


class DataTracks:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def publish_data_track(
        self, name: str, schema: dict[str, Any] | None = None, frame_encoding: dict[str, Any] | None = None, room: str = "room"
    ) -> dict[str, Any]:
        """With a schema or a frame encoding the library is asked directly, since the SDK has no option for them."""
        local = self.held.rooms[room].local_participant
        message = ffi_pb2.FfiRequest()
        request = message.publish_data_track
        request.local_participant_handle = local._ffi_handle.handle
        options: dict[str, Any] = {"name": name}
        if schema is not None:
            options["schema"] = schema
        if frame_encoding is not None:
            options["frame_encoding"] = frame_encoding
        ParseDict(options, request.options)
        result = await answered(
            message,
            lambda answer: answer.publish_data_track.async_id,
            lambda event, number: event.publish_data_track if event.publish_data_track.async_id == number else None,
            limit=30,
        )
        if result.HasField("error"):
            return {"error": facts(result.error)}
        track = rtc.LocalDataTrack(result.track)
        self.held.data_tracks[room, name] = track
        return facts(result.track.info)

    async def push_frames(
        self,
        name: str,
        count: int = 1,
        size: int = 200,
        timestamp: int | None = None,
        pace: float = 0,
        at_once: int = 1,
        patience: float = 0,
        room: str = "room",
    ) -> dict[str, Any]:
        """Pushes `count` frames, each its number in eight bytes and filled up; `pace` is the most of them in a second
        (0: all at once), `at_once` how many go together; after a delay none are made up for. One that is refused is
        pushed again for `patience` seconds. Says how many the library took and what it said to the others."""
        track = self.held.data_tracks[room, name]
        refused: list[str] = []
        fill = random.Random(0).randbytes(max(0, size - 8))
        began = time.monotonic()
        due = began
        for number in range(count):
            given_up = time.monotonic() + patience
            while True:
                try:
                    track.try_push(rtc.DataTrackFrame(number.to_bytes(8, "big") + fill, timestamp))
                except rtc.PushFrameError as error:
                    if time.monotonic() < given_up:
                        await asyncio.sleep(0.002)
                        continue
                    refused.append(error.message)
                break
            if pace and (number + 1) % at_once == 0:
                due = max(due + at_once / pace, time.monotonic() + 0.001)
                await asyncio.sleep(due - time.monotonic())
        return {"taken": count - len(refused), "refused": refused[:3], "seconds": time.monotonic() - began}

    async def data_track_is_published(self, name: str, remote: bool = False, room: str = "room") -> bool:
        tracks = self.held.remote_data_tracks if remote else self.held.data_tracks
        return tracks[room, name].is_published()

    async def unpublish_data_track(self, name: str, room: str = "room") -> None:
        await self.held.data_tracks[room, name].unpublish()

    async def subscribe_data_track(
        self, name: str, buffer_size: int | None = None, max_partial_frames: int | None = None, each: bool = True, room: str = "room"
    ) -> None:
        """Reads the track's frames to its end. Events: `data_frame` for each frame (if `each`), `data_track_ended`."""
        track = self.held.remote_data_tracks[room, name]
        if max_partial_frames is not None:
            track.set_pipeline_options(max_partial_frames=max_partial_frames)
        stream = track.subscribe(buffer_size=buffer_size)
        self.held.data_streams[room, name] = stream
        self.held.keep(asyncio.create_task(self._read(name, stream, each)))

    async def _read(self, name: str, stream: rtc.DataTrackStream, each: bool) -> None:
        count, error, latest = 0, None, 0.0
        try:
            async for frame in stream:
                count += 1
                latest = time.monotonic()
                if each:
                    self.held.send(
                        {
                            "event": "data_frame",
                            "name": name,
                            "number": int.from_bytes(frame.payload[:8], "big"),
                            "size": len(frame.payload),
                            "sha": hashlib.sha256(frame.payload).hexdigest(),
                            "timestamp": frame.user_timestamp,
                        }
                    )
                elif count == 1:
                    self.held.send({"event": "data_frame", "name": name})
        except rtc.SubscribeDataTrackError as failure:
            error = failure.message
        self.held.send({"event": "data_track_ended", "name": name, "count": count, "error": error, "latest": latest})

    async def close_data_stream(self, name: str, room: str = "room") -> None:
        self.held.data_streams.pop((room, name)).close()

    async def data_stream_ended(self, name: str, room: str = "room") -> bool:
        """Asks the stream for a frame without the SDK; whether the answer itself says that the stream is over."""
        message = ffi_pb2.FfiRequest()
        message.data_track_stream_read.stream_handle = self.held.data_streams[room, name]._ffi_handle.handle
        return ask(message).data_track_stream_read.HasField("eos_event")

    async def remote_data_track(self, name: str, room: str = "room") -> dict[str, Any]:
        track = self.held.remote_data_tracks[room, name]
        return {**vars(track.info), "publisher": track.publisher_identity}

    async def define_schema(self, schema: dict[str, Any], definition: str, room: str = "room") -> str:
        """Empty, or the error."""
        message = ffi_pb2.FfiRequest()
        request = message.define_schema
        request.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
        request.definition = definition
        ParseDict(schema, request.schema_id)
        result = await answered(
            message,
            lambda answer: answer.define_schema.async_id,
            lambda event, number: event.define_schema if event.define_schema.async_id == number else None,
            limit=30,
        )
        return result.error

    async def get_schema(self, schema: dict[str, Any], owner: str, room: str = "room") -> dict[str, Any]:
        message = ffi_pb2.FfiRequest()
        request = message.get_schema
        request.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
        request.participant_identity = owner
        ParseDict(schema, request.schema_id)
        result = await answered(
            message,
            lambda answer: answer.get_schema.async_id,
            lambda event, number: event.get_schema if event.get_schema.async_id == number else None,
            limit=30,
        )
        return {"error": result.error} if result.error else {"definition": result.definition}
