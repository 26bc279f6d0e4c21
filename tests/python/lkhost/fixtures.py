"""One real server for the whole run, a pool of peer programs, and pairs of libraries to run every test on.

`LIVEKIT_FFI_LIBRARY` names the library under test (default: the debug build of this checkout).
`LIVEKIT_TEST_PAIRS` (default `ours-stock,stock-ours,ours-ours`) names the pairs publisher-subscriber; `stock-stock`
proves the tests themselves on the library that the SDK ships.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .driver import Peer, Pool
from .server import Server
from .tokens import token

CHECKOUT = Path(__file__).resolve().parents[3]
PAIRS = [
    tuple(pair.split("-"))
    for pair in os.environ.get("LIVEKIT_TEST_PAIRS", "ours-stock,stock-ours,ours-ours").split(",")
]
USES_OURS = any("ours" in pair for pair in PAIRS)


def library() -> Path:
    """The library under test."""
    named = os.environ.get("LIVEKIT_FFI_LIBRARY")
    if named:
        return Path(named).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target"))
    return target / "debug" / "liblivekit_ffi.so"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pair" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("ours")
        roles = marker.args if marker else ()
        sides = [("publisher", "subscriber").index(role) for role in roles]
        pairs = [pair for pair in PAIRS if all(pair[side] == "ours" for side in sides)]
        breaks = metafunc.definition.get_closest_marker("breaks")
        if breaks and USES_OURS:
            side = ("publisher", "subscriber").index(breaks.args[0])
            pairs = [pair for pair in pairs if pair[side] == "ours"]
        metafunc.parametrize("pair", pairs, ids=["-".join(pair) for pair in pairs], indirect=True)
    if "kind" in metafunc.fixturenames:
        only_ours = metafunc.definition.get_closest_marker("ours") is not None
        kinds = ["ours"] if USES_OURS else [] if only_ours else ["stock"]
        metafunc.parametrize("kind", kinds)


def _is_beyond_stock(item: pytest.Item) -> bool:
    """Whether the stock library would have to do what it cannot, by the marker `stock_lacks`."""
    marker = item.get_closest_marker("stock_lacks")
    if marker is None:
        return False
    chosen = item.callspec.params
    return "stock" in chosen["pair"] and all(chosen[name] == value for name, value in marker.kwargs.items())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    gone = [
        item
        for item in items
        if (not USES_OURS and item.get_closest_marker("ours")) or _is_beyond_stock(item)
    ]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server and the peers write; `LIVEKIT_TEST_LOGS` keeps it."""
    kept = os.environ.get("LIVEKIT_TEST_LOGS")
    if not kept:
        return tmp_path_factory.mktemp("logs")
    folder = Path(kept) / os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server(logs: Path) -> Iterator[Server]:
    one = Server(logs / "server.log")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def pool(logs: Path) -> Iterator[Pool]:
    libraries: dict[str, Path | None] = {"stock": None}
    if USES_OURS:
        libraries["ours"] = library()
        if not library().is_file():
            pytest.exit(f"{library()} is not there: build it first (cargo build -p livekit-ffi)", 2)
    one = Pool(libraries, logs)
    yield one
    bad = one.close()
    assert not bad, f"peers that ended badly: {bad}"


class Stage:
    """What a test plays on: a room of its own name, and peers that enter it."""

    def __init__(self, server: Server, pool: Pool) -> None:
        self.server = server
        self.pool = pool
        self.room = f"room-{uuid.uuid4().hex[:10]}"
        self._numbers = itertools.count(1)
        self._taken: list[tuple[str, Peer]] = []

    def peer(self, kind: str, *, fresh: bool = False) -> Peer:
        """A peer program on that library; returned to the pool after the test."""
        peer = self.pool.take(kind, fresh=fresh)
        self._taken.append((kind, peer))
        return peer

    def enter(
        self, peer: Peer, identity: str, *, server_room: str | None = None, grants: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Connects a peer under that identity; `options` are those of the peer's connect."""
        return self.begin_enter(peer, identity, server_room=server_room, grants=grants, **options).result(20)

    def begin_enter(
        self, peer: Peer, identity: str, *, server_room: str | None = None, grants: dict[str, Any] | None = None, **options: Any
    ) -> Future[Any]:
        """Begins to connect; the future ends when it is in."""
        access = token(server_room or self.room, identity, **(grants or {}))
        return peer.start("connect", url=self.server.url, token=access, **options)

    def join(self, kind: str, identity: str, **options: Any) -> Peer:
        """A peer that is in the room already."""
        peer = self.peer(kind)
        self.enter(peer, identity, **options)
        return peer

    def leave(self) -> None:
        failures = []
        for kind, peer in self._taken:
            try:
                self.pool.give(kind, peer)
            except Exception as error:
                failures.append(f"{peer.label}: {error}; {peer.tail()}")
        assert not failures, failures


@pytest.fixture
def stage(server: Server, pool: Pool) -> Iterator[Stage]:
    one = Stage(server, pool)
    yield one
    one.leave()


@dataclass
class Pair:
    """The libraries of a test's publisher and subscriber, and a way to bring both in."""

    stage: Stage
    publishing: str
    subscribing: str

    def enter(self, *, grants: dict[str, Any] | None = None, **options: Any) -> tuple[Peer, Peer]:
        """Both peers in the room, as `alice` (publisher) and `bob` (subscriber), each seen as active by the other.
        `grants` are alice's."""
        alice, bob = self.stage.peer(self.publishing), self.stage.peer(self.subscribing)
        subscribe = options.pop("auto_subscribe", True)
        joining = [
            self.stage.begin_enter(alice, "alice", grants=grants, **options),
            self.stage.begin_enter(bob, "bob", auto_subscribe=subscribe, **options),
        ]
        for one, peer, other in zip(joining, (alice, bob), ("bob", "alice"), strict=True):
            known = one.result(20)["participants"].get(other)
            if known is None or known["state"] != "PARTICIPANT_STATE_ACTIVE":
                # Until then the server has nobody to give data to, and the SDK does not know whose it is.
                peer.expect("participant_active", participant=other)
        return alice, bob

    def join(self, **options: Any) -> tuple[Peer, Peer]:
        """As `enter`, but nobody waits until the other one is told of it, which the server does every three seconds:
        enough for media."""
        return self.stage.join(self.publishing, "alice", **options), self.stage.join(self.subscribing, "bob", **options)

    def hearing(self, **options: Any) -> tuple[Peer, Peer]:
        """As `enter`, and bob listens to alice's tone and has heard it."""
        alice, bob = self.enter(**options)
        alice.call("publish_tone")
        bob.expect("track_subscribed", name="tone")
        bob.call("listen")
        bob.call("hear")
        return alice, bob


@pytest.fixture
def pair(request: pytest.FixtureRequest, stage: Stage) -> Pair:
    return Pair(stage, *request.param)
