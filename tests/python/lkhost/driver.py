"""The test's end of a peer: a process of its own that runs the official SDK on one library, told what to do by JSON lines."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

PEER = Path(__file__).with_name("peer.py")
# More than an operation waits by itself.
CALL_SECONDS = 60.0


class PeerError(Exception):
    """What the peer's operation raised, as text."""


class Peer:
    """A process on `library` (None: the one inside the installed SDK). Every wait is bounded. `prefix` is a command
    that runs the one behind it, in a network namespace for instance."""

    def __init__(self, library: Path | None, label: str, log: Path, prefix: Sequence[str] = ()) -> None:
        env = {key: value for key, value in os.environ.items() if key != "LIVEKIT_LIB_PATH"}
        if library is not None:
            env["LIVEKIT_LIB_PATH"] = str(library)
        self.label = label
        self.log = log
        with log.open("ab") as err:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-u", str(PEER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                env=env,
                text=True,
                bufsize=1,
            )
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._pending: dict[int, Future[Any]] = {}
        self._next = 1
        self._gone = False
        self.disposed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    # Operations

    def start(self, op: str, **args: Any) -> Future[Any]:
        """Begins an operation; the future ends with its result or a PeerError."""
        future: Future[Any] = Future()
        with self._changed:
            if self._gone:
                raise PeerError(f"{self.label} has ended: {self.tail()}")
            number = self._next
            self._next += 1
            self._pending[number] = future
            self.disposed = op == "dispose" or (self.disposed and op != "initialize")
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"id": number, "op": op, **args}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise PeerError(f"{self.label} has ended: {self.tail()}") from error
        return future

    def call(self, op: str, timeout: float = CALL_SECONDS, **args: Any) -> Any:
        """Runs an operation to its end, at most `timeout` seconds."""
        try:
            return self.start(op, **args).result(timeout)
        except TimeoutError:
            raise TimeoutError(
                f"{self.label}: {op} {args} not done after {timeout} s; {self.stacks()}{self.tail()}"
            ) from None

    # Events

    def mark(self) -> int:
        """The place in the event history from which a later `expect` can look."""
        with self._changed:
            return len(self._events)

    def expect(
        self, event: str, *, timeout: float = 20, since: int = 0, count: int = 1, **match: Any
    ) -> dict[str, Any]:
        """The first (or the `count`th) such event after `since`, waited for at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = [one for one in self._events[since:] if _matches(one, event, match)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or self._gone:
                    seen = [f"{one['event']} {_short(one)}" for one in self._events[since:]]
                    raise AssertionError(
                        f"{self.label}: no {event} {match} within {timeout} s; seen: {seen}; {self.tail()}"
                    )
                self._changed.wait(left)

    def absent(self, event: str, *, seconds: float = 1.0, since: int = 0, **match: Any) -> None:
        """Fails as soon as such an event arrives within `seconds`: an absence cannot be waited for otherwise."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for one in self._events[since:]:
                    assert not _matches(one, event, match), f"{self.label}: unwanted {one}"
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def settle(
        self, *names: str, last: str, or_none: bool, seconds: float = 0.7, timeout: float = 12, **match: Any
    ) -> None:
        """Waits until the last event with one of these names is `last` (with `or_none`: or none has come yet) and has
        been the last one for `seconds`, for that nothing more comes cannot be awaited."""
        deadline = time.monotonic() + timeout
        known, since = -1, 0.0
        with self._changed:
            while True:
                seen = self.history(*names, **match)
                now = time.monotonic()
                if len(seen) != known:
                    known, since = len(seen), now
                settled = seen[-1]["event"] == last if seen else or_none
                if settled and now >= since + seconds:
                    return
                assert now < deadline, f"{self.label}: {last} {match} is not the last of {seen} after {timeout} s"
                self._changed.wait(min(deadline, since + seconds if settled else deadline) - now)

    def history(self, *names: str, since: int = 0, **match: Any) -> list[dict[str, Any]]:
        """All events so far with one of these names (all names if none is given), in order."""
        with self._changed:
            return [
                one
                for one in self._events[since:]
                if (not names or one["event"] in names) and all(one.get(k) == v for k, v in match.items())
            ]

    # Life

    def reset(self) -> None:
        """Leaves every room and forgets the history, so that another test can use the process."""
        self.call("reset", timeout=20)
        with self._changed:
            self._events.clear()

    def usage(self) -> dict[str, int]:
        """The process's resident memory (kB) now and at most, threads and open descriptors."""
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if ":" in line
        )
        return {
            "rss": int(status["VmRSS"].split()[0]),
            "peak": int(status["VmHWM"].split()[0]),
            "threads": int(status["Threads"]),
            "descriptors": len(os.listdir(f"/proc/{self.pid}/fd")),
        }

    def comes_down_to(self, limits: dict[str, int], timeout: float = 5) -> None:
        """Waits until the process uses no more of what `limits` names: the kernel takes a thread that has been joined
        off its list a moment later, and tells nobody."""
        deadline = time.monotonic() + timeout
        while True:
            now = self.usage()
            above = {key: f"{now[key]} > {most}" for key, most in limits.items() if now[key] > most}
            if not above:
                return
            assert time.monotonic() < deadline, f"{self.label} still uses {above} after {timeout} s"
            time.sleep(0.02)

    def close(self, timeout: float = 30) -> int:
        """Ends the process as a program ends (its exit handlers run) and returns its exit code."""
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.label} did not end within {timeout} s: {self.tail()}") from None
        self._finish()
        return code

    def kill(self) -> None:
        """Ends the process at once, without its exit handlers: a crash as others see it."""
        self.process.kill()
        self.process.wait()
        self._finish()

    def _finish(self) -> None:
        self._reader.join(5)
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()

    def stacks(self, timeout: float = 2) -> str:
        """Where every Python thread of the process stands; nothing if it does not say."""
        before = self.log.stat().st_size
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + timeout
        text = ""
        # The process writes without telling: its own (main) thread comes last.
        while time.monotonic() < deadline and "peer.py" not in text:
            time.sleep(0.02)
            with self.log.open("rb") as log:
                log.seek(before)
                text = log.read().decode(errors="replace")
        return text

    def tail(self) -> str:
        return f"stderr of {self.label}: …{self.log.read_text(errors='replace')[-1500:]}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            with self._changed:
                if "event" in message:
                    self._events.append(message)
                    self._changed.notify_all()
                    continue
                future = self._pending.pop(message["id"], None)
            if future is None:
                continue
            if "error" in message:
                future.set_exception(PeerError(message["error"]))
            else:
                future.set_result(message["result"])
        with self._changed:
            self._gone = True
            pending = list(self._pending.values())
            self._pending.clear()
            self._changed.notify_all()
        for future in pending:
            future.set_exception(PeerError(f"{self.label} ended: {self.tail()}"))


def _matches(one: dict[str, Any], event: str, match: dict[str, Any]) -> bool:
    return one["event"] == event and all(one.get(key) == value for key, value in match.items())


def _short(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key in ("room", "sid", "name", "participant", "reason")}


class Pool:
    """Idle peers by library, so that a test does not pay for starting Python and loading the library."""

    def __init__(self, libraries: dict[str, Path | None], logs: Path) -> None:
        self.libraries = libraries
        self._logs = logs
        self._idle: dict[str, queue.LifoQueue[Peer]] = {name: queue.LifoQueue() for name in libraries}
        self._count = 0

    def take(self, kind: str, *, fresh: bool = False) -> Peer:
        """A peer on the library of that name; `fresh` ones are started anew."""
        while not fresh:
            try:
                peer = self._idle[kind].get_nowait()
            except queue.Empty:
                break
            if peer.process.poll() is None:
                return peer
        self._count += 1
        label = f"{kind}-{self._count}"
        return Peer(self.libraries[kind], label, self._logs / f"{label}.log")

    def give(self, kind: str, peer: Peer) -> None:
        """Takes a peer back; one that does not come to rest fails the test that gave it."""
        if peer.process.poll() is not None:
            return
        if peer.disposed:
            # Its test failed before it began anew: no other test shall inherit that.
            peer.kill()
            return
        try:
            peer.reset()
        except BaseException:
            peer.kill()
            raise
        self._idle[kind].put(peer)

    def close(self) -> list[tuple[str, int]]:
        """Ends all idle peers; returns the labels and codes of those that ended badly. Those on the stock library are
        left out: now and then it aborts at its program's end."""
        bad = []
        for kind, idle in self._idle.items():
            while not idle.empty():
                peer = idle.get_nowait()
                code = peer.close()
                if code != 0 and kind != "stock":
                    bad.append((peer.label, code))
        return bad
