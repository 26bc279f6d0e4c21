"""A participant program: runs the official SDK on whatever library LIVEKIT_LIB_PATH names and does what stdin says.

One JSON object a line: `{"id", "op", …}` comes in, `{"id", "result" | "error"}` and `{"event", "room", …}` go out.
Operations run side by side; end of input ends the program the way an ordinary program ends. What the operations
are stands in `subjects/`.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

# The protocol has a descriptor of its own, so that nothing a library prints can break a line of ours.
_OUT = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

# A test whose operation does not end asks where every thread stands.
faulthandler.register(signal.SIGUSR1)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lkhost.subjects.callback import Callback  # noqa: E402
from lkhost.subjects.calls import Calls  # noqa: E402
from lkhost.subjects.datatracks import DataTracks  # noqa: E402
from lkhost.subjects.encoding import Encoding  # noqa: E402
from lkhost.subjects.figures import Figures  # noqa: E402
from lkhost.subjects.held import Held  # noqa: E402
from lkhost.subjects.library import Library  # noqa: E402
from lkhost.subjects.listening import Listening  # noqa: E402
from lkhost.subjects.marks import Marks  # noqa: E402
from lkhost.subjects.messages import Messages  # noqa: E402
from lkhost.subjects.overheard import Overheard  # noqa: E402
from lkhost.subjects.pictures import Pictures  # noqa: E402
from lkhost.subjects.platform import Platform  # noqa: E402
from lkhost.subjects.publishing import Publishing  # noqa: E402
from lkhost.subjects.requests import Requests  # noqa: E402
from lkhost.subjects.rooms import Rooms  # noqa: E402
from lkhost.subjects.secrets import Secrets  # noqa: E402
from lkhost.subjects.sound import Sound  # noqa: E402
from lkhost.subjects.streams import Streams  # noqa: E402
from lkhost.subjects.timing import Timing  # noqa: E402
from lkhost.subjects.watching import Watching  # noqa: E402

Operation = Callable[..., Awaitable[Any]]


def send(message: dict[str, Any]) -> None:
    _OUT.write(json.dumps(message) + "\n")


def operations() -> dict[str, Operation]:
    """All operations by name; two subjects with an operation of one name are a mistake."""
    held = Held(send)
    subjects = (
        Rooms(held),
        Publishing(held),
        Listening(held),
        Watching(held),
        Encoding(held),
        Figures(held),
        Marks(held),
        Messages(held),
        Pictures(held),
        Platform(held),
        Library(held),
        Callback(held),
        Overheard(held),
        Streams(held),
        Calls(held),
        DataTracks(held),
        Secrets(held),
        Sound(held),
        Timing(held),
        Requests(held),
    )
    found: dict[str, Operation] = {}
    for subject in subjects:
        for name in vars(type(subject)):
            if not name.startswith("_"):
                assert name not in found, f"two operations are called {name}"
                found[name] = getattr(subject, name)
    return found


async def main() -> None:
    known = operations()
    running: set[asyncio.Task[None]] = set()

    async def run(number: int, op: str, args: dict[str, Any]) -> None:
        try:
            send({"id": number, "result": await known[op](**args)})
        except Exception as error:
            text = getattr(error, "message", "") or str(error)
            send({"id": number, "error": f"{type(error).__name__}: {text}"})

    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        message = json.loads(line)
        task = asyncio.create_task(run(message.pop("id"), message.pop("op"), message))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main())
