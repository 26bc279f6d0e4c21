"""Pictures without a room: conversion, and a source watched by a stream of its own track."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from livekit import rtc
from livekit.rtc._proto import ffi_pb2

from .held import Held, ask


def _kind(name: str) -> int:
    return rtc.VideoBufferType.Value(name)


class Pictures:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def convert_picture(
        self, kind: str, width: int, height: int, data: str, to: str, flip_y: bool = False
    ) -> str:
        """A picture (base64 both ways) in another format, by the SDK's own call."""
        frame = rtc.VideoFrame(width, height, _kind(kind), bytearray(base64.b64decode(data)))
        converted = frame.convert(_kind(to), flip_y=flip_y)
        assert (converted.width, converted.height) == (width, height)
        return base64.b64encode(converted.data).decode()

    async def convert_planes(self, kind: str, width: int, height: int, planes: list[dict[str, Any]], to: str) -> str:
        """As `convert_picture`, with planes (`data`, `stride`, `size`) as they are given; returns packed rows."""
        held = [rtc.VideoFrame(1, 1, _kind("RGB24"), bytearray(base64.b64decode(plane["data"]))) for plane in planes]
        request = ffi_pb2.FfiRequest()
        convert = request.video_convert
        convert.dst_type = _kind(to)
        convert.buffer.type = _kind(kind)
        convert.buffer.width, convert.buffer.height = width, height
        addresses = [frame._proto_info().data_ptr for frame in held]
        convert.buffer.data_ptr = addresses[0] if addresses else 0
        for address, plane in zip(addresses, planes, strict=True):
            component = convert.buffer.components.add()
            component.data_ptr, component.stride, component.size = address, plane["stride"], plane["size"]
        answer = ask(request).video_convert
        if answer.error:
            raise RuntimeError(answer.error)
        return base64.b64encode(rtc.VideoFrame._from_owned_info(answer.buffer).data).decode()

    async def watch_own_pictures(
        self, kind: str, sizes: list[list[int]], data: list[str], format: str | None = None
    ) -> list[dict[str, Any]]:
        """Captures pictures (base64) one after the other, each after the one before was seen; returns what was seen."""
        source = rtc.VideoSource(*sizes[0])
        track = rtc.LocalVideoTrack.create_video_track("own", source)
        stream = rtc.VideoStream(track, format=None if format is None else _kind(format))
        seen = []
        for number, ((width, height), pixels) in enumerate(zip(sizes, data, strict=True)):
            frame = rtc.VideoFrame(width, height, _kind(kind), bytearray(base64.b64decode(pixels)))
            arrived = asyncio.ensure_future(anext(stream))
            # The stream begins to watch on a thread of its own: the first picture may come too early for it.
            while not arrived.done():
                source.capture_frame(frame, timestamp_us=1_000 + number, rotation=rtc.VideoRotation.VIDEO_ROTATION_90)
                await asyncio.wait([arrived], timeout=0.05)
            event = arrived.result()
            while event.timestamp_us < 1_000 + number:
                event = await anext(stream)
            seen.append(
                {
                    "kind": rtc.VideoBufferType.Name(event.frame.type),
                    "size": [event.frame.width, event.frame.height],
                    "data": base64.b64encode(event.frame.data).decode(),
                    "timestamp_us": event.timestamp_us,
                    "rotation": event.rotation,
                }
            )
        await stream.aclose()
        await source.aclose()
        return seen
