"""Connections that break and come back: the scenarios that the protocol can simulate."""

import pytest

from lkhost.lossy import delivered

RESUMES = ["SIMULATE_SIGNAL_RECONNECT"]
STARTS_OVER = [
    "SIMULATE_FULL_RECONNECT",
    "SIMULATE_NODE_FAILURE",
    "SIMULATE_MIGRATION",
    "SIMULATE_DISCONNECT_SIGNAL_ON_RESUME",
]


@pytest.mark.breaks("publisher")
@pytest.mark.parametrize("single", [True, False], ids=["one-connection", "two-connections"])
@pytest.mark.parametrize("scenario", RESUMES)
def test_a_resumed_publisher_keeps_its_tracks(pair, scenario, single):
    alice, bob = pair.enter(single_peer_connection=single)
    published = alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")
    mark = alice.mark()
    alice.call("simulate", kind=scenario)
    alice.expect("reconnected", since=mark, timeout=20)
    assert [one["event"] for one in alice.history("reconnecting", "reconnected", since=mark)] == [
        "reconnecting",
        "reconnected",
    ]
    assert alice.call("state")["local"]["tracks"]["tone"]["sid"] == published["sid"]
    bob.call("hear")
    assert bob.history("participant_disconnected") == []


@pytest.mark.breaks("publisher")
@pytest.mark.parametrize("scenario", STARTS_OVER)
def test_a_publisher_that_starts_over_is_heard_again(pair, scenario):
    alice, bob = pair.enter()
    published = alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")
    mark, seen = alice.mark(), bob.mark()
    alice.call("simulate", kind=scenario)
    alice.expect("reconnected", since=mark, timeout=25)
    alice.expect("local_track_republished", since=mark)
    republished = alice.history("local_track_republished", since=mark)
    assert [one["previous"] for one in republished] == [published["sid"]]
    sid = alice.call("state")["local"]["tracks"]["tone"]["sid"]
    assert sid == republished[0]["sid"] != published["sid"]
    bob.expect("track_subscribed", sid=sid, since=seen, timeout=20)
    bob.call("listen", track=sid)
    bob.call("hear", track=sid)


@pytest.mark.breaks("subscriber")
@pytest.mark.parametrize("scenario", ["SIMULATE_SIGNAL_RECONNECT", "SIMULATE_FULL_RECONNECT", "SIMULATE_MIGRATION"])
def test_a_subscriber_that_reconnects_hears_again(pair, scenario):
    alice, bob = pair.hearing()
    mark = bob.mark()
    bob.call("simulate", kind=scenario)
    bob.expect("reconnected", since=mark, timeout=20)
    if scenario not in RESUMES:
        bob.expect("track_subscribed", name="tone", since=mark, timeout=20)
        bob.call("listen")
    bob.call("hear")


@pytest.mark.breaks("publisher")
def test_data_flows_after_a_full_reconnect(pair):
    alice, bob = pair.enter()
    mark, seen = alice.mark(), bob.mark()
    alice.call("simulate", kind="SIMULATE_FULL_RECONNECT")
    alice.expect("reconnected", since=mark, timeout=20)
    bob.expect("participant_active", participant="alice", since=seen, timeout=20)
    for reliable in (True, False):
        delivered(alice, bob, reliable=reliable, topic=f"{reliable}", size=100)


@pytest.mark.breaks("publisher")
def test_a_simulated_speaker_is_told(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone", amplitude=0.0)
    bob.expect("track_subscribed", name="tone")
    alice.call("simulate", kind="SIMULATE_SPEAKER")
    bob.expect("active_speakers_changed", speakers=["alice"], timeout=12)


@pytest.mark.breaks("publisher")
def test_a_server_that_says_goodbye_disconnects(pair):
    alice, bob = pair.enter()
    alice.call("simulate", kind="SIMULATE_SERVER_LEAVE")
    alice.expect("disconnected", timeout=15)
    assert alice.call("state")["connected"] is False
    bob.expect("participant_disconnected", participant="alice", timeout=30)
