"""A server whose address is of IPv6. Its media stay on IPv4: its ICE library takes no `::1`, and there is nothing else of
IPv6 on every machine. `crates/engine/tests/connectivity.rs` carries a connection over IPv6."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lkhost.server import Server


@pytest.fixture(scope="module")
def server(logs: Path) -> Iterator[Server]:
    """In place of the one that all other tests use."""
    one = Server(logs / "server6.log", address="::1", rtc={"node_ip": "127.0.0.1"})
    yield one
    one.stop()


def test_a_room_is_joined_and_heard_and_joined_again(pair):
    alice, bob = pair.hearing()
    mark = bob.mark()
    bob.call("simulate", kind="SIMULATE_SIGNAL_RECONNECT")
    bob.expect("reconnected", since=mark)
    bob.call("hear")
    alice.call("publish_data", size=100, topic="t")
    bob.expect("data_received", topic="t")
