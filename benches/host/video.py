"""720p at 30 pictures a second: what sending and receiving cost, and how long a picture takes."""

from __future__ import annotations

import statistics
import time

from stage import Figures, Stage, seconds_of_cpu, settle

CODECS = ("VP8", "H264", "VP9", "AV1")
WIDTH, HEIGHT, FRAMERATE = 1280, 720, 30
# Until layers and rates have settled, and for how long is measured then.
SETTLING, MEASURED = 6.0, 6.0


# As the tests have it: derived by PBKDF2, in one key for all.
ENCRYPTION = {"key": "a key for the benches"}


def one(stage: Stage, kind: str, codec: str, simulcast: bool, encrypted: bool = False) -> Figures:
    """Both sides on the same library; Python draws and reads the pictures on both."""
    with stage.peers(kind, 2) as [alice, bob]:
        stage.meet(alice, bob, **({"encryption": ENCRYPTION} if encrypted else {}))
        before = settle(alice)["rss"], settle(bob)["rss"]
        began = time.monotonic()
        alice.call(
            "publish_video", width=WIDTH, height=HEIGHT, rate=FRAMERATE, codec=codec, simulcast=simulcast
        )
        bob.expect("track_subscribed", name="video")
        bob.call("watch", compare=False)
        [first] = bob.call("see", count=1)
        time.sleep(SETTLING)
        cpu = seconds_of_cpu(alice.pid), seconds_of_cpu(bob.pid)
        start, shown = time.monotonic(), len(bob.call("seen")["numbers"])
        time.sleep(MEASURED)
        passed = time.monotonic() - start
        cpu = seconds_of_cpu(alice.pid) - cpu[0], seconds_of_cpu(bob.pid) - cpu[1]
        seen = bob.call("seen")
        captured = alice.call("captured_at")
        rss = alice.usage(), bob.usage()
    late = [
        at - captured[number]
        for number, at in list(zip(seen["numbers"], seen["times"], strict=True))[shown:]
        if 0 <= number < len(captured)
    ]
    name = f"{codec} {'simulcast' if simulcast else 'single'}{' encrypted' if encrypted else ''}"
    return {
        f"{name}: publisher CPU, %": cpu[0] / passed * 100,
        f"{name}: receiver CPU, %": cpu[1] / passed * 100,
        f"{name}: publisher memory, MB": (rss[0]["rss"] - before[0]) / 1024,
        f"{name}: receiver memory, MB": (rss[1]["rss"] - before[1]) / 1024,
        f"{name}: publisher threads": rss[0]["threads"],
        f"{name}: receiver threads": rss[1]["threads"],
        f"{name}: publish → first picture, ms": (first["at"] - began) * 1000,
        f"{name}: picture one way, ms": statistics.median(late) * 1000,
        f"{name}: pictures shown in a second": len(late) / passed,
        f"{name}: width shown": seen["sizes"][-1][0],
    }


def measures() -> dict:
    plain = {
        f"{codec}{'-simulcast' if simulcast else ''}": lambda stage, kind, codec=codec, simulcast=simulcast: one(
            stage, kind, codec, simulcast
        )
        for codec in CODECS
        for simulcast in (False, True)
    }
    # The stock library cannot read AV1 that it encrypted.
    encrypted = {
        f"{codec}-encrypted": lambda stage, kind, codec=codec: one(stage, kind, codec, False, encrypted=True)
        for codec in CODECS[:3]
    }
    return plain | encrypted
