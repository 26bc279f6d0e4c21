"""Options of published video that show in what is sent: rates, content, encoders, sizes from the smallest to 4K."""

import pytest

from lkhost.driver import PeerError

pytestmark = pytest.mark.xdist_group("video")

CODECS = ("VP8", "H264", "VP9", "AV1")


@pytest.mark.ours
def test_bitrate_and_framerate_are_kept_within_a_tenth(stage, kind):
    """Over ten seconds, all codecs side by side, with pictures that take all the bits they may."""
    alice, bob = stage.join(kind, "alice"), stage.join(kind, "bob")
    bitrate, framerate = 120_000, 10
    for codec in CODECS:
        alice.call(
            "publish_video", name=codec, width=320, height=180, rate=15, codec=codec, simulcast=False, grain=True,
            video_encoding=[bitrate, framerate],
        )  # fmt: skip
        bob.expect("track_subscribed", name=codec)
        bob.call("watch", track=codec, compare=False)
        bob.call("see", track=codec, count=1)
    over = alice.call("sent_over", names=list(CODECS), asked=bitrate, seconds=10)
    for codec, one in over.items():
        # A machine that draws too few pictures cannot send more.
        possible = min(framerate, one["drawn"])
        assert 0.9 * possible <= one["framerate"] <= 1.1 * framerate, (codec, one)
        assert 0.9 * bitrate * possible / framerate <= one["bitrate"] <= 1.1 * bitrate, (codec, one)


@pytest.mark.ours("publisher")
def test_a_screen_is_sharp_and_keeps_its_size(pair):
    alice, bob = pair.join()
    published = alice.call(
        "publish_video", width=1280, height=720, rate=5, source="SOURCE_SCREENSHARE", screencast=True, codec="VP8"
    )
    assert published["source"] == "SOURCE_SCREENSHARE"
    bob.expect("track_subscribed", name="video")
    bob.call("watch", participant="alice", source="SOURCE_SCREENSHARE")
    bob.call("see", count=3, width=1280, height=720)
    seen = bob.call("see", count=5)
    assert {(one["width"], one["height"]) for one in seen} == {(1280, 720)}
    assert sorted(one["psnr"] for one in seen)[2] >= 35


@pytest.mark.ours("publisher")
@pytest.mark.parametrize("preference", range(3))
def test_every_preference_for_bad_paths_sends_the_full_size_on_a_good_one(pair, preference):
    alice, bob = pair.join()
    alice.call(
        "publish_video", width=640, height=360, rate=20, simulcast=False, degradation_preference=preference
    )
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    seen = bob.call("see", count=10)
    assert {(one["width"], one["height"]) for one in seen} == {(640, 360)}


@pytest.mark.ours("publisher")
def test_every_encoder_by_name_sends_pictures(pair):
    """There is only software here; who asks for hardware gets pictures all the same, as with the stock library."""
    alice, bob = pair.join()
    for encoder in range(6):
        name = f"video-{encoder}"
        alice.call("publish_video", name=name, width=320, height=180, rate=15, video_encoder=encoder, codec="H264")
        bob.expect("track_subscribed", name=name)
        bob.call("watch", track=name)
        bob.call("see", track=name, count=2)
        [sent, *_] = alice.call("sent_figures", name=name, frames=1)
        assert sent["outbound"]["encoder_implementation"] == "OpenH264"
        assert sent["outbound"]["power_efficient_encoder"] is False
        bob.call("close_eye", track=name)
        alice.call("unpublish", name=name)


@pytest.mark.ours("publisher")
@pytest.mark.parametrize("codec", CODECS)
def test_4k_arrives_to_the_pixel(pair, codec):
    alice, bob = pair.join()
    published = alice.call(
        "publish_video", width=3840, height=2160, rate=2, codec=codec, simulcast=False,
        video_encoding=[8_000_000, 5],
    )  # fmt: skip
    assert (published["width"], published["height"]) == (3840, 2160)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    seen = bob.call("see", count=2, width=3840, height=2160, seconds=30, timeout=40)
    numbers = [one["number"] for one in seen]
    assert numbers == sorted(numbers)
    assert seen[-1]["psnr"] >= 28


@pytest.mark.ours("publisher")
def test_4k_is_sent_in_all_sizes_at_once(pair):
    """Which of them a subscriber gets is the server's affair, which goes by what it knows of the way there."""
    alice, bob = pair.join()
    alice.call("publish_video", width=3840, height=2160, rate=2, codec="VP8", simulcast=True)
    # As soon as there is one of each; later a path that is narrow for a while may take the largest one away.
    beginning = alice.start("sent_figures", frames=1)
    bob.expect("track_subscribed", name="video")
    bob.call("watch", compare=False)
    bob.call("see", count=2)
    streams = beginning.result(60)
    assert [one["outbound"]["frame_width"] for one in streams] == [3840, 640, 320]
    # None of them had to wait for another one.
    sent = [one["outbound"]["frames_sent"] for one in streams]
    assert max(sent) - min(sent) <= 1, sent


@pytest.mark.ours("publisher")
@pytest.mark.parametrize("codec", CODECS)
def test_odd_and_small_sizes_arrive_to_the_pixel(pair, codec):
    alice, bob = pair.join()
    for width, height in ((323, 181), (65, 33), (641, 359)):
        name = f"{width}x{height}"
        alice.call("publish_video", name=name, width=width, height=height, rate=15, codec=codec, simulcast=False)
        bob.expect("track_subscribed", name=name)
        bob.call("watch", track=name)
        # H.264 can only crop by pairs of samples.
        step = 2 if codec == "H264" else 1
        bob.call("see", track=name, count=3, width=width // step * step, height=height // step * step)
        bob.call("close_eye", track=name)
        alice.call("unpublish", name=name)


@pytest.mark.ours
def test_rates_that_make_no_sense_are_refused(stage, kind):
    alice = stage.join(kind, "alice")
    for framerate in (float("nan"), float("inf"), -1.0):
        with pytest.raises(PeerError, match="max_framerate"):
            alice.call("publish_video", name=str(framerate), video_encoding=[100_000, framerate])
