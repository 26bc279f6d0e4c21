"""Remote procedure calls, made and served."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from .held import Held, ask

# Characters that take one byte each, so that a length is one in bytes too.
FILL = "0123456789abcdef"


def filled(size: int) -> str:
    return (FILL * (size // len(FILL) + 1))[:size]


class Calls:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def serve(
        self,
        method: str,
        how: str = "echo",
        size: int = 0,
        code: int = 1500,
        message: str = "",
        data: str | None = None,
        room: str = "room",
    ) -> None:
        """Serves a method. `how`: `echo`, `size` (answers with the payload's length), `fill` (with `size` bytes),
        `error` (an RpcError of `code`, `message` and `data`), `raise` (any other exception), `never`."""

        async def handler(call: rtc.RpcInvocationData) -> str:
            self.held.send(
                {
                    "event": "called",
                    "method": method,
                    "caller": call.caller_identity,
                    "request": call.request_id,
                    "timeout": call.response_timeout,
                    "length": len(call.payload),
                }
            )
            if how == "never":
                await asyncio.Event().wait()
            if how == "error":
                raise rtc.RpcError(code, message, data)
            if how == "raise":
                raise LookupError("not for the caller's eyes")
            if how == "size":
                return str(len(call.payload))
            return filled(size) if how == "fill" else call.payload

        self.held.rooms[room].local_participant.register_rpc_method(method, handler)

    async def serve_quietly(self, method: str, room: str = "room") -> None:
        """Echoes without an event for each call."""

        async def handler(call: rtc.RpcInvocationData) -> str:
            return call.payload

        self.held.rooms[room].local_participant.register_rpc_method(method, handler)

    async def serve_no_more(self, method: str, room: str = "room") -> None:
        self.held.rooms[room].local_participant.unregister_rpc_method(method)

    async def perform(
        self, to: str, method: str, payload: str = "", size: int | None = None, room: str = "room", **options: Any
    ) -> dict[str, Any]:
        """Calls a method: the answer, or the error's code, message and data. `options` are the SDK's time limits."""
        try:
            answer = await self.held.rooms[room].local_participant.perform_rpc(
                destination_identity=to,
                method=method,
                payload=payload if size is None else filled(size),
                **options,
            )
        except rtc.RpcError as error:
            return {"code": int(error.code), "message": error.message, "data": error.data}
        return {"answer": answer} if size is None else {"length": len(answer), "whole": answer == filled(len(answer))}

    async def perform_many(self, to: str, method: str, count: int, room: str = "room") -> dict[str, Any]:
        """So many calls at once, each with its number as the payload; what came back. The SDK would look at every
        event once for each call that is under way: the library is asked directly."""
        answers = FfiClient.instance.queue.subscribe(filter_fn=lambda event: event.WhichOneof("message") == "perform_rpc")
        try:
            numbers = {}
            for number in range(count):
                message = ffi_pb2.FfiRequest()
                call = message.perform_rpc
                call.local_participant_handle = self.held.rooms[room].local_participant._ffi_handle.handle
                call.destination_identity, call.method, call.payload = to, method, str(number)
                # The method may take what is left of the first behind the second.
                call.response_timeout_ms, call.max_round_trip_latency_ms = 120_000, 60_000
                numbers[ask(message).perform_rpc.async_id] = number
            wrong = []
            while numbers:
                answer = (await answers.get()).perform_rpc
                number = numbers.pop(answer.async_id, None)
                if number is not None and (answer.HasField("error") or answer.payload != str(number)):
                    wrong.append(str(answer))
            return {"right": count - len(wrong), "wrong": wrong[:5]}
        finally:
            FfiClient.instance.queue.unsubscribe(answers)
