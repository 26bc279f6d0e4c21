"""The server and the peers of tests/python, and one Chromium with a page of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chromium import Chromium, Page
from lkhost.tokens import token
from serving import Site, bundle

if TYPE_CHECKING:
    from lkhost.fixtures import Stage

pytest_plugins = ["lkhost.fixtures"]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    assert bundle().is_file(), f"{bundle()} is not there: run scripts/setup.sh"
    one = Site()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def chromium(logs: Path) -> Iterator[Chromium]:
    one = Chromium(logs / "chromium.log")
    yield one
    one.stop()


class Meeting:
    """A room with a browser (`bob`) and a host of ours (`alice`) in it, in the same signalling shape."""

    def __init__(self, stage: Stage, kind: str, page: Page, single: bool) -> None:
        self.page = page
        self.host = stage.peer(kind)
        page.call("join", stage.server.url, token(stage.room, "bob"), {"singlePeerConnection": single})
        # The server tells at once who is there, and up to three seconds late who came or became active.
        known = stage.enter(self.host, "alice", single_peer_connection=single)["participants"]["bob"]
        if known["state"] != "PARTICIPANT_STATE_ACTIVE":
            self.host.expect("participant_active", participant="bob")


@pytest.fixture(params=[True, False], ids=["one-connection", "two-connections"])
def meeting(
    request: pytest.FixtureRequest, stage: Stage, kind: str, chromium: Chromium, site: Site
) -> Iterator[Meeting]:
    page = Page(chromium, site.url)
    yield Meeting(stage, kind, page, request.param)
    page.call("leave")
    page.close()


@pytest.fixture
def meeting_an_older_one(stage: Stage, kind: str, chromium: Chromium, site: Site) -> Iterator[Meeting]:
    """A browser with a client from before calls went through data streams."""
    page = Page(chromium, f"{site.url}?client=livekit-client-before-streams")
    yield Meeting(stage, kind, page, single=False)
    page.call("leave")
    page.close()
