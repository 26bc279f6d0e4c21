"""What a host may say about joining, seen from the server's end: a listener of ours that keeps what it is asked."""

import base64
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from lkhost import wire
from lkhost.driver import PeerError
from lkhost.tokens import token


class Refusing(ThreadingHTTPServer):
    """Answers every request with 503 and keeps its path."""


    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Answer)

    def joins(self) -> list[str]:
        """The attempts to join, without the requests that ask why one failed."""
        return [path for path in self.asked if urlsplit(path).path in ("/rtc", "/rtc/v1")]


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    with Refusing() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _try(peer, refusing: Refusing, **options) -> list[str]:
    with pytest.raises(PeerError, match="503"):
        peer.call(
            "connect", url=f"ws://127.0.0.1:{refusing.server_port}", token=token("room", "alice"), timeout=30, **options
        )
    return refusing.joins()


@pytest.mark.parametrize("retries", [None, 0, 1, 2])
def test_joining_is_tried_as_often_as_asked(stage, kind, refusing, retries):
    wire_options = {} if retries is None else {"join_retries": retries}
    joins = _try(stage.peer(kind), refusing, wire_options=wire_options)
    assert len(joins) == 1 + (3 if retries is None else retries)


@pytest.mark.parametrize("wanted", [None, True, False])
@pytest.mark.parametrize("single", [True, False], ids=["one-connection", "two-connections"])
@pytest.mark.parametrize("option", ["adaptive_stream", "auto_subscribe"])
def test_the_server_is_told(stage, kind, refusing, option, single, wanted):
    options = {} if wanted is None else {option: wanted}
    sdk_knows = option == "auto_subscribe"
    [join] = _try(
        stage.peer(kind),
        refusing,
        single_peer_connection=single,
        wire_options={"join_retries": 0, **({} if sdk_knows else options)},
        **(options if sdk_knows else {}),
    )
    told = _settings(join)
    assert told[option] is (option == "auto_subscribe" if wanted is None else wanted)


def _settings(path: str) -> dict[str, bool]:
    """The two options as they stand in a join request of either signalling shape."""
    query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
    if urlsplit(path).path == "/rtc":
        return {name: query[name] == "1" for name in ("adaptive_stream", "auto_subscribe")}
    # WrappedJoinRequest { compression = 1 (1: gzip), join_request = 2 }; JoinRequest { connection_settings = 2 }
    wrapped = wire.decode(base64.urlsafe_b64decode(query["join_request"]))
    request = wrapped[2]
    assert isinstance(request, bytes)
    settings = wire.decode(gzip.decompress(request) if wrapped.get(1) else request)[2]
    assert isinstance(settings, bytes)
    told = wire.decode(settings)
    return {"auto_subscribe": bool(told.get(1)), "adaptive_stream": bool(told.get(2))}


@pytest.mark.parametrize("limit", [0.5, 2.0])
def test_an_attempt_lasts_as_long_as_the_timeout_allows(stage, kind, limit):
    """A server that accepts and says nothing: seen from its end, when is the connection given up?"""
    peer = stage.peer(kind)
    peer.call("about")
    kept: Future[tuple[float, float]] = Future()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            began = time.monotonic()
            while connection.recv(4096):
                pass
            kept.set_result((began, time.monotonic()))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        asked = time.monotonic()
        with pytest.raises(PeerError, match="(?i)time"):
            peer.call(
                "connect",
                url=f"ws://127.0.0.1:{listener.getsockname()[1]}",
                token=token("room", "alice"),
                timeout=30,
                connect_timeout=limit,
                wire_options={"join_retries": 0},
            )
        accepted, ended = kept.result(10)
        # Whoever is late to accept sees the rest only. Without a limit of the host's an attempt lasts longer.
        assert ended - asked > limit - 0.01
        assert ended - accepted < limit + 3
        thread.join()


def test_a_room_joined_with_every_option_carries_sound(pair):
    options = {"adaptive_stream": True, "join_retries": 1, "connect_timeout_ms": 4000}
    alice, bob = pair.hearing(dynacast=True, wire_options=options)
    assert alice.call("state")["connected"] and bob.call("state")["connected"]
