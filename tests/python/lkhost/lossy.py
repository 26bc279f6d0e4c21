"""Messages that nobody repeats when they are lost."""

from __future__ import annotations

from typing import Any

from .driver import Peer

TRIES = 20


def delivered(sender: Peer, receiver: Peer, *, reliable: bool, topic: str, **message: Any) -> dict[str, Any]:
    """Sends a message and returns the event of its arrival. A reliable one is sent once. A lossy one of many packets
    needs every one of them: it is sent until one is whole, as whoever sends such has to."""
    since = receiver.mark()
    if reliable:
        sender.call("publish_data", reliable=True, topic=topic, **message)
        return receiver.expect("data_received", since=since, topic=topic)
    for _ in range(TRIES):
        sender.call("publish_data", reliable=False, topic=topic, **message)
        try:
            return receiver.expect("data_received", since=since, topic=topic, timeout=2)
        except AssertionError:
            continue
    raise AssertionError(f"{receiver.label}: none of {TRIES} lossy messages on {topic!r}; {receiver.tail()}")
