"""Calls and data streams between a host of ours and a real browser, both ways."""

import hashlib

import pytest

# Nothing, a packet of it, the most that one packet carries, and what needs a stream of its own.
SIZES = (0, 100, 15_360, 100_000)
LENGTHS = (0, 20, 100_000)
UNSUPPORTED_VERSION = 1404


@pytest.fixture(autouse=True)
def known(request: pytest.FixtureRequest) -> None:
    """The browser knows what the host understands once the server told it who came, up to three seconds late."""
    meets = "meeting_an_older_one" if "meeting_an_older_one" in request.fixturenames else "meeting"
    request.getfixturevalue(meets).page.call("meet", "alice")


def test_the_browser_answers_our_calls(meeting):
    meeting.page.call("serve", "echo")
    for size in SIZES:
        answer = meeting.host.call("perform", to="bob", method="echo", size=size)
        assert answer == {"length": size, "whole": True}


def test_we_answer_the_browsers_calls(meeting):
    meeting.host.call("serve", method="echo")
    for size in SIZES:
        assert meeting.page.call("perform", "alice", "echo", size) == {"length": size, "whole": True}
    assert meeting.host.expect("called", method="echo")["caller"] == "bob"


def test_the_browsers_errors_reach_us(meeting):
    meeting.page.call("serve", "refuse", 707, "not today", "tomorrow")
    refused = meeting.host.call("perform", to="bob", method="refuse")
    assert refused == {"code": 707, "message": "not today", "data": "tomorrow"}
    assert meeting.host.call("perform", to="bob", method="unknown")["code"] == 1400


def test_our_errors_reach_the_browser(meeting):
    meeting.host.call("serve", method="refuse", how="error", code=707, message="not today", data="tomorrow")
    refused = meeting.page.call("perform", "alice", "refuse", 3)
    assert refused == {"code": 707, "message": "not today", "data": "tomorrow"}
    assert meeting.page.call("perform", "alice", "unknown", 3)["code"] == 1400


def test_a_call_of_a_version_that_we_do_not_know(meeting):
    host, page = meeting.host, meeting.page
    host.call("serve", method="echo")
    page.call("pretendVersion", 3)
    for size in SIZES:
        assert page.call("perform", "alice", "echo", size)["code"] == UNSUPPORTED_VERSION
    # What the host itself calls is of the version it knows.
    page.call("serve", "echo")
    assert host.call("perform", to="bob", method="echo", payload="on") == {"answer": "on"}
    assert not host.history("called")


def test_a_call_of_a_version_that_we_do_not_know_in_a_packet(meeting_an_older_one):
    host, page = meeting_an_older_one.host, meeting_an_older_one.page
    host.call("serve", method="echo")
    for version in (0, 2):
        page.call("pretendVersion", version)
        assert page.call("perform", "alice", "echo", 3)["code"] == UNSUPPORTED_VERSION
    page.call("pretendVersion", 1)
    assert page.call("perform", "alice", "echo", 3) == {"length": 3, "whole": True}
    assert len(host.history("called")) == 1


def test_an_older_browser_and_we_call_each_other(meeting_an_older_one):
    host, page = meeting_an_older_one.host, meeting_an_older_one.page
    page.call("serve", "echo")
    host.call("serve", method="echo")
    for size in SIZES[:-1]:
        assert host.call("perform", to="bob", method="echo", size=size) == {"length": size, "whole": True}
        assert page.call("perform", "alice", "echo", size) == {"length": size, "whole": True}


def test_what_an_older_browser_cannot_take_is_an_error_with_a_reason(meeting_an_older_one):
    host, page = meeting_an_older_one.host, meeting_an_older_one.page
    page.call("serve", "echo")
    host.call("serve", method="long", how="fill", size=15_361)
    assert host.call("perform", to="bob", method="echo", size=15_361)["code"] == 1402
    assert page.call("perform", "alice", "long", 3)["code"] == 1504


def test_our_texts_reach_the_browser(meeting):
    for length in LENGTHS:
        topic, text = f"t{length}", "ä€😀z" * (length // 4)
        meeting.page.call("takeStreams", topic)
        sent = meeting.host.call("send_text", text=text, topic=topic, attributes={"a": "ä"})
        came = meeting.page.call("heard", topic)
        assert (came["kind"], came["from"], came["text"]) == ("text", "alice", text)
        assert (came["id"], came["attributes"]) == (sent["stream_id"], {"a": "ä"})


def test_our_file_reaches_the_browser(meeting, tmp_path):
    meeting.page.call("takeStreams", "f")
    data = bytes(at % 251 for at in range(200_000))
    (tmp_path / "some.bin").write_bytes(data)
    meeting.host.call("send_file", path=str(tmp_path / "some.bin"), topic="f")
    came = meeting.page.call("heard", "f")
    assert (came["kind"], came["name"], came["size"]) == ("bytes", "some.bin", len(data))
    assert came["sha"] == hashlib.sha256(data).hexdigest()


def test_the_browsers_texts_reach_us(meeting):
    for length in LENGTHS:
        topic, text = f"t{length}", "ä€😀z" * (length // 4)
        meeting.host.call("hear_streams", topic=topic)
        meeting.page.call("sendText", text, topic, {"a": "ä"})
        ended = meeting.host.expect("stream_ended", topic=topic)
        assert (ended["kind"], ended["error"], ended["attributes"]) == ("text", None, {"a": "ä"})
        assert ended["sha"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_browsers_bytes_reach_us(meeting):
    for size in LENGTHS:
        topic, data = f"b{size}", bytes(at % 251 for at in range(size))
        meeting.host.call("hear_streams", topic=topic)
        meeting.page.call("sendBytes", size, topic, "some.bin")
        ended = meeting.host.expect("stream_ended", topic=topic)
        assert (ended["kind"], ended["error"], ended["size"]) == ("bytes", None, size)
        assert ended["sha"] == hashlib.sha256(data).hexdigest()
