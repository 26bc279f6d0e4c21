"""W3C figures of tracks: waited for, and put together from the entries that refer to one another."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .held import Held, facts


class Figures:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def figures(
        self,
        name: str = "video",
        room: str = "room",
        until: dict[str, float] | None = None,
        seconds: float = 20,
    ) -> dict[str, Any]:
        """Of a remote track: the dictionaries of its stream and the codec, as soon as the members that `until` names
        are that large. Figures tell of no change, so they are asked for again and again."""
        deadline = time.monotonic() + seconds
        while True:
            entries = await _entries(self.held.remote(room, name).track)
            if "inbound_rtp" in entries:
                [stream] = entries["inbound_rtp"].values()
                wanted = (until or {}).items()
                if all(float(stream["inbound"][member]) >= least for member, least in wanted):
                    codec = entries.get("codec", {}).get(stream["stream"]["codec_id"], {}).get("codec")
                    remote = entries.get("remote_outbound_rtp", {}).get(stream["inbound"]["remote_id"])
                    return {**stream, "codec": codec, "remote": remote}
            if time.monotonic() > deadline:
                raise TimeoutError(f"{entries.get('inbound_rtp')} after {seconds} s")
            await asyncio.sleep(0.05)

    async def sent_figures(
        self,
        name: str = "video",
        room: str = "room",
        frames: int = 0,
        reported: bool = False,
        seconds: float = 20,
    ) -> list[dict[str, Any]]:
        """Of our own track: for each stream its dictionaries with codec, source and what the peer reports, as soon as
        each has sent so many frames and, with `reported`, the peer has said how it receives them."""
        deadline = time.monotonic() + seconds
        while True:
            entries = await _entries(self.held.tracks[room, name])
            streams = [
                {
                    **stream,
                    "codec": entries.get("codec", {}).get(stream["stream"]["codec_id"], {}).get("codec"),
                    "source": entries.get("media_source", {}).get(stream["outbound"]["media_source_id"]),
                    "remote": entries.get("remote_inbound_rtp", {}).get(stream["outbound"]["remote_id"]),
                }
                for stream in entries.get("outbound_rtp", {}).values()
            ]
            if streams and all(
                stream["outbound"]["frames_sent"] >= frames and (stream["remote"] or not reported)
                for stream in streams
            ):
                return sorted(streams, key=lambda stream: stream["outbound"]["rid"])
            if time.monotonic() > deadline:
                raise TimeoutError(f"{streams} after {seconds} s")
            await asyncio.sleep(0.05)


async def _entries(track: Any) -> dict[str, dict[str, Any]]:
    """A track's figures by kind and identifier."""
    found: dict[str, dict[str, Any]] = {}
    for one in await track.get_stats():
        [(kind, body)] = facts(one).items()
        found.setdefault(kind, {})[body["rtc"]["id"]] = body
    return found
