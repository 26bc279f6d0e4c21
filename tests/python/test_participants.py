"""What participants say of themselves, how they come and go, and what the server does to them."""

import pytest

from lkhost.driver import PeerError
from lkhost.tokens import room_service


def _of(peer, identity: str, key: str):
    return peer.call("state")["participants"][identity][key]


def test_facts_of_a_token_are_known_to_all(pair):
    stage = pair.stage
    bob = stage.join(pair.subscribing, "bob")
    alice = stage.peer(pair.publishing)
    entered = stage.enter(
        alice, "alice", grants={"name": "Alice", "metadata": "m0", "attributes": {"role": "speaker", "hand": "down"}}
    )
    assert entered["local"]["identity"] == "alice"
    assert entered["local"]["name"] == "Alice"
    assert entered["local"]["metadata"] == "m0"
    assert entered["local"]["attributes"] == {"role": "speaker", "hand": "down"}
    assert entered["participants"]["bob"]["identity"] == "bob"
    bob.expect("participant_connected", participant="alice")
    seen = bob.call("state")["participants"]["alice"]
    assert (seen["name"], seen["metadata"]) == ("Alice", "m0")
    assert seen["attributes"] == {"role": "speaker", "hand": "down"}
    assert seen["sid"] == entered["local"]["sid"]


def test_name_and_metadata_change_for_all(pair):
    alice, bob = pair.enter()
    alice.call("set_name", value="Alice the Second")
    alice.call("set_metadata", value='{"mood": "fine"}')
    for peer in (alice, bob):
        event = peer.expect("participant_name_changed", participant="alice")
        assert event["new"] == "Alice the Second"
        event = peer.expect("participant_metadata_changed", participant="alice")
        assert event["new"] == '{"mood": "fine"}'
    assert _of(bob, "alice", "name") == "Alice the Second"


def test_attributes_are_set_changed_and_removed(pair):
    alice, bob = pair.enter()
    alice.call("set_attributes", value={"a": "1", "b": "2"})
    event = bob.expect("participant_attributes_changed", participant="alice")
    assert event["changed"] == {"a": "1", "b": "2"}
    mark = bob.mark()
    alice.call("set_attributes", value={"a": "3", "b": ""})
    event = bob.expect("participant_attributes_changed", participant="alice", since=mark)
    assert event["changed"] == {"a": "3", "b": ""}
    assert _of(bob, "alice", "attributes") == {"a": "3"}


def test_changing_oneself_without_permission_changes_nothing(pair):
    stage = pair.stage
    alice = stage.join(pair.publishing, "alice", grants={"canUpdateOwnMetadata": False})
    bob = stage.join(pair.subscribing, "bob")
    try:
        alice.call("set_name", value="no", timeout=12)
    except PeerError as error:  # a library may say so, or leave it to the server
        assert "ended" not in str(error)
    bob.absent("participant_name_changed", seconds=0.5)
    assert _of(bob, "alice", "name") == ""


def test_one_who_leaves_is_gone_for_the_others(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    alice.call("disconnect")
    event = bob.expect("participant_disconnected", participant="alice")
    assert event["reason"] == "CLIENT_INITIATED"
    bob.expect("track_unpublished", name="tone")
    assert bob.call("state")["participants"] == {}
    order = [one["event"] for one in bob.history("track_unsubscribed", "track_unpublished", "participant_disconnected")]
    assert order == ["track_unsubscribed", "track_unpublished", "participant_disconnected"]


@pytest.mark.ours("publisher")
def test_the_one_who_leaves_hears_of_it_once(pair):
    alice, _bob = pair.enter()
    alice.call("disconnect")
    alice.expect("disconnected")
    assert len(alice.history("disconnected")) == 1
    assert alice.call("state")["connected"] is False


def test_one_who_crashes_is_gone_for_the_others(stage, kind):
    bob = stage.join(kind, "bob")
    alice = stage.peer(kind, fresh=True)
    stage.enter(alice, "alice")
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    alice.kill()
    # The server waits for the participant to come back before it tells the others.
    bob.expect("participant_disconnected", participant="alice", timeout=40)


def test_a_deleted_room_disconnects_all(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    room_service(pair.stage.server.http_url, "DeleteRoom", pair.stage.room)
    for peer in (alice, bob):
        event = peer.expect("disconnected")
        assert event["reason"] == "ROOM_DELETED"
        assert peer.call("state")["connected"] is False


@pytest.mark.ours("subscriber")
def test_a_stream_ends_when_its_room_is_deleted(pair):
    alice, bob = pair.hearing()
    room_service(pair.stage.server.http_url, "DeleteRoom", pair.stage.room)
    assert bob.call("listen_end") > 0


def test_a_removed_participant_is_told_why(pair):
    alice, bob = pair.enter()
    room_service(pair.stage.server.http_url, "RemoveParticipant", pair.stage.room, identity="bob")
    assert bob.expect("disconnected")["reason"] == "PARTICIPANT_REMOVED"
    alice.expect("participant_disconnected", participant="bob")


def test_a_second_one_of_the_same_identity_replaces_the_first(pair):
    alice, bob = pair.enter()
    again = pair.stage.join(pair.subscribing, "bob")
    assert bob.expect("disconnected")["reason"] == "DUPLICATE_IDENTITY"
    alice.call("publish_tone")
    again.expect("track_subscribed", name="tone")


def test_permissions_changed_by_the_server_are_told(pair):
    alice, bob = pair.enter()
    room_service(
        pair.stage.server.http_url,
        "UpdateParticipant",
        pair.stage.room,
        identity="alice",
        permission={"canSubscribe": True, "canPublish": False, "canPublishData": True},
    )
    event = alice.expect("participant_permissions_changed", participant="alice")
    assert event["permissions"]["can_publish"] is False
    bob.expect("participant_permissions_changed", participant="alice")


def test_a_track_muted_by_the_server_is_told(pair):
    alice, bob = pair.enter()
    published = alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    room_service(
        pair.stage.server.http_url,
        "MutePublishedTrack",
        pair.stage.room,
        identity="alice",
        trackSid=published["sid"],
        muted=True,
    )
    bob.expect("track_muted", name="tone", participant="alice")
    alice.expect("track_muted", name="tone", participant="alice")


def test_room_metadata_changes_are_told(pair):
    alice, bob = pair.enter()
    room_service(pair.stage.server.http_url, "UpdateRoomMetadata", pair.stage.room, metadata="the news")
    for peer in (alice, bob):
        assert peer.expect("room_metadata_changed")["new"] == "the news"


def test_the_one_who_speaks_is_told(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone", amplitude=0.5)
    bob.expect("track_subscribed", name="tone")
    bob.expect("active_speakers_changed", speakers=["alice"])
    mark = bob.mark()
    alice.call("tone", amplitude=0.0)
    bob.expect("active_speakers_changed", speakers=[], since=mark)
