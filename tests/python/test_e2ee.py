"""End-to-end encryption from one library to the other, by a real server: sound, pictures, messages; keys that are wrong,
missing, changed, and that go on."""

import base64
from itertools import pairwise

import pytest

from lkhost import bitstreams
from lkhost.driver import PeerError
from lkhost.lossy import delivered

pytestmark = pytest.mark.xdist_group("video")

KEY = {"key": "a password"}
CODECS = ("VP8", "H264", "VP9", "AV1")


def _gcm(publication) -> bool:
    return publication["encryption_type"] == "GCM"


def _states(peer, participant: str, *wanted: str, since: int = 0) -> None:
    """The states that a participant's tracks came to are these, in order; media may be seen before they are told."""
    for state in set(wanted):
        peer.expect("e2ee_state_changed", participant=participant, state=state, since=since, count=wanted.count(state))
    seen = peer.history("e2ee_state_changed", since=since, participant=participant)
    assert [one["state"] for one in seen] == list(wanted)


@pytest.mark.parametrize("derivation", ["PBKDF2", "HKDF"])
def test_a_tone_is_heard_through_encryption(pair, derivation):
    alice, bob = pair.enter(encryption={**KEY, "derivation": derivation})
    published = alice.call("publish_tone", frequencies=[440.0])
    assert _gcm(published)
    subscribed = bob.expect("track_subscribed", name="tone", participant="alice")
    assert _gcm(subscribed["facts"])
    bob.call("listen")
    heard = bob.call("hear", frequencies=[440.0])
    assert heard[0]["purity"] > 0.95
    bob.expect("e2ee_state_changed", participant="alice", state="OK")
    alice.expect("e2ee_state_changed", participant="alice", state="OK")
    assert [one["participant"] for one in bob.call("cryptors")] == ["alice"]


# The stock library of this version cannot decrypt the AV1 that it encrypts.
@pytest.mark.stock_lacks(codec="AV1")
@pytest.mark.parametrize("single", [True, False], ids=["one-connection", "two-connections"])
@pytest.mark.parametrize("codec", CODECS)
def test_pictures_are_seen_through_encryption(pair, codec, single):
    alice, bob = pair.enter(encryption=KEY, single_peer_connection=single)
    published = alice.call("publish_video", width=640, height=360, rate=20, codec=codec, simulcast=False)
    assert _gcm(published)
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    bob.call("see", count=1, width=640, height=360)
    seen = bob.call("see", count=20)
    numbers = [one["number"] for one in seen]
    misread = 4 if codec == "AV1" else 0
    assert sum(later < one for one, later in pairwise(numbers)) <= misread, numbers
    assert sorted(one["psnr"] for one in seen)[10] >= 30
    _states(bob, "alice", "OK")


def test_simulcast_is_seen_through_encryption(pair):
    alice, bob = pair.enter(encryption=KEY)
    alice.call("publish_video", width=960, height=540, rate=20, codec="VP8", simulcast=True)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=5, width=960, height=540)
    bob.call("quality", quality=0)
    bob.call("see", count=5, width=320, height=180)


@pytest.mark.ours("publisher")
@pytest.mark.stock_lacks(codec="AV1")
@pytest.mark.parametrize("codec", ["VP9", "AV1"])
def test_layers_of_one_stream_are_seen_through_encryption(pair, codec):
    alice, bob = pair.enter(encryption=KEY)
    alice.call("publish_video", width=640, height=360, rate=20, codec=codec, scalability_mode="L3T3_KEY")
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    bob.call("see", count=10, width=640, height=360)
    bob.call("quality", quality=0)
    bob.call("see", count=5, width=160, height=90)


# Frames that the host encoded itself


@pytest.mark.stock_lacks(codec="AV1")
@pytest.mark.parametrize("codec", CODECS)
def test_pictures_that_the_host_encoded_are_seen_through_encryption(pair, codec):
    alice, bob = pair.join(encryption=KEY)
    assert _gcm(alice.call("publish_encoded", codec=codec))
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    seen = bob.call("see", count=20, seconds=45, timeout=50)
    assert {(one["width"], one["height"]) for one in seen} == {(bitstreams.WIDTH, bitstreams.HEIGHT)}
    assert min(one["psnr"] for one in seen) >= 28
    for peer in (alice, bob):
        _states(peer, "alice", "OK")


@pytest.mark.ours("subscriber")
@pytest.mark.stock_lacks(codec="AV1")
@pytest.mark.parametrize("codec", CODECS)
def test_pictures_that_the_host_encoded_are_not_seen_with_another_key(pair, codec):
    alice, bob = pair.join(encryption={**KEY, "ratchet_window": 0})
    bob.call("set_key", key="wrong")
    alice.call("publish_encoded", codec=codec)
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    bob.expect("e2ee_state_changed", participant="alice", state="DECRYPTION_FAILED")
    bob.call("figures", until={"frames_received": 15})
    assert not bob.call("seen")["numbers"]
    bob.call("set_key", key=KEY["key"])
    seen = bob.call("see", count=10, seconds=45, timeout=50)
    assert min(one["psnr"] for one in seen) >= 28
    _states(bob, "alice", "DECRYPTION_FAILED", "OK")


@pytest.mark.ours
@pytest.mark.parametrize("right", [True, False], ids=["right-key", "wrong-key"])
def test_h265_passes_encrypted_though_nothing_here_decodes_it(stage, kind, right):
    """What is in the packets: `libwebrtc/src/pipeline/transform/tests.rs`."""
    alice, bob = (stage.join(kind, name, encryption={**KEY, "ratchet_window": 0}) for name in ("alice", "bob"))
    if not right:
        bob.call("set_key", key="wrong")
    published = alice.call("publish_encoded", codec="H265")
    assert published["mime_type"] == "video/h265"
    assert _gcm(published)
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    received = bob.call("figures", until={"frames_received": 45})
    assert received["codec"]["mime_type"] == "video/H265"
    assert int(received["inbound"]["frames_dropped"]) == 0
    feedback = alice.call("encoder_feedback")
    mean = feedback["bytes"] / feedback["accepted"]
    # Tag, vector, its length and the key's index in each frame.
    overhead = 30
    assert int(received["inbound"]["bytes_received"]) >= (0.8 * mean + overhead) * int(received["inbound"]["frames_received"])
    alice.expect("e2ee_state_changed", participant="alice", state="OK")
    bob.expect("e2ee_state_changed", participant="alice", state="OK" if right else "DECRYPTION_FAILED")
    if not right:
        bob.call("set_key", key=KEY["key"])
        bob.expect("e2ee_state_changed", participant="alice", state="OK")
    _states(bob, "alice", *([] if right else ["DECRYPTION_FAILED"]), "OK")


def test_each_participant_may_have_a_key_of_its_own(pair):
    alice, bob = pair.enter(encryption={})
    alice.call("publish_tone")
    # Without a key nothing is sent, and the server tells nobody of the track.
    alice.expect("e2ee_state_changed", participant="alice", state="MISSING_KEY")
    for peer in (alice, bob):
        peer.call("set_key", participant="alice", key="alice's key")
    assert bob.call("key", participant="alice") == b"alice's key".hex()
    bob.expect("track_subscribed", name="tone", participant="alice")
    bob.call("listen")
    bob.call("hear")


@pytest.mark.ours("subscriber")
def test_a_missing_key_is_told_and_its_arrival_heals(pair):
    alice, bob = pair.enter(encryption={})
    alice.call("set_key", participant="alice", key="alice's key")
    alice.call("publish_tone")
    alice.call("publish_video", width=320, height=180, rate=15)
    for name in ("tone", "video"):
        bob.expect("track_subscribed", name=name, participant="alice")
    bob.call("listen")
    bob.call("watch")
    bob.expect("e2ee_state_changed", participant="alice", state="MISSING_KEY")
    bob.call("quiet")
    bob.call("set_key", participant="alice", key="alice's key")
    bob.call("hear")
    bob.call("see", count=10)


@pytest.mark.ours("subscriber")
@pytest.mark.parametrize("window", [0, 16], ids=["no-ratchet", "ratchet"])
def test_a_wrong_key_gives_silence_and_the_right_one_heals(pair, window):
    alice, bob = pair.enter(encryption={**KEY, "ratchet_window": window})
    bob.call("set_key", key="wrong")
    alice.call("publish_tone")
    alice.call("publish_video", width=320, height=180, rate=15)
    for name in ("tone", "video"):
        bob.expect("track_subscribed", name=name, participant="alice")
    bob.call("listen")
    bob.call("watch")
    bob.expect("e2ee_state_changed", participant="alice", state="DECRYPTION_FAILED", count=2)
    bob.call("quiet")
    assert not bob.call("seen")["numbers"]
    mark = bob.mark()
    bob.call("set_key", key=KEY["key"])
    bob.call("hear")
    bob.call("see", count=10)
    _states(bob, "alice", "OK", "OK", since=mark)


@pytest.mark.ours("subscriber")
def test_a_sender_that_takes_the_right_key_again_is_heard_again(pair):
    alice, bob = pair.enter(encryption={**KEY, "ratchet_window": 0, "failure_tolerance": 5})
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")
    alice.call("set_key", key="another")
    bob.expect("e2ee_state_changed", participant="alice", state="DECRYPTION_FAILED")
    bob.call("quiet")
    alice.call("set_key", key=KEY["key"])
    bob.call("hear")
    _states(bob, "alice", "OK", "DECRYPTION_FAILED", "OK")


def test_keys_change_in_the_middle_of_a_call(pair):
    alice, bob = pair.enter(encryption=KEY)
    tone = alice.call("publish_tone")["sid"]
    video = alice.call("publish_video", width=320, height=180, rate=15)["sid"]
    for name in ("tone", "video"):
        bob.expect("track_subscribed", name=name, participant="alice")
    bob.call("listen")
    bob.call("watch")
    bob.call("hear")
    bob.call("see", count=5)
    for index in (1, 2):
        for peer in (bob, alice):
            peer.call("set_key", key=f"key {index}", index=index)
        for sid in (tone, video):
            alice.call("use_key", index=index, participant="alice", sid=sid)
        bob.call("hear")
        bob.call("see", count=10)
    assert {one["index"] for one in alice.call("cryptors")} == {2}
    # Nothing was lost on the way.
    assert {one["state"] for one in bob.history("e2ee_state_changed", participant="alice")} == {"OK"}


def test_a_receiver_follows_a_key_that_went_on(pair):
    alice, bob = pair.enter(encryption={**KEY, "ratchet_window": 4})
    alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")
    new = alice.call("ratchet")
    assert len(bytes.fromhex(new)) == 32
    assert alice.call("key") == new
    bob.expect("e2ee_state_changed", participant="alice", state="KEY_RATCHETED")
    bob.call("hear")
    if pair.subscribing == "ours":
        assert bob.call("key", participant="alice") == new


@pytest.mark.ours("publisher")
def test_encryption_is_switched_off_and_on_by_room_and_by_track(pair):
    """Carol, who has no key, hears and sees what is not encrypted, and nothing else."""
    alice, bob = pair.join(encryption={**KEY, "ratchet_window": 0})
    carol = pair.stage.join(pair.subscribing, "carol", encryption={})
    tone = alice.call("publish_tone")["sid"]
    video = alice.call("publish_video", width=320, height=180, rate=15, simulcast=False)["sid"]
    for peer in (bob, carol):
        for name in ("tone", "video"):
            peer.expect("track_subscribed", name=name)
        peer.call("listen")
        peer.call("watch")
    bob.call("hear")
    bob.call("see", count=5)
    carol.expect("e2ee_state_changed", participant="alice", state="MISSING_KEY", count=2)
    carol.call("quiet")
    assert not carol.call("seen")["numbers"]
    for peer in (alice, bob, carol):
        peer.call("enable_encryption", enabled=False)
        assert [one["enabled"] for one in peer.call("cryptors")] == [False, False]
    for peer in (bob, carol):
        peer.call("hear")
        assert peer.call("see", count=10)[-1]["psnr"] > 26
    for peer in (carol, bob, alice):
        for sid in (tone, video):
            peer.call("enable_cryptor", participant="alice", sid=sid, enabled=True)
        assert [one["enabled"] for one in peer.call("cryptors")] == [True, True]
    last = len(alice.call("captured_at"))
    bob.call("hear")
    bob.call("see", count=5, least=last)
    carol.call("quiet")
    assert max(carol.call("seen")["numbers"]) <= last


@pytest.mark.ours("publisher")
def test_a_frame_that_cannot_be_encrypted_is_not_sent_and_the_next_key_picture_heals(pair):
    alice, bob = pair.join(encryption=KEY)
    alice.call("publish_encoded", codec="VP8")
    bob.expect("track_subscribed", name="video", participant="alice")
    bob.call("watch")
    bob.call("see", count=3)
    alice.call("stop_recording")
    # Shorter than what stays readable of it.
    assert alice.call("capture_encoded", codec="VP8", kind=1, at=1, length=2)["accepted"]
    alice.expect("e2ee_state_changed", participant="alice", state="ENCRYPTION_FAILED")
    alice.call("feed_recording")
    alice.expect("e2ee_state_changed", participant="alice", state="OK", count=2)
    assert min(one["psnr"] for one in bob.call("see", count=20)) >= 28
    bob.expect("e2ee_state_changed", participant="alice", state="OK")
    assert not bob.history("e2ee_state_changed", state="DECRYPTION_FAILED")


@pytest.mark.ours("publisher")
def test_requests_that_cannot_be_done_say_why(stage):
    alice = stage.join("ours", "alice", encryption=KEY)
    for op, args, text in [
        ("set_key", {"key": "k", "index": 99}, "key_index"),
        ("set_key", {"key": "k", "index": -1}, "key_index"),
        ("set_key", {"key": "k", "participant": "bob", "index": 99}, "key_index"),
        ("use_key", {"index": 1, "participant": "bob", "sid": "TR_nobody"}, "track_sid"),
    ]:
        with pytest.raises(PeerError, match=text):
            alice.call(op, **args)
    assert alice.call("key", index=3) is None
    assert alice.call("ratchet", index=3) is None


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "lossy"])
@pytest.mark.parametrize("size", [1, 15_000])
def test_messages_are_encrypted(pair, reliable, size):
    alice, bob = pair.enter(encryption=KEY)
    event = delivered(alice, bob, reliable=reliable, topic="secret", size=size)
    assert event["data"] == base64.b64encode(bytes(index % 251 for index in range(size))).decode()
    assert (event["topic"], event["participant"]) == ("secret", "alice")


def test_messages_follow_a_key_that_went_on(pair):
    alice, bob = pair.enter(encryption=KEY)
    for _ in range(3):
        alice.call("ratchet")
    alice.call("publish_data", size=5, reliable=True)
    bob.expect("data_received")


def test_messages_with_another_key_are_nobodys(pair):
    alice, bob = pair.enter(encryption={**KEY, "ratchet_window": 0})
    alice.call("set_key", key="another")
    alice.call("publish_data", size=5, reliable=True, topic="lost")
    alice.call("set_key", key=KEY["key"])
    alice.call("publish_data", size=5, reliable=True, topic="found")
    bob.expect("data_received", topic="found")
    assert len(bob.history("data_received")) == 1


def test_the_older_option_leaves_messages_readable(pair):
    alice, bob = pair.enter(e2ee=KEY)
    alice.call("publish_data", size=5, reliable=True)
    bob.expect("data_received")
    published = alice.call("publish_tone")
    assert _gcm(published)
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear")


def test_messages_without_a_key_are_refused(pair):
    alice, _ = pair.enter(encryption={})
    with pytest.raises(PeerError, match="(?i)key"):
        alice.call("publish_data", size=5, reliable=True)
