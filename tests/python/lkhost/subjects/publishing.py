"""Tracks of our own: what feeds them, publishing, muting, and who may have them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc._proto import ffi_pb2, room_pb2, track_pb2, video_frame_pb2

from lkhost import pictures, tones, wire

from .held import Held, answered, facts
from .pace import Pace


class Voice:
    """Feeds one published audio track from an oscillator."""

    def __init__(self, source: rtc.AudioSource, oscillator: tones.Oscillator, frame_ms: int) -> None:
        self.source = source
        self.oscillator = oscillator
        self.samples = oscillator.rate * frame_ms // 1000
        self.captured = 0
        self.failure: str | None = None
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        channels = len(self.oscillator.frequencies)
        try:
            while True:
                data = self.oscillator.block(self.samples)
                await self.source.capture_frame(
                    rtc.AudioFrame(data, self.oscillator.rate, channels, self.samples)
                )
                self.captured += 1
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failure = f"{type(error).__name__}: {error}"

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Camera:
    """Feeds one published video track with numbered pictures. With a rotation (of the protocol: quarters, clockwise) it
    is held askew: the picture lies in the frame such that it stands upright once it is turned as the frame says."""

    def __init__(
        self, source: rtc.VideoSource, width: int, height: int, rate: float, rotation: int, grain: np.ndarray | None
    ) -> None:
        self.source, self.width, self.height, self.rate, self.rotation = source, width, height, rate, rotation
        self.grain = grain
        self.number = 0
        self.captured_at: list[float] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        pace = Pace(self.rate)
        while True:
            picture, width, height = pictures.turned(
                pictures.draw(self.number, self.width, self.height, self.grain), self.width, self.height, self.rotation
            )
            frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, picture.tobytes())
            self.captured_at.append(time.monotonic())
            self.source.capture_frame(frame, rotation=self.rotation)
            self.number += 1
            await pace.next()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Publishing:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def publish_tone(
        self,
        name: str = "tone",
        room: str = "room",
        frequencies: list[float] | None = None,
        amplitude: float = 0.3,
        rate: int = 48000,
        source: str = "SOURCE_MICROPHONE",
        frame_ms: int = 20,
        queue_ms: int = 100,
        feed: bool = True,
        **options: Any,
    ) -> dict[str, Any]:
        """Publishes an audio track and, unless `feed` is false, starts its tone. `options` are TrackPublishOptions."""
        frequencies = frequencies or [440.0]
        audio = rtc.AudioSource(rate, len(frequencies), queue_size_ms=queue_ms)
        track = rtc.LocalAudioTrack.create_audio_track(name, audio)
        voice = Voice(audio, tones.Oscillator(frequencies, amplitude, rate), frame_ms) if feed else None
        if voice:
            self.held.feeds[room, name] = voice
        return await publish(self.held, room, name, track, source, options)

    async def publish_video(
        self,
        name: str = "video",
        room: str = "room",
        width: int = 320,
        height: int = 180,
        rate: float = 10,
        source: str = "SOURCE_CAMERA",
        rotation: int = 0,
        screencast: bool = False,
        grain: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """Publishes a video track of numbered pictures, with `grain` such as need many bits; `width` and `height` are
        those of the upright picture, see `Camera`. `options` are TrackPublishOptions."""
        video = rtc.VideoSource(width, height, is_screencast=screencast)
        track = rtc.LocalVideoTrack.create_video_track(name, video)
        self.held.feeds[room, name] = Camera(
            video, width, height, rate, rotation, pictures.grain(width, height) if grain else None
        )
        return await publish(self.held, room, name, track, source, options)

    async def captured_at(self, name: str = "video", room: str = "room") -> list[float]:
        """When each picture was captured, by number."""
        camera = self.held.feeds[room, name]
        assert isinstance(camera, Camera)
        return camera.captured_at

    async def resize(self, width: int, height: int, name: str = "video", room: str = "room") -> int:
        """Captures another size from now on; says the number of the first picture that has it."""
        camera = self.held.feeds[room, name]
        assert isinstance(camera, Camera)
        camera.width, camera.height, camera.grain = width, height, None
        return camera.number

    async def turn(self, rotation: int, name: str = "video", room: str = "room") -> int:
        """Captures with another rotation from now on; says the number of the first picture that has it."""
        camera = self.held.feeds[room, name]
        assert isinstance(camera, Camera)
        camera.rotation = rotation
        return camera.number

    async def capture_more(self, count: int, name: str = "video", room: str = "room") -> None:
        """Waits until the camera has captured so many more pictures."""
        camera = self.held.feeds[room, name]
        assert isinstance(camera, Camera)
        last = camera.number + count
        while camera.number < last:
            await asyncio.sleep(1 / camera.rate)

    async def unpublish(self, name: str = "tone", room: str = "room") -> None:
        feed = self.held.feeds.pop((room, name), None)
        sid = self.held.publications[room, name].sid
        await self.held.rooms[room].local_participant.unpublish_track(sid)
        if feed:
            await feed.stop()

    async def publish_again(self, name: str, room: str, other: str, source: str, **options: Any) -> dict[str, Any]:
        """Publishes a track of one room in another one too; the same source feeds it."""
        return await publish(self.held, other, name, self.held.tracks[room, name], source, options)

    async def withdraw(self, name: str, room: str) -> None:
        """Unpublishes a track whose source goes on."""
        await self.held.rooms[room].local_participant.unpublish_track(self.held.publications[room, name].sid)

    async def tone(
        self,
        name: str = "tone",
        room: str = "room",
        frequencies: list[float] | None = None,
        amplitude: float | None = None,
    ) -> None:
        """Changes a running tone."""
        voice = self.held.feeds[room, name]
        assert isinstance(voice, Voice)
        if voice.failure:
            raise RuntimeError(f"the tone ended: {voice.failure}")
        if frequencies:
            voice.oscillator.frequencies = frequencies
        if amplitude is not None:
            voice.oscillator.amplitude = amplitude

    async def captured(self, name: str = "tone", room: str = "room") -> int:
        """How many frames of a running tone the source has taken."""
        voice = self.held.feeds[room, name]
        assert isinstance(voice, Voice)
        return voice.captured

    async def stop_tone(self, name: str = "tone", room: str = "room") -> None:
        """Captures no more; the track stays published."""
        await self.held.feeds.pop((room, name)).stop()

    async def mute(self, muted: bool, name: str = "tone", room: str = "room") -> None:
        track = self.held.tracks[room, name]
        track.mute() if muted else track.unmute()

    async def wait_for_subscription(
        self,
        name: str = "tone",
        room: str = "room",
        timeout_ms: int | None = None,
        limit: float = 15,
        remote: bool = False,
    ) -> dict[str, Any]:
        """Asks our library's addition; the answer holds `error` (or None) and how long it took in `seconds`."""
        publication = self.held.remote(room, name) if remote else self.held.publications[room, name]
        fields: wire.Fields = {1: publication._ffi_handle.handle}
        if timeout_ms is not None:
            fields[2] = timeout_ms
        message = ffi_pb2.FfiRequest.FromString(wire.encode({wire.WAIT_FOR_SUBSCRIPTION: wire.encode(fields)}))

        def number(answer: ffi_pb2.FfiResponse) -> int | bytes:
            return _waited(answer)[1]

        def outcome(event: ffi_pb2.FfiEvent, async_id: int | bytes) -> dict[str, Any] | None:
            done = _waited(event)
            if done.get(1) != async_id:
                return None
            return {"async_id": async_id, "error": wire.text(done[2]) if 2 in done else None}

        began = time.monotonic()
        done = await answered(message, number, outcome, limit)
        return {**done, "seconds": time.monotonic() - began}

    async def drop_publication(self, name: str = "tone", room: str = "room") -> None:
        """Drops the publication's handle, as a host does that forgets it."""
        self.held.publications[room, name]._ffi_handle.dispose()

    async def first_subscription(self, name: str = "tone", room: str = "room", limit: float = 15) -> None:
        """The SDK's own wait, built on `local_track_subscribed`."""
        await asyncio.wait_for(self.held.publications[room, name].wait_for_subscription(), limit)

    async def permissions(
        self, all_allowed: bool, allowed: dict[str, list[str]] | None = None, room: str = "room"
    ) -> None:
        """Who may subscribe to our tracks: an identity with an empty list may have them all."""
        self.held.rooms[room].local_participant.set_track_subscription_permissions(
            allow_all_participants=all_allowed,
            participant_permissions=[
                rtc.ParticipantTrackPermission(
                    participant_identity=identity, allow_all=not sids, allowed_track_sids=sids
                )
                for identity, sids in (allowed or {}).items()
            ],
        )


async def publish(
    held: Held, room: str, name: str, track: Any, source: str, options: dict[str, Any]
) -> dict[str, Any]:
    """Publishes a track and holds it; `options` are TrackPublishOptions. Returns the publication's facts."""
    wanted = room_pb2.TrackPublishOptions(source=track_pb2.TrackSource.Value(source))
    if (bitrate := options.pop("max_bitrate", None)) is not None:
        wanted.audio_encoding.max_bitrate = bitrate
    if (encoding := options.pop("video_encoding", None)) is not None:
        wanted.video_encoding.max_bitrate, wanted.video_encoding.max_framerate = encoding
    if (codec := options.pop("codec", None)) is not None:
        wanted.video_codec = video_frame_pb2.VideoCodec.Value(codec)
    for key, value in options.items():
        if isinstance(value, list):
            getattr(wanted, key).extend(value)
        else:
            setattr(wanted, key, value)
    held.tracks[room, name] = track
    publication = await held.rooms[room].local_participant.publish_track(track, wanted)
    held.publications[room, name] = publication
    return facts(publication._info)


def _waited(message: ffi_pb2.FfiResponse | ffi_pb2.FfiEvent) -> wire.Fields:
    """The fields of wait_for_subscription in an answer or event; none if it is about something else."""
    if message.WhichOneof("message") is not None:
        return {}
    body = wire.decode(message.SerializeToString()).get(wire.WAIT_FOR_SUBSCRIPTION, b"")
    assert isinstance(body, bytes)
    return wire.decode(body)
