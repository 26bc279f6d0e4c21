"""Text and byte streams, sent in every way and read in every way."""

import hashlib
import random

import pytest

from lkhost.driver import PeerError

# One chunk of a stream carries up to 15,000 bytes.
CHUNK = 15_000
FILE = 8 * 1024 * 1024
SMALL_STREAMS = 1000


def _random(size: int, seed: int = 0) -> str:
    return hashlib.sha256(random.Random(seed).randbytes(size)).hexdigest()


def _text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _grown(peer, before: dict[str, int]) -> int:
    """By how many MiB the peer's memory is larger than before."""
    return (peer.usage()["rss"] - before["rss"]) // 1024


# Sent as a whole


@pytest.mark.parametrize("compress", [True, False], ids=["compressed", "plain"])
@pytest.mark.parametrize(
    "text",
    ["", "hello", "grüß Gott, 世界 🌍 " * 3000],
    ids=["empty", "short", "long"],
)
def test_a_text_arrives_as_it_was_sent(pair, text, compress):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="chat")
    info = alice.call("send_text", text=text, topic="chat", attributes={"mood": "good"}, compress=compress)
    opened = bob.expect("stream_opened", kind="text")
    ended = bob.expect("stream_ended", kind="text", timeout=20)
    assert (ended["sha"], ended["size"], ended["error"]) == (_text(text), len(text.encode()), None)
    assert ended["attributes"] == {"mood": "good"}
    assert opened["participant"] == "alice"
    assert opened["info"]["topic"] == info["topic"] == "chat"
    assert opened["info"]["stream_id"] == info["stream_id"] != ""
    assert opened["info"]["size"] == info["size"] == len(text.encode())
    assert opened["info"]["timestamp"] == info["timestamp"] > 0
    assert opened["info"]["mime_type"] == "text/plain"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 200_000])
def test_bytes_arrive_as_they_were_sent(pair, size):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="files")
    alice.call("send_bytes", size=size, topic="files", name="a.bin", mime_type="application/x-test", stream_id="mine")
    opened = bob.expect("stream_opened", kind="bytes")
    ended = bob.expect("stream_ended", kind="bytes", timeout=20)
    assert (ended["sha"], ended["size"], ended["error"]) == (_random(size), size, None)
    facts = opened["info"]
    assert (facts["name"], facts["mime_type"], facts["stream_id"], facts["size"]) == (
        "a.bin",
        "application/x-test",
        "mine",
        size,
    )


@pytest.mark.parametrize("how", ["all", "file"])
def test_a_file_is_taken_as_a_whole_or_into_a_file(pair, tmp_path, how):
    source = tmp_path / "letter.txt"
    content = b"dear bob, " * 10_000
    source.write_bytes(content)
    alice, bob = pair.enter()
    (tmp_path / "in").mkdir()
    bob.call("take_streams", topic="post", how=how, directory=str(tmp_path / "in"))
    alice.call("send_file", path=str(source), topic="post")
    opened = bob.expect("stream_opened")
    assert (opened["info"]["name"], opened["info"]["mime_type"]) == ("letter.txt", "text/plain")
    assert int(opened["info"]["total_length"]) == len(content)
    ended = bob.expect("stream_ended", timeout=20)
    assert ended["error"] is None
    assert (ended["size"], ended["sha"]) == (len(content), hashlib.sha256(content).hexdigest())
    if how == "file":
        assert ended["path"] == str(tmp_path / "in" / "letter.txt")


def test_a_text_is_taken_as_a_whole(pair):
    alice, bob = pair.enter()
    bob.call("take_streams", topic="t", how="all")
    text = "a line of it\n" * 5000
    alice.call("send_text", text=text, topic="t")
    ended = bob.expect("stream_ended", timeout=20)
    assert (ended["sha"], ended["error"]) == (_text(text), None)


def test_every_option_of_a_text_arrives(pair):
    alice, bob = pair.enter()
    bob.call("take_streams", topic="t", how="all")
    options = {
        "topic": "t",
        "attributes": {"a": "1", "b": ""},
        "id": "second",
        "operation_type": "UPDATE",
        "version": 7,
        "reply_to_stream_id": "first",
        "attached_stream_ids": ["x", "y"],
        "generated": True,
    }
    info = alice.call("send_as_told", what="text", options=options, text="hello")
    opened = bob.expect("stream_opened")["info"]
    bob.expect("stream_ended", sha=_text("hello"))
    for facts in (info, opened):
        assert facts["stream_id"] == "second"
        assert facts["attributes"] == {"a": "1", "b": ""}
        assert facts["operation_type"] == "UPDATE"
        assert facts["version"] == 7
        assert facts["reply_to_stream_id"] == "first"
        assert facts["attached_stream_ids"] == ["x", "y"]
        assert facts["generated"] is True
        assert facts["encryption_type"] == "NONE"
        assert int(facts["total_length"]) == 5


def test_a_stream_for_one_reaches_only_that_one(pair):
    alice, bob = pair.enter()
    carol = pair.stage.join(pair.subscribing, "carol")
    alice.expect("participant_active", participant="carol")
    for one in (bob, carol):
        one.call("hear_streams", topic="t")
    alice.call("send_text", text="for carol", topic="t", destination_identities=["carol"])
    alice.call("send_text", text="for all", topic="t")
    for text in ("for carol", "for all"):
        carol.expect("stream_ended", text=text)
    bob.expect("stream_ended", text="for all")
    assert len(bob.history("stream_opened")) == 1
    assert [one["text"] for one in bob.history("stream_ended")] == ["for all"]


def test_topics_do_not_mix(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="one")
    bob.call("hear_streams", topic="two")
    for text, topic in (("1", "one"), ("0", "none"), ("2", "two")):
        alice.call("send_text", text=text, topic=topic)
    bob.expect("stream_ended", topic="two", text="2")
    bob.expect("stream_ended", topic="one", text="1")
    assert bob.history("stream_ended", text="0") == []


def test_a_file_that_is_not_there_is_an_error(pair, tmp_path):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    with pytest.raises(PeerError, match="(?i)no such file"):
        alice.call("send_file", path=str(tmp_path / "nothing"), topic="t")
    alice.call("send_text", text="next", topic="t")
    bob.expect("stream_ended", text="next")


@pytest.mark.ours("subscriber")
@pytest.mark.parametrize("name", ["../up", "/etc/absolute", "a/b", ".."])
def test_a_name_that_leaves_the_directory_is_refused(pair, tmp_path, name):
    alice, bob = pair.enter()
    bob.call("take_streams", topic="t", how="file", directory=str(tmp_path))
    alice.call("send_bytes", size=10, topic="t", name=name)
    ended = bob.expect("stream_ended")
    assert "file name" in ended["error"], ended
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ours("subscriber")
def test_a_directory_that_is_not_there_is_an_error(pair, tmp_path):
    alice, bob = pair.enter()
    bob.call("take_streams", topic="t", how="file", directory=str(tmp_path / "nothing"), name="given")
    alice.call("send_bytes", size=10, topic="t")
    assert "No such file" in bob.expect("stream_ended")["error"]


# Piece by piece


@pytest.mark.parametrize("what", ["text", "bytes"])
def test_pieces_arrive_as_they_are_written(pair, what):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="live")
    alice.call("open_stream", name="s", kind=what, topic="live", attributes={"at": "first"}, stream_id="given")
    opened = bob.expect("stream_opened", kind=what)
    assert opened["info"]["stream_id"] == "given"
    assert opened["info"]["attributes"] == {"at": "first"}
    total = hashlib.sha256()
    for number in range(5):
        if what == "text":
            piece = f"piece {number}, "
            total.update(piece.encode())
            alice.call("write_stream", name="s", text=piece)
        else:
            size = 7000 * number
            total.update(random.Random(number).randbytes(size))
            alice.call("write_stream", name="s", size=size, seed=number)
    alice.call("close_stream", name="s", attributes={"at": "last", "new": "one"})
    ended = bob.expect("stream_ended", kind=what)
    assert (ended["sha"], ended["error"]) == (total.hexdigest(), None)
    assert ended["pieces"] >= (5 if what == "text" else 4)
    assert ended["attributes"] == {"at": "last", "new": "one"}


def test_a_stream_of_a_length_that_was_told_is_whole_or_an_error(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    for name, told, errs in (("right", 300, False), ("short", 400, True), ("long", 200, True)):
        since = bob.mark()
        alice.call("open_stream", name=name, kind="bytes", topic="t", total_size=told, stream_id=name)
        alice.call("write_stream", name=name, size=300)
        alice.call("close_stream", name=name)
        opened = bob.expect("stream_opened", kind="bytes", since=since)
        assert (opened["info"]["stream_id"], opened["info"]["size"]) == (name, told)
        ended = bob.expect("stream_ended", stream=name)
        assert (ended["error"] is not None) == errs, ended


def test_a_stream_that_ends_with_a_reason_is_an_error_at_the_reader(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    alice.call("open_stream", name="s", kind="text", topic="t")
    alice.call("write_stream", name="s", text="half a sen")
    alice.call("close_stream", name="s", reason="changed my mind")
    ended = bob.expect("stream_ended")
    assert "changed my mind" in ended["error"]
    assert ended["text"] == "half a sen"


def test_a_sender_that_leaves_is_an_error_at_the_reader(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    alice.call("open_stream", name="s", kind="bytes", topic="t")
    alice.call("write_stream", name="s", size=100)
    bob.expect("stream_opened")
    alice.call("disconnect")
    ended = bob.expect("stream_ended", timeout=15)
    assert ended["error"], ended


def test_a_reader_that_leaves_gets_an_error(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    alice.call("open_stream", name="s", kind="text", topic="t")
    alice.call("write_stream", name="s", text="one")
    bob.expect("stream_opened")
    bob.call("disconnect")
    assert bob.expect("stream_ended")["error"]
    # The writer has nobody left, and goes on all the same.
    alice.call("write_stream", name="s", text="two")
    alice.call("close_stream", name="s")


@pytest.mark.ours("publisher")
def test_a_writer_that_is_dropped_ends_its_stream_as_one_that_is_not_whole(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    alice.call("open_stream", name="s", kind="bytes", topic="t")
    alice.call("write_stream", name="s", size=100)
    alice.call("drop_stream", name="s")
    ended = bob.expect("stream_ended")
    assert "dropped" in ended["error"], ended
    assert ended["size"] == 100
    alice.call("send_text", text="next", topic="t")
    bob.expect("stream_ended", text="next")


@pytest.mark.ours("publisher")
def test_writing_after_the_end_is_an_error(pair):
    alice, _bob = pair.enter()
    alice.call("open_stream", name="s", kind="bytes", topic="t")
    assert "is not a known byte stream writer" in alice.call("write_after_end", name="s")


@pytest.mark.ours("subscriber")
def test_a_reader_is_read_once(pair):
    alice, bob = pair.enter()
    bob.call("take_streams", topic="t", how="all", then="twice")
    alice.call("send_text", text="once", topic="t")
    ended = bob.expect("stream_ended")
    assert ended["error"] is None
    assert "is not a known text stream reader" in ended["again"]


def test_a_reader_that_is_dropped_unread_does_no_harm(pair):
    alice, bob = pair.enter()
    bob.call("take_streams", topic="unread", how="all", then="drop")
    bob.call("hear_streams", topic="read")
    for number in range(3):
        alice.call("send_bytes", size=50_000, seed=number, topic="unread")
    alice.call("send_text", text="and on", topic="read")
    bob.expect("stream_ended", text="and on")


def test_streams_beyond_the_readers_limit_are_an_error(pair):
    stage = pair.stage
    alice = stage.join(pair.publishing, "alice")
    bob = stage.peer(pair.subscribing)
    stage.enter(bob, "bob", stream_limit=1000)
    alice.expect("participant_active", participant="bob")
    bob.call("hear_streams", topic="t")
    alice.call("send_bytes", size=1001, topic="t", stream_id="over")
    alice.call("send_bytes", size=1000, topic="t", stream_id="within")
    assert bob.expect("stream_ended", stream="within")["error"] is None
    over = bob.expect("stream_ended", stream="over")
    assert "maximum size" in over["error"]


# Packets


def test_a_stream_of_single_packets_is_a_stream(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    header = {
        "stream_id": "p",
        "timestamp": 1_700_000_000_000,
        "mime_type": "text/plain",
        "topic": "t",
        "text_header": {"operation_type": "CREATE"},
    }
    chunks = [{"stream_id": "p", "chunk_index": index, "content": content} for index, content in ((0, "aGVs"), (1, "bG8="))]
    errors = alice.call("send_packets", header=header, chunks=chunks, trailer={"stream_id": "p", "reason": ""})
    assert errors == []
    ended = bob.expect("stream_ended")
    assert (ended["text"], ended["error"]) == ("hello", None)


def test_a_stream_with_a_missing_packet_is_an_error(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    header = {"stream_id": "p", "timestamp": 1, "mime_type": "text/plain", "topic": "t", "byte_header": {"name": "n"}}
    chunks = [{"stream_id": "p", "chunk_index": index, "content": "aGVs"} for index in (0, 2)]
    alice.call("send_packets", header=header, chunks=chunks, trailer={"stream_id": "p", "reason": ""})
    assert bob.expect("stream_ended")["error"]


# Much


def test_a_large_file_arrives_intact_and_memory_stays_bounded(pair, tmp_path):
    """The sender holds no more than half of it at any time; 100 MiB: test_slow_readers.py."""
    source = tmp_path / "large.bin"
    data = random.Random(5).randbytes(FILE)
    source.write_bytes(data)
    (tmp_path / "in").mkdir()
    alice, bob = pair.enter()
    bob.call("take_streams", topic="t", how="file", directory=str(tmp_path / "in"))
    before = [one.usage() for one in (alice, bob)]
    alice.call("send_file", path=str(source), topic="t", compress=False, timeout=80)
    sender = _grown(alice, before[0])
    ended = bob.expect("stream_ended", timeout=60)
    assert (ended["size"], ended["error"]) == (FILE, None)
    assert ended["sha"] == hashlib.sha256(data).hexdigest()
    if pair.publishing == "ours":
        assert sender <= FILE // 2**20 // 2 + 2, f"the sender grew by {sender} MiB"


def test_a_thousand_small_streams_at_once(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    alice.call("send_many", count=SMALL_STREAMS, topic="t", size=100, timeout=60)
    # Their order is not promised: whoever is last, wait for each.
    for number in range(SMALL_STREAMS):
        bob.expect("stream_ended", text=f"{number:05}".ljust(100, "."), timeout=60)
    ended = bob.history("stream_ended")
    assert len(ended) == SMALL_STREAMS
    assert all(one["error"] is None for one in ended)
