"""Entering and leaving rooms, what a room says, and breaking its connection on purpose."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.json_format import ParseDict
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2, participant_pb2, room_pb2

from . import secrets
from .held import Held, facts


class Rooms:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def connect(
        self,
        url: str,
        token: str,
        room: str = "room",
        auto_subscribe: bool = True,
        dynacast: bool = False,
        single_peer_connection: bool | None = None,
        connect_timeout: float | None = None,
        encryption: dict[str, Any] | None = None,
        e2ee: dict[str, Any] | None = None,
        wire_options: dict[str, Any] | None = None,
        stream_limit: int | None = None,
        rtc_config: dict[str, Any] | None = None,
        ready: bool = True,
    ) -> dict[str, Any]:
        """Joins a room. `encryption` and `e2ee` are what `secrets.options` takes. `wire_options` are fields of the
        protocol's RoomOptions that the SDK has no option for. `stream_limit` is the most that a data stream may bring,
        in bytes. `rtc_config` has the fields of the protocol's RtcConfig. Unless `ready`, the library is never told
        that this host can take events."""
        instance = rtc.Room()
        self.held.rooms[room] = instance
        self._report(room, instance)
        began = time.monotonic()
        try:
            with _added(wire_options or {}, token, ready):
                await instance.connect(
                    url,
                    token,
                    rtc.RoomOptions(
                        auto_subscribe=auto_subscribe,
                        dynacast=dynacast,
                        single_peer_connection=single_peer_connection,
                        connect_timeout=connect_timeout,
                        rtc_config=None if rtc_config is None else _rtc_config(rtc_config),
                        encryption=None if encryption is None else secrets.options(**encryption),
                        e2ee=None if e2ee is None else secrets.options(**e2ee),
                        data_stream=None
                        if stream_limit is None
                        else rtc.DataStreamOptions(max_payload_byte_length=stream_limit),
                    ),
                )
        except rtc.ConnectError as error:
            self.held.rooms.pop(room, None)
            raise RuntimeError(f"connect: {error.message}") from error
        seconds = time.monotonic() - began
        if self.held.rooms.get(room) is not instance:
            await instance.disconnect()
            raise RuntimeError("connect: given up by a reset meanwhile")
        return {
            "sid": await instance.sid,
            "name": instance.name,
            "seconds": seconds,
            "local": _participant(instance.local_participant),
            "participants": {
                identity: _participant(one) for identity, one in instance.remote_participants.items()
            },
        }

    async def disconnect(self, room: str = "room", reason: str = "CLIENT_INITIATED") -> None:
        await self.held.stop_feeds(room)
        await self.held.rooms[room].disconnect(reason=participant_pb2.DisconnectReason.Value(reason))

    async def state(self, room: str = "room") -> dict[str, Any]:
        """What the SDK's own model of the room says now."""
        instance = self.held.rooms[room]
        return {
            "connected": instance.isconnected(),
            "metadata": instance.metadata,
            "local": _participant(instance.local_participant),
            "participants": {
                identity: _participant(one) for identity, one in instance.remote_participants.items()
            },
        }

    async def reset(self) -> None:
        await self.held.stop_feeds()
        await self.held.stop_ears()
        await asyncio.gather(*(room.disconnect() for room in self.held.rooms.values() if room.isconnected()))
        self.held.forget()

    async def session_stats(self, room: str = "room") -> dict[str, Any]:
        stats = await self.held.rooms[room].get_rtc_stats()
        return {
            "publisher": [facts(one) for one in stats.publisher_stats],
            "subscriber": [facts(one) for one in stats.subscriber_stats],
        }

    async def simulate(self, kind: str, room: str = "room") -> None:
        await self.held.rooms[room].simulate_scenario(room_pb2.SimulateScenarioKind.Value(kind))

    def _report(self, name: str, room: rtc.Room) -> None:
        """Turns every room event into a line."""

        def line(event: str, describe: Callable[..., dict[str, Any]]) -> None:
            def handler(*args: Any) -> None:
                if room in self.held.forgotten:
                    return
                self.held.send({"event": event, "room": name, "at": time.monotonic(), **describe(*args)})

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
            lambda p: {**who(p), "reason": _reason(p._info.disconnect_reason)},
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
        line("e2ee_state_changed", lambda p, state: {**who(p), "state": secrets.state(state)})
        line("participant_encryption_status_changed", lambda p, encrypted: {**who(p), "encrypted": encrypted})
        line("disconnected", lambda reason: {"reason": _reason(reason)})
        line(
            "data_received",
            lambda packet: {
                "data": base64.b64encode(packet.data).decode(),
                "kind": room_pb2.DataPacketKind.Name(packet.kind),
                "topic": packet.topic,
                "participant": packet.participant.identity if packet.participant else None,
            },
        )
        line("data_track_published", lambda track: self._data_track(name, track))
        line("data_track_unpublished", lambda sid: {"sid": sid})
        line("sip_dtmf_received", lambda dtmf: {"code": dtmf.code, "digit": dtmf.digit, **who(dtmf.participant)})
        line(
            "transcription_received",
            lambda segments, participant, p: {
                "segments": [dataclasses.asdict(one) for one in segments],
                "participant": participant.identity if participant else None,
                "sid": p.sid if p else None,
            },
        )

    def _data_track(self, room: str, track: rtc.RemoteDataTrack) -> dict[str, Any]:
        self.held.remote_data_tracks[room, track.info.name] = track
        return {"participant": track.publisher_identity, **vars(track.info)}


@contextlib.contextmanager
def _added(options: dict[str, Any], token: str, ready: bool) -> Iterator[None]:
    """Sets these fields of RoomOptions in the connect request that bears the token, on its way to the library; unless
    `ready`, keeps `ready_for_room_event` back."""
    client = FfiClient.instance
    send = client.request

    def request(message: ffi_pb2.FfiRequest) -> ffi_pb2.FfiResponse:
        if message.WhichOneof("message") == "connect" and message.connect.token == token:
            for name, value in options.items():
                setattr(message.connect.options, name, value)
        if not ready and message.WhichOneof("message") == "ready_for_room_event":
            return ffi_pb2.FfiResponse()
        return send(message)

    if ready and not options:
        yield
        return
    client.request = request
    try:
        yield
    finally:
        client.request = send


def _rtc_config(fields: dict[str, Any]) -> rtc.RtcConfiguration:
    wire = ParseDict(fields, room_pb2.RtcConfig())
    return rtc.RtcConfiguration(
        ice_transport_type=wire.ice_transport_type,
        continual_gathering_policy=wire.continual_gathering_policy,
        ice_servers=list(wire.ice_servers),
    )


def _participant(participant: Any) -> dict[str, Any]:
    return {
        "sid": participant.sid,
        "identity": participant.identity,
        "state": participant_pb2.ParticipantState.Name(participant._info.state),
        "kind": participant_pb2.ParticipantKind.Name(participant.kind),
        "name": participant.name,
        "metadata": participant.metadata,
        "attributes": dict(participant.attributes),
        "tracks": {
            one.name: {**facts(one._info), "subscribed": getattr(one, "subscribed", None)}
            for one in participant.track_publications.values()
        },
    }


def _reason(value: int) -> str:
    return participant_pb2.DisconnectReason.Name(value)
