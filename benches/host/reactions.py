"""How soon a picture or a sound is there after something was asked for. The tests only see that it comes at all."""

from __future__ import annotations

import time

from stage import Figures, Stage

KEY = {"key": "the right one", "ratchet_window": 0}


def late_viewer(stage: Stage, kind: str) -> Figures:
    """One who subscribes to a track that another has been watching for a while.

    It must not have watched before: the server lets go of a subscription a fifth of a second after it ended, and asks
    for a key frame then, which holds up the next one that it asks for.
    """
    with stage.peers(kind, 3) as [alice, bob, carol]:
        name = stage.meet(alice, bob)
        stage.enter(carol, name, "carol", auto_subscribe=False)
        alice.call("publish_video", width=640, height=360, rate=30, simulcast=False)
        bob.expect("track_subscribed", name="video")
        carol.expect("track_published", name="video")
        bob.call("watch", compare=False)
        bob.call("see", count=60)
        since, began = carol.mark(), time.monotonic()
        carol.call("set_subscribed", track="video", values=[True])
        carol.expect("track_subscribed", name="video", since=since)
        carol.call("watch", compare=False)
        [first] = carol.call("see", count=1)
    return {"subscribing late → first picture, ms": (first["at"] - began) * 1000}


def dynacast(stage: Stage, kind: str) -> Figures:
    """The largest layer, which nobody watched, is wanted again."""
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob, dynacast=True)
        alice.call("publish_video", width=1280, height=720, rate=30, simulcast=True)
        bob.expect("track_subscribed", name="video")
        bob.call("watch", compare=False)
        bob.call("see", count=10, width=1280)
        bob.call("quality", quality=0)
        bob.call("see", count=10, width=320)
        alice.call("layers", widths=[320])
        began = time.monotonic()
        bob.call("quality", quality=2)
        [first] = bob.call("see", count=1, width=1280)
    return {"dynacast: large layer wanted → seen again, ms": (first["at"] - began) * 1000}


def healing(stage: Stage, kind: str) -> Figures:
    """From the right key, after a wrong one, to 200 ms of clean sound. The stock library never gets there."""
    if kind == "stock":
        return {}
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob, encryption=KEY)
        bob.call("set_key", key="a wrong one")
        alice.call("publish_tone")
        bob.expect("track_subscribed", name="tone")
        bob.call("listen")
        bob.expect("e2ee_state_changed", participant="alice", state="DECRYPTION_FAILED")
        bob.call("quiet")
        began = time.monotonic()
        bob.call("set_key", key=KEY["key"])
        bob.call("hear", window_ms=200)
    return {"right key → 200 ms of clean sound, ms": (time.monotonic() - began) * 1000}


def measures() -> dict:
    return {"late_viewer": late_viewer, "dynacast": dynacast, "healing": healing}
