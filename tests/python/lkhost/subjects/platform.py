"""The platform's devices, and sources that the library reads itself."""

from __future__ import annotations

import asyncio
from typing import Any

from google.protobuf.json_format import ParseDict
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2
from livekit.rtc.platform_audio import PlatformAudio, PlatformAudioOptions

from .held import Held, answered, ask, facts
from .publishing import publish


class Platform:
    def __init__(self, held: Held) -> None:
        self.held = held
        self._audio: PlatformAudio | None = None
        self._sources: list[Any] = []
        self._ends: Any = None

    async def acquire_audio(self) -> dict[str, Any]:
        """Takes a share in the devices; says how many there are."""
        self._audio = PlatformAudio()
        return facts(self._audio._info)

    async def release_audio(self) -> None:
        """Gives it back."""
        for source in self._sources:
            source.close()
        self._audio.close()

    async def audio_devices(self) -> dict[str, list[tuple[int, str, str]]]:
        """Index, name and id of each device."""
        return {
            "microphones": [(one.index, one.name, one.id) for one in self._audio.recording_devices()],
            "loudspeakers": [(one.index, one.name, one.id) for one in self._audio.playout_devices()],
        }

    async def choose(self, microphone: str | None = None, loudspeaker: str | None = None) -> None:
        """Chooses devices by id."""
        if microphone is not None:
            self._audio.set_recording_device(microphone)
        if loudspeaker is not None:
            self._audio.set_playout_device(loudspeaker)

    async def publish_microphone(
        self, name: str = "tone", room: str = "room", processing: bool = False, **options: Any
    ) -> dict[str, Any]:
        """Publishes the microphone, cleaned or as it is."""
        wanted = PlatformAudioOptions(*[processing] * 3)
        source = self._audio.create_audio_source(wanted)
        self._sources.append(source)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        return await publish(self.held, room, name, track, "SOURCE_MICROPHONE", options)

    async def record(self, start: bool) -> str:
        """Starts or stops the microphone; the error, or nothing."""
        request = ffi_pb2.FfiRequest()
        name = "start_recording" if start else "stop_recording"
        getattr(request, name).platform_audio_handle = self._audio._ffi_handle.handle
        return getattr(ask(request), name).error

    async def new_capture(self, config: dict[str, Any]) -> dict[str, Any]:
        """Makes a capture source of this configuration; the callback, as a dictionary."""
        request = ffi_pb2.FfiRequest()
        request.new_capture_source.SetInParent()
        ParseDict(config, request.new_capture_source)
        callback = await answered(
            request,
            lambda response: response.new_capture_source.async_id,
            lambda event, number: (
                event.new_capture_source
                if event.WhichOneof("message") == "new_capture_source" and event.new_capture_source.async_id == number
                else None
            ),
            20,
        )
        return facts(callback)

    async def publish_capture(
        self, source: dict[str, Any], name: str = "video", room: str = "room"
    ) -> dict[str, Any]:
        """Publishes what `new_capture` made, with the options that it recommends."""
        owned = source["info"]["video_source"]
        request = ffi_pb2.FfiRequest()
        request.create_video_track.name = name
        request.create_video_track.source_handle = int(owned["handle"]["id"])
        track = rtc.LocalVideoTrack(ask(request).create_video_track.track)
        recommended = source["info"]["recommended_publish_options"]
        options = {"codec": recommended["video_codec"], "simulcast": recommended["simulcast"]}
        if "video_encoder" in recommended:
            options["video_encoder"] = rtc.VideoEncoderBackend.Value(recommended["video_encoder"])
        return await publish(self.held, room, name, track, "SOURCE_CAMERA", options)

    async def start_capture(self, handle: int) -> str:
        """The error, or nothing."""
        if self._ends is None:
            self._ends = FfiClient.instance.queue.subscribe(
                filter_fn=lambda event: event.WhichOneof("message") == "capture_source_event"
            )
        request = ffi_pb2.FfiRequest()
        request.start_capture.capture_handle = handle
        return ask(request).start_capture.error

    async def stop_capture(self, handle: int) -> str:
        """The error, or nothing."""
        request = ffi_pb2.FfiRequest()
        request.stop_capture.capture_handle = handle
        return ask(request).stop_capture.error

    async def capture_end(self, handle: int, seconds: float = 20) -> dict[str, Any]:
        """The event of a capture's end."""

        async def end() -> dict[str, Any]:
            while True:
                event = (await self._ends.get()).capture_source_event
                if event.capture_handle == handle:
                    return facts(event)

        return await asyncio.wait_for(end(), seconds)

    async def drop(self, handle: int) -> bool:
        """Drops a handle; false if it is unknown."""
        return bool(FfiClient.instance._ffi_lib.livekit_ffi_drop_handle(handle))
