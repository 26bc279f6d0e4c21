"""Encryption of what is no sound and no picture: data streams and data tracks, with the key, another one, and none.

A packet that does not open is dropped by either library without a word to the host: there is no state for data."""

import hashlib
import random

import pytest

from lkhost.driver import PeerError

KEY = {"key": "a password", "ratchet_window": 0}
# More than one packet of a stream, and more than one of a data track.
LONG = 50_000


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _random(size: int) -> bytes:
    return random.Random(0).randbytes(size)


# Streams


def test_texts_arrive_through_encryption(pair):
    alice, bob = pair.enter(encryption=KEY)
    bob.call("hear_streams", topic="chat")
    for text in ("", "hello", "grüß Gott, 世界 🌍 " * 2000):
        mark = bob.mark()
        alice.call("send_text", text=text, topic="chat", attributes={"mood": "good"})
        opened = bob.expect("stream_opened", kind="text", participant="alice", since=mark)
        assert (opened["info"]["topic"], opened["info"]["size"]) == ("chat", len(text.encode()))
        ended = bob.expect("stream_ended", kind="text", since=mark)
        assert (ended["sha"], ended["error"]) == (_sha(text.encode()), None)
        assert ended["attributes"] == {"mood": "good"}


def test_bytes_arrive_through_encryption(pair):
    alice, bob = pair.enter(encryption=KEY)
    bob.call("hear_streams", topic="files")
    for size in (0, 1, LONG):
        mark = bob.mark()
        alice.call("send_bytes", size=size, topic="files", name="a.bin", mime_type="application/x-test")
        opened = bob.expect("stream_opened", kind="bytes", since=mark)["info"]
        assert (opened["name"], opened["mime_type"], opened["size"]) == ("a.bin", "application/x-test", size)
        ended = bob.expect("stream_ended", kind="bytes", since=mark)
        assert (ended["sha"], ended["error"]) == (_sha(_random(size)), None)


def test_a_file_arrives_through_encryption_and_the_stream_says_so(pair, tmp_path):
    source, target = tmp_path / "letter.txt", tmp_path / "in"
    content = b"dear bob, " * 10_000
    source.write_bytes(content)
    target.mkdir()
    alice, bob = pair.enter(encryption=KEY)
    bob.call("take_streams", topic="post", how="file", directory=str(target))
    alice.call("send_file", path=str(source), topic="post")
    assert bob.expect("stream_opened")["info"]["encryption_type"] == "GCM"
    ended = bob.expect("stream_ended")
    assert (ended["path"], ended["error"]) == (str(target / "letter.txt"), None)
    assert ended["sha"] == _sha(content)


def test_a_stream_follows_a_key_that_was_changed(pair):
    alice, bob = pair.enter(encryption=KEY)
    bob.call("hear_streams", topic="t")
    for peer in (bob, alice):
        peer.call("set_key", key="the next one", index=1)
    alice.call("send_text", text="second", topic="t")
    assert bob.expect("stream_ended")["text"] == "second"


def test_a_stream_with_another_key_is_nobodys(pair):
    alice, bob = pair.enter(encryption=KEY)
    for topic in ("texts", "files"):
        bob.call("hear_streams", topic=topic)
    alice.call("set_key", key="another")
    alice.call("send_text", text="lost", topic="texts")
    alice.call("send_bytes", size=LONG, topic="files", name="lost")
    alice.call("set_key", key=KEY["key"])
    alice.call("send_text", text="found", topic="texts")
    alice.call("send_bytes", size=3, topic="files", name="found")
    # Packets keep their order.
    assert bob.expect("stream_ended", topic="texts")["text"] == "found"
    assert bob.expect("stream_ended", topic="files")["sha"] == _sha(_random(3))
    assert len(bob.history("stream_opened")) == 2


def test_a_stream_is_nobodys_without_encryption(pair):
    """And what is sent in the clear is everybody's, whom encryption does not keep from reading it."""
    stage = pair.stage
    alice, bob = pair.enter(encryption=KEY)
    carol = stage.join(pair.subscribing, "carol")
    for peer in (bob, carol):
        peer.call("hear_streams", topic="t")
    alice.expect("participant_active", participant="carol")
    alice.call("send_text", text="for those who have the key", topic="t")
    bob.expect("stream_ended", text="for those who have the key")
    dave = stage.join(pair.publishing, "dave", e2ee=KEY)
    for peer in (bob, carol):
        peer.expect("participant_active", participant="dave")
    # The older option does not cover streams.
    dave.call("send_text", text="for all", topic="t")
    bob.expect("stream_ended", text="for all")
    assert carol.expect("stream_ended")["text"] == "for all"
    assert len(carol.history("stream_opened")) == 1


def test_a_stream_without_a_key_is_refused(pair):
    alice, _bob = pair.enter(encryption={})
    with pytest.raises(PeerError, match="(?i)key|send"):
        alice.call("send_text", text="hello", topic="t")


# Data tracks


def _tracked(pair, **options):
    """Both in the room, alice's data track known to bob, who reads it."""
    alice, bob = pair.enter(**options)
    info = alice.call("publish_data_track", name="d")
    assert info["uses_e2ee"] is True, info
    bob.expect("data_track_published", name="d", participant="alice", uses_e2ee=True)
    bob.call("subscribe_data_track", name="d")
    return alice, bob


def _delivered(alice, bob, size: int, first: int = 0) -> dict:
    """Pushes a frame until one is there: none is repeated, and those before the subscription are nobody's. Each has a
    timestamp of its own, from `first` on, so that none is left on its way."""
    for timestamp in range(first, first + 100):
        alice.call("push_frames", name="d", count=1, size=size, timestamp=timestamp)
        try:
            return bob.expect("data_frame", timestamp=timestamp, timeout=0.5)
        except AssertionError:
            continue
    raise AssertionError(f"a hundred frames of {size} bytes did not arrive")


@pytest.mark.parametrize("option", ["encryption", "e2ee"])
def test_frames_of_a_data_track_arrive_through_encryption(pair, option):
    """The older option covers them, too."""
    alice, bob = _tracked(pair, **{option: KEY})
    for at, size in enumerate((8, 200, LONG)):
        frame = _delivered(alice, bob, size, first=at * 100)
        assert (frame["number"], frame["size"]) == (0, size)
        assert frame["sha"] == _sha(bytes(8) + _random(size - 8))


def test_frames_with_another_key_are_nobodys_and_the_right_one_heals(pair):
    alice, bob = _tracked(pair, encryption=KEY)
    carol = pair.stage.join(pair.subscribing, "carol", encryption={**KEY, "key": "another"})
    carol.expect("data_track_published", name="d")
    carol.call("subscribe_data_track", name="d")
    _delivered(alice, bob, 100)
    alice.call("set_key", key="another")
    # What carol has seen is not on its way to bob any more.
    _delivered(alice, carol, 100, first=1000)
    alice.call("set_key", key=KEY["key"])
    _delivered(alice, bob, 100, first=2000)
    assert not [one for one in bob.history("data_frame") if 1000 <= int(one["timestamp"]) < 2000]
    assert not [one for one in carol.history("data_frame") if not 1000 <= int(one["timestamp"]) < 2000]
    assert not bob.history("data_track_ended") + carol.history("data_track_ended")


def test_a_data_track_without_encryption_says_so(pair):
    alice, bob = pair.enter()
    assert alice.call("publish_data_track", name="d")["uses_e2ee"] is False
    bob.expect("data_track_published", name="d", uses_e2ee=False)


# Whether a participant encrypts all that it sends


def test_whether_somebody_encrypts_is_told(pair):
    alice, bob = pair.enter(encryption=KEY)
    told = {"event": "participant_encryption_status_changed", "participant": "alice"}
    alice.call("publish_tone")
    bob.expect(**told, encrypted=True)
    bob.call("hear_streams", topic="t")
    alice.call("send_text", text="hello", topic="t")
    bob.expect("stream_ended", text="hello")
    # Who publishes nothing encrypts nothing.
    alice.call("unpublish")
    bob.expect(**told, encrypted=False)
    alice.call("publish_tone")
    bob.expect(**told, encrypted=True, count=2)
    assert [one["encrypted"] for one in bob.history("participant_encryption_status_changed")] == [True, False, True]


def test_one_message_in_the_clear_and_somebody_does_not_encrypt(pair):
    alice, bob = pair.enter(e2ee=KEY)
    alice.call("publish_tone")
    bob.expect("participant_encryption_status_changed", participant="alice", encrypted=True)
    alice.call("publish_data", size=5, reliable=True)
    bob.expect("participant_encryption_status_changed", participant="alice", encrypted=False)


def test_somebody_without_encryption_is_never_said_to_encrypt(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    alice.call("publish_data", size=5, reliable=True)
    bob.expect("data_received")
    assert not bob.history("participant_encryption_status_changed")
