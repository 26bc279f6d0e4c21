"""Sources that the library reads itself: test patterns, the clock, pipelines of GStreamer."""

import re

import pytest

pytestmark = pytest.mark.ours

SMALL = {"width": 320, "height": 180}
GRADIENT = {"pattern": {"resolution": SMALL, "framerate_fps": 20, "pattern": "PATTERN_GRADIENT"}}
LOGO = {"pattern": {"resolution": SMALL, "framerate_fps": 20, "pattern": "PATTERN_LOGO"}}
CLOCK = {"clock": {"resolution": SMALL, "framerate_fps": 20}}


def _made(peer, config: dict) -> tuple[int, dict]:
    """A source's handle, and all that the callback says."""
    callback = peer.call("new_capture", config=config)
    assert "source" in callback, callback
    return int(callback["source"]["handle"]["id"]), callback["source"]


def _refused(peer, config: dict) -> str:
    callback = peer.call("new_capture", config=config)
    assert "source" not in callback, callback
    return callback["error"]


def _recommended(info: dict) -> dict:
    """The publish options that are set."""
    return {key: value for key, value in info["recommended_publish_options"].items() if value != []}


@pytest.mark.parametrize("config", [GRADIENT, LOGO, CLOCK], ids=["gradient", "logo", "clock"])
def test_drawn_pictures_are_seen_and_the_end_is_told(kind, stage, config):
    alice, bob = stage.join(kind, "alice"), stage.join("stock", "bob")
    handle, source = _made(alice, config)
    info = source["info"]
    assert (info["kind"], info["resolution"]) == ("CAPTURE_SOURCE_PIXEL", SMALL)
    assert _recommended(info) == {"video_codec": "VP8", "simulcast": True}
    assert info["video_source"]["info"]["type"] == "VIDEO_SOURCE_NATIVE"
    alice.call("publish_capture", source=source)
    bob.expect("track_subscribed", name="video")
    assert alice.call("start_capture", handle=handle) == ""
    bob.call("watch", compare=False)
    bob.call("see", count=20)
    assert "started already" in alice.call("start_capture", handle=handle)
    assert alice.call("stop_capture", handle=handle) == ""
    end = alice.call("capture_end", handle=handle)["finished"]
    assert end["exit"] == "CAPTURE_EXIT_STOPPED"
    assert int(end["frames_captured"]) >= 20
    assert "is over" in alice.call("start_capture", handle=handle)
    assert alice.call("drop", handle=handle)


def test_a_capture_that_is_stopped_first_ends_as_soon_as_it_starts(kind, stage):
    peer = stage.peer(kind)
    handle, _ = _made(peer, GRADIENT)
    assert peer.call("stop_capture", handle=handle) == ""
    assert peer.call("start_capture", handle=handle) == ""
    end = peer.call("capture_end", handle=handle)["finished"]
    assert end == {"frames_captured": "0", "exit": "CAPTURE_EXIT_STOPPED"}


def test_a_dropped_capture_stops(kind, stage):
    peer = stage.peer(kind)
    threads = peer.usage()["threads"]
    handle, _ = _made(peer, CLOCK)
    assert peer.call("start_capture", handle=handle) == ""
    assert peer.call("drop", handle=handle)
    assert peer.call("capture_end", handle=handle)["finished"]["exit"] == "CAPTURE_EXIT_STOPPED"
    # The runtime's own may have come meanwhile.
    peer.comes_down_to({"threads": threads + 4})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "config"),
        ({"clock": {"resolution": {"width": 0, "height": 2}, "framerate_fps": 1}}, "clock.resolution.width"),
        ({"clock": {"resolution": {"width": 2, "height": 5000}, "framerate_fps": 1}}, "clock.resolution.height"),
        ({"clock": {"resolution": SMALL, "framerate_fps": 0}}, "clock.framerate_fps"),
        ({"pattern": {**GRADIENT["pattern"], "framerate_fps": 241}}, "pattern.framerate_fps.*241"),
        ({"gstreamer": {"pipeline": "nosuchelement ! appsink name=lk_appsink"}}, "nosuchelement"),
        ({"gstreamer": {"pipeline": ""}}, "GStreamer"),
        ({"gstreamer": {"pipeline": "videotestsrc ! fakesink"}}, "lk_appsink"),
        ({"gstreamer": {"pipeline": "filesrc location=/nowhere/at-all ! appsink name=lk_appsink"}}, "/nowhere/at-all"),
        ({"gstreamer": {"pipeline": "videotestsrc", "codec": "VP8"}}, "gstreamer.codec is VP8"),
        (
            {"gstreamer": {"pipeline": "videotestsrc ! video/x-raw,width=32 ! videoconvert", "resolution": SMALL}},
            "gstreamer.resolution",
        ),
        (
            {
                "gstreamer": {
                    "pipeline": "videotestsrc name=camera",
                    "rate_control": {"element": "camera", "property": "nothing", "unit": "GSTREAMER_BITRATE_UNIT_BPS"},
                }
            },
            "nothing",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(kind, stage, config, said):
    error = _refused(stage.peer(kind), config).replace("`", "")
    assert re.search(said, error), error


def test_a_pipelines_pictures_are_seen_until_its_end(kind, stage):
    alice, bob = stage.join(kind, "alice"), stage.join("stock", "bob")
    pipeline = (
        "videotestsrc is-live=true pattern=ball num-buffers=200"
        " ! video/x-raw,width=320,height=180,framerate=20/1 ! videoconvert"
    )
    handle, source = _made(alice, {"gstreamer": {"pipeline": pipeline}})
    assert (source["info"]["kind"], source["info"]["resolution"]) == ("CAPTURE_SOURCE_PIXEL", SMALL)
    alice.call("publish_capture", source=source)
    bob.expect("track_subscribed", name="video")
    bob.call("watch", compare=False)
    seeing = bob.start("see", count=20)
    assert alice.call("start_capture", handle=handle) == ""
    seeing.result(60)
    end = alice.call("capture_end", handle=handle)["finished"]
    assert end["exit"] == "CAPTURE_EXIT_END_OF_STREAM"
    assert int(end["frames_captured"]) == 200


def test_a_pipeline_that_fails_on_its_way_says_so(kind, stage):
    peer = stage.peer(kind)
    pipeline = "videotestsrc is-live=true ! video/x-raw,width=32,height=16 ! identity error-after=20"
    handle, _ = _made(peer, {"gstreamer": {"pipeline": pipeline}})
    assert peer.call("start_capture", handle=handle) == ""
    end = peer.call("capture_end", handle=handle)["error"]
    assert end["kind"] == "CAPTURE_ERROR_KIND_SOURCE"
    assert "GStreamer" in end["error"]


def test_a_pipelines_own_frames_are_sent_as_they_are(kind, stage):
    alice, bob = stage.join(kind, "alice"), stage.join("stock", "bob")
    pipeline = (
        "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=20/1"
        " ! vp8enc name=encoder deadline=1 cpu-used=8 keyframe-max-dist=100000 ! appsink name=lk_appsink"
    )
    rate = {"element": "encoder", "property": "target-bitrate", "unit": "GSTREAMER_BITRATE_UNIT_BPS"}
    config = {"gstreamer": {"pipeline": pipeline, "codec": "VP8", "resolution": SMALL, "rate_control": rate}}
    handle, source = _made(alice, config)
    info = source["info"]
    assert (info["kind"], info["codec"], info["resolution"]) == ("CAPTURE_SOURCE_ENCODED", "VP8", SMALL)
    assert info["video_source"]["info"]["type"] == "VIDEO_SOURCE_ENCODED"
    assert _recommended(info) == {
        "video_codec": "VP8",
        "simulcast": False,
        "video_encoder": "ENCODER_BACKEND_PRE_ENCODED",
    }
    alice.call("publish_capture", source=source)
    bob.expect("track_subscribed", name="video")
    assert alice.call("start_capture", handle=handle) == ""
    # The encoder makes no key frame by itself: whoever comes later has to be given one.
    bob.call("watch", compare=False)
    bob.call("see", count=20)
    carol = stage.join("stock", "carol")
    carol.expect("track_subscribed", name="video")
    carol.call("watch", compare=False)
    carol.call("see", count=20)
    assert alice.call("stop_capture", handle=handle) == ""
    assert alice.call("capture_end", handle=handle)["finished"]["exit"] == "CAPTURE_EXIT_STOPPED"
