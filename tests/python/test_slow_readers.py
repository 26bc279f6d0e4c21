"""Files to hosts that take them more slowly than they come: they arrive whole, and where their bytes wait meanwhile.

Nothing in LiveKit's protocol lets a reader say "enough": a sender is slowed down by its own link alone. So the sender
holds a few MiB whatever the file and the reader, and the receiver holds what was not taken yet, once.
"""

import hashlib
import random
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

MIB = 2**20
FILE = 100 * MIB
# To a host that takes nothing at all for as long as it is sent, in parts, as fast as the link takes them.
UNREAD, PART = 100 * MIB, MIB // 4
# What the library lets wait in memory for a host that is in its callback, in MiB: pieces that it is to take, and messages
# in front of `livekit` and in its hands.
IN_MEMORY = 8 + 4 + 2
# Seconds between two pieces of 15,000 bytes.
PAUSE = 0.001
# What a side may need beside, in MiB: the windows of its link, what waits for the processor.
BESIDE = 24


@pytest.fixture
def meeting(stage, kind):
    """Two programs that nobody used before, so that the most that they ever held is of this test."""
    peers = [stage.peer(kind, fresh=True) for _ in range(2)]
    for peer, identity in zip(peers, ("alice", "bob"), strict=True):
        stage.enter(peer, identity)
    peers[0].expect("participant_active", participant="bob")
    return peers


def _written(path: Path, size: int) -> str:
    """Writes what nobody can compress and returns its hash."""
    source, total = random.Random(7), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // MIB):
            block = source.randbytes(MIB)
            total.update(block)
            file.write(block)
    return total.hexdigest()


def _grown(peer, before: dict[str, int]) -> int:
    """By how many MiB the peer's memory was larger than before, at most."""
    return (peer.usage()["peak"] - before["rss"]) // 1024


def _received(peer) -> int:
    """The bytes that came over the link for the peer's data channels."""
    session = peer.call("session_stats")
    entries = [one["data_channel"]["dc"] for half in session.values() for one in half if "data_channel" in one]
    return sum(int(one["bytes_received"]) for one in entries)


def _waiting(peer, sending: Future) -> int:
    """Follows a transfer to the end of its reading; the most MiB that had come and were not read yet."""
    most = 0
    while not (sending.done() and peer.history("stream_ended")):
        most = max(most, _received(peer) - peer.call("read_so_far"))
        # Nobody tells of what waits: it is looked at now and then, which costs the transfer little.
        time.sleep(0.1)
    return most // MIB


@pytest.mark.ours
def test_a_hundred_mebibytes_to_a_slow_reader_arrive_and_are_held_once(meeting, tmp_path):
    alice, bob = meeting
    sha = _written(tmp_path / "large.bin", FILE)
    bob.call("hear_streams", topic="t", pause=PAUSE)
    before = [one.usage() for one in meeting]
    sending = alice.start("send_file", path=str(tmp_path / "large.bin"), topic="t", compress=False)
    waiting = _waiting(bob, sending)
    sending.result(0)
    ended = bob.expect("stream_ended")
    assert (ended["size"], ended["sha"], ended["error"]) == (FILE, sha, None)
    sender, receiver = (_grown(one, was) for one, was in zip(meeting, before, strict=True))
    assert sender <= BESIDE, f"the sender grew by {sender} MiB"
    # Each waiting piece has a block of memory of its own, and blocks have gaps between them.
    assert receiver <= 1.25 * waiting + BESIDE, f"the receiver grew by {receiver} MiB for {waiting} MiB that waited"


@pytest.mark.ours
def test_a_host_that_stays_in_the_callback_holds_up_nobody_else(meeting):
    """Neither the sender nor its own requests; what came meanwhile is told afterwards, all of it. Until then it waits on
    the disk, but for a few MiB, however fast it came."""
    alice, bob = meeting
    bob.call("take_bytes_in_callback")
    bob.call("hear_streams", topic="t")
    alice.call("open_stream", name="s", kind="bytes", topic="t")
    bob.expect("stream_opened")
    before = [one.usage() for one in meeting]
    total = hashlib.sha256()
    for seed in range(UNREAD // PART):
        total.update(random.Random(seed).randbytes(PART))
        alice.call("write_stream", name="s", size=PART, seed=seed)
    alice.call("close_stream", name="s")
    alice.call("publish_data", size=10, topic="behind")
    # Answered on the spot, by a library whose callback has not come back.
    assert bob.call("request", what="new_audio_resampler", fields={})["answer"]["resampler"]
    first = bob.call("taken_in_callback")["size"]
    assert 0 < first <= 15_000
    assert bob.history("data_received", "stream_ended") == []
    sender, receiver = (_grown(one, was) for one, was in zip(meeting, before, strict=True))
    assert sender <= BESIDE, f"the sender grew by {sender} MiB"
    # Gaps between blocks of memory, as above. Nine tenths of the stream are on the disk.
    assert receiver <= 1.5 * IN_MEMORY + BESIDE, f"the receiver grew by {receiver} MiB for {UNREAD // MIB} that waited"
    bob.call("let_callback_go")
    bob.expect("data_received", topic="behind", timeout=120)
    assert bob.expect("stream_ended", timeout=120)["error"] is None
    assert bob.call("taken_in_callback") == {"size": UNREAD, "sha": total.hexdigest()}
