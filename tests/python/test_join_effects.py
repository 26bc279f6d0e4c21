"""What a host says when it joins and leaves, and what comes of it in the room."""

import time

import pytest

from lkhost.driver import PeerError

NOWHERE = {"urls": ["stun:127.0.0.1:9"], "username": "", "password": ""}
# Of the options, not of the network.
SECONDS = 20


@pytest.mark.parametrize("gathering", ["GATHER_ONCE", "GATHER_CONTINUALLY"])
def test_a_room_is_heard_with_ice_servers_that_do_not_answer(pair, gathering):
    config = {
        "ice_transport_type": "TRANSPORT_ALL",
        "continual_gathering_policy": gathering,
        "ice_servers": [NOWHERE, {"urls": ["turn:127.0.0.1:9?transport=udp"], "username": "u", "password": "p"}],
    }
    pair.hearing(rtc_config=config)


@pytest.mark.ours
@pytest.mark.parametrize("only", ["TRANSPORT_RELAY", "TRANSPORT_NOHOST"])
def test_candidates_that_there_are_none_of_are_an_error_in_time(stage, kind, only):
    alice = stage.peer(kind)
    began = time.monotonic()
    with pytest.raises(PeerError, match=f"rtc_config.ice_transport_type.*{only}"):
        stage.enter(alice, "alice", rtc_config={"ice_transport_type": only, "ice_servers": [NOWHERE]})
    assert time.monotonic() - began < SECONDS
    # The process is as good as new.
    stage.enter(alice, "alice")


@pytest.mark.ours("subscriber")
def test_an_adaptive_viewer_gets_the_smallest_size_until_it_asks_for_more(pair):
    alice, bob = pair.enter(wire_options={"adaptive_stream": True})
    carol = pair.stage.join(pair.subscribing, "carol")
    alice.call("publish_video", width=1280, height=720, rate=15, codec="VP8", simulcast=True)
    for one in (carol, bob):
        one.expect("track_subscribed", name="video")
        one.call("watch")
    carol.call("see", width=1280, height=720, count=5)
    # The first ones may be of whatever size came first.
    bob.call("see", width=320, height=180, count=5)
    later = bob.call("see", count=30)
    assert {(one["width"], one["height"]) for one in later} == {(320, 180)}
    bob.call("quality", quality=2)
    bob.call("see", width=1280, height=720, count=5)


def test_a_host_that_never_says_it_is_ready_is_told_all_the_same(stage, kind):
    bob = stage.peer(kind)
    stage.enter(bob, "bob", ready=False)
    alice = stage.join(kind, "alice")
    bob.expect("participant_connected", participant="alice")
    bob.expect("participant_active", participant="alice")
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")
    # In their order, as if it had been ready.
    names = [one["event"] for one in bob.history("participant_connected", "track_published", "track_subscribed")]
    assert names == ["participant_connected", "track_published", "track_subscribed"]


@pytest.mark.parametrize("reason", ["CLIENT_INITIATED", "USER_UNAVAILABLE", "USER_REJECTED"])
def test_who_leaves_may_say_why(pair, reason):
    alice, bob = pair.enter()
    alice.call("disconnect", reason=reason)
    assert bob.expect("participant_disconnected", participant="alice")["reason"] == reason
