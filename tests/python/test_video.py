"""Pictures from one library to the other, by a real server: every codec, numbered, in order, in size and colour."""

import pytest

CODECS = ("VP8", "H264", "VP9", "AV1")


@pytest.mark.parametrize("simulcast", [False, True], ids=["single", "simulcast"])
@pytest.mark.parametrize("codec", CODECS)
def test_pictures_arrive_in_order_and_look_right(pair, codec, simulcast):
    alice, bob = pair.enter()
    published = alice.call(
        "publish_video", width=640, height=360, rate=30, codec=codec, simulcast=simulcast
    )
    assert published["name"] == "video"
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    bob.call("see", count=1, width=640, height=360)
    seen = bob.call("see", count=40)
    numbers = [one["number"] for one in seen]
    assert numbers == sorted(numbers), "in order"
    # Where the server goes over to another layer, that one's encoding of the same picture may come next.
    assert len(numbers) - len(set(numbers)) <= int(simulcast), "none twice"
    # A slow machine leaves some out; half of them would be a fault.
    assert numbers[-1] - numbers[0] <= 80, "few are left out"
    best = [one for one in seen if one["width"] == 640]
    assert best, "the full size is seen"
    assert sorted(one["psnr"] for one in best)[len(best) // 2] >= 30
    assert max(one["colours"] for one in best) <= 12
    stamps = [one["timestamp_us"] for one in seen]
    assert stamps == sorted(set(stamps))
