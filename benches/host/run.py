"""Ours against the library that the SDK ships: same machine, same run, same host program, runs interleaved.

    python benches/host/run.py [--runs 5] [--only connect,latency] [--json figures.json]

Prints a table of medians and ratios. `LIVEKIT_FFI_LIBRARY` names ours (default: the release build of this checkout).
Both libraries run under the same Python program, whose own share is in every CPU figure and in no memory figure.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.resources
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

from lkhost.driver import Peer  # noqa: E402
from lkhost.server import Server  # noqa: E402
from lkhost.tokens import token  # noqa: E402

Figures = dict[str, float]


class Bench:
    def __init__(self, server: Server, folder: Path, libraries: dict[str, Path | None]) -> None:
        self.server = server
        self.folder = folder
        self.libraries = libraries

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

    # What is measured

    def size(self, kind: str) -> Figures:
        path = self.libraries[kind] or importlib.resources.files("livekit.rtc.resources") / "liblivekit_ffi.so"
        return {"file size, MB": Path(str(path)).stat().st_size / 1e6}

    def rest(self, kind: str) -> Figures:
        """Memory and threads that the library adds: loaded and initialized, then with one quiet room."""
        with self.peers(kind, 1) as [peer]:
            before = peer.usage()
            peer.call("about")
            loaded = _settle(peer)
            self.enter(peer, _room(), "alice")
            joined = _settle(peer)
            cpu = _cpu(peer.pid)
            time.sleep(2)
            idle = (_cpu(peer.pid) - cpu) / 2
        return {
            "initialized: memory, MB": (loaded["rss"] - before["rss"]) / 1024,
            "initialized: threads": loaded["threads"] - before["threads"],
            "one room: memory, MB": (joined["rss"] - before["rss"]) / 1024,
            "one room: threads": joined["threads"] - before["threads"],
            "one room: descriptors": joined["descriptors"] - before["descriptors"],
            "one room: idle CPU, %": idle * 100,
        }

    def connect(self, kind: str) -> Figures:
        """Five connects in one process, the first left out: it loads certificates and the like."""
        with self.peers(kind, 1) as [peer]:
            joined, left = [], []
            for _ in range(6):
                joined.append(self.enter(peer, _room(), "alice")["seconds"])
                began = time.monotonic()
                peer.call("disconnect")
                left.append(time.monotonic() - began)
                peer.reset()
        return {
            "connect, ms": statistics.median(joined[1:]) * 1000,
            "disconnect, ms": statistics.median(left[1:]) * 1000,
        }

    def first_frame(self, kind: str) -> Figures:
        """From the publish request to the subscriber's first frame and first sound."""
        with self.peers(kind, 2) as [alice, bob]:
            room = _room()
            self.enter(alice, room, "alice")
            self.enter(bob, room, "bob")
            alice.expect("participant_active", participant="bob")
            hearing = bob.start("first_sound")
            bob.call("ready")
            began = time.monotonic()
            alice.call("publish_tone")
            published = time.monotonic()
            times = hearing.result(20)
        return {
            "publish, ms": (published - began) * 1000,
            "publish → subscribed, ms": (times["subscribed"] - began) * 1000,
            "publish → first frame, ms": (times["frame"] - began) * 1000,
            "publish → first sound, ms": (times["sound"] - began) * 1000,
        }

    def latency(self, kind: str) -> Figures:
        """From the host that captures a burst to the host that is handed it, at rest."""
        with self.peers(kind, 2) as [alice, bob]:
            room = _room()
            self.enter(alice, room, "alice")
            self.enter(bob, room, "bob")
            sending = alice.start("pulses", name="pulses", count=10)
            bob.expect("track_subscribed", name="pulses")
            heard = bob.call("hear_pulses", track="pulses", count=10, timeout=40)
            sent = sending.result(20)
        return {"audio one way, ms": statistics.median(b - a for a, b in zip(sent, heard, strict=True)) * 1000}

    def request(self, kind: str) -> Figures:
        with self.peers(kind, 1) as [peer]:
            peer.call("about")
            return {"cheap request and drop, µs": peer.call("cheap_requests", count=20_000, timeout=60)}

    def cpu(self, kind: str) -> Figures:
        """One participant publishes, one receives, for five seconds; the same Python work on both sides."""
        with self.peers(kind, 2) as [alice, bob]:
            room = _room()
            self.enter(alice, room, "alice")
            self.enter(bob, room, "bob")
            alice.call("publish_tone")
            bob.expect("track_subscribed", name="tone")
            bob.call("listen")
            bob.call("hear")
            began, a, b = time.monotonic(), _cpu(alice.pid), _cpu(bob.pid)
            time.sleep(5)
            seconds = time.monotonic() - began
            a, b = _cpu(alice.pid) - a, _cpu(bob.pid) - b
            usage = alice.usage(), bob.usage()
        return {
            "publisher: CPU, %": a / seconds * 100,
            "receiver: CPU, %": b / seconds * 100,
            "publisher: threads": usage[0]["threads"],
            "receiver: threads": usage[1]["threads"],
        }


def _room() -> str:
    return f"bench-{uuid.uuid4().hex[:8]}"


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _settle(peer: Peer) -> dict[str, int]:
    """The usage once it stayed the same for half a second."""
    last, same = peer.usage(), 0
    while same < 5:
        time.sleep(0.1)
        now = peer.usage()
        same = same + 1 if now == last else 0
        last = now
    return last


def main() -> None:
    measures: dict[str, Callable[[Bench, str], Figures]] = {
        "size": Bench.size,
        "rest": Bench.rest,
        "connect": Bench.connect,
        "first_frame": Bench.first_frame,
        "latency": Bench.latency,
        "request": Bench.request,
        "cpu": Bench.cpu,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(measures), help="comma-separated: %(default)s")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kinds", default="stock,ours", help="%(default)s")
    options = parser.parse_args()

    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    ours = Path(os.environ.get("LIVEKIT_FFI_LIBRARY", target / "release" / "liblivekit_ffi.so")).resolve()
    libraries: dict[str, Path | None] = {"stock": None, "ours": ours}
    kinds = options.kinds.split(",")
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "server.log")
        try:
            bench = Bench(server, Path(folder), libraries)
            for name in options.only.split(","):
                for run in range(1 if name == "size" else options.runs):
                    for kind in kinds:
                        print(f"\r{name} {run + 1} {kind}        ", end="", file=sys.stderr, flush=True)
                        for what, value in measures[name](bench, kind).items():
                            found.setdefault(what, {}).setdefault(kind, []).append(value)
        finally:
            server.stop()
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    print(f"| what | {' | '.join(kinds)} | ratio |\n| --- |{' --- |' * (len(kinds) + 1)}")
    for what, by_kind in found.items():
        medians = [statistics.median(by_kind[kind]) for kind in kinds]
        ratio = f"{medians[-1] / medians[0]:.2f}" if len(medians) == 2 and medians[0] else "–"
        print(f"| {what} | {' | '.join(f'{value:.4g}' for value in medians)} | {ratio} |")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
