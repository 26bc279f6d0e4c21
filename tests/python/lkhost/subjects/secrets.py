"""Encryption: keys, cryptors, and what a room without the SDK's help is told of them."""

from __future__ import annotations

from typing import Any

from livekit import rtc
from livekit.rtc._proto import e2ee_pb2, ffi_pb2

from lkhost import wire

from .held import Held, ask


def options(
    key: str | None = None,
    ratchet_window: int | None = None,
    failure_tolerance: int | None = None,
    derivation: str | None = None,
) -> rtc.E2EEOptions:
    """What a room is joined with; `key` is shared by all."""
    provider = rtc.KeyProviderOptions(shared_key=None if key is None else key.encode())
    if ratchet_window is not None:
        provider.ratchet_window_size = ratchet_window
    if failure_tolerance is not None:
        provider.failure_tolerance = failure_tolerance
    if derivation is not None:
        provider.key_derivation_function = e2ee_pb2.KeyDerivationFunction.Value(derivation)
    return rtc.E2EEOptions(key_provider_options=provider)


def state(value: int) -> str:
    return e2ee_pb2.EncryptionState.Name(value)


class Secrets:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def set_key(self, key: str, participant: str | None = None, index: int = 0, room: str = "room") -> None:
        """Sets a participant's key, or without one the shared one."""
        request = self._request(room)
        if participant is None:
            request.e2ee.set_shared_key.shared_key = key.encode()
            request.e2ee.set_shared_key.key_index = index
        else:
            request.e2ee.set_key.participant_identity = participant
            request.e2ee.set_key.key = key.encode()
            request.e2ee.set_key.key_index = index
        self._ask(request)

    async def key(self, participant: str | None = None, index: int = 0, room: str = "room") -> str | None:
        """A key in hexadecimal digits; None where there is none."""
        request = self._request(room)
        if participant is None:
            request.e2ee.get_shared_key.key_index = index
            answer = self._ask(request).get_shared_key
        else:
            request.e2ee.get_key.participant_identity = participant
            request.e2ee.get_key.key_index = index
            answer = self._ask(request).get_key
        return answer.key.hex() if answer.HasField("key") else None

    async def ratchet(self, participant: str | None = None, index: int = 0, room: str = "room") -> str | None:
        """Moves a key one step on; the new one in hexadecimal digits."""
        request = self._request(room)
        if participant is None:
            request.e2ee.ratchet_shared_key.key_index = index
            answer = self._ask(request).ratchet_shared_key
        else:
            request.e2ee.ratchet_key.participant_identity = participant
            request.e2ee.ratchet_key.key_index = index
            answer = self._ask(request).ratchet_key
        return answer.new_key.hex() if answer.HasField("new_key") else None

    async def cryptors(self, room: str = "room") -> list[dict[str, Any]]:
        request = self._request(room)
        request.e2ee.manager_get_frame_cryptors.SetInParent()
        return [
            {"participant": one.participant_identity, "sid": one.track_sid, "index": one.key_index, "enabled": one.enabled}
            for one in self._ask(request).manager_get_frame_cryptors.frame_cryptors
        ]

    async def enable_encryption(self, enabled: bool, room: str = "room") -> None:
        """Switches all cryptors of a room."""
        request = self._request(room)
        request.e2ee.manager_set_enabled.enabled = enabled
        self._ask(request)

    async def enable_cryptor(self, participant: str, sid: str, enabled: bool, room: str = "room") -> None:
        request = self._request(room)
        request.e2ee.cryptor_set_enabled.participant_identity = participant
        request.e2ee.cryptor_set_enabled.track_sid = sid
        request.e2ee.cryptor_set_enabled.enabled = enabled
        self._ask(request)

    async def use_key(self, index: int, participant: str, sid: str, room: str = "room") -> None:
        """Has a track encrypted with another key of the ring."""
        request = self._request(room)
        request.e2ee.cryptor_set_key_index.participant_identity = participant
        request.e2ee.cryptor_set_key_index.track_sid = sid
        request.e2ee.cryptor_set_key_index.key_index = index
        self._ask(request)

    def _request(self, room: str) -> ffi_pb2.FfiRequest:
        request = ffi_pb2.FfiRequest()
        request.e2ee.room_handle = self.held.rooms[room]._ffi_handle.handle
        return request

    def _ask(self, request: ffi_pb2.FfiRequest) -> Any:
        answer = ask(request).e2ee
        error = wire.decode(answer.SerializeToString()).get(wire.E2EE_ERROR)
        if error is not None:
            raise RuntimeError(wire.text(error))
        return answer
