"""How long the machine was somewhere else."""

from __future__ import annotations

import os
import threading
import time

TICK = 0.01


class Taken:
    """On each processor a thread that sleeps for a moment again and again: what it oversleeps is time that nobody here
    had. `seconds` is their sum."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(cpu,)) for cpu in os.sched_getaffinity(0)]

    def __enter__(self) -> Taken:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, cpu: int) -> None:
        # Zero is the calling thread.
        os.sched_setaffinity(0, {cpu})
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(TICK)
            late = time.monotonic() - began - TICK
            if late > TICK:
                with self._lock:
                    self.seconds += late
