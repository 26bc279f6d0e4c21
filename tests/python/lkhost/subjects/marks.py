"""What programs say with their pictures: user timestamps, frame numbers, bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc._proto import track_pb2, video_frame_pb2

from lkhost import pictures

from .held import Held
from .pace import Pace
from .publishing import publish

# Of the frame with number 1; it goes up by a second with each frame.
FIRST_STAMP = 1_700_000_000_000_000


def mark(number: int, fields: list[str], length: int) -> video_frame_pb2.FrameMetadata:
    """What is said with a frame; a picture's number is repeated in each field."""
    metadata = video_frame_pb2.FrameMetadata()
    if "timestamp" in fields:
        metadata.user_timestamp = FIRST_STAMP + (number - 1) * 1_000_000
    if "id" in fields:
        metadata.frame_id = number
    if "data" in fields:
        metadata.user_data = number.to_bytes(2, "big") * (length // 2)
    return metadata


class MarkedCamera:
    """Feeds one published video track with numbered pictures that say their number a second time, in metadata."""

    def __init__(self, source: rtc.VideoSource, size: tuple[int, int], rate: float, fields: list[str], length: int) -> None:
        self.source, self.size, self.rate, self.fields, self.length = source, size, rate, fields, length
        self.number = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        pace = Pace(self.rate)
        while True:
            self.number += 1
            picture = pictures.draw(self.number, *self.size)
            frame = rtc.VideoFrame(*self.size, rtc.VideoBufferType.I420, picture.tobytes())
            self.source.capture_frame(frame, metadata=mark(self.number, self.fields, self.length))
            await pace.next()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Marks:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def publish_marked(
        self,
        name: str = "video",
        room: str = "room",
        width: int = 320,
        height: int = 180,
        rate: float = 15,
        fields: list[str] | None = None,
        length: int = 20,
        features: list[str] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Publishes numbered pictures with metadata; `features` are the ones that are announced (default: all)."""
        fields = ["timestamp", "id", "data"] if fields is None else fields
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track(name, source)
        announced = ["FMF_USER_TIMESTAMP", "FMF_FRAME_ID", "FMF_USER_DATA"] if features is None else features
        self.held.feeds[room, name] = MarkedCamera(source, (width, height), rate, fields, length)
        numbers = [track_pb2.FrameMetadataFeature.Value(one) for one in announced]
        return await publish(self.held, room, name, track, "SOURCE_CAMERA", {**options, "frame_metadata_features": numbers})

    async def marks(self, track: str = "video", room: str = "room", count: int = 10, seconds: float = 15) -> list[dict[str, Any]]:
        """Watches until `count` pictures came; for each its number and what was said with it."""
        stream = rtc.VideoStream(self.held.remote(room, track).track, format=rtc.VideoBufferType.I420)
        found: list[dict[str, Any]] = []

        async def watch() -> None:
            async for event in stream:
                frame = event.frame
                data = np.frombuffer(frame.data, dtype=np.uint8)
                said = event.metadata
                seen = pictures.measure(data, frame.width, frame.height, False)
                found.append(
                    {
                        "number": seen.number,
                        "timestamp": said.user_timestamp if said and said.HasField("user_timestamp") else None,
                        "id": said.frame_id if said and said.HasField("frame_id") else None,
                        "data": said.user_data.hex() if said and said.HasField("user_data") else None,
                    }
                )
                if len(found) == count:
                    return

        try:
            await asyncio.wait_for(watch(), seconds)
        except asyncio.TimeoutError:
            raise TimeoutError(f"{len(found)} of {count} pictures within {seconds} s: {found}") from None
        finally:
            await stream.aclose()
        return found
