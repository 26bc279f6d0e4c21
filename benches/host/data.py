"""Data: how fast files, small streams, frames of data tracks and calls go, and what a large file needs of memory."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path

from lkhost.driver import Peer
from lkhost.tokens import token
from stage import ROOT, Figures, Stage, new_room, seconds_of_cpu

MB = 1_000_000
FILE, LARGE_FILE = 32 * MB, 100 * 1_048_576
# A reader of a large file that waits so long after each piece of some 15 kB, seconds.
SLOW = 0.001
SMALL_STREAMS, CALLS = 1000, 1000
# `cargo build --release --example frames`
FRAMES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "frames"


def file(stage: Stage, kind: str) -> Figures:
    """A file that nobody can compress, read as fast as it comes."""
    seconds, _, cpu = _send(stage, kind, FILE, 0)
    return {
        "file of 32 MB, MB/s": FILE / MB / seconds,
        "file of 32 MB: sender CPU, ms per MB": cpu[0] * 1000 / (FILE / MB),
        "file of 32 MB: receiver CPU, ms per MB": cpu[1] * 1000 / (FILE / MB),
    }


def slow_reader(stage: Stage, kind: str) -> Figures:
    """A large one, and a reader that is slower than the path."""
    seconds, peak, _ = _send(stage, kind, LARGE_FILE, SLOW)
    return {
        "100 MiB to a slow reader, s": seconds,
        "100 MiB to a slow reader: sender memory at most, MiB": peak[0],
        "100 MiB to a slow reader: receiver memory at most, MiB": peak[1],
    }


def small_streams(stage: Stage, kind: str) -> Figures:
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob)
        bob.call("hear_streams", topic="t")
        began = time.monotonic()
        alice.call("send_many", count=SMALL_STREAMS, topic="t", size=100, timeout=120)
        # Looking at all events anew for each that comes would take longer than the streams do.
        while len(bob.history("stream_ended")) < SMALL_STREAMS:
            assert time.monotonic() < began + 120, "not all texts arrived"
            time.sleep(0.02)
        return {"1,000 texts of 100 B at once, s": time.monotonic() - began}


def calls(stage: Stage, kind: str) -> Figures:
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob)
        bob.call("serve_quietly", method="echo")
        began = time.monotonic()
        outcome = alice.call("perform_many", to="bob", method="echo", count=CALLS, timeout=120)
        return {
            "1,000 calls at once, s": time.monotonic() - began,
            "1,000 calls at once: answered rightly": outcome["right"],
        }


def frames(stage: Stage, kind: str) -> Figures:
    """As many frames a second as the issue asks for, pushed and read by one program that costs little itself."""
    room = new_room()
    done = subprocess.run(
        [FRAMES, stage.library(kind), stage.server.url, token(room, "alice"), token(room, "bob")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    return {
        "10,000 frames of 200 B a second: taken by the library, %": figures["taken"] / figures["pushed"] * 100,
        "10,000 frames of 200 B a second: read, %": figures["read"] / figures["pushed"] * 100,
        "10,000 frames of 200 B a second: CPU of both, %": figures["cpu"] * 100,
    }


def measures() -> dict:
    return {
        "file": file,
        "slow_reader": slow_reader,
        "small_streams": small_streams,
        "calls": calls,
        "frames": frames,
    }


def _send(stage: Stage, kind: str, size: int, pause: float) -> tuple[float, list[float], list[float]]:
    """Seconds until all was read, the most memory (MiB) and the processor time (s) that sender and reader needed."""
    source = stage.folder / "file.bin"
    source.write_bytes(random.Random(5).randbytes(size))
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob)
        bob.call("hear_streams", topic="t", pause=pause)
        before = [(_peak(one), seconds_of_cpu(one.pid)) for one in (alice, bob)]
        began = time.monotonic()
        alice.call("send_file", path=str(source), topic="t", compress=False, timeout=180)
        ended = bob.expect("stream_ended", timeout=180)
        seconds = time.monotonic() - began
        after = [(_peak(one), seconds_of_cpu(one.pid)) for one in (alice, bob)]
    assert (ended["size"], ended["error"]) == (size, None), ended
    return (
        seconds,
        [now[0] - was[0] for was, now in zip(before, after, strict=True)],
        [now[1] - was[1] for was, now in zip(before, after, strict=True)],
    )


def _peak(peer: Peer) -> float:
    """The most that the process ever had resident, MiB."""
    for line in Path(f"/proc/{peer.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"{peer.label} has no VmHWM")
