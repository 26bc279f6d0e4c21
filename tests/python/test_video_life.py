"""What happens to video while it is published: size, rotation, mute, late viewers, layers, its end."""

import pytest

pytestmark = pytest.mark.xdist_group("video")


def test_a_late_viewer_sees_a_picture_soon(pair):
    stage = pair.stage
    alice = stage.join(pair.publishing, "alice")
    alice.call("publish_video", width=640, height=360, rate=30)
    bob = stage.peer(pair.subscribing)
    stage.enter(bob, "bob")
    subscribed = bob.expect("track_subscribed", name="video")
    bob.call("watch")
    first = bob.call("see", count=1)[0]
    # At once, where no machine is disturbed. Of itself the encoder makes no key picture for much longer.
    assert first["at"] - subscribed["at"] < 5
    assert first["psnr"] > 24


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
def test_a_new_size_arrives_as_it_was_captured(pair, codec):
    alice, bob = pair.enter()
    alice.call("publish_video", width=320, height=180, rate=30, codec=codec, simulcast=False)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=5, width=320, height=180)
    # The stock library crops what it publishes to a multiple of its own liking.
    width, height = (427, 241) if pair.publishing == "ours" else (480, 272)
    if codec == "H264":
        # Its pictures can only be cropped by pairs of samples.
        width, height = width & ~1, height & ~1
    alice.call("resize", width=width, height=height)
    seen = bob.call("see", count=10, width=width, height=height)
    assert seen[-1]["psnr"] > 28
    alice.call("resize", width=180, height=320)
    bob.call("see", count=5, width=180, height=320)


def test_mute_stops_the_pictures_and_unmute_brings_them_back(pair):
    alice, bob = pair.enter()
    alice.call("publish_video", width=320, height=180, rate=30, simulcast=False)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=5)
    alice.call("mute", name="video", muted=True)
    bob.expect("track_muted", name="video")
    alice.call("mute", name="video", muted=False)
    bob.expect("track_unmuted", name="video")
    seen = bob.call("see", count=5)
    assert seen[-1]["psnr"] > 28


def _encoded(peer, **options) -> dict[str, int]:
    """How many pictures were encoded so far, by stream."""
    streams = peer.call("sent_figures", **options)
    return {one["outbound"]["rid"]: int(one["outbound"]["frames_encoded"]) for one in streams}


# The stock library encodes black pictures.
@pytest.mark.ours("publisher")
def test_nothing_is_encoded_of_a_muted_track_whose_source_goes_on(pair):
    alice, bob = pair.join()
    alice.call("publish_video", width=640, height=360, rate=30, simulcast=True)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=5)
    alice.call("mute", name="video", muted=True)
    bob.expect("track_muted", name="video")
    before = _encoded(alice, settled=True)
    assert len(before) == 2
    assert min(before.values()) > 0
    alice.call("capture_more", count=60)
    assert _encoded(alice) == before
    alice.call("mute", name="video", muted=False)
    bob.expect("track_unmuted", name="video")
    bob.call("see", count=5, width=640, height=360)
    assert all(now > before[rid] for rid, now in _encoded(alice).items())


def test_the_stream_ends_when_the_track_is_unpublished_and_another_one_follows(pair):
    alice, bob = pair.enter()
    for name in ("first", "second"):
        alice.call("publish_video", name=name, width=320, height=180, rate=30, simulcast=False)
        bob.expect("track_subscribed", name=name)
        bob.call("watch", track=name)
        bob.call("see", track=name, count=5)
        alice.call("unpublish", name=name)
        bob.expect("track_unsubscribed", name=name)
        if pair.subscribing == "ours":
            bob.call("eye_ended", track=name)
        bob.call("close_eye", track=name)


def test_a_track_comes_again_in_another_codec(pair):
    alice, bob = pair.enter()
    for codec in ("VP8", "H264", "AV1", "VP9"):
        alice.call("publish_video", name=codec, width=320, height=180, rate=30, codec=codec)
        facts = bob.expect("track_subscribed", name=codec)["facts"]
        assert facts["mime_type"].lower() == f"video/{codec}".lower()
        bob.call("watch", track=codec)
        assert bob.call("see", track=codec, count=5)[-1]["psnr"] > 24
        bob.call("close_eye", track=codec)
        alice.call("unpublish", name=codec)
        bob.expect("track_unsubscribed", name=codec)


def test_two_publishers_are_told_apart(pair):
    alice, bob = pair.enter()
    carol = pair.stage.join(pair.publishing, "carol")
    alice.call("publish_video", name="a", width=320, height=180, rate=15)
    carol.call("publish_video", name="c", width=160, height=120, rate=15)
    for name in ("a", "c"):
        bob.expect("track_subscribed", name=name)
        bob.call("watch", track=name)
    assert bob.call("see", track="a", count=5, width=320)[-1]["height"] == 180
    assert bob.call("see", track="c", count=5, width=160)[-1]["height"] == 120
