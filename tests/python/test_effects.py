"""Requests whose answer says little do what they are called."""

TEXT = "the same line again and again\n" * 4000


def _sent(peer) -> int:
    """The bytes that the peer's reliable channel has sent."""
    stats = peer.call("session_stats")["publisher"]
    channels = [one["data_channel"]["dc"] for one in stats if "data_channel" in one]
    return sum(int(one["bytes_sent"]) for one in channels if one["label"] == "_reliable")


def test_a_text_is_compressed_unless_that_is_forbidden(pair):
    alice, bob = pair.enter()
    bob.call("hear_streams", topic="t")
    cost = {}
    for number, compress in enumerate((True, False), 1):
        before = _sent(alice)
        alice.call("send_text", text=TEXT, topic="t", compress=compress)
        bob.expect("stream_ended", size=len(TEXT), error=None, count=number)
        cost[compress] = _sent(alice) - before
    assert cost[True] < len(TEXT) / 10, cost
    assert cost[False] >= len(TEXT), cost


def _switch(peer, name: str, enabled: bool) -> None:
    fields = {"track_handle": f"@remote_track room {name}", "enabled": enabled}
    assert peer.call("request", what="enable_remote_track", fields=fields)["error"] is None


def _until(peer, black: bool) -> None:
    """Waits for a black picture, or for one that is none. Some of the other kind may be on their way."""
    for _ in range(100):
        [one] = peer.call("see", count=1)
        if (one["psnr"] < 20) == black:
            return
    raise AssertionError(f"the hundredth picture is not {'black' if black else 'whole'}: {one}")


def test_pictures_of_a_remote_track_that_is_switched_off_are_black(pair):
    alice, bob = pair.join()
    alice.call("publish_video", rate=15)
    bob.expect("track_subscribed", name="video")
    bob.call("watch")
    _until(bob, black=False)
    for enabled in (False, True):
        _switch(bob, "video", enabled)
        _until(bob, black=not enabled)
        assert all((one["psnr"] < 20) != enabled for one in bob.call("see", count=5))
    # Nobody else notices.
    assert alice.history("track_muted") == bob.history("track_muted") == []


def test_sound_of_a_remote_track_goes_on_when_it_is_switched_off(pair):
    """As the stock library has it: a listener who wants silence closes the stream."""
    _alice, bob = pair.hearing()
    for enabled in (False, True):
        _switch(bob, "tone", enabled)
        bob.call("hear")


def test_a_chat_message_is_edited_at_the_others(pair):
    alice, bob = pair.enter()
    bob.call("overhear", names=["chat_message"])
    first = alice.call("chat", text="helo")["chat_message"]
    bob.expect("raw chat_message")
    edited = alice.call("edit_chat", text="hello", message=first)["chat_message"]
    told = bob.expect("raw chat_message", count=2)["fields"]
    for one in (edited, told["message"]):
        assert (one["id"], one["message"]) == (first["id"], "hello")
        assert one["timestamp"] == first["timestamp"]
        assert int(one["edit_timestamp"]) >= int(first["timestamp"])
    assert told["participant_identity"] == "alice"
