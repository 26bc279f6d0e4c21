"""A host of ours and a real browser in one encrypted room: each sees, hears and reads the other, and nobody without the key."""

import base64
from collections.abc import Iterator

import pytest

from chromium import Page
from conftest import Meeting
from lkhost.driver import Peer
from lkhost.tokens import token

KEY = "a password"


class SecretMeeting(Meeting):
    """As `Meeting`, with a key that both know."""

    def __init__(self, stage, kind: str, page: Page) -> None:
        self.page = page
        self.host: Peer = stage.peer(kind)
        page.call("join", stage.server.url, token(stage.room, "bob"), {}, KEY)
        known = stage.enter(self.host, "alice", encryption={"key": KEY, "ratchet_window": 0})["participants"]["bob"]
        if known["state"] != "PARTICIPANT_STATE_ACTIVE":
            self.host.expect("participant_active", participant="bob")


@pytest.fixture
def meeting(stage, kind, chromium, site) -> Iterator[SecretMeeting]:
    page = Page(chromium, site.url)
    yield SecretMeeting(stage, kind, page)
    page.call("leave")
    page.close()


# `livekit-client` encrypts no AV1.
@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9"])
def test_the_browser_shows_our_encrypted_pictures(meeting, codec):
    meeting.host.call("publish_video", width=640, height=360, rate=20, codec=codec, simulcast=False)
    seen = meeting.page.call("see", "video", 20)
    numbers = [one["number"] for one in seen]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) >= 10


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9"])
def test_we_see_the_browsers_encrypted_camera(meeting, codec):
    host, page = meeting.host, meeting.page
    page.call("publishCamera", "camera", codec.lower(), 640, 360)
    facts = host.expect("track_subscribed", name="camera", participant="bob")["facts"]
    assert facts["encryption_type"] == "GCM"
    host.call("watch", track="camera")
    host.call("see", track="camera", count=10)
    host.expect("e2ee_state_changed", participant="bob", state="OK")


def test_sound_goes_both_ways(meeting):
    host, page = meeting.host, meeting.page
    host.call("publish_tone", frequencies=[440.0])
    heard = page.call("hear", "tone")
    assert abs(heard["frequency"] - 440) < 10, heard
    page.call("publishMicrophone", "microphone")
    host.expect("track_subscribed", name="microphone", participant="bob")
    host.call("listen", track="microphone")
    host.call("measure", track="microphone", ms=500)
    [beeps] = host.call("measure", track="microphone", ms=1000)
    assert beeps["level"] > -50, beeps


def test_the_browsers_other_key_is_silence_until_it_is_ours_again(meeting):
    host, page = meeting.host, meeting.page
    page.call("publishCamera", "camera", "vp8", 640, 360)
    host.expect("track_subscribed", name="camera", participant="bob")
    host.call("watch", track="camera")
    host.call("see", track="camera", count=3)
    page.call("setKey", "another")
    host.expect("e2ee_state_changed", participant="bob", state="DECRYPTION_FAILED")
    page.call("setKey", KEY)
    host.call("see", track="camera", count=5)


def test_messages_go_both_ways(meeting):
    host, page = meeting.host, meeting.page
    page.call("meet", "alice")
    page.call("say", "from the page", "there")
    arrived = host.expect("data_received", topic="there", participant="bob")
    assert base64.b64decode(arrived["data"]) == b"from the page"
    host.call("publish_data", data=base64.b64encode(b"from the host").decode(), topic="back")
    assert page.call("heard", "back") == {"text": "from the host", "from": "alice", "topic": "back"}
