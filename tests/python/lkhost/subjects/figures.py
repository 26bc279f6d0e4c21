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
        reported: bool = False,
        settled: bool = False,
        seconds: float = 45,
    ) -> dict[str, Any]:
        """Of a remote track: the dictionaries of its stream, the codec and what the peer reports. Asked for until the
        members that `until` names are that large; with `reported` the peer has reported; with `settled` no more frames
        come. Figures tell of no change, so they are asked for again and again."""
        settling = Settling(seconds)
        while True:
            entries = await _entries(self.held.remote(room, name).track)
            for stream in entries.get("inbound_rtp", {}).values():
                remote = entries.get("remote_outbound_rtp", {}).get(stream["inbound"]["remote_id"])
                enough = all(
                    float(stream["inbound"][member]) >= least for member, least in (until or {}).items()
                )
                frames = (stream["inbound"]["frames_received"], stream["inbound"]["frames_decoded"])
                rest = settling.rests(frames) or not settled
                if enough and rest and (remote or not reported):
                    codec = entries.get("codec", {}).get(stream["stream"]["codec_id"], {}).get("codec")
                    return {**stream, "codec": codec, "remote": remote}
            await settling.next(entries.get("inbound_rtp"))

    async def sent_figures(
        self,
        name: str = "video",
        room: str = "room",
        frames: int = 0,
        reported: bool = False,
        settled: bool = False,
        seconds: float = 45,
    ) -> list[dict[str, Any]]:
        """Of our own track: for each stream its dictionaries with codec, source and what the peer reports, as soon as
        each has sent so many frames and, with `reported`, the peer has said how it receives them; `settled` as above."""
        settling = Settling(seconds)
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
            enough = streams and all(
                stream["outbound"]["frames_sent"] >= frames and (stream["remote"] or not reported)
                for stream in streams
            )
            sent = [(one["outbound"]["frames_encoded"], one["outbound"]["frames_sent"]) for one in streams]
            rest = settling.rests(sent) or not settled
            if enough and rest:
                return sorted(streams, key=lambda stream: stream["outbound"]["rid"])
            await settling.next(streams)

    async def incoming(self, count: int, room: str = "room", seconds: float = 45) -> None:
        """Waits until so many streams are negotiated towards us: no event tells of one that the server took back."""
        settling = Settling(seconds)
        while True:
            stats = await self.held.rooms[room].get_rtc_stats()
            entries = [*stats.publisher_stats, *stats.subscriber_stats]
            streams = {one.inbound_rtp.rtc.id for one in entries if one.WhichOneof("stats") == "inbound_rtp"}
            if len(streams) == count:
                return
            await settling.next(streams)

    async def sent_over(
        self, seconds: float, names: list[str], asked: float, room: str = "room", settle: float = 20
    ) -> dict[str, dict[str, float]]:
        """What our own tracks of one stream each sent in so many seconds, by the clock of the figures, once they may
        send as much as they were asked to: bits and frames a second, and pictures drawn a second."""
        deadline = time.monotonic() + settle
        while True:
            first = await self._sent(names, room)
            if all(one["target"] >= asked * 0.99 for one in first.values()):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{first} after {settle} s")
            await asyncio.sleep(0.1)
        await asyncio.sleep(seconds)
        last = await self._sent(names, room)
        over = {}
        for name, now in last.items():
            before = first[name]
            passed = now["at"] - before["at"]
            over[name] = {
                "bitrate": (now["bytes"] - before["bytes"]) * 8 / passed,
                "framerate": (now["frames"] - before["frames"]) / passed,
                "drawn": (now["drawn"] - before["drawn"]) / passed,
                "seconds": passed,
            }
        return over

    async def _sent(self, names: list[str], room: str) -> dict[str, dict[str, float]]:
        found = {}
        for name in names:
            [stream] = (await _entries(self.held.tracks[room, name]))["outbound_rtp"].values()
            found[name] = {
                "at": int(stream["rtc"]["timestamp"]) / 1e6,
                "bytes": int(stream["sent"]["bytes_sent"]),
                "frames": stream["outbound"]["frames_sent"],
                "target": stream["outbound"]["target_bitrate"],
                "drawn": self.held.feeds[room, name].number,  # type: ignore[attr-defined]
            }
        return found

    async def stop_camera(self, name: str = "video", room: str = "room") -> int:
        """Captures no more, the track stays published; says how many pictures there were."""
        camera = self.held.feeds.pop((room, name))
        await camera.stop()
        return camera.number  # type: ignore[attr-defined]


class Settling:
    """Whether a figure has come to rest, within a time."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.value: Any = None
        self.since = time.monotonic()

    def rests(self, value: Any) -> bool:
        """Whether it has been the same for half a second."""
        if value != self.value:
            self.value, self.since = value, time.monotonic()
        return time.monotonic() >= self.since + 0.5

    async def next(self, seen: Any) -> None:
        """Waits before the figures are asked for again."""
        if time.monotonic() > self.deadline:
            raise TimeoutError(f"not in time: {seen}")
        await asyncio.sleep(0.05)


async def _entries(track: Any) -> dict[str, dict[str, Any]]:
    """A track's figures by kind and identifier."""
    found: dict[str, dict[str, Any]] = {}
    for one in await track.get_stats():
        [(kind, body)] = facts(one).items()
        found.setdefault(kind, {})[body["rtc"]["id"]] = body
    return found
