"""A headless Chromium, told what to do by the DevTools protocol over two pipes."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-audio-output",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--window-size=800,600",
    "--remote-debugging-pipe",
)
# More than a function of the page waits by itself.
SECONDS = 60.0


class BrowserError(Exception):
    """What the browser or a function of the page raised, as text."""


class Chromium:
    """The running browser. `CHROMIUM` names another program than `chromium`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._profile = tempfile.TemporaryDirectory(prefix="livekit-ffi-chromium-", ignore_cleanup_errors=True)
        theirs_in, ours_out = (_high(one) for one in os.pipe())
        ours_in, theirs_out = (_high(one) for one in os.pipe())
        program = [os.environ.get("CHROMIUM", "chromium"), *FLAGS, f"--user-data-dir={self._profile.name}"]
        with log.open("ab") as err:
            # The browser reads at descriptor 3 and writes at 4, wherever the pipes are here.
            self.process = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "chromium", *program],
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
                pass_fds=(theirs_in, theirs_out),
            )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = os.fdopen(ours_out, "wb", buffering=0)
        self._in = os.fdopen(ours_in, "rb")
        self._lock = threading.Lock()
        self._pending: dict[int, Future[dict[str, Any]]] = {}
        self._next = 1
        self._gone = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def command(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command of the protocol, to the browser or to the page that a session is attached to."""
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            if self._gone:
                raise BrowserError(f"Chromium has ended, see {self.log}")
            number = self._next
            self._next += 1
            self._pending[number] = future
            message = {"id": number, "method": method, "params": params}
            if session:
                message["sessionId"] = session
            self._out.write(json.dumps(message).encode() + b"\0")
        try:
            return future.result(SECONDS)
        except TimeoutError:
            raise TimeoutError(f"Chromium: {method} not done after {SECONDS} s, see {self.log}") from None

    def _read(self) -> None:
        rest = b""
        with self.log.open("ab", buffering=0) as log:
            while part := self._in.read1(1 << 16):
                *whole, rest = (rest + part).split(b"\0")
                for one in whole:
                    self._take(json.loads(one), log)
        with self._lock:
            self._gone = True
            pending, self._pending = self._pending, {}
        for future in pending.values():
            future.set_exception(BrowserError(f"Chromium ended, see {self.log}"))

    def _take(self, message: dict[str, Any], log: Any) -> None:
        if message.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            log.write(json.dumps(message["params"]).encode() + b"\n")
        with self._lock:
            future = self._pending.pop(message.get("id"), None)
        if future is None:
            return
        if "error" in message:
            future.set_exception(BrowserError(message["error"]["message"]))
        else:
            future.set_result(message["result"])

    def stop(self) -> None:
        with contextlib.suppress(BrowserError, TimeoutError, BrokenPipeError):
            self.command("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        self._out.close()
        self._in.close()
        self._profile.cleanup()


class Page:
    """A page of ours in a context of its own; `call` runs one of its functions (page/page.js)."""

    def __init__(self, browser: Chromium, url: str) -> None:
        self._browser = browser
        self._context = browser.command("Target.createBrowserContext")["browserContextId"]
        target = browser.command("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        attached = browser.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._command("Runtime.enable")
        self._command("Log.enable")
        # The answer comes when the new document stands in place of the empty one.
        self._command("Page.navigate", url=url)
        self._evaluate("new Promise((done) => document.readyState === 'complete' ? done() : onload = done)")

    def call(self, function: str, *args: Any) -> Any:
        return self._evaluate(f"page.{function}(...{json.dumps(args)})")

    def until(self, condition: str, seconds: float = 30) -> None:
        """Waits until an expression holds on the page, whatever page it is."""
        self._evaluate(
            f"""new Promise((done, failed) => {{
                const end = Date.now() + {seconds * 1000};
                const look = () => {{
                    if ({condition}) done();
                    else if (Date.now() < end) setTimeout(look, 50);
                    else failed(new Error('the page says: ' + document.body.innerText));
                }};
                look();
            }})"""
        )

    def screenshot(self, path: Path) -> str:
        """What the page looks like, written to `path` and returned in base64."""
        picture = self._command("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(picture))
        return picture

    def close(self) -> None:
        self._browser.command("Target.disposeBrowserContext", browserContextId=self._context)

    def _command(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.command(method, self._session, **params)

    def _evaluate(self, expression: str) -> Any:
        answer = self._command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if failure := answer.get("exceptionDetails"):
            raise BrowserError(failure.get("exception", {}).get("description") or failure["text"])
        return answer["result"].get("value")


def _high(descriptor: int) -> int:
    """The same pipe at a number that the shell's redirections do not touch."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
