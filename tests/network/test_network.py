"""What our library does on paths that become narrow or lose packets, and beside it, for the figures, the stock one.

The bounds are wide, for a machine that is busy with other things looks like a bad path; the figures at the end of the
run are exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Site
    from lkhost.driver import Peer

WIDE, NARROW = 3_000_000, 500_000
# A queue longer than this hurts a conversation; and so long after a fall everything has followed.
QUEUE_MS = 200
SETTLING = 3.0
# Steps of 100 ms with such a queue after a fall: none on a quiet machine, eight to eleven by the server's reports alone.
LONG_STEPS = 6
WIDTHS = [320, 640, 1280]


def layers(peer: Peer) -> dict[int, dict[str, Any]]:
    """The streams of the published video that are sent, by width."""
    found = {}
    for one in peer.call("track_stats", name="video"):
        outbound = one.get("outbound_rtp", {}).get("outbound")
        if outbound and outbound["active"] and outbound["target_bitrate"] > 0:
            found[int(outbound["frame_width"])] = outbound
    return found


def inbound(peer: Peer, name: str) -> dict[str, Any]:
    for one in peer.call("track_stats", name=name, remote=True):
        if "inbound_rtp" in one:
            return one["inbound_rtp"]
    raise AssertionError(f"no inbound stream of {name}")


def sent(peer: Peer) -> int:
    """Frames of the published video that were encoded, of the stream with the most."""
    figures = [one["outbound_rtp"]["outbound"] for one in peer.call("track_stats", name="video") if "outbound_rtp" in one]
    return max(one["frames_encoded"] for one in figures)


def spoiled(heard: list[dict[str, float]], start: float, end: float) -> tuple[int, int]:
    """Steps of the tone between two times that did not sound as they should, and how many there were."""
    steps = [one for one in heard if start <= one["at"] < end]
    bad = [one for one in steps if one["purity"] < 0.9 or abs(one["level"] + 13.5) > 3]
    return len(bad), len(steps)


def meet(site: Site, publisher: str, viewer: str, *, far: str, **video: Any) -> tuple[Peer, Peer]:
    """A publisher of video and a tone, and a viewer who sees and hears it; one of them behind the path."""
    alice = site.enter(publisher, "alice", far=far == "publisher")
    bob = site.enter(viewer, "bob", far=far == "viewer")
    alice.call("publish_tone", timeout=30)
    alice.call("publish_video", timeout=30, grain=True, **video)
    bob.expect("track_subscribed", name="tone", timeout=20)
    bob.call("listen")
    bob.expect("track_subscribed", name="video", timeout=20)
    bob.call("watch", compare=False)
    bob.call("see", count=5, timeout=40, seconds=30)
    return alice, bob


class Course:
    """What a path's queue and a publisher's layers did over time."""

    def __init__(self, site: Site, way: str) -> None:
        self.site, self.way = site, way
        self.steps: list[dict[str, float]] = []

    def collect(self) -> None:
        self.steps += self.site.link.report()[self.way]

    def over(self, start: float, end: float) -> list[dict[str, float]]:
        return [one for one in self.steps if start <= one["at"] < end]

    def queue(self, start: float, end: float) -> float:
        return max((one["wait_ms"] for one in self.over(start, end)), default=0.0)

    def rate(self, start: float, end: float) -> float:
        """kbit/s."""
        return sum(one["bytes"] for one in self.over(start, end)) * 8 / 1000 / (end - start)

    def time_over(self, limit: float, start: float, end: float) -> float:
        """For how many seconds the queue was longer than that, in steps of a tenth."""
        return sum(one["wait_ms"] > limit for one in self.over(start, end)) / 10

    def last_over(self, limit: float, start: float, end: float) -> float:
        """How long after `start` the queue was longer than that the last time."""
        late = [one["at"] for one in self.over(start, end) if one["wait_ms"] > limit]
        return max(late, default=start) - start


@pytest.mark.parametrize(
    ("library", "simulcast"),
    [("ours", True), ("ours", False), ("stock", True)],
    ids=["ours-simulcast", "ours-single", "stock-simulcast"],
)
def test_an_uplink_that_falls_and_rises_is_followed(
    site: Site, library: str, simulcast: bool, tell: Callable[[str], None]
) -> None:
    for way in ("up", "down"):
        site.link.set(way, delay_ms=10)
    site.link.set("up", rate=WIDE)
    course = Course(site, "up")
    alice, bob = meet(site, library, "stock", far="publisher", width=1280, height=720, rate=30, simulcast=simulcast)
    top = max(WIDTHS)
    began = time.monotonic()
    while time.monotonic() < began + 15 and (not simulcast or top not in layers(alice)):
        time.sleep(0.2)
    time.sleep(4)

    disorder = []

    def look() -> list[int]:
        active = sorted(layers(alice))
        if simulcast and active != WIDTHS[: len(active)]:
            disorder.append(active)
        return active

    fell = site.link.set("up", rate=NARROW)
    dropped: dict[int, float] = {}
    missing = 0
    while time.monotonic() < fell + 9:
        active = look()
        for width in WIDTHS:
            if width not in active:
                dropped.setdefault(width, time.monotonic() - fell)
        course.collect()
        if time.monotonic() < fell + SETTLING:
            missing = int(inbound(bob, "tone")["received"]["packets_lost"])
        time.sleep(0.15)

    rose = site.link.set("up", rate=WIDE)
    regained: dict[int, float] = {}
    wait = 40 if library == "ours" else 16
    while time.monotonic() < rose + wait and not (simulcast and top in regained):
        active = look()
        for width in active:
            regained.setdefault(width, time.monotonic() - rose)
        if not simulcast:
            # The same pictures all the time; that there is room again shows in the rate.
            course.collect()
            if course.rate(time.monotonic() - 1.2, time.monotonic() - 0.2) > WIDE / 2000:
                regained.setdefault(top, time.monotonic() - rose)
                break
        time.sleep(0.15)
    course.collect()
    heard = bob.call("heard")
    end = time.monotonic()
    missing = int(inbound(bob, "tone")["received"]["packets_lost"]) - missing

    settled = fell + SETTLING
    at_fall = spoiled(heard, fell - 0.2, settled)
    later = spoiled(heard, settled, end)
    share = course.rate(settled, rose)
    long = [one for one in course.over(settled, rose) if one["wait_ms"] > QUEUE_MS]
    at_first = [one for one in course.over(fell, settled) if one["wait_ms"] > QUEUE_MS]
    name = f"{library} {'simulcast' if simulcast else 'single'}"
    tell(
        f"uplink 3 → 0.5 → 3 Mbit/s, {name}: queue over {QUEUE_MS} ms for {course.time_over(QUEUE_MS, fell, rose):.1f} s"
        f" (longest {course.queue(fell, settled):.0f} ms, then {course.queue(settled, rose):.0f} ms,"
        f" {share:.0f} kbit/s sent);"
        f" sound spoiled {at_fall[0] / 10:.1f} s at the fall, {later[0] / 10:.1f} s of {later[1] / 10:.0f} s later"
        f" ({missing} packets lost); layers gone after {({w: round(t, 1) for w, t in dropped.items()})} s,"
        f" back after {({w: round(t, 1) for w, t in sorted(regained.items())})} s"
    )
    if library == "stock":
        return
    assert len(at_first) <= LONG_STEPS, at_first
    assert len(long) <= len(course.over(settled, rose)) / 5, long
    # More than the sound alone.
    assert share > NARROW / 1000 / 12
    assert at_fall[0] <= 20
    # A viewer that does not get its turn spoils the sound, too; packets are lost on the way alone.
    assert missing <= (end - settled) * 50 / 20
    assert len(disorder) <= 1, "layers go from the top and come back from the bottom"
    assert top in regained, regained


@pytest.mark.parametrize("library", ["ours", "stock"])
def test_a_viewer_whose_downlink_falls_gets_a_smaller_layer_and_a_larger_one_again(
    site: Site, library: str, tell: Callable[[str], None]
) -> None:
    for way in ("up", "down"):
        site.link.set(way, delay_ms=10)
    site.link.set("down", rate=2 * WIDE)
    course = Course(site, "down")
    _, bob = meet(site, "ours", library, far="viewer", width=1280, height=720, rate=30, simulcast=True)
    bob.call("see", count=20, width=1280, timeout=60, seconds=50)

    fell = site.link.set("down", rate=NARROW)
    time.sleep(14)
    course.collect()
    rose = site.link.set("down", rate=2 * WIDE)
    wait = 40 if library == "ours" else 15
    grown: dict[int, float] = {}
    while time.monotonic() < rose + wait and 1280 not in grown:
        seen = bob.call("seen")
        for (width, _), at in zip(seen["sizes"], seen["times"], strict=True):
            if at > rose:
                grown.setdefault(width, at - rose)
        time.sleep(0.3)

    seen = bob.call("seen")
    times = [at for at in seen["times"] if at < rose]
    followed = course.last_over(QUEUE_MS, fell, rose)
    # From the first picture of another layer on.
    small = [at for at, (width, _) in zip(seen["times"], seen["sizes"], strict=True) if fell < at < rose and width < 1280]
    gaps = [late - early for early, late in zip(times, times[1:]) if early >= (small[0] if small else fell) + SETTLING]
    sizes = sorted({width for at, (width, _) in zip(seen["times"], seen["sizes"], strict=True) if rose - 4 < at < rose})
    bad = spoiled(bob.call("heard"), fell + followed + 1, rose)
    first = (small[0] - fell) if small else float("inf")
    tell(
        f"downlink 6 → 0.5 → 6 Mbit/s, {library}: smaller pictures after {first:.1f} s, queue over {QUEUE_MS} ms for"
        f" {course.time_over(QUEUE_MS, fell, rose):.1f} s, the last time after {followed:.1f} s; then {sizes} wide at"
        f" {course.rate(rose - 6, rose):.0f} kbit/s, longest gap"
        f" {1000 * max(gaps, default=0):.0f} ms, sound spoiled {bad[0] / 10:.1f} of {bad[1] / 10:.1f} s;"
        f" after the rise {({w: round(t, 1) for w, t in sorted(grown.items())})} s"
    )
    if library == "stock":
        return
    assert small, "the server goes on with what does not fit"
    assert first < 9
    assert 1280 not in sizes
    # Half a second is the aim, see the figures; a machine that is busy with other things shows six pictures a second.
    assert max(gaps, default=0) < 1.5, gaps
    assert max(grown, default=0) > max(sizes), grown


@pytest.mark.parametrize(
    ("preference", "smaller", "fewer"),
    [(0, True, True), (1, True, False), (2, False, True)],
    ids=["balanced", "maintain-framerate", "maintain-resolution"],
)
def test_a_narrow_uplink_costs_what_the_publisher_would_rather_lose(
    site: Site, preference: int, smaller: bool, fewer: bool, tell: Callable[[str], None]
) -> None:
    for way in ("up", "down"):
        site.link.set(way, delay_ms=10)
    _, bob = meet(
        site, "ours", "ours", far="publisher", width=1280, height=720, rate=30, simulcast=False,
        degradation_preference=preference,
    )
    bob.call("see", count=30, width=1280, timeout=30)
    fell = site.link.set("up", rate=300_000)
    widths, a_second, course = {0}, 0.0, []
    while time.monotonic() < fell + 40:
        time.sleep(0.5)
        seen = bob.call("seen")
        now = time.monotonic()
        lately = [width for at, (width, _) in zip(seen["times"], seen["sizes"], strict=True) if now - 3 < at]
        widths, a_second = set(lately), len(lately) / 3
        course.append((round(now - fell, 1), round(a_second), sorted(widths)))
        if now < fell + 12:
            continue
        if a_second and (max(widths) < 1280) == smaller and (a_second < 25) == fewer:
            break
    tell(f"uplink of 0.3 Mbit/s, preference {preference}: {sorted(widths)} wide, {a_second:.0f} pictures a second")
    assert (max(widths) < 1280) == smaller, course
    assert (a_second < 25) == fewer, course


@pytest.mark.parametrize(
    ("publisher", "viewer", "far"),
    [("ours", "ours", "viewer"), ("ours", "stock", "viewer"), ("ours", "ours", "publisher")],
    ids=["viewer-ours", "viewer-stock", "publisher-ours"],
)
def test_lost_packets_cost_few_pictures(
    site: Site, publisher: str, viewer: str, far: str, tell: Callable[[str], None]
) -> None:
    for way in ("up", "down"):
        site.link.set(way, delay_ms=25)
    alice, bob = meet(site, publisher, viewer, far=far, width=480, height=270, rate=20, simulcast=False)
    shares = {}
    for loss in (0, 5, 10):
        for way in ("up", "down"):
            site.link.set(way, loss=loss / 100, seed=7)
        time.sleep(1)
        frames, shown = sent(alice), inbound(bob, "video")["inbound"]["frames_decoded"]
        time.sleep(10 if loss == 10 else 5)
        frames, shown = sent(alice) - frames, inbound(bob, "video")["inbound"]["frames_decoded"] - shown
        shares[loss] = shown / max(frames, 1)
    kind = viewer if far == "viewer" else publisher
    tell(
        f"losses at 50 ms, {far} {kind} behind the path: shown at"
        f" {', '.join(f'{loss} % lost {100 * min(share, 1):.1f} %' for loss, share in shares.items())}"
    )
    if kind == "ours":
        assert shares[10] >= 0.9, shares
