"""Room events that no other test waits for, some of them unknown to the SDK."""

import itertools
import time

import pytest

from lkhost.olderserver import OlderServer
from lkhost.tokens import token


@pytest.mark.parametrize("kind_of", ["standard", "agent", "sip"])
def test_a_participant_is_known_with_its_kind(pair, kind_of):
    bob = pair.stage.join(pair.subscribing, "bob")
    pair.stage.join(pair.publishing, "alice", grants={"kind": kind_of})
    bob.expect("participant_active", participant="alice")
    assert bob.call("state")["participants"]["alice"]["kind"] == f"PARTICIPANT_KIND_{kind_of.upper()}"


@pytest.mark.ours
def test_a_room_says_its_sid_once(stage, kind):
    alice = stage.peer(kind)
    alice.call("overhear", names=["room_sid_changed"])
    room = stage.enter(alice, "alice")
    alice.settle("raw room_sid_changed", last="raw room_sid_changed", or_none=False)
    assert [one["fields"]["sid"] for one in alice.history("raw room_sid_changed")] == [room["sid"]]


@pytest.mark.ours
def test_the_connection_says_how_good_it_is_and_its_token_is_renewed(stage, kind):
    alice = stage.peer(kind)
    alice.call("overhear", names=["connection_quality_changed", "token_refreshed", "room_updated"])
    stage.enter(alice, "alice", wire_options={"other_sdks": "tests:1.0"})
    fields = alice.expect("raw connection_quality_changed", timeout=30)["fields"]
    assert fields["participant_identity"] == "alice"
    assert fields["quality"] in ("QUALITY_EXCELLENT", "QUALITY_GOOD", "QUALITY_POOR", "QUALITY_LOST")
    assert alice.expect("raw token_refreshed", timeout=30)["fields"]["token"].count(".") == 2
    assert alice.expect("raw room_updated", timeout=30)["fields"]["name"] == stage.room


@pytest.mark.ours("subscriber")
def test_the_packets_of_a_stream_are_told_one_by_one(pair):
    alice, bob = pair.enter()
    bob.call("overhear", names=["stream_header_received", "stream_chunk_received", "stream_trailer_received"])
    alice.call("open_stream", name="s", kind="bytes", topic="t", stream_id="mine")
    alice.call("write_stream", name="s", size=20_000)
    alice.call("close_stream", name="s", reason="enough")
    assert bob.expect("raw stream_header_received")["fields"]["header"]["stream_id"] == "mine"
    trailer = bob.expect("raw stream_trailer_received")["fields"]
    assert (trailer["trailer"]["reason"], trailer["participant_identity"]) == ("enough", "alice")
    chunks = [one["fields"]["chunk"] for one in bob.history("raw stream_chunk_received")]
    assert [int(one["chunk_index"]) for one in chunks] == list(range(len(chunks)))
    assert len(chunks) >= 2


@pytest.mark.ours
@pytest.mark.parametrize("channel", ["KIND_RELIABLE", "KIND_LOSSY"])
def test_a_low_water_mark_that_was_set_is_told(stage, kind, channel):
    alice = stage.join(kind, "alice")
    alice.call("overhear", names=["data_channel_low_threshold_changed"])
    alice.call("buffered_threshold", bytes_=123_456, kind=channel)
    fields = alice.expect("raw data_channel_low_threshold_changed")["fields"]
    assert (fields["kind"], fields["threshold"]) == (channel, "123456")


def test_session_statistics_say_what_went_through_the_channels(pair):
    alice, _bob = pair.enter()
    alice.call("publish_data", size=1000)
    deadline = time.monotonic() + 10
    # Figures tell of no change, and a message may still wait for the path.
    while True:
        stats = alice.call("session_stats")["publisher"]
        found = [one["data_channel"]["dc"] for one in stats if "data_channel" in one]
        channels = {one["label"]: one for one in found}
        if channels["_reliable"]["messages_sent"] or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    assert channels["_reliable"]["messages_sent"] == 1
    # The payload and the envelope.
    assert 1000 < int(channels["_reliable"]["bytes_sent"]) < 1200
    assert (channels["_lossy"]["messages_sent"], channels["_lossy"]["bytes_sent"]) == (0, "0")
    kinds = {name for one in stats for name in one}
    assert {"transport", "data_channel", "candidate_pair", "local_candidate", "remote_candidate", "peer_connection"} <= kinds


@pytest.mark.ours("subscriber")
def test_a_chat_message_is_told_to_the_others(pair):
    alice, bob = pair.enter()
    bob.call("overhear", names=["chat_message"])
    alice.call("chat", text="hello")
    fields = bob.expect("raw chat_message")["fields"]
    assert (fields["participant_identity"], fields["message"]["message"]) == ("alice", "hello")


@pytest.mark.ours("subscriber")
def test_an_update_names_those_whom_it_concerns(pair):
    bob = pair.stage.peer(pair.subscribing)
    bob.call("overhear", names=["participants_updated"])
    pair.stage.enter(bob, "bob")
    alice = pair.stage.join(pair.publishing, "alice")
    bob.expect("participant_active", participant="alice")
    alice.call("set_metadata", value="new")
    bob.expect("participant_metadata_changed", participant="alice", new="new")
    for count in itertools.count(1):
        update = bob.expect("raw participants_updated", count=count)["fields"]["participants"]
        if [one["metadata"] for one in update if one["identity"] == "alice"] == ["new"]:
            break


def test_a_track_of_which_nobody_has_told_is_a_failed_subscription(pair):
    """The server sends media whose track it tells under another sid: bob waits for that track, five seconds long."""
    stage = pair.stage
    told = OlderServer(stage.server.port, "|TR_AM", "|TR_AX")
    try:
        bob = stage.peer(pair.subscribing)
        bob.call("connect", url=told.url, token=token(stage.room, "bob"), single_peer_connection=False)
        alice = stage.join(pair.publishing, "alice")
        sid = alice.call("publish_tone")["sid"]
        failed = bob.expect("track_subscription_failed", participant="alice")
        assert told.changed
        assert failed["sid"] == sid.replace("TR_AM", "TR_AX")
        assert failed["sid"] in failed["error"]
        assert not bob.history("track_subscribed")
        bob.call("disconnect")
    finally:
        told.stop()
