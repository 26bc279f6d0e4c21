"""Waiting until somebody subscribed: the SDK's own way on every library, and our addition to the protocol on ours."""

import pytest


def test_the_sdks_own_wait(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    waiting = alice.start("first_subscription")
    assert not waiting.done()
    bob.call("set_subscribed", track="tone", values=[True])
    waiting.result(20)


@pytest.mark.ours("publisher")
def test_it_ends_when_somebody_subscribes(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    waiting = alice.start("wait_for_subscription", timeout_ms=20000)
    bob.absent("track_subscribed", seconds=0.3)
    assert not waiting.done()
    bob.call("set_subscribed", track="tone", values=[True])
    done = waiting.result(20)
    assert done["error"] is None
    assert done["async_id"] > 0


@pytest.mark.ours("publisher")
def test_it_ends_at_once_when_somebody_has_subscribed(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone")
    alice.expect("local_track_subscribed", name="tone")
    for _ in range(2):
        # Nobody subscribes any more.
        done = alice.call("wait_for_subscription")
        assert done["error"] is None


@pytest.mark.ours("publisher")
def test_it_fails_when_the_time_is_over(pair):
    alice, _bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    done = alice.call("wait_for_subscription", timeout_ms=400)
    assert done["error"]
    assert 0.35 < done["seconds"] < 10


@pytest.mark.ours("publisher")
def test_it_fails_when_the_track_is_unpublished_meanwhile(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    waiting = alice.start("wait_for_subscription", timeout_ms=20000)
    alice.call("unpublish")
    done = waiting.result(15)
    assert done["error"]


@pytest.mark.ours("publisher")
def test_it_fails_when_the_room_closes(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    waiting = alice.start("wait_for_subscription")
    alice.call("disconnect")
    assert waiting.result(15)["error"]


@pytest.mark.ours("publisher")
def test_it_fails_when_the_handle_is_dropped(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    waiting = alice.start("wait_for_subscription")
    alice.call("drop_publication")
    assert waiting.result(15)["error"]


@pytest.mark.ours("publisher")
def test_several_may_wait_for_one_publication(pair):
    alice, bob = pair.enter(auto_subscribe=False)
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    waiting = [alice.start("wait_for_subscription", timeout_ms=20000) for _ in range(3)]
    bob.call("set_subscribed", track="tone", values=[True])
    done = [one.result(20) for one in waiting]
    assert [one["error"] for one in done] == [None] * 3
    assert len({one["async_id"] for one in done}) == 3


@pytest.mark.ours("publisher")
def test_a_remote_publication_is_refused(stage, pair):
    alice, bob = pair.enter()
    bob.call("publish_tone", name="bobs")
    alice.expect("track_published", name="bobs")
    with pytest.raises(Exception, match="refused"):
        alice.call("wait_for_subscription", name="bobs", remote=True)
    # And the next request works.
    alice.call("publish_tone")
    alice.expect("local_track_subscribed", name="tone")
