"""Size, rest, connecting, audio and requests."""

from __future__ import annotations

import statistics
import time

from stage import Figures, Stage, new_room, seconds_of_cpu, settle


def size(stage: Stage, kind: str) -> Figures:
    return {"file size, MB": stage.library(kind).stat().st_size / 1e6}


def rest(stage: Stage, kind: str) -> Figures:
    """Memory and threads that the library adds: loaded and initialized, then with one quiet room."""
    with stage.peers(kind, 1) as [peer]:
        before = peer.usage()
        peer.call("about")
        loaded = settle(peer)
        stage.enter(peer, new_room(), "alice")
        joined = settle(peer)
        cpu = seconds_of_cpu(peer.pid)
        time.sleep(2)
        idle = (seconds_of_cpu(peer.pid) - cpu) / 2
    return {
        "initialized: memory, MB": (loaded["rss"] - before["rss"]) / 1024,
        "initialized: threads": loaded["threads"] - before["threads"],
        "one room: memory, MB": (joined["rss"] - before["rss"]) / 1024,
        "one room: threads": joined["threads"] - before["threads"],
        "one room: descriptors": joined["descriptors"] - before["descriptors"],
        "one room: idle CPU, %": idle * 100,
    }


def connect(stage: Stage, kind: str) -> Figures:
    """Five connects in one process, the first left out: it loads certificates and the like."""
    with stage.peers(kind, 1) as [peer]:
        joined, left = [], []
        for _ in range(6):
            joined.append(stage.enter(peer, new_room(), "alice")["seconds"])
            began = time.monotonic()
            peer.call("disconnect")
            left.append(time.monotonic() - began)
            peer.reset()
    return {
        "connect, ms": statistics.median(joined[1:]) * 1000,
        "disconnect, ms": statistics.median(left[1:]) * 1000,
    }


def first_frame(stage: Stage, kind: str) -> Figures:
    """From the publish request to the subscriber's first frame and first sound."""
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob)
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


def latency(stage: Stage, kind: str) -> Figures:
    """From the host that captures a burst to the host that is handed it, at rest."""
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob)
        sending = alice.start("pulses", name="pulses", count=10)
        bob.expect("track_subscribed", name="pulses")
        heard = bob.call("hear_pulses", track="pulses", count=10, timeout=40)
        sent = sending.result(20)
    return {"audio one way, ms": statistics.median(b - a for a, b in zip(sent, heard, strict=True)) * 1000}


def request(stage: Stage, kind: str) -> Figures:
    with stage.peers(kind, 1) as [peer]:
        peer.call("about")
        return {"cheap request and drop, µs": peer.call("cheap_requests", count=20_000, timeout=60)}


def cpu(stage: Stage, kind: str) -> Figures:
    """One participant publishes, one receives, for five seconds; the same Python work on both sides."""
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob)
        alice.call("publish_tone")
        bob.expect("track_subscribed", name="tone")
        bob.call("listen")
        bob.call("hear")
        began, a, b = time.monotonic(), seconds_of_cpu(alice.pid), seconds_of_cpu(bob.pid)
        time.sleep(5)
        seconds = time.monotonic() - began
        a, b = seconds_of_cpu(alice.pid) - a, seconds_of_cpu(bob.pid) - b
        usage = alice.usage(), bob.usage()
    return {
        "publisher: CPU, %": a / seconds * 100,
        "receiver: CPU, %": b / seconds * 100,
        "publisher: threads": usage[0]["threads"],
        "receiver: threads": usage[1]["threads"],
    }
