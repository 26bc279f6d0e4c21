"""A participant program: runs the official SDK on whatever library LIVEKIT_LIB_PATH names and does what stdin says.

One JSON object a line: `{"id", "op", …}` comes in, `{"id", "result" | "error"}` and `{"event", "room", …}` go out.
Operations run side by side; end of input ends the program the way an ordinary program ends.
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import os
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402
from google.protobuf.json_format import MessageToDict  # noqa: E402
from livekit import rtc  # noqa: E402
from livekit.rtc._ffi_client import FfiClient  # noqa: E402
from livekit.rtc._proto import ffi_pb2, participant_pb2, room_pb2, track_pb2  # noqa: E402

from lkhost import tones, wire  # noqa: E402

# The protocol has a descriptor of its own, so that nothing a library prints can break a line of ours.
_OUT = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def send(message: dict[str, Any]) -> None:
    _OUT.write(json.dumps(message) + "\n")


def facts(message: Any) -> dict[str, Any]:
    """A protobuf message as a dictionary: every field by its own name, enumerations by name, unset fields included."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


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


class Ear:
    """Listens to one audio track and keeps its last seconds."""

    KEEP_SECONDS = 4

    def __init__(self, track: rtc.RemoteAudioTrack | None, rate: int, channels: int, **options: Any) -> None:
        self.rate = rate
        self.channels = channels
        self.samples = np.zeros((0, channels), dtype=np.int16)
        self.total = 0
        self.first: float | None = None
        self.ended = asyncio.Event()
        self._more = asyncio.Condition()
        if "participant" in options:
            self.stream = rtc.AudioStream.from_participant(
                participant=options["participant"],
                track_source=options["track_source"],
                sample_rate=rate,
                num_channels=channels,
            )
        else:
            self.stream = rtc.AudioStream(track, sample_rate=rate, num_channels=channels)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for event in self.stream:
                if self.first is None:
                    self.first = time.monotonic()
                frame = event.frame
                if frame.sample_rate != self.rate or frame.num_channels != self.channels:
                    raise ValueError(f"asked for {self.rate}/{self.channels}, got {frame!r}")
                block = np.frombuffer(frame.data, dtype=np.int16).reshape(-1, self.channels)
                self.samples = np.concatenate([self.samples, block])[-self.KEEP_SECONDS * self.rate :]
                self.total += len(block)
                async with self._more:
                    self._more.notify_all()
        finally:
            self.ended.set()
            async with self._more:
                self._more.notify_all()

    async def until(self, total: int, deadline: float) -> bool:
        """Waits until `total` samples were received in all; false when the deadline or the stream's end comes first."""
        async with self._more:
            while self.total < total:
                left = deadline - time.monotonic()
                if left <= 0 or self.ended.is_set():
                    return False
                try:
                    await asyncio.wait_for(self._more.wait(), left)
                except asyncio.TimeoutError:
                    return False
        return True

    def window(self, samples: int) -> list[tones.Tone]:
        part = self.samples[-samples:]
        return [tones.measure(part[:, channel], self.rate) for channel in range(self.channels)]


class Voice:
    """Feeds one published audio track from an oscillator."""

    def __init__(self, source: rtc.AudioSource, oscillator: tones.Oscillator, frame_ms: int) -> None:
        self.source = source
        self.oscillator = oscillator
        self.samples = oscillator.rate * frame_ms // 1000
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
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failure = f"{type(error).__name__}: {error}"

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Picture:
    """Feeds one published video track with a moving bar."""

    def __init__(self, source: rtc.VideoSource, width: int, height: int, rate: float) -> None:
        self.source, self.width, self.height, self.rate = source, width, height, rate
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        number = 0
        began = time.monotonic()
        while True:
            picture = np.full((self.height, self.width, 4), 64, dtype=np.uint8)
            at = number * 4 % self.width
            picture[:, at : at + 16] = 220
            frame = rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.RGBA, picture.tobytes())
            self.source.capture_frame(frame)
            number += 1
            await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Program:
    def __init__(self) -> None:
        self.forgotten: weakref.WeakSet[rtc.Room] = weakref.WeakSet()
        self.rooms: dict[str, rtc.Room] = {}
        self.publications: dict[tuple[str, str], rtc.LocalTrackPublication] = {}
        self.tracks: dict[tuple[str, str], Any] = {}
        self.feeds: dict[tuple[str, str], Voice | Picture] = {}
        self.ears: dict[tuple[str, str], Ear] = {}

    # Finding things

    def remote(self, room: str, track: str) -> rtc.RemoteTrackPublication:
        """A remote publication by sid or by name."""
        for participant in self.rooms[room].remote_participants.values():
            for publication in participant.track_publications.values():
                if track in (publication.sid, publication.name):
                    return publication
        raise LookupError(f"no remote track {track!r} in room {room!r}")

    # Rooms

    async def connect(
        self,
        url: str,
        token: str,
        room: str = "room",
        auto_subscribe: bool = True,
        dynacast: bool = False,
        single_peer_connection: bool | None = None,
        connect_timeout: float | None = None,
    ) -> dict[str, Any]:
        instance = rtc.Room()
        self.rooms[room] = instance
        self._report(room, instance)
        began = time.monotonic()
        try:
            await instance.connect(
                url,
                token,
                rtc.RoomOptions(
                    auto_subscribe=auto_subscribe,
                    dynacast=dynacast,
                    single_peer_connection=single_peer_connection,
                    connect_timeout=connect_timeout,
                ),
            )
        except rtc.ConnectError as error:
            self.rooms.pop(room, None)
            raise RuntimeError(f"connect: {error.message}") from error
        seconds = time.monotonic() - began
        if self.rooms.get(room) is not instance:
            await instance.disconnect()
            raise RuntimeError("connect: given up by a reset meanwhile")
        return {
            "sid": await instance.sid,
            "name": instance.name,
            "seconds": seconds,
            "local": self._participant(instance.local_participant),
            "participants": {
                identity: self._participant(one) for identity, one in instance.remote_participants.items()
            },
        }

    async def disconnect(self, room: str = "room") -> None:
        for feed in [self.feeds.pop(key) for key in list(self.feeds) if key[0] == room]:
            await feed.stop()
        await self.rooms[room].disconnect()

    async def state(self, room: str = "room") -> dict[str, Any]:
        """What the SDK's own model of the room says now."""
        instance = self.rooms[room]
        return {
            "connected": instance.isconnected(),
            "metadata": instance.metadata,
            "local": self._participant(instance.local_participant),
            "participants": {
                identity: self._participant(one) for identity, one in instance.remote_participants.items()
            },
        }

    async def reset(self) -> None:
        for feed in self.feeds.values():
            await feed.stop()
        for ear in self.ears.values():
            ear.stream._ffi_handle.dispose()
            ear.task.cancel()
        await asyncio.gather(*(ear.task for ear in self.ears.values()), return_exceptions=True)
        await asyncio.gather(*(room.disconnect() for room in self.rooms.values() if room.isconnected()))
        self._forget()

    def _forget(self) -> None:
        """Lets go of everything; what a forgotten room still says would be taken for the next test's room."""
        self.forgotten.update(self.rooms.values())
        for store in (self.feeds, self.ears, self.publications, self.tracks, self.rooms):
            store.clear()

    def _participant(self, participant: Any) -> dict[str, Any]:
        return {
            "sid": participant.sid,
            "identity": participant.identity,
            "state": participant_pb2.ParticipantState.Name(participant._info.state),
            "name": participant.name,
            "metadata": participant.metadata,
            "attributes": dict(participant.attributes),
            "tracks": {
                one.name: {**facts(one._info), "subscribed": getattr(one, "subscribed", None)}
                for one in participant.track_publications.values()
            },
        }

    def _report(self, name: str, room: rtc.Room) -> None:
        """Turns every room event into a line."""

        def line(event: str, describe: Callable[..., dict[str, Any]]) -> None:
            def handler(*args: Any) -> None:
                if room in self.forgotten:
                    return
                send({"event": event, "room": name, "at": time.monotonic(), **describe(*args)})

            room.on(event, handler)

        def publication(one: Any) -> dict[str, Any]:
            return {"sid": one.sid, "name": one.name, "facts": facts(one._info)}

        def who(one: Any) -> dict[str, Any]:
            return {"participant": one.identity}

        for event in ("connected", "reconnecting", "reconnected", "room_updated", "moved", "token_refreshed"):
            line(event, lambda: {})
        for event in ("participant_connected", "participant_active"):
            line(event, lambda p: who(p))
        line(
            "participant_disconnected",
            lambda p: {**who(p), "reason": room_reason(p._info.disconnect_reason)},
        )
        line("local_track_published", lambda p, _t: publication(p))
        line("local_track_unpublished", publication)
        line("local_track_republished", lambda p, previous: {**publication(p), "previous": previous})
        line("local_track_subscribed", lambda t: {"sid": t.sid, "name": t.name})
        for event in ("track_published", "track_unpublished"):
            line(event, lambda p, participant: {**publication(p), **who(participant)})
        for event in ("track_subscribed", "track_unsubscribed"):
            line(event, lambda _t, p, participant: {**publication(p), **who(participant)})
        line(
            "track_subscription_failed",
            lambda participant, sid, error: {**who(participant), "sid": sid, "error": error},
        )
        for event in ("track_muted", "track_unmuted"):
            line(event, lambda participant, p: {**publication(p), **who(participant)})
        line("active_speakers_changed", lambda speakers: {"speakers": [one.identity for one in speakers]})
        line("room_metadata_changed", lambda old, new: {"old": old, "new": new})
        line("participant_metadata_changed", lambda p, old, new: {**who(p), "old": old, "new": new})
        line("participant_name_changed", lambda p, old, new: {**who(p), "old": old, "new": new})
        line("participant_attributes_changed", lambda changed, p: {"changed": changed, **who(p)})
        line("participant_permissions_changed", lambda p, permissions: {**who(p), "permissions": facts(permissions)})
        line("connection_quality_changed", lambda p, quality: {"quality": str(quality)})
        line("connection_state_changed", lambda state: {"state": room_pb2.ConnectionState.Name(state)})
        line("disconnected", lambda reason: {"reason": room_reason(reason)})
        line(
            "data_received",
            lambda packet: {
                "data": base64.b64encode(packet.data).decode(),
                "kind": room_pb2.DataPacketKind.Name(packet.kind),
                "topic": packet.topic,
                "participant": packet.participant.identity if packet.participant else None,
            },
        )
        line("sip_dtmf_received", lambda dtmf: {"code": dtmf.code, "digit": dtmf.digit})
        line(
            "transcription_received",
            lambda segments, participant, _p: {
                "texts": [one.text for one in segments],
                "participant": participant.identity if participant else None,
            },
        )

    # Publishing

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
            self.feeds[room, name] = voice
        return await self._publish(room, name, track, source, options)

    async def publish_video(
        self,
        name: str = "video",
        room: str = "room",
        width: int = 320,
        height: int = 180,
        rate: float = 10,
        source: str = "SOURCE_CAMERA",
        **options: Any,
    ) -> dict[str, Any]:
        video = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track(name, video)
        self.feeds[room, name] = Picture(video, width, height, rate)
        return await self._publish(room, name, track, source, options)

    async def _publish(
        self, room: str, name: str, track: Any, source: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        publish = room_pb2.TrackPublishOptions(source=track_pb2.TrackSource.Value(source))
        if (bitrate := options.pop("max_bitrate", None)) is not None:
            publish.audio_encoding.max_bitrate = bitrate
        for key, value in options.items():
            setattr(publish, key, value)
        self.tracks[room, name] = track
        publication = await self.rooms[room].local_participant.publish_track(track, publish)
        self.publications[room, name] = publication
        return facts(publication._info)

    async def unpublish(self, name: str = "tone", room: str = "room") -> None:
        feed = self.feeds.pop((room, name), None)
        sid = self.publications[room, name].sid
        await self.rooms[room].local_participant.unpublish_track(sid)
        if feed:
            await feed.stop()

    async def tone(
        self,
        name: str = "tone",
        room: str = "room",
        frequencies: list[float] | None = None,
        amplitude: float | None = None,
    ) -> None:
        """Changes a running tone."""
        voice = self.feeds[room, name]
        assert isinstance(voice, Voice)
        if voice.failure:
            raise RuntimeError(f"the tone ended: {voice.failure}")
        if frequencies:
            voice.oscillator.frequencies = frequencies
        if amplitude is not None:
            voice.oscillator.amplitude = amplitude

    async def stop_tone(self, name: str = "tone", room: str = "room") -> None:
        """Captures no more; the track stays published."""
        await self.feeds.pop((room, name)).stop()

    async def mute(self, muted: bool, name: str = "tone", room: str = "room") -> None:
        track = self.tracks[room, name]
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
        publication = self.remote(room, name) if remote else self.publications[room, name]
        fields: wire.Fields = {1: publication._ffi_handle.handle}
        if timeout_ms is not None:
            fields[2] = timeout_ms
        request = ffi_pb2.FfiRequest.FromString(wire.encode({wire.WAIT_FOR_SUBSCRIPTION: wire.encode(fields)}))
        events = FfiClient.instance.queue.subscribe(filter_fn=lambda event: event.WhichOneof("message") is None)
        began = time.monotonic()
        try:
            answer = self._request(request)
            body = wire.decode(answer.SerializeToString())[wire.WAIT_FOR_SUBSCRIPTION]
            assert isinstance(body, bytes)
            async_id = wire.decode(body)[1]

            async def mine() -> wire.Fields:
                while True:
                    event = wire.decode((await events.get()).SerializeToString())
                    done = event.get(wire.WAIT_FOR_SUBSCRIPTION)
                    if isinstance(done, bytes) and wire.decode(done).get(1) == async_id:
                        return wire.decode(done)

            done = await asyncio.wait_for(mine(), limit)
        finally:
            FfiClient.instance.queue.unsubscribe(events)
        return {
            "async_id": async_id,
            "error": wire.text(done[2]) if 2 in done else None,
            "seconds": time.monotonic() - began,
        }

    async def drop_publication(self, name: str = "tone", room: str = "room") -> None:
        """Drops the publication's handle, as a host does that forgets it."""
        self.publications[room, name]._ffi_handle.dispose()

    async def first_subscription(self, name: str = "tone", room: str = "room", limit: float = 15) -> None:
        """The SDK's own wait, built on `local_track_subscribed`."""
        await asyncio.wait_for(self.publications[room, name].wait_for_subscription(), limit)

    # Subscribing and listening

    async def set_subscribed(
        self, track: str, values: list[bool], room: str = "room", pause_ms: int = 0
    ) -> list[str | None]:
        """Says each value in turn; returns what our library answered in `error` to each."""
        handle = self.remote(room, track)._ffi_handle.handle
        answers: list[str | None] = []
        for number, value in enumerate(values):
            if number and pause_ms:
                await asyncio.sleep(pause_ms / 1000)
            request = ffi_pb2.FfiRequest()
            request.set_subscribed.subscribe = value
            request.set_subscribed.publication_handle = handle
            answer = self._request(request)
            error = wire.decode(answer.set_subscribed.SerializeToString()).get(wire.SET_SUBSCRIBED_ERROR)
            answers.append(None if error is None else wire.text(error))
        return answers

    async def enable(self, track: str, enabled: bool, room: str = "room") -> None:
        """Pauses or resumes a subscribed track without giving it up."""
        request = ffi_pb2.FfiRequest()
        request.enable_remote_track_publication.track_publication_handle = self.remote(room, track)._ffi_handle.handle
        request.enable_remote_track_publication.enabled = enabled
        self._request(request)

    async def listen(
        self,
        track: str = "tone",
        room: str = "room",
        rate: int = 48000,
        channels: int = 1,
        participant: str | None = None,
        source: str = "SOURCE_MICROPHONE",
    ) -> None:
        """Opens a stream on a subscribed track, or on a participant's source."""
        if participant is not None:
            options = {
                "participant": self.rooms[room].remote_participants[participant],
                "track_source": track_pb2.TrackSource.Value(source),
            }
            self.ears[room, track] = Ear(None, rate, channels, **options)
            return
        remote = self.remote(room, track).track
        if remote is None:
            raise LookupError(f"track {track!r} is not subscribed")
        self.ears[room, track] = Ear(remote, rate, channels)

    async def hear(
        self,
        track: str = "tone",
        room: str = "room",
        frequencies: list[float] | None = None,
        amplitude: float = 0.3,
        window_ms: int = 400,
        tolerance_db: float = 1.5,
        timeout: float = 8,
    ) -> list[dict[str, float]]:
        """Waits until a whole window carries these tones, one for each channel, pure and at their level."""
        ear = self.ears[room, track]
        frequencies = frequencies or [440.0] * ear.channels
        size = ear.rate * window_ms // 1000
        level = tones.sine_level(amplitude)
        deadline = time.monotonic() + timeout
        at = ear.total + size
        last: list[tones.Tone] = []
        while await ear.until(at, deadline):
            last = ear.window(size)
            if all(
                abs(one.frequency - wanted) < max(2.0, wanted * 0.005)
                and abs(one.level - level) < tolerance_db
                and one.purity > 0.95
                for one, wanted in zip(last, frequencies, strict=True)
            ):
                return [one.as_dict() for one in last]
            at = ear.total + ear.rate // 20
        raise AssertionError(
            f"{frequencies} Hz at {level:.1f} dB not heard; {ear.total} samples in all, last {last}, "
            f"stream ended: {ear.ended.is_set()}"
        )

    async def measure(self, track: str = "tone", room: str = "room", ms: int = 1000) -> list[dict[str, float]]:
        """Measures the next `ms` as they are."""
        ear = self.ears[room, track]
        size = ear.rate * ms // 1000
        if not await ear.until(ear.total + size, time.monotonic() + 2 * ms / 1000 + 5):
            raise AssertionError(f"less than {ms} ms arrived")
        return [one.as_dict() for one in ear.window(size)]

    async def quiet(
        self, track: str = "tone", room: str = "room", window_ms: int = 300, timeout: float = 6
    ) -> None:
        """Waits until a whole window is silent: samples below -60 dBFS, or no samples at all."""
        ear = self.ears[room, track]
        size = ear.rate * window_ms // 1000
        deadline = time.monotonic() + timeout
        last: list[tones.Tone] = []
        while time.monotonic() < deadline:
            if not await ear.until(ear.total + size, min(deadline, time.monotonic() + 2 * window_ms / 1000)):
                if time.monotonic() < deadline:
                    return
                break
            last = ear.window(size)
            if all(one.level < -60 for one in last):
                return
        raise AssertionError(f"still heard: {last}")

    async def listen_end(self, track: str = "tone", room: str = "room", timeout: float = 8) -> int:
        """Waits for the stream's own end; returns the samples received in all."""
        ear = self.ears[room, track]
        await asyncio.wait_for(ear.ended.wait(), timeout)
        await asyncio.wait_for(ear.task, 1)
        return ear.total

    async def stop_listening(self, track: str = "tone", room: str = "room") -> None:
        ear = self.ears.pop((room, track))
        await ear.stream.aclose()
        await asyncio.wait_for(ear.ended.wait(), 5)

    async def permissions(
        self, all_allowed: bool, allowed: dict[str, list[str]] | None = None, room: str = "room"
    ) -> None:
        """Who may subscribe to our tracks: an identity with an empty list may have them all."""
        self.rooms[room].local_participant.set_track_subscription_permissions(
            allow_all_participants=all_allowed,
            participant_permissions=[
                rtc.ParticipantTrackPermission(
                    participant_identity=identity, allow_all=not sids, allowed_track_sids=sids
                )
                for identity, sids in (allowed or {}).items()
            ],
        )

    # Data and facts about oneself

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
        await self.rooms[room].local_participant.publish_data(
            payload, reliable=reliable, topic=topic, destination_identities=to or []
        )

    async def publish_dtmf(self, code: int, digit: str, room: str = "room") -> None:
        await self.rooms[room].local_participant.publish_dtmf(code=code, digit=digit)

    async def publish_transcription(self, name: str, text: str, room: str = "room") -> None:
        local = self.rooms[room].local_participant
        await local.publish_transcription(
            rtc.Transcription(
                participant_identity=local.identity,
                track_sid=self.publications[room, name].sid,
                segments=[
                    rtc.TranscriptionSegment(id="1", text=text, start_time=0, end_time=1, language="en", final=True)
                ],
            )
        )

    async def chat(self, text: str, room: str = "room") -> dict[str, Any]:
        """The chat request, which the SDK does not wrap any more."""
        request = ffi_pb2.FfiRequest()
        request.send_chat_message.local_participant_handle = self.rooms[room].local_participant._ffi_handle.handle
        request.send_chat_message.message = text
        events = FfiClient.instance.queue.subscribe(filter_fn=lambda e: e.WhichOneof("message") == "chat_message")
        try:
            async_id = self._request(request).send_chat_message.async_id
            done = await asyncio.wait_for(events.wait_for(lambda e: e.chat_message.async_id == async_id), 10)
        finally:
            FfiClient.instance.queue.unsubscribe(events)
        return facts(done.chat_message)

    async def set_metadata(self, value: str, room: str = "room") -> None:
        await self.rooms[room].local_participant.set_metadata(value)

    async def set_name(self, value: str, room: str = "room") -> None:
        await self.rooms[room].local_participant.set_name(value)

    async def set_attributes(self, value: dict[str, str], room: str = "room") -> None:
        await self.rooms[room].local_participant.set_attributes(value)

    async def track_stats(self, name: str, room: str = "room", remote: bool = False) -> list[dict[str, Any]]:
        track = self.remote(room, name).track if remote else self.tracks[room, name]
        return [facts(one) for one in await track.get_stats()]

    async def session_stats(self, room: str = "room") -> dict[str, Any]:
        stats = await self.rooms[room].get_rtc_stats()
        return {
            "publisher": [facts(one) for one in stats.publisher_stats],
            "subscriber": [facts(one) for one in stats.subscriber_stats],
        }

    async def simulate(self, kind: str, room: str = "room") -> None:
        await self.rooms[room].simulate_scenario(room_pb2.SimulateScenarioKind.Value(kind))

    # The library itself

    async def about(self) -> dict[str, Any]:
        library = FfiClient.instance._ffi_lib
        return {"pid": os.getpid(), "library": library._name, "ours": hasattr(library, "livekit_ffi_last_error")}

    async def dispose(self) -> float:
        """Disposes the library while rooms may be open; returns how long that took, in seconds."""
        for feed in self.feeds.values():
            feed.task.cancel()
        for ear in self.ears.values():
            ear.task.cancel()
        began = time.monotonic()
        # The library's own thread may need this interpreter while it ends: keep it free.
        await asyncio.to_thread(FfiClient.instance._dispose)
        seconds = time.monotonic() - began
        self._forget()
        return seconds

    async def initialize(self) -> None:
        """Loads the SDK's client anew, which initializes the library again."""
        FfiClient._instance = None
        FfiClient.instance

    async def raw(self, request: str) -> str:
        """Sends a request as it is (base64 both ways); a refused one raises with the library's last error."""
        return base64.b64encode(
            self._request(ffi_pb2.FfiRequest.FromString(base64.b64decode(request))).SerializeToString()
        ).decode()

    async def raw_bytes(self, request: str) -> None:
        """Hands these bytes (hex) to the library, whatever they are."""
        data = bytes.fromhex(request)
        answer = ctypes.POINTER(ctypes.c_ubyte)()
        size = ctypes.c_size_t()
        buffer = (ctypes.c_ubyte * max(1, len(data))).from_buffer_copy(data or b"\0")
        handle = FfiClient.instance._ffi_lib.livekit_ffi_request(
            buffer, len(data), ctypes.byref(answer), ctypes.byref(size)
        )
        if handle == 0:
            raise RuntimeError(f"request refused: {last_error()}")

    async def clear_handle(self, handle: int) -> None:
        """Clears the queue of an audio source, whose answer has no room for an error."""
        request = ffi_pb2.FfiRequest()
        request.clear_audio_buffer.source_handle = handle
        self._request(request)

    async def ready(self) -> None:
        """Nothing: answered as soon as the program runs, before the library is loaded."""

    async def first_sound(self, room: str = "room", timeout: float = 15) -> dict[str, float]:
        """Listens to the first audio track that is subscribed; when (monotonic clock) it was subscribed, gave its
        first frame, and its first frame that is not silent."""
        instance = self.rooms[room]
        found: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

        def subscribed(track: rtc.Track, *_: Any) -> None:
            if not found.done() and track.kind == rtc.TrackKind.KIND_AUDIO:
                found.set_result(track)

        instance.on("track_subscribed", subscribed)
        times: dict[str, float] = {}

        async def listen() -> None:
            stream = rtc.AudioStream(await found)
            times["subscribed"] = time.monotonic()
            async for event in stream:
                times.setdefault("frame", time.monotonic())
                if np.abs(np.frombuffer(event.frame.data, dtype=np.int16).astype(np.int32)).max() > 300:
                    times["sound"] = time.monotonic()
                    break
            await stream.aclose()

        await asyncio.wait_for(listen(), timeout)
        instance.off("track_subscribed", subscribed)
        return times

    async def pulses(self, name: str, count: int, room: str = "room", lead: int = 50) -> list[float]:
        """Publishes a track of silence with a 30 ms burst each 400 ms; returns when each burst was captured."""
        source = rtc.AudioSource(48000, 1, queue_size_ms=0)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        await self._publish(room, name, track, "SOURCE_MICROPHONE", {})
        await self.publications[room, name].wait_for_subscription()
        loud = tones.Oscillator([1000.0], 0.5, 48000)
        silence = bytes(960)
        times = []
        began = time.monotonic()
        for number in range(lead + count * 40 + 40):
            burst, phase = divmod(number - lead, 40)
            sounding = number >= lead and phase < 3 and burst < count
            data = loud.block(480) if sounding else silence
            await asyncio.sleep(max(0.0, began + number / 100 - time.monotonic()))
            if sounding and phase == 0:
                times.append(time.monotonic())
            await source.capture_frame(rtc.AudioFrame(data, 48000, 1, 480))
        return times

    async def hear_pulses(self, track: str, count: int, room: str = "room", timeout: float = 30) -> list[float]:
        """When each burst of `pulses` was handed to this host."""
        stream = rtc.AudioStream(self.remote(room, track).track)
        times: list[float] = []

        async def listen() -> None:
            async for event in stream:
                peak = np.abs(np.frombuffer(event.frame.data, dtype=np.int16).astype(np.int32)).max()
                if peak > 4000 and (not times or time.monotonic() - times[-1] > 0.2):
                    times.append(time.monotonic())
                    if len(times) == count:
                        return

        try:
            await asyncio.wait_for(listen(), timeout)
        finally:
            await stream.aclose()
        return times

    async def cheap_requests(self, count: int) -> float:
        """Microseconds for one cheap request and the drop of its answer, the median of `count`, without the SDK's
        own work: the bytes are made once, and the answer is not parsed."""
        source = rtc.AudioSource(48000, 1)
        request = ffi_pb2.FfiRequest()
        request.clear_audio_buffer.source_handle = source._ffi_handle.handle
        data = request.SerializeToString()
        buffer = (ctypes.c_ubyte * len(data)).from_buffer_copy(data)
        answer, size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()
        where, length = ctypes.byref(answer), ctypes.byref(size)
        library = FfiClient.instance._ffi_lib
        call, drop, clock = library.livekit_ffi_request, library.livekit_ffi_drop_handle, time.perf_counter_ns
        times = []
        for _ in range(count):
            began = clock()
            handle = call(buffer, len(data), where, length)
            drop(handle)
            times.append(clock() - began)
            assert handle
        await source.aclose()
        return float(np.median(times)) / 1000

    def _request(self, request: ffi_pb2.FfiRequest) -> ffi_pb2.FfiResponse:
        try:
            return FfiClient.instance.request(request)
        except AssertionError as error:
            raise RuntimeError(f"request refused: {last_error()}") from error


def room_reason(value: int) -> str:
    return participant_pb2.DisconnectReason.Name(value)


async def main() -> None:
    program = Program()
    running: set[asyncio.Task[None]] = set()

    async def run(number: int, op: str, args: dict[str, Any]) -> None:
        try:
            if op.startswith("_"):
                raise ValueError(f"no operation {op!r}")
            result = await getattr(program, op)(**args)
            send({"id": number, "result": result})
        except Exception as error:
            text = getattr(error, "message", "") or str(error)
            send({"id": number, "error": f"{type(error).__name__}: {text}"})

    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        message = json.loads(line)
        task = asyncio.create_task(run(message.pop("id"), message.pop("op"), message))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main())
