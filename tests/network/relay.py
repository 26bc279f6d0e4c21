"""A path between this network namespace and one of its own: a program that carries IP packets between two TUN devices.

    pytest's namespace ──tun── this program ──tun── its own namespace (where a peer is started)

Each direction has a rate with a queue in front of it, a delay behind it and a loss (of UDP alone: what is tested is
media, not the signalling connection's patience). Beginning and end of a path are those of the process: nothing has to
be taken down. The kernel's own tools (netem, tbf) are not everywhere, need real root, and do not tell how long a
packet waited.

Commands come in as one JSON object a line: `{"set": "up" | "down", "rate": bit/s or null, …}` changes a direction,
`{"report": true}` is answered with what happened since the report before. "up" is towards pytest's namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x1, 0x1000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFMTU = 0x8914, 0x8916, 0x891C, 0x8922
IFF_UP = 0x1
UDP = 17
MTU = 1500
# Link layer of an ordinary network, counted as `tc` does.
OVERHEAD = 14
# What is told about the queue is told for steps of this many seconds.
STEP = 0.1


def unshare(flags: int) -> None:
    """Puts this process into new namespaces."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"no namespace of our own: {os.strerror(error)}")


def interface(name: str, address: str | None = None) -> None:
    """Gives a device of this namespace an address in a network of 256, and brings it up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def set_to(request: int, value: bytes) -> None:
            fcntl.ioctl(control, request, struct.pack("16s24s", name.encode(), value))

        def inet(text: str) -> bytes:
            return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))

        if address is not None:
            set_to(SIOCSIFADDR, inet(address))
            set_to(SIOCSIFNETMASK, inet("255.255.255.0"))
            set_to(SIOCSIFMTU, struct.pack("i", MTU))
        set_to(SIOCSIFFLAGS, struct.pack("h", IFF_UP))


def device(name: str, address: str) -> int:
    """A TUN device in this namespace, as a file descriptor."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    interface(name, address)
    return tun


@dataclass
class Step:
    """What happened within one STEP, of UDP alone but for the wait."""

    bytes: int = 0
    wait_ms: float = 0.0
    lost: int = 0
    overflowed: int = 0


@dataclass
class Direction:
    """One way: loss, then the queue and the rate, then the delay."""

    out: int
    rate: float | None = None
    queue_ms: float = 400.0
    delay_ms: float = 0.0
    loss: float = 0.0
    seed: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    queue: deque[tuple[float, bytes]] = field(default_factory=deque)
    waiting: int = 0
    # When the packet at the head of the queue has been sent.
    done: float = 0.0
    flying: deque[tuple[float, bytes]] = field(default_factory=deque)
    steps: dict[int, Step] = field(default_factory=dict)

    def change(self, **values: object) -> None:
        for name, value in values.items():
            assert name in ("rate", "queue_ms", "delay_ms", "loss", "seed"), name
            setattr(self, name, value)
        if "seed" in values:
            self.dice = random.Random(self.seed)

    def _step(self, now: float) -> Step:
        return self.steps.setdefault(int(now / STEP), Step())

    def take(self, packet: bytes, now: float) -> None:
        """A packet enters."""
        if packet[0] >> 4 != 4:
            return
        if self.loss and packet[9] == UDP and self.dice.random() < self.loss:
            self._step(now).lost += 1
            return
        size = len(packet) + OVERHEAD
        if self.rate and self.waiting * 8000 / self.rate > self.queue_ms:
            self._step(now).overflowed += 1
            return
        if not self.queue:
            self.done = max(now, self.done) + self._takes(packet)
        self.queue.append((now, packet))
        self.waiting += size

    def _takes(self, packet: bytes) -> float:
        return (len(packet) + OVERHEAD) * 8 / self.rate if self.rate else 0.0

    def move(self, now: float) -> None:
        """Time goes on."""
        while self.queue and self.done <= now:
            entered, packet = self.queue.popleft()
            self.waiting -= len(packet) + OVERHEAD
            step = self._step(now)
            step.wait_ms = max(step.wait_ms, (self.done - entered) * 1000)
            if packet[9] == UDP:
                step.bytes += len(packet)
            self.flying.append((self.done + self.delay_ms / 1000, packet))
            if self.queue:
                self.done += self._takes(self.queue[0][1])
        while self.flying and self.flying[0][0] <= now:
            with contextlib.suppress(BlockingIOError):
                os.write(self.out, self.flying.popleft()[1])

    def next(self) -> float | None:
        times = [self.done] if self.queue else []
        if self.flying:
            times.append(self.flying[0][0])
        return min(times, default=None)

    def report(self) -> list[dict[str, float]]:
        told = [{"at": at * STEP, **vars(step)} for at, step in sorted(self.steps.items())]
        self.steps.clear()
        return told


def main(here: str, there: str) -> None:
    near = device("lknear", here)
    unshare(CLONE_NEWNET)
    interface("lo")
    far = device("lkfar", there)
    # A relay that waits for its turn looks like a bad path; only root may ask for more.
    with contextlib.suppress(OSError):
        os.nice(-15)
    ways = {"up": Direction(near), "down": Direction(far)}
    print(json.dumps({"ready": os.getpid()}), flush=True)
    commands = b""
    while True:
        now = time.monotonic()
        due = [at for way in ways.values() if (at := way.next()) is not None]
        patience = max(0.0, min(due) - now) if due else None
        readable, _, _ = select.select([near, far, 0], [], [], patience)
        now = time.monotonic()
        for tun, way in ((far, ways["up"]), (near, ways["down"])):
            way.move(now)
            while tun in readable:
                try:
                    packet = os.read(tun, MTU + 4)
                except BlockingIOError:
                    break
                way.take(packet, now)
            way.move(now)
        if 0 in readable:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, commands = (commands + data).split(b"\n")
            for line in lines:
                command = json.loads(line)
                if "set" in command:
                    ways[command.pop("set")].change(**command)
                    print(json.dumps({"at": now}), flush=True)
                else:
                    print(json.dumps({name: way.report() for name, way in ways.items()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
