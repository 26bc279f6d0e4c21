"""What works is not talked about: no record is written for a packet, a frame, a message or a stream."""

import pytest

from lkhost.driver import PeerError

# Lossy and reliable in turn, so that the last one arrives for certain.
MESSAGES = 1000
STREAMS = 20
# Ten seconds' worth; the tone goes on beside them.
PICTURES = 100
# What may be said of all that together.
RECORDS = 3


@pytest.mark.ours
def test_messages_streams_and_media_leave_no_records(stage, kind):
    alice, bob = stage.join(kind, "alice"), stage.join(kind, "bob")
    alice.expect("participant_active", participant="bob")
    alice.call("publish_tone")
    alice.call("publish_video", rate=10)
    for name in ("tone", "video"):
        bob.expect("track_subscribed", name=name)
    bob.call("listen")
    bob.call("watch", compare=False)
    bob.call("hear")
    bob.call("see", count=1)
    bob.call("hear_streams", topic="t")
    for one in (alice, bob):
        one.call("report_records")
    captured = alice.call("captured")
    watching = bob.start("see", count=PICTURES, seconds=90)
    alice.call("publish_numbered", count=MESSAGES, timeout=60)
    alice.call("send_many", count=STREAMS, topic="t", size=2000)
    bob.expect("data_received", topic=str(MESSAGES - 1), timeout=60)
    bob.expect("stream_ended", count=STREAMS, timeout=60)
    assert len(watching.result(95)) == PICTURES
    bob.call("hear")
    assert alice.call("captured") > captured

    for one in (alice, bob):
        # A request that is none is worth a record: with it come all that waited.
        with pytest.raises(PeerError, match="refused"):
            one.call("raw_bytes", request="ffff")
        one.expect("record", level="LOG_ERROR")
        records = one.history("record")
        assert len(records) <= RECORDS + 1, records
