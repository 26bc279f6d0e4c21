"""What every measure here plays on: one server, and peer programs on either library."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from lkhost.driver import Peer
from lkhost.server import Server
from lkhost.tokens import token

Figures = dict[str, float]
ROOT = Path(__file__).resolve().parents[2]


class Stage:
    def __init__(self, server: Server, folder: Path, libraries: dict[str, Path | None]) -> None:
        self.server = server
        self.folder = folder
        self.libraries = libraries

    def library(self, kind: str) -> Path:
        """Its file; the stock one lies inside the SDK."""
        shipped = importlib.resources.files("livekit.rtc.resources") / "liblivekit_ffi.so"
        return self.libraries[kind] or Path(str(shipped))

    @contextlib.contextmanager
    def peers(self, kind: str, count: int) -> Iterator[list[Peer]]:
        started = []
        try:
            for number in range(count):
                label = f"{kind}-{uuid.uuid4().hex[:6]}-{number}"
                started.append(Peer(self.libraries[kind], label, self.folder / f"{label}.log"))
            for peer in started:
                peer.call("ready")
            yield started
        finally:
            for peer in started:
                with contextlib.suppress(AssertionError):
                    peer.close()

    def enter(self, peer: Peer, room: str, identity: str, **options: object) -> dict:
        return peer.call("connect", url=self.server.url, token=token(room, identity), **options)

    def meet(self, alice: Peer, bob: Peer, **options: object) -> str:
        """Brings both into a room of their own, where alice knows that bob is there. Returns the room's name."""
        name = new_room()
        self.enter(alice, name, "alice", **options)
        self.enter(bob, name, "bob", **options)
        alice.expect("participant_active", participant="bob")
        return name


def new_room() -> str:
    return f"bench-{uuid.uuid4().hex[:8]}"


def seconds_of_cpu(pid: int) -> float:
    """That a process has used, system calls included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(peer: Peer) -> dict[str, int]:
    """The usage once it stayed the same for half a second."""
    last, same = peer.usage(), 0
    while same < 5:
        time.sleep(0.1)
        now = peer.usage()
        same = same + 1 if now == last else 0
        last = now
    return last
