"""What happens, line by line, with the time since the start."""

import time

_began = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - _began:7.3f} s  {what}", flush=True)
