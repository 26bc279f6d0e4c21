"""Remote procedure calls: answers, every error code, payloads of any length, and many at once."""

import pytest

from lkhost.olderserver import OlderServer, version
from lkhost.tokens import token

# What fits into the packet of a call; longer payloads go through streams.
PACKET = 15_360
CALLS = 1000

UNSUPPORTED_METHOD, NOT_FOUND, UNSUPPORTED_SERVER = 1400, 1401, 1403
APPLICATION, CONNECTION_TIMEOUT, RESPONSE_TIMEOUT, DISCONNECTED = 1500, 1501, 1502, 1503
SEND_FAILED = 1505


@pytest.mark.parametrize("payload", ["", "hello", "grüß Gott 🌍"], ids=["empty", "ascii", "unicode"])
def test_a_call_is_answered(pair, payload):
    alice, bob = pair.enter()
    bob.call("serve", method="echo")
    assert alice.call("perform", to="bob", method="echo", payload=payload) == {"answer": payload}
    called = bob.expect("called")
    assert (called["caller"], called["method"], called["length"]) == ("alice", "echo", len(payload))
    assert called["request"] != ""


@pytest.mark.parametrize("size", [PACKET - 1, PACKET, PACKET + 1, 50_000, 300_000])
def test_a_payload_of_any_length_goes_both_ways(pair, size):
    alice, bob = pair.enter()
    bob.call("serve", method="size", how="size")
    bob.call("serve", method="fill", how="fill", size=size)
    assert alice.call("perform", to="bob", method="size", size=size, response_timeout=20) == {
        "length": len(str(size)),
        "whole": False,
    }
    assert bob.expect("called", method="size")["length"] == size
    assert alice.call("perform", to="bob", method="fill", size=0, response_timeout=20) == {"length": size, "whole": True}


def test_both_sides_call_each_other(pair):
    alice, bob = pair.enter()
    for one in (alice, bob):
        one.call("serve", method="echo")
    assert alice.call("perform", to="bob", method="echo", payload="a") == {"answer": "a"}
    assert bob.call("perform", to="alice", method="echo", payload="b") == {"answer": "b"}


def test_a_method_that_nobody_serves(pair):
    alice, bob = pair.enter()
    outcome = alice.call("perform", to="bob", method="nothing")
    assert outcome["code"] == UNSUPPORTED_METHOD
    assert outcome["message"] != ""
    bob.call("serve", method="m")
    assert "answer" in alice.call("perform", to="bob", method="m")
    bob.call("serve_no_more", method="m")
    assert alice.call("perform", to="bob", method="m")["code"] == UNSUPPORTED_METHOD
    bob.call("serve", method="m", how="fill", size=3)
    assert alice.call("perform", to="bob", method="m") == {"answer": "012"}


def test_a_method_that_is_served_anew_answers_with_the_newer_one(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="m")
    bob.call("serve", method="m", how="fill", size=4)
    assert alice.call("perform", to="bob", method="m", payload="x") == {"answer": "0123"}


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [(1, "mine", None), (4242, "no", "why"), (1500, "grüß", '{"a": 1}'), (999_999, "", "")],
)
def test_an_error_of_the_application_arrives_with_its_data(pair, code, message, data):
    alice, bob = pair.enter()
    bob.call("serve", method="m", how="error", code=code, message=message, data=data)
    outcome = alice.call("perform", to="bob", method="m")
    assert (outcome["code"], outcome["message"], outcome["data"] or "") == (code, message, data or "")


def test_an_exception_is_an_application_error_without_its_text(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="m", how="raise")
    outcome = alice.call("perform", to="bob", method="m")
    assert outcome["code"] == APPLICATION
    assert "caller's eyes" not in str(outcome)


def test_a_long_error_is_cut_and_arrives(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="m", how="error", code=7, message="é" * 1000, data="x" * 20_000)
    outcome = alice.call("perform", to="bob", method="m")
    assert outcome["code"] == 7
    assert 0 < len(outcome["message"].encode()) <= 256
    assert set(outcome["message"]) == {"é"}
    assert len(outcome["data"]) <= PACKET


def test_a_method_that_does_not_answer_in_time(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="m", how="never")
    # The acknowledgement may take as long as it likes: without it the code would be another one.
    outcome = alice.call("perform", to="bob", method="m", response_timeout=1.0, max_round_trip_latency=25)
    assert outcome["code"] == RESPONSE_TIMEOUT
    bob.expect("called")
    bob.call("serve", method="echo")
    assert alice.call("perform", to="bob", method="echo", payload="on") == {"answer": "on"}


def test_a_recipient_that_is_not_there(pair):
    alice, _bob = pair.enter()
    outcome = alice.call("perform", to="nobody", method="m", response_timeout=2, max_round_trip_latency=1)
    # The official library knows no recipient that is not there: it waits for an acknowledgement in vain.
    assert outcome["code"] in (NOT_FOUND, CONNECTION_TIMEOUT)


def test_a_recipient_that_leaves_during_the_call(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="m", how="never")
    calling = alice.start("perform", to="bob", method="m", response_timeout=25)
    bob.expect("called")
    bob.call("disconnect")
    assert calling.result(30)["code"] == DISCONNECTED


def test_a_caller_that_leaves_during_the_call_is_answered(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="m", how="never")
    calling = alice.start("perform", to="bob", method="m", response_timeout=25)
    bob.expect("called")
    alice.call("disconnect")
    outcome = calling.result(30)
    assert outcome["code"] in (DISCONNECTED, SEND_FAILED, RESPONSE_TIMEOUT), outcome


def test_a_call_in_a_room_that_was_left_fails(pair):
    alice, _bob = pair.enter()
    alice.call("disconnect")
    outcome = alice.call("perform", to="bob", method="m", response_timeout=1, max_round_trip_latency=0.5)
    assert outcome["code"] in (SEND_FAILED, CONNECTION_TIMEOUT, DISCONNECTED), outcome
    assert outcome["message"] != ""


@pytest.mark.parametrize("single", [True, False], ids=["one-connection", "two-connections"])
def test_a_server_from_before_calls(pair, single):
    """The server is the same, but tells alice that it is an older one: one that passes no calls on."""
    server, room = pair.stage.server, pair.stage.room
    now = version(server.log)
    older = OlderServer(server.port, now, "1.7." + "9" * (len(now) - 4))
    try:
        bob = pair.stage.join(pair.subscribing, "bob", single_peer_connection=single)
        alice = pair.stage.peer(pair.publishing)
        alice.call("connect", url=older.url, token=token(room, "alice"), single_peer_connection=single)
        assert older.changed
        bob.call("serve", method="echo")
        for size in (0, 100_000):
            outcome = alice.call("perform", to="bob", method="echo", size=size, response_timeout=20)
            assert outcome["code"] == UNSUPPORTED_SERVER, outcome
            assert outcome["message"] != ""
        # Nothing was sent; what others call is answered.
        assert not bob.history("called")
        alice.call("serve", method="echo")
        bob.expect("participant_active", participant="alice")
        assert bob.call("perform", to="alice", method="echo", payload="on") == {"answer": "on"}
        alice.call("disconnect")
    finally:
        older.stop()


def test_a_call_of_a_version_that_is_not_known(pair):
    """As a stream, which the SDK can make by hand; in a packet, and what the caller gets: tests/browser."""
    alice, bob = pair.enter()
    bob.call("serve", method="m")
    bob.call("serve", method="done")
    for number, known in enumerate(({}, {"lk.rpc_request_version": "3"}, {"lk.rpc_request_version": "two"})):
        attributes = {"lk.rpc_request_id": f"call-{number}", "lk.rpc_request_method": "m", **known}
        alice.call("send_text", text="x", topic="lk.rpc_request", destination_identities=["bob"], attributes=attributes)
    assert alice.call("perform", to="bob", method="done", payload="on") == {"answer": "on"}
    assert [one["method"] for one in bob.history("called")] == ["done"]


def test_time_limits_arrive_at_the_method(pair):
    alice, bob = pair.enter()
    bob.call("serve", method="echo")
    alice.call("perform", to="bob", method="echo", response_timeout=9.0, max_round_trip_latency=2.0)
    # The way there and back is taken off.
    assert 6.5 <= bob.expect("called")["timeout"] <= 9.0


def test_a_thousand_calls_at_once(pair):
    alice, bob = pair.enter()
    bob.call("serve_quietly", method="echo")
    outcome = alice.call("perform_many", to="bob", method="echo", count=CALLS, timeout=90)
    assert outcome == {"right": CALLS, "wrong": []}
