"""Subscriptions driven by hand, and the policies that a user would write on top of them."""

import pytest


def _subscribed(peer, name: str, participant: str = "alice") -> bool:
    return peer.call("state")["participants"][participant]["tracks"][name]["subscribed"]


def _settles(peer, name: str, wanted: bool) -> None:
    """The subscription comes to be as wanted, and stays so."""
    changes = ("track_unsubscribed", "track_subscribed")
    peer.settle(*changes, last=changes[wanted], or_none=not wanted, name=name)
    assert _subscribed(peer, name) == wanted, peer.history(*changes)


def test_auto_subscribe_subscribes(pair):
    alice, bob = pair.enter(auto_subscribe=True)
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    alice.expect("local_track_subscribed", name="tone")


def test_without_auto_subscribe_nothing_is_subscribed_until_asked(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    bob.absent("track_subscribed", seconds=1)
    assert alice.history("local_track_subscribed") == []
    bob.call("set_subscribed", track="tone", values=[True])
    bob.expect("track_subscribed", name="tone")
    alice.expect("local_track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")


def test_without_auto_subscribe_tracks_of_before_can_be_asked_for(pair):
    stage = pair.stage
    alice = stage.join(pair.publishing, "alice")
    alice.call("publish_tone")
    # The server lists a track once its first packet came: one that is heard is listed.
    stage.join(pair.subscribing, "witness").expect("track_subscribed", name="tone")
    bob = stage.peer(pair.subscribing)
    entered = stage.enter(bob, "bob", auto_subscribe=False)
    assert list(entered["participants"]["alice"]["tracks"]) == ["tone"]
    bob.absent("track_subscribed", seconds=0.7)
    bob.call("set_subscribed", track="tone", values=[True])
    bob.expect("track_subscribed", name="tone")


def test_subscribe_unsubscribe_subscribe_step_by_step(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    for _ in range(3):
        mark = bob.mark()
        bob.call("set_subscribed", track="tone", values=[True])
        bob.expect("track_subscribed", name="tone", since=mark)
        bob.call("listen")
        bob.call("hear")
        bob.call("set_subscribed", track="tone", values=[False])
        bob.expect("track_unsubscribed", name="tone", since=mark)
    assert not _subscribed(bob, "tone")


# The stock library sends each change by a task of its own, so that they overtake one another.
@pytest.mark.ours("subscriber")
@pytest.mark.parametrize("pause_ms", [0, 40], ids=["no-pause", "short-pause"])
@pytest.mark.parametrize(
    "values", [[True, False, True], [True, False, True, False]], ids=["ends-subscribed", "ends-unsubscribed"]
)
def test_the_last_word_wins(pair, values, pause_ms):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    bob.call("set_subscribed", track="tone", values=values, pause_ms=pause_ms)
    _settles(bob, "tone", values[-1])
    if values[-1]:
        bob.call("listen")
        bob.call("hear")


@pytest.mark.ours("subscriber")
def test_several_tracks_at_once(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    tones = {f"t{number}": 400.0 + 150 * number for number in range(5)}
    for name, frequency in tones.items():
        alice.call("publish_tone", name=name, frequencies=[frequency])
    for name in tones:
        bob.expect("track_published", name=name)
    wanted = {"t0": [True], "t1": [True, False], "t2": [True, False, True], "t3": [False], "t4": [True, False, True]}
    asked = [bob.start("set_subscribed", track=name, values=values) for name, values in wanted.items()]
    for one in asked:
        one.result(10)
    for name, values in wanted.items():
        _settles(bob, name, values[-1])
    heard = [name for name, values in wanted.items() if values[-1]]
    for name in heard:
        bob.call("listen", track=name)
    for name in heard:
        bob.call("hear", track=name, frequencies=[tones[name]])


def test_the_stream_of_an_unsubscribed_track_is_silent_or_ends(pair):
    alice, bob = pair.hearing()
    bob.call("set_subscribed", track="tone", values=[False])
    bob.expect("track_unsubscribed", name="tone")
    bob.call("quiet")


def test_a_disabled_track_is_silent_and_sounds_again_when_enabled(pair):
    alice, bob = pair.hearing()
    bob.call("enable", track="tone", enabled=False)
    bob.call("quiet")
    bob.call("enable", track="tone", enabled=True)
    bob.call("hear")


def test_both_may_subscribe_by_hand(pair):
    stage = pair.stage
    alice = stage.join(pair.publishing, "alice", auto_subscribe=False)
    bob = stage.join(pair.subscribing, "bob", auto_subscribe=False)
    alice.call("publish_tone", name="a", frequencies=[440.0])
    bob.call("publish_tone", name="b", frequencies=[700.0])
    alice.expect("track_published", name="b")
    bob.expect("track_published", name="a")
    bob.call("set_subscribed", track="a", values=[True])
    bob.expect("track_subscribed", name="a")
    bob.call("listen", track="a")
    bob.call("hear", track="a", frequencies=[440.0])
    assert alice.history("track_subscribed") == []


@pytest.mark.ours("subscriber")
def test_set_subscribed_in_a_closed_room_says_no(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    assert bob.call("set_subscribed", track="tone", values=[True]) == [None]
    bob.call("disconnect")
    [error] = bob.call("set_subscribed", track="tone", values=[True])
    assert error


# Permissions: what the publisher allows


def test_a_track_nobody_may_have_is_not_subscribed_until_allowed(pair):
    alice, bob = pair.enter()
    alice.call("permissions", all_allowed=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    bob.absent("track_subscribed", seconds=1)
    alice.call("permissions", all_allowed=False, allowed={"bob": []})
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")


def test_a_permission_taken_back_ends_the_sound_until_it_is_given_again(pair):
    alice, bob = pair.hearing()
    mark = bob.mark()
    alice.call("permissions", all_allowed=False)
    bob.call("incoming", count=0)
    bob.call("quiet")
    alice.call("permissions", all_allowed=True)
    bob.expect("track_subscribed", name="tone", since=mark)
    bob.call("listen")
    bob.call("hear")


def test_a_permission_for_one_track_and_one_participant(pair):
    alice, bob = pair.enter()
    carol = pair.stage.join(pair.subscribing, "carol")
    one = alice.call("publish_tone", name="one", frequencies=[440.0])
    alice.call("publish_tone", name="two", frequencies=[700.0])
    for peer in (bob, carol):
        for name, frequency in (("one", 440.0), ("two", 700.0)):
            peer.expect("track_subscribed", name=name)
            peer.call("listen", track=name)
            peer.call("hear", track=name, frequencies=[frequency])
        peer.call("incoming", count=2)
    alice.call("permissions", all_allowed=False, allowed={"bob": [one["sid"]]})
    bob.call("incoming", count=1)
    carol.call("incoming", count=0)
    bob.call("quiet", track="two")
    carol.call("quiet", track="one")
    carol.call("quiet", track="two")
    bob.call("hear", track="one", frequencies=[440.0])


def test_the_server_may_forbid_subscribing(pair):
    stage = pair.stage
    alice = stage.join(pair.publishing, "alice")
    bob = stage.join(pair.subscribing, "bob", grants={"canSubscribe": False})
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    bob.absent("track_subscribed", seconds=1)


# Policies


def test_policy_by_source(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone", name="mic", source="SOURCE_MICROPHONE")
    alice.call("publish_tone", name="screen", source="SOURCE_SCREENSHARE_AUDIO", frequencies=[700.0])
    for name in ("mic", "screen"):
        event = bob.expect("track_published", name=name)
        if event["facts"]["source"] == "SOURCE_MICROPHONE":
            bob.call("set_subscribed", track=event["sid"], values=[True])
    bob.expect("track_subscribed", name="mic")
    bob.absent("track_subscribed", name="screen", seconds=0.7)
    bob.call("listen", track="mic")
    bob.call("hear", track="mic")


def test_policy_audio_always_and_at_most_four_videos(pair):
    """A fifth video is taken only when one of the four goes."""
    subscriber = pair.stage.join(pair.subscribing, "subscriber", auto_subscribe=False)
    publishers = {f"p{number}": pair.stage.join(pair.publishing, f"p{number}") for number in range(2)}
    wanted: list[str] = []
    waiting: list[str] = []

    def publish(identity: str, name: str) -> None:
        publishers[identity].call("publish_video", name=name, width=160, height=96, rate=5, simulcast=False)
        event = subscriber.expect("track_published", name=name, participant=identity)
        assert event["facts"]["kind"] == "KIND_VIDEO"
        if len(wanted) < 4:
            subscriber.call("set_subscribed", track=event["sid"], values=[True])
            wanted.append(name)
        else:
            waiting.append(name)

    for identity, publisher in publishers.items():
        publisher.call("publish_tone", name=f"{identity}-mic")
        event = subscriber.expect("track_published", name=f"{identity}-mic")
        subscriber.call("set_subscribed", track=event["sid"], values=[True])
        for number in range(3):
            publish(identity, f"{identity}-video{number}")
    for identity in publishers:
        subscriber.expect("track_subscribed", name=f"{identity}-mic")
    for name in wanted:
        subscriber.expect("track_subscribed", name=name)
    assert len(wanted) == 4
    subscriber.absent("track_subscribed", name=waiting[0], seconds=0.5)

    publishers["p0"].call("unpublish", name="p0-video0")
    subscriber.expect("track_unpublished", name="p0-video0")
    subscriber.call("set_subscribed", track=waiting[0], values=[True])
    subscriber.expect("track_subscribed", name=waiting[0])
    wanted = [*wanted[1:], waiting[0]]
    for name in wanted:
        subscriber.call("watch", track=name)
        subscriber.call("see", track=name, count=2, width=160, height=96)
    assert subscriber.history("track_subscribed", name=waiting[1]) == []
    for identity in publishers:
        subscriber.call("listen", track=f"{identity}-mic")
        subscriber.call("hear", track=f"{identity}-mic")


def test_policy_unsubscribe_one_participant(pair):
    alice, bob = pair.enter()
    carol = pair.stage.join(pair.publishing, "carol")
    alice.call("publish_tone", name="a1", frequencies=[440.0])
    alice.call("publish_tone", name="a2", frequencies=[550.0])
    carol.call("publish_tone", name="c", frequencies=[900.0])
    for name in ("a1", "a2", "c"):
        bob.expect("track_subscribed", name=name)
    for name in ("a1", "a2"):
        bob.call("set_subscribed", track=name, values=[False])
        bob.expect("track_unsubscribed", name=name)
    bob.call("listen", track="c")
    bob.call("hear", track="c", frequencies=[900.0])
    assert not _subscribed(bob, "a1")
    assert _subscribed(bob, "c", "carol")
    # The others still hear the one whom bob gave up.
    carol.expect("track_subscribed", name="a1")
    carol.call("listen", track="a1")
    carol.call("hear", track="a1", frequencies=[440.0])
