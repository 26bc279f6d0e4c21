"""What cannot work fails with a text and in bounded time, and the next connect works."""

import socket
import time
from collections.abc import Iterator

import pytest

from lkhost.driver import PeerError
from lkhost.tokens import token


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _refused(peer, url: str, access: str, within: float, **options) -> str:
    began = time.monotonic()
    with pytest.raises(PeerError) as caught:
        peer.call("connect", url=url, token=access, timeout=within + 5, **options)
    seconds = time.monotonic() - began
    assert seconds < within, f"refused only after {seconds:.1f} s"
    text = str(caught.value)
    assert text.strip("RuntimeError: connect:"), "a refusal without a text"
    return text


@pytest.mark.parametrize(
    "bad",
    ["wrong-secret", "expired", "garbage", "empty", "other-room-grant"],
)
def test_a_bad_token(stage, kind, bad):
    peer = stage.peer(kind)
    access = {
        "wrong-secret": token(stage.room, "alice", secret="another"),
        "expired": token(stage.room, "alice", lifetime=-100),
        "garbage": "not.a.token",
        "empty": "",
        "other-room-grant": token(stage.room, "alice", roomJoin=False),
    }[bad]
    text = _refused(peer, stage.server.url, access, within=20)
    assert "RuntimeError" in text
    stage.enter(peer, "alice")


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1", "ws://", "ws://nowhere.invalid", "ws://127.0.0.1:99999"])
def test_a_wrong_address(stage, kind, url):
    peer = stage.peer(kind)
    _refused(peer, url, token(stage.room, "alice"), within=20)
    stage.enter(peer, "alice")


def test_nobody_listens(stage, kind, closed_port):
    peer = stage.peer(kind)
    _refused(peer, f"ws://127.0.0.1:{closed_port}", token(stage.room, "alice"), within=20)
    stage.enter(peer, "alice")


def test_a_server_that_says_nothing(stage, kind, silent_port):
    peer = stage.peer(kind)
    _refused(
        peer, f"ws://127.0.0.1:{silent_port}", token(stage.room, "alice"), within=25, connect_timeout=1.0
    )
    stage.enter(peer, "alice")


def test_a_server_of_another_kind(stage, kind):
    """The path is wrong: an HTTP server that knows no signalling."""
    peer = stage.peer(kind)
    _refused(peer, stage.server.url + "/elsewhere", token(stage.room, "alice"), within=20)
    stage.enter(peer, "alice")


@pytest.mark.ours
@pytest.mark.parametrize(
    "request_bytes",
    [b"\xff\xff\xff", b"", b"\x0a\x02\x08"],
    ids=["garbage", "empty", "cut-short"],
)
def test_a_request_that_is_none_is_refused_with_a_text(stage, kind, request_bytes):
    peer = stage.peer(kind)
    with pytest.raises(PeerError, match="refused: .+"):
        peer.call("raw_bytes", request=request_bytes.hex())
    stage.enter(peer, "alice")


@pytest.mark.ours
def test_a_handle_that_is_none_is_refused_with_a_text(stage, kind):
    peer = stage.peer(kind)
    with pytest.raises(PeerError, match="refused: .+"):
        peer.call("clear_handle", handle=987654321)
    stage.enter(peer, "alice")
