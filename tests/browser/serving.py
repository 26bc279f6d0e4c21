"""Serves the page and, from the user's cache, the bundle of `livekit-client` that it loads."""

from __future__ import annotations

import hashlib
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUNDLE = "livekit-client.umd.js"
# By name: the package and its file. The second encrypts and decrypts, aside from the page; the third is one that knows
# nothing yet of calls through data streams.
BUNDLES = {
    BUNDLE: ("livekit-client", BUNDLE),
    "livekit-client.e2ee.worker.js": ("livekit-client", "livekit-client.e2ee.worker.js"),
    "livekit-client-before-streams.umd.js": ("livekit-client-before-streams", BUNDLE),
}


def bundle(name: str = BUNDLE) -> Path:
    """Where scripts/setup.sh put a bundle: the folder's name is a hash of the lock file."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "livekit-ffi"
    key = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    package, file = BUNDLES[name]
    return cache / "npm" / key / "node_modules" / package / "dist" / file


class Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        return str(bundle(path[1:])) if path[1:] in BUNDLES else super().translate_path(path)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what the page lacks, its own console tells."""


class Site:
    """A server of a folder with an `index.html`, on a free port of 127.0.0.1, where a page may use camera and
    microphone without TLS."""

    def __init__(self, folder: Path = HERE / "page") -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/index.html"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
