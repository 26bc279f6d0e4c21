"""Data messages both ways and both kinds, and what travels beside them."""

import base64

import pytest

from lkhost.lossy import delivered

# The channel carries messages of up to 64,000 bytes, envelope included.
LARGE = 60_000
BEYOND = 65_000


def _payload(size: int) -> str:
    return base64.b64encode(bytes(index % 251 for index in range(size))).decode()


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "lossy"])
@pytest.mark.parametrize("size", [0, 1, 1200, 15_000, LARGE])
def test_a_message_arrives_as_it_was_sent(pair, reliable, size):
    alice, bob = pair.enter()
    event = delivered(alice, bob, reliable=reliable, topic="greeting", size=size)
    assert event["data"] == _payload(size)
    assert event["kind"] == ("KIND_RELIABLE" if reliable else "KIND_LOSSY")
    assert event["topic"] == "greeting"
    assert event["participant"] == "alice"


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "lossy"])
@pytest.mark.parametrize("size", [BEYOND, 70_000, 300_000])
def test_a_message_beyond_the_limit_is_an_error_and_the_next_one_goes(pair, reliable, size):
    alice, bob = pair.enter()
    with pytest.raises(Exception, match="(?i)size|large|exceed|limit"):
        alice.call("publish_data", size=size, reliable=reliable)
    assert delivered(alice, bob, reliable=reliable, topic="next", size=10)["data"] == _payload(10)
    assert not bob.history("data_received", topic="")


@pytest.mark.parametrize("single", [True, False], ids=["one-connection", "two-connections"])
def test_reliable_messages_keep_their_order(pair, single):
    alice, bob = pair.enter(single_peer_connection=single)
    wanted = [base64.b64encode(f"{number}".encode().rjust(700)).decode() for number in range(120)]
    sending = [alice.start("publish_data", data=one) for one in wanted]
    for one in sending:
        one.result(15)
    bob.expect("data_received", data=wanted[-1], timeout=15)
    assert [one["data"] for one in bob.history("data_received")] == wanted


def test_a_message_for_one_reaches_only_that_one(pair):
    alice, bob = pair.enter()
    carol = pair.stage.join(pair.subscribing, "carol")
    alice.expect("participant_active", participant="carol")
    alice.call("publish_data", size=5, to=["carol"], topic="private")
    alice.call("publish_data", size=5, topic="public")
    carol.expect("data_received", topic="private")
    bob.expect("data_received", topic="public")
    assert bob.history("data_received", topic="private") == []


def test_messages_flow_both_ways_at_once(pair):
    alice, bob = pair.enter()
    sending = []
    for number in range(20):
        sending.append(alice.start("publish_data", size=2000, topic=f"{number}"))
        sending.append(bob.start("publish_data", size=2000, topic=f"{number}"))
    for one in sending:
        one.result(15)
    for peer in (alice, bob):
        for number in range(20):
            peer.expect("data_received", topic=f"{number}")


def test_data_without_permission_does_not_arrive(pair):
    alice, bob = pair.enter(grants={"canPublishData": False})
    try:
        alice.call("publish_data", size=5, topic="no")
    except Exception as error:  # a library may say so, or leave it to the server
        assert "ended" not in str(error)
    bob.call("publish_data", size=5, topic="yes")
    alice.expect("data_received", topic="yes")
    bob.absent("data_received", topic="no", seconds=0.5)


def test_sip_digits_arrive_in_order_with_their_sender(pair):
    alice, bob = pair.enter()
    for code, digit in ((1, "1"), (0, "0"), (11, "#")):
        alice.call("publish_dtmf", code=code, digit=digit)
    bob.expect("sip_dtmf_received", digit="#")
    seen = [(one["code"], one["digit"], one["participant"]) for one in bob.history("sip_dtmf_received")]
    assert seen == [(1, "1", "alice"), (0, "0", "alice"), (11, "#", "alice")]


def test_a_transcription_arrives_segment_by_segment(pair):
    # The server passes on the transcriptions of agents only.
    bob = pair.stage.join(pair.subscribing, "bob")
    alice = pair.stage.join(pair.publishing, "alice", grants={"kind": "agent"})
    track = alice.call("publish_tone")
    bob.expect("track_subscribed", name="tone")
    segments = [
        {"id": "s1", "text": "hello", "start_time": 0, "end_time": 900, "language": "en", "final": True},
        {"id": "s2", "text": "grüß Gott", "start_time": 900, "end_time": 1500, "language": "de", "final": False},
    ]
    alice.call("publish_transcription", name="tone", segments=segments)
    event = bob.expect("transcription_received")
    assert (event["participant"], event["sid"]) == ("alice", track["sid"])
    assert event["segments"] == segments


def test_a_chat_message_is_answered_with_its_text(pair):
    alice, _bob = pair.enter()
    answer = alice.call("chat", text="hello")
    assert answer.get("chat_message", {}).get("message") == "hello", answer
