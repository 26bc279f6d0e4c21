"""A way to the server on which it says something else: to be an older one, above all."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from pathlib import Path
from typing import BinaryIO

from .server import LISTENS

CHUNK = 1 << 16


def version(log: Path) -> str:
    """The version that the server wrote into its log when it began to listen."""
    line = next(line for line in log.read_bytes().splitlines() if LISTENS in line)
    found = re.search(rb'"?version"?[=:]\s*"([0-9.]+)"', line)
    assert found, f"no version in {line!r}"
    return found[1].decode()


class OlderServer:
    """A port whose connections go on to the server, and on which `now` in what the server says reads `then`.

    Signalling is in clear text there; both are of one length, so that no length around them changes.
    """

    def __init__(self, port: int, now: str, then: str) -> None:
        assert len(now) == len(then), f"{now} and {then} differ in length"
        self._port, self._now, self._then = port, now.encode(), then.encode()
        self.changed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = {self._listener}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._begin(self._accept)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        with self._lock:
            ending, self._open = self._open, set()
        for one in ending:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)

    def _begin(self, run, *args: socket.socket) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                host, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            with self._lock:
                self._open |= {host, server}
            self._begin(self._pass, host, server)
            self._begin(self._pass_changed, server, host)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data)
        self._end(sink)

    def _pass_changed(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError), source.makefile("rb") as said:
            head = b"".join(iter(said.readline, b"\r\n")) + b"\r\n"
            sink.sendall(head)
            if head.startswith(b"HTTP/1.1 101 "):
                while frame := _frame(said):
                    self.changed += frame.count(self._now)
                    sink.sendall(frame.replace(self._now, self._then))
            while data := said.read1(CHUNK):
                sink.sendall(data)
        self._end(sink)

    @staticmethod
    def _end(sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _frame(said: BinaryIO) -> bytes:
    """A whole frame of WebSocket (RFC 6455, 5.2) as a server writes it, without a mask; nothing at the end."""
    head = said.read(2)
    if len(head) < 2:
        return b""
    size = head[1] & 0x7F
    if size >= 126:
        head += said.read(2 if size == 126 else 8)
        size = int.from_bytes(head[2:], "big")
    return head + said.read(size)
