"""Frames that the host encoded itself: they pass without an encoder, and its encoder hears what is asked of it."""

from itertools import pairwise

import pytest

from lkhost import bitstreams
from lkhost.driver import PeerError

pytestmark = pytest.mark.xdist_group("video")


@pytest.mark.parametrize("codec", ["VP8", "VP9", "H264", "AV1"])
def test_encoded_pictures_arrive_in_order_and_look_right(pair, codec):
    alice, bob = pair.join()
    alice.call("publish_encoded", codec=codec)
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    bob.call("see", count=1)
    seen = bob.call("see", count=40, seconds=45, timeout=50)
    assert {(one["width"], one["height"]) for one in seen} == {(bitstreams.WIDTH, bitstreams.HEIGHT)}
    numbers = [one["number"] for one in seen]
    steps = [(after - before) % bitstreams.COUNT for before, after in zip(numbers, numbers[1:])]
    # A subscriber on a slow machine may leave some out.
    assert 0 not in steps and steps.count(1) >= 10, steps
    stamps = [one["timestamp_us"] for one in seen]
    assert stamps == sorted(set(stamps)), "in order"
    assert min(one["psnr"] for one in seen) >= 28
    assert max(one["colours"] for one in seen) <= 12


@pytest.mark.ours
def test_h265_passes_though_nothing_here_encodes_or_decodes_it(stage, kind):
    """The stock library publishes such a track as VP8, in which nobody can see it."""
    alice, bob = stage.join(kind, "alice"), stage.join(kind, "bob")
    published = alice.call("publish_encoded", codec="H265")
    assert published["mime_type"] == "video/h265"
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    # What is in the packets, `crates/media/tests/video_golden.rs` compares to the byte.
    first = bob.call("figures", until={"frames_received": 45})
    received = bob.call("figures", until={"frames_received": 90})
    assert received["codec"]["mime_type"] == "video/H265"
    assert received["received"]["packets_lost"] == "0"
    assert int(received["inbound"]["frames_dropped"]) == 0
    # By then there was a key picture, and nobody needs another one.
    assert received["inbound"]["pli_count"] == first["inbound"]["pli_count"]
    feedback = alice.call("encoder_feedback")
    assert int(received["inbound"]["frames_received"]) <= feedback["accepted"]
    mean = feedback["bytes"] / feedback["accepted"]
    assert int(received["inbound"]["bytes_received"]) >= 0.8 * mean * int(received["inbound"]["frames_received"])


@pytest.mark.ours("publisher")
def test_a_late_viewers_wish_for_a_key_picture_reaches_the_host(pair):
    alice, bob = pair.join()
    alice.call("publish_encoded", codec="VP8")
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=5)
    # While nothing is fed no key picture can come by chance.
    alice.call("stop_recording")
    alice.call("key_wishes")
    carol = pair.stage.join(pair.subscribing, "carol")
    carol.expect("track_subscribed", name="video")
    carol.call("watch")
    alice.call("key_wish")
    alice.call("feed_recording")
    assert min(one["psnr"] for one in carol.call("see", count=10)) >= 28


@pytest.mark.ours("publisher")
def test_the_host_is_told_what_to_send(pair):
    alice, bob = pair.join()
    alice.call("publish_encoded", codec="H264", video_encoding=[400_000, 20])
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=30)
    feedback = alice.call("encoder_feedback")
    rates = feedback["rates"]
    assert rates, "told at once"
    assert all(before != after for before, after in pairwise(rates)), f"and only what is news: {rates}"
    assert len(rates) < feedback["captured"] / 3, f"and not with each frame: {rates}"
    assert all(0 < bitrate <= 400_000 and 0 < framerate <= 20 for bitrate, framerate in rates), rates


@pytest.mark.ours("publisher")
def test_frames_that_cannot_be_sent_are_refused_and_do_no_harm(pair):
    alice, bob = pair.join()
    alice.call("publish_encoded", codec="VP8", feed=False)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    for wrong, named in (
        ({"length": 0}, "buffer.data_len"),
        ({"length": 1 << 40}, "buffer.data_len"),
        ({"null": True}, "buffer.data_ptr"),
        ({"width": 0}, "width"),
        ({"height": 0}, "height"),
        ({"width": 4097}, "width"),
        ({"codec": "H264"}, "codec.*H264"),
    ):
        with pytest.raises(PeerError, match=named):
            alice.call("capture_encoded", **wrong)
    # Nobody could decode these, so a key picture is asked for.
    assert alice.call("capture_encoded", at=1, kind=1) == {"accepted": False, "key_wished": True}
    assert alice.call("capture_encoded", at=0)["accepted"]
    assert alice.call("capture_encoded", at=1, kind=1)["accepted"]
    [sent] = alice.call("sent_figures", frames=2)
    assert (sent["outbound"]["frames_sent"], sent["outbound"]["key_frames_encoded"]) == (2, 1)
    alice.call("feed_recording")
    assert min(one["psnr"] for one in bob.call("see", count=5)) >= 28


@pytest.mark.ours
def test_a_source_of_the_other_kind_is_refused(stage, kind):
    peer = stage.peer(kind)
    with pytest.raises(PeerError, match="source of pictures"):
        peer.call("capture_encoded_into_a_source_of_pictures")
