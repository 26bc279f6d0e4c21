"""One program in two rooms at once: what is of one room, used in the other, is an error with a text or does its work;
nothing hangs, and the other room never notices."""

import pytest

from lkhost.driver import PeerError

# Each room is encrypted with a key of its own.
KEYS = {"a": "key of a", "b": "key of b"}
RPC_NO_ANSWER = 1501


class TwoRooms:
    """`host` is in the rooms `a` and `b` under one name; bob is in the one and carol in the other. Everybody publishes a
    tone and a data track."""

    def __init__(self, stage, kind: str, others: str) -> None:
        self.host = stage.peer(kind)
        self.others = {"a": stage.peer(others), "b": stage.peer(others)}
        self.sids: dict[str, str] = {}
        joining = []
        for room, name in (("a", "bob"), ("b", "carol")):
            options = {"encryption": {"key": KEYS[room]}, "server_room": f"{stage.room}-{room}"}
            other, there = self.others[room], {"room": room}
            joining.append((other, {}, "host", stage.begin_enter(other, name, **options)))
            joining.append((self.host, there, name, stage.begin_enter(self.host, "host", room=room, **options)))
        for peer, place, whom, entering in joining:
            known = entering.result(20)["participants"].get(whom)
            if known is None or known["state"] != "PARTICIPANT_STATE_ACTIVE":
                peer.expect("participant_active", participant=whom, **place)
        for room in "ab":
            self.sids[room] = self.host.call("publish_tone", room=room, frequencies=[440.0])["sid"]
            self.host.call("publish_data_track", name="data", room=room)
            other = self.others[room]
            self.sids[f"{room}'s other"] = other.call("publish_tone", frequencies=[1000.0])["sid"]
            other.call("publish_data_track", name="data")
            other.expect("track_subscribed", participant="host", name="tone")
            other.call("listen")
            self.host.expect("track_subscribed", room=room, name="tone")
            self.host.expect("data_track_published", room=room)

    def all_is_well(self, room: str) -> None:
        """Sound, messages and calls go both ways in that room."""
        other = self.others[room]
        name = {"a": "bob", "b": "carol"}[room]
        other.call("hear", frequencies=[440.0])
        self.host.call("listen", room=room)
        self.host.call("hear", room=room, frequencies=[1000.0])
        self.host.call("stop_listening", room=room)
        for peer, to, place in ((self.host, name, {"room": room}), (other, "host", {})):
            receiver, there = (other, {}) if peer is self.host else (self.host, {"room": room})
            mark = receiver.mark()
            peer.call("publish_data", size=7, topic="well", to=[to], **place)
            receiver.expect("data_received", since=mark, topic="well", **there)
            receiver.call("serve_quietly", method="well", **there)
            assert peer.call("perform", to=to, method="well", payload="?", **place) == {"answer": "?"}

    def ask(self, what: str, limit: float = 25, **fields):
        return self.host.call("request", what=what, fields=fields, limit=limit, timeout=limit + 5)


@pytest.fixture
def rooms(stage, kind) -> TwoRooms:
    return TwoRooms(stage, kind, kind)


def cryptor(message: str, identity: str, sid: str, **fields):
    return {message: {"participant_identity": identity, "track_sid": sid, **fields}}


@pytest.mark.ours
def test_what_is_of_another_room_is_an_error_with_a_text(rooms):
    """The local participant and the room are those of `b`, the rest is of `a`."""
    sids = rooms.sids
    local, room = {"local_participant_handle": "@local b"}, {"room_handle": "@room b"}
    for what, fields, text in [
        ("publish_track", {**local, "track_handle": "@remote_track a tone", "options": {}}, "remote track"),
        ("unpublish_track", {**local, "track_sid": sids["a"], "stop_on_unpublish": True}, "track"),
        ("unpublish_track", {**local, "track_sid": sids["a's other"], "stop_on_unpublish": True}, "track"),
        ("e2ee", {**room, **cryptor("cryptor_set_enabled", "host", sids["a"], enabled=False)}, "track_sid"),
        ("e2ee", {**room, **cryptor("cryptor_set_enabled", "bob", sids["a's other"], enabled=False)}, "track_sid"),
        ("e2ee", {**room, **cryptor("cryptor_set_enabled", "carol", sids["a's other"], enabled=False)}, "track_sid"),
        ("e2ee", {**room, **cryptor("cryptor_set_key_index", "host", sids["a"], key_index=1)}, "track_sid"),
        ("e2ee", {**room, **cryptor("cryptor_set_key_index", "bob", sids["a's other"], key_index=1)}, "track_sid"),
        (
            "get_schema",
            {**local, "schema_id": {"name": "s", "encoding": {"well_known": "WELL_KNOWN_SCHEMA_ENCODING_JSON_SCHEMA"}},
             "participant_identity": "bob"},
            "",
        ),
    ]:  # fmt: skip
        outcome = rooms.ask(what, **fields)
        assert outcome["error"], (what, fields)
        assert text in outcome["error"], outcome
    lost = rooms.ask(
        "perform_rpc", **local, destination_identity="bob", method="m", payload="", response_timeout_ms=2000,
        max_round_trip_latency_ms=1000,
    )  # fmt: skip
    assert lost["callback"]["error"]["code"] == RPC_NO_ANSWER
    for room in "ab":
        rooms.all_is_well(room)


@pytest.mark.ours
def test_handles_in_each_others_places_are_errors_with_a_text(rooms):
    """Handles of the other room, each of another kind than its place asks for."""
    kinds = ("room a", "local a", "participant a bob", "track a tone", "publication a tone", "remote_publication a tone",
             "remote_track a tone", "data_track a data", "remote_data_track a data")  # fmt: skip
    places = {
        # By request: the field, what stands beside it, and what it may be.
        "get_session_stats": ("room_handle", {}, {"room"}),
        "publish_track": ("track_handle", {"local_participant_handle": "@local b", "options": {}}, {"track"}),
        "unpublish_track": ("local_participant_handle", {"track_sid": rooms.sids["b"], "stop_on_unpublish": True}, {"local"}),
        "set_subscribed": ("publication_handle", {"subscribe": True}, {"remote_publication"}),
        "local_track_mute": ("track_handle", {"mute": False}, {"track"}),
        "enable_remote_track": ("track_handle", {"enabled": True}, {"remote_track"}),
        "get_stats": ("track_handle", {}, {"track", "remote_track"}),
        "e2ee": ("room_handle", {"manager_get_frame_cryptors": {}}, {"room"}),
        "send_text": ("local_participant_handle", {"text": "x", "options": {"topic": "t"}}, {"local"}),
        "set_local_name": ("local_participant_handle", {"name": "n"}, {"local"}),
        "register_rpc_method": ("local_participant_handle", {"method": "n"}, {"local"}),
        "enable_remote_track_publication": ("track_publication_handle", {"enabled": True}, {"remote_publication"}),
        "local_data_track_is_published": ("track_handle", {}, {"data_track"}),
        "remote_data_track_is_published": ("track_handle", {}, {"remote_data_track"}),
        "simulate_scenario": ("room_handle", {"scenario": "SIMULATE_SIGNAL_RECONNECT"}, {"room"}),
    }  # fmt: skip
    taken = []
    for what, (field, beside, right) in places.items():
        for handle in kinds:
            if handle.split()[0] in right:
                continue
            try:
                outcome = rooms.ask(what, **{field: f"@{handle}", **beside})
            except PeerError as refused:
                assert "handle" in str(refused) or "participant" in str(refused), (what, handle, refused)
            else:
                if not outcome["error"]:
                    taken.append((what, handle))
    assert not taken
    for room in "ab":
        rooms.all_is_well(room)


@pytest.mark.ours
def test_what_can_be_said_of_another_room_stays_in_its_own(rooms):
    """Identities and tracks of `a` in what is said in `b`: nobody is there under that name, and `a` hears nothing."""
    bob, carol = rooms.others["a"], rooms.others["b"]
    local = {"local_participant_handle": "@local b"}
    for peer in (bob, carol):
        peer.call("hear_streams", topic="lost")
    to = {"destination_identities": ["bob"]}
    stream = {"topic": "lost", **to}
    header = {"stream_id": "s", "timestamp": 1, "topic": "lost", "mime_type": "text/plain", "total_length": 1,
              "text_header": {"operation_type": "CREATE"}}  # fmt: skip
    for what, fields in [
        ("send_text", {"text": "x", "options": stream}),
        ("send_bytes", {"bytes": "eA==", "options": stream}),
        ("send_stream_header", {**to, "sender_identity": "bob", "header": header}),
        ("send_stream_chunk", {**to, "sender_identity": "bob", "chunk": {"stream_id": "s", "chunk_index": 0, "content": "eA=="}}),
        ("send_stream_trailer", {**to, "sender_identity": "bob", "trailer": {"stream_id": "s", "reason": ""}}),
        ("publish_sip_dtmf", {**to, "code": 1, "digit": "1"}),
        ("send_chat_message", {**to, "message": "x", "sender_identity": "bob"}),
        (
            "publish_transcription",
            {"participant_identity": "bob", "track_id": rooms.sids["a's other"],
             "segments": [{"id": "s", "text": "x", "start_time": 0, "end_time": 1, "final": True, "language": "en"}]},
        ),
    ]:  # fmt: skip
        outcome = rooms.ask(what, **local, **fields)
        assert outcome["error"] is None, (what, outcome)
    rooms.host.call("publish_data", room="b", size=3, topic="lost", to=["bob"])
    permission = {"participant_identity": "bob", "allow_all": False, "allowed_track_sids": [rooms.sids["a"]]}
    rooms.ask(
        "set_track_subscription_permissions", **local, all_participants_allowed=True, permissions=[permission]
    )
    # A key for somebody who is not there is kept; the key of the room that he is in stays as it was.
    key = {"participant_identity": "bob", "key": "eHg=", "key_index": 0}
    assert rooms.ask("e2ee", room_handle="@room b", set_key=key)["error"] is None
    assert rooms.host.call("key", room="b", participant="bob") == b"xx".hex()
    assert rooms.host.call("key", room="a", participant="bob") == KEYS["a"].encode().hex()
    for room in "ab":
        rooms.all_is_well(room)
    # What came behind these got through, so that these would have come.
    assert not bob.history("stream_opened", "data_received", "sip_dtmf_received", "transcription_received", topic="lost")
    assert not bob.history("stream_opened", "sip_dtmf_received", "transcription_received")
    assert not carol.history("stream_opened", "sip_dtmf_received")


@pytest.mark.ours
def test_an_answer_to_a_call_of_another_room_is_nobodys(rooms):
    bob = rooms.others["a"]
    rooms.host.call("serve", room="a", method="m", how="never")
    invocation = rooms.host.start("next_invocation", method="m")
    rooms.host.expect("invocations_heard")
    calling = bob.start("perform", to="host", method="m", response_timeout=60)
    answer = {"invocation_id": invocation.result(20), "payload": "x"}
    for _ in range(2):
        outcome = rooms.ask("rpc_method_invocation_response", local_participant_handle="@local b", **answer)
        assert str(answer["invocation_id"]) in outcome["error"]
    outcome = rooms.ask("rpc_method_invocation_response", local_participant_handle="@local a", **answer)
    assert outcome["error"] is None
    assert calling.result(20) == {"answer": "x"}
    calling = bob.start("perform", to="host", method="m", response_timeout=60)
    rooms.host.expect("called", count=2)
    rooms.host.call("disconnect", room="a")
    assert "code" in calling.result(30)
    rooms.all_is_well("b")


@pytest.mark.ours
def test_a_room_that_breaks_or_ends_leaves_the_other_alone(rooms):
    host = rooms.host
    mark = host.mark()
    host.call("simulate", room="a", kind="SIMULATE_SIGNAL_RECONNECT")
    host.expect("reconnected", room="a", since=mark)
    rooms.all_is_well("b")
    rooms.all_is_well("a")
    host.call("disconnect", room="a")
    # What was of it is closed, wherever it is used.
    local = {"local_participant_handle": "@local b"}
    for what, fields in [
        ("publish_track", {**local, "track_handle": "@remote_track a tone", "options": {}}),
        ("unpublish_track", {**local, "track_sid": rooms.sids["a"], "stop_on_unpublish": True}),
        ("set_subscribed", {"publication_handle": "@remote_publication a tone", "subscribe": True}),
        ("get_session_stats", {"room_handle": "@room a"}),
        ("e2ee", {"room_handle": "@room a", "manager_get_frame_cryptors": {}}),
        ("send_text", {"local_participant_handle": "@local a", "text": "x", "options": {"topic": "t"}}),
    ]:
        try:
            outcome = rooms.ask(what, **fields)
        except PeerError as refused:
            assert "closed" in str(refused) or "handle" in str(refused), (what, refused)
        else:
            assert outcome["error"], (what, outcome)
    assert not host.history("reconnecting", "reconnected", "disconnected", room="b")
    rooms.all_is_well("b")


@pytest.fixture
def shared(pair):
    """A host in both rooms that publishes a tone and pictures in `a`, and each of them again in `b`; bob and carol see
    and hear them."""
    stage = pair.stage
    host, bob, carol = (stage.peer(kind) for kind in (pair.publishing, pair.subscribing, pair.subscribing))
    for room, peer, name in (("a", bob, "bob"), ("b", carol, "carol")):
        stage.enter(peer, name, server_room=f"{stage.room}-{room}")
        stage.enter(host, "host", room=room, server_room=f"{stage.room}-{room}")
    host.call("publish_tone", room="a")
    host.call("publish_video", room="a", simulcast=False)
    for name, source in (("tone", "SOURCE_MICROPHONE"), ("video", "SOURCE_CAMERA")):
        host.call("publish_again", name=name, room="a", other="b", source=source, simulcast=False)
        for peer in (bob, carol):
            peer.expect("track_subscribed", participant="host", name=name)
    for peer in (bob, carol):
        peer.call("listen")
        peer.call("hear")
        peer.call("watch")
        peer.call("see", count=5)
    return host, bob, carol


# With the stock library as the publisher, the end of a publication fails and the next one aborts the program.
@pytest.mark.ours("publisher")
def test_a_track_that_is_published_in_two_rooms_ends_in_each_by_itself(shared):
    """One source, one track, two publications."""
    host, bob, carol = shared
    for name in ("tone", "video"):
        host.call("withdraw", name=name, room="a")
        bob.expect("track_unpublished", name=name)
    carol.call("hear")
    carol.call("see", count=5)
    # Published anew in the first room, and withdrawn in the second.
    host.call("publish_again", name="tone", room="b", other="a", source="SOURCE_MICROPHONE")
    bob.expect("track_subscribed", name="tone", count=2)
    for name in ("tone", "video"):
        host.call("withdraw", name=name, room="b")
        carol.expect("track_unpublished", name=name)
    bob.call("listen")
    bob.call("hear")
    host.call("disconnect", room="a")
    bob.expect("participant_disconnected", participant="host")


@pytest.mark.ours("publisher")
def test_a_track_that_is_published_in_two_rooms_is_muted_in_both(shared):
    host, bob, carol = shared
    for event, muted in (("track_muted", True), ("track_unmuted", False)):
        host.call("mute", muted=muted, room="a")
        for peer in (bob, carol):
            peer.expect(event, participant="host", name="tone")
    for peer in (bob, carol):
        peer.call("hear")
    for room in "ab":
        assert any("outbound_rtp" in one for one in host.call("track_stats", name="tone", room=room))
    # Leaving one room with both publications alive leaves the other as it is.
    host.call("disconnect", room="b")
    bob.call("hear")
    bob.call("see", count=5)


@pytest.mark.ours("publisher")
def test_a_track_that_is_published_twice_in_a_room_is_two_publications(pair):
    alice, bob = pair.join()
    first = alice.call("publish_tone")["sid"]
    second = alice.call("publish_again", name="tone", room="room", other="room", source="SOURCE_SCREENSHARE_AUDIO")["sid"]
    assert first != second
    for sid in (first, second):
        bob.expect("track_subscribed", sid=sid)
        bob.call("listen", track=sid)
        bob.call("hear", track=sid)
    alice.call("withdraw", name="tone", room="room")
    bob.expect("track_unpublished", sid=second)
    bob.call("hear", track=first)
