"""What a publication says of itself: ours against the stock library's, field by field, in one room.

The corrections are those of design.md §2: a local publication knows its codec, and `type/codec` is in lower case.
"""

import pytest

# Differ from publication to publication, or name it.
OWN = {"sid", "name", "subscribed"}

CASES = {
    "defaults": {},
    "no-dtx-no-red": {"dtx": False, "red": False},
    "dtx-and-red": {"dtx": True, "red": True},
    "dtx-alone": {"dtx": True, "red": False},
    "stereo": {"frequencies": [440.0, 660.0]},
    "preconnect-buffer": {"preconnect_buffer": True},
    "screenshare-audio": {"source": "SOURCE_SCREENSHARE_AUDIO"},
    "unknown-source": {"source": "SOURCE_UNKNOWN"},
    "eight-kilohertz": {"rate": 8000},
    "named-stream": {"stream": "camera-and-microphone"},
    "low-bitrate": {"max_bitrate": 12000},
}


def _comparable(facts: dict) -> dict:
    return {key: value for key, value in facts.items() if key not in OWN}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_a_publication_says_what_the_stock_library_says(stage, kind, case):
    ours, stock = stage.join(kind, "ours"), stage.join("stock", "stock")
    watchers = [stage.join(kind, "watches-ours"), stage.join("stock", "watches-stock")]
    local_ours = ours.call("publish_tone", name="a", **CASES[case])
    local_stock = stock.call("publish_tone", name="b", **CASES[case])

    remote = {}
    for watcher in watchers:
        for name, publisher in (("a", "ours"), ("b", "stock")):
            event = watcher.expect("track_subscribed", name=name, participant=publisher)
            remote[watcher.label, name] = _comparable(event["facts"])
    first, second = watchers
    # The same publisher seen by both libraries, and both publishers seen by the same library.
    assert remote[first.label, "a"] == remote[second.label, "a"]
    assert remote[first.label, "b"] == remote[second.label, "b"]
    assert remote[second.label, "a"] == remote[second.label, "b"]

    corrected = {**_comparable(local_stock)}
    if kind == "ours":
        assert local_ours["mime_type"] in ("audio/opus", "audio/red")
        corrected["mime_type"] = local_ours["mime_type"]
    assert _comparable(local_ours) == corrected


@pytest.mark.ours
def test_a_remote_video_says_its_codec_in_lower_case(stage, kind):
    ours, stock = stage.join(kind, "ours"), stage.join("stock", "stock")
    stock.call("publish_video", name="v", simulcast=False)
    event = ours.expect("track_subscribed", name="v", participant="stock")
    assert event["facts"]["mime_type"] == event["facts"]["mime_type"].lower()
    assert (event["facts"]["width"], event["facts"]["height"]) == (320, 180)
    assert event["facts"]["kind"] == "KIND_VIDEO"


def test_the_publisher_hears_of_its_publication_in_order(pair):
    alice, bob = pair.enter()
    published = alice.call("publish_tone")
    alice.expect("local_track_subscribed", sid=published["sid"])
    # The publisher may hear of it before the subscriber does.
    bob.expect("track_subscribed", sid=published["sid"])
    alice.call("unpublish")
    alice.expect("local_track_unpublished", sid=published["sid"])
    names = [
        one["event"]
        for one in alice.history("local_track_published", "local_track_subscribed", "local_track_unpublished")
    ]
    assert names == ["local_track_published", "local_track_subscribed", "local_track_unpublished"]
    bob.expect("track_unpublished", sid=published["sid"])
    order = [one["event"] for one in bob.history("track_published", "track_subscribed", "track_unpublished")]
    assert order == ["track_published", "track_subscribed", "track_unpublished"]


def test_names_of_any_script_survive(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone", name="Mikrofon – 麦克风 🎙")
    event = bob.expect("track_published", name="Mikrofon – 麦克风 🎙")
    assert event["facts"]["name"] == "Mikrofon – 麦克风 🎙"


def test_publishing_without_permission_is_an_error(stage, kind):
    alice = stage.join(kind, "alice", grants={"canPublish": False})
    with pytest.raises(Exception, match="(?i)permission|publish"):
        alice.call("publish_tone", timeout=20)


def test_another_track_may_follow_an_unpublished_one(pair):
    alice, bob = pair.enter()
    alice.call("publish_tone")
    bob.expect("track_published", name="tone")
    alice.call("unpublish")
    bob.expect("track_unpublished", name="tone")
    alice.call("publish_tone", name="next")
    bob.expect("track_subscribed", name="next")
