"""A server and peers that meet over paths which are narrow, slow or lossy.

The run has network namespaces of its own, as root or, where the system lets everybody make them, without any rights.
They end with the processes in them: nothing of the machine's own network is touched or has to be put back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import relay
from lkhost.driver import Peer
from lkhost.server import Server
from lkhost.tokens import token

pytest_plugins = ["lkhost.fixtures"]

CLONE_NEWUSER = 0x10000000
HERE, THERE = "10.77.0.1", "10.77.0.2"


def pytest_configure(config: pytest.Config) -> None:
    """Before anything else: a process with threads cannot change its user namespace."""
    try:
        if os.geteuid() != 0:
            user, group = os.getuid(), os.getgid()
            relay.unshare(CLONE_NEWUSER | relay.CLONE_NEWNET)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        else:
            relay.unshare(relay.CLONE_NEWNET)
        relay.interface("lo")
        with open("/dev/net/tun", "r+b", buffering=0):
            pass
    except OSError as error:
        raise pytest.UsageError(
            f"these tests need network namespaces (root, or user namespaces as `unshare -Urn true` makes them)"
            f" and /dev/net/tun: {error}"
        ) from error


class Link:
    """A path and the namespace at its end. All figures begin anew with each `report`."""

    def __init__(self, log: Path) -> None:
        with log.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-u", relay.__file__, HERE, THERE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )
        self.namespace = ["nsenter", f"--net=/proc/{self._answer()['ready']}/ns/net", "--"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the path's program has ended"
        return json.loads(line)

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def set(self, way: str, **values: float | None) -> float:
        """Changes one direction ("up" is from the namespace to the server) and says since when."""
        return self._ask({"set": way, **values})["at"]

    def report(self) -> dict[str, list[dict[str, float]]]:
        """What passed in each direction, in steps of 100 ms."""
        return self._ask({"report": True})

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Site:
    """A server at one end of a path, and peers at either."""

    def __init__(self, logs: Path, libraries: dict[str, Path | None], **rtc: object) -> None:
        self.logs, self.libraries = logs, libraries
        self.room = f"room-{uuid.uuid4().hex[:10]}"
        self.link = Link(logs / "relay.log")
        self._peers: list[Peer] = []
        try:
            self.server = Server(logs / "server.log", address=HERE, interface="lknear", rtc=rtc)
        except BaseException:
            self.link.close()
            raise

    def enter(self, kind: str, identity: str, *, far: bool, **options: Any) -> Peer:
        """A peer in the room; a `far` one is behind the path, others are beside the server."""
        label = f"{identity}-{kind}"
        prefix = self.link.namespace if far else []
        peer = Peer(self.libraries[kind], label, self.logs / f"{label}.log", prefix)
        self._peers.append(peer)
        peer.call("connect", timeout=30, url=self.server.url, token=token(self.room, identity), **options)
        return peer

    def close(self) -> None:
        for peer in self._peers:
            peer.kill()
        # Asked to end, it waits for those who are there to leave.
        self.server.process.kill()
        self.server.stop()
        self.link.close()


@pytest.fixture
def site(request: pytest.FixtureRequest, logs: Path) -> Iterator[Site]:
    # Not before pytest has registered it as a plugin.
    from lkhost.fixtures import library

    ours = library()
    assert ours.is_file(), f"{ours} is not there: build it first (cargo build -p livekit-ffi)"
    one = Site(logs, {"ours": ours, "stock": None}, **getattr(request, "param", {}))
    yield one
    one.close()


FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to the figures that stand at the end of the run."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = config.stash.get(FIGURES, [])
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
