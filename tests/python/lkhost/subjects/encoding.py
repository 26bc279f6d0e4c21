"""Video that the host encodes itself: frames from files, and what the library asks of their encoder."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from livekit import rtc
from livekit.rtc._proto import ffi_pb2, room_pb2, video_frame_pb2

from lkhost import bitstreams

from .held import Held, ask
from .pace import Pace
from .publishing import publish


class Recording:
    """Feeds one published track with the frames of a file, over and over, and keeps what is asked of its encoder."""

    def __init__(self, source: rtc.EncodedVideoSource, codec: str, rate: float) -> None:
        self.source, self.codec, self.rate = source, codec, rate
        self.frames = bitstreams.frames(codec)
        self.counts = {"captured": 0, "accepted": 0, "keys": 0, "bytes": 0, "key_wishes": 0}
        self.rates: list[rtc.EncodedRateControl] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        pace, at = Pace(self.rate), 0
        while True:
            frame = self.frames[at]
            kind = "ENCODED_FRAME_KEY" if frame.key else "ENCODED_FRAME_DELTA"
            accepted = self.source.capture_frame(
                rtc.EncodedVideoFrame(
                    data=frame.data,
                    width=bitstreams.WIDTH,
                    height=bitstreams.HEIGHT,
                    codec=video_frame_pb2.VideoCodec.Value(self.codec),
                    frame_type=video_frame_pb2.EncodedFrameType.Value(kind),
                    timestamp_us=1_000_000 + int(self.counts["captured"] * 1_000_000 / self.rate),
                )
            )
            self.counts["captured"] += 1
            if accepted:
                self.counts["accepted"] += 1
                self.counts["keys"] += frame.key
                self.counts["bytes"] += len(frame.data)
            at = (at + 1) % len(self.frames)
            feedback = self.source.take_feedback()
            self.counts["key_wishes"] += feedback.keyframe_requested
            if feedback.rate_control is not None:
                self.rates.append(feedback.rate_control)
            await pace.next()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Encoding:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def publish_encoded(
        self,
        codec: str,
        name: str = "video",
        room: str = "room",
        rate: float = bitstreams.RATE,
        source: str = "SOURCE_CAMERA",
        feed: bool = True,
        published_as: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Publishes frames of that codec, whose file has a key picture now and then."""
        video = rtc.EncodedVideoSource(bitstreams.WIDTH, bitstreams.HEIGHT)
        track = rtc.LocalVideoTrack.create_video_track(name, video)
        options = {
            "codec": published_as or codec,
            "simulcast": False,
            "video_encoder": room_pb2.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
            **options,
        }
        published = await publish(self.held, room, name, track, source, options)
        recording = Recording(video, codec, rate)
        if not feed:
            await recording.stop()
        self.held.feeds[room, name] = recording
        return published

    async def feed_recording(self, name: str = "video", room: str = "room") -> None:
        """Begins to feed a track that was published without."""
        recording = self.held.feeds[room, name]
        assert isinstance(recording, Recording)
        recording.task = asyncio.create_task(recording._run())

    async def encoder_feedback(self, name: str = "video", room: str = "room") -> dict[str, Any]:
        """What was captured and asked for so far."""
        recording = self.held.feeds[room, name]
        assert isinstance(recording, Recording)
        if recording.task.done() and not recording.task.cancelled():
            recording.task.result()
        return {
            **recording.counts,
            "rates": [[one.target_bitrate_bps, one.framerate_fps] for one in recording.rates],
        }

    async def key_wishes(self, name: str = "video", room: str = "room") -> bool:
        """Whether a key picture was wished for since it was asked last; for a recording that stands still."""
        recording = self.held.feeds[room, name]
        assert isinstance(recording, Recording)
        return recording.source.take_feedback().keyframe_requested

    async def key_wish(self, name: str = "video", room: str = "room", seconds: float = 10) -> None:
        """Waits until a key picture is wished for, likewise."""
        deadline = time.monotonic() + seconds
        while not await self.key_wishes(name, room):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody wants a key picture within {seconds} s")
            await asyncio.sleep(0.02)

    async def capture_encoded(
        self,
        name: str = "video",
        room: str = "room",
        codec: str = "VP8",
        kind: int = 0,
        width: int = bitstreams.WIDTH,
        height: int = bitstreams.HEIGHT,
        length: int | None = None,
        at: int = 0,
        null: bool = False,
    ) -> dict[str, Any]:
        """Captures one frame of the file, or what is said to be one, by the plain request; says whether it was taken
        and whether a key picture is wished for."""
        recording = self.held.feeds[room, name]
        assert isinstance(recording, Recording)
        data = recording.frames[at].data
        buffer = rtc.VideoFrame(1, 1, rtc.VideoBufferType.RGB24, bytearray(data))
        request = ffi_pb2.FfiRequest()
        capture = request.capture_encoded_video_frame
        capture.source_handle = recording.source._ffi_handle.handle
        capture.buffer.data_ptr = 0 if null else buffer._proto_info().data_ptr
        capture.buffer.data_len = len(data) if length is None else length
        capture.codec = video_frame_pb2.VideoCodec.Value(codec)
        capture.frame_type = kind
        capture.width, capture.height = width, height
        capture.timestamp_us = time.monotonic_ns() // 1000
        accepted = ask(request).capture_encoded_video_frame.accepted
        return {"accepted": accepted, "key_wished": recording.source.take_feedback().keyframe_requested}

    async def capture_encoded_into_a_source_of_pictures(self) -> None:
        """What its name says, as a program that mixed its handles up."""
        source = rtc.VideoSource(64, 64)
        wrong = rtc.EncodedVideoSource(64, 64)
        wrong._ffi_handle, source._ffi_handle = source._ffi_handle, wrong._ffi_handle
        request = ffi_pb2.FfiRequest()
        request.take_encoded_video_source_feedback.source_handle = wrong._ffi_handle.handle
        ask(request)

    async def pause_recording(self, seconds: float, name: str = "video", room: str = "room") -> None:
        """Feeds nothing for so long, then goes on."""
        recording = self.held.feeds[room, name]
        assert isinstance(recording, Recording)
        await recording.stop()
        await asyncio.sleep(seconds)
        recording.task = asyncio.create_task(recording._run())

    async def stop_recording(self, name: str = "video", room: str = "room") -> dict[str, Any]:
        """Feeds no more; says what was fed."""
        recording = self.held.feeds[room, name]
        assert isinstance(recording, Recording)
        await recording.stop()
        return recording.counts
