"""W3C figures of sound: that whatever the stock library fills in, ours does, and that both mean the same by it."""

from lkhost.filled import filled

# Depend on chance: zero where nothing was lost or late, or before the path was measured.
CHANCE = {
    "candidate_pair.candidate_pair.available_incoming_bitrate",
    "candidate_pair.candidate_pair.current_round_trip_time",
    "inbound_rtp.inbound.concealed_samples",
    "inbound_rtp.inbound.concealment_events",
    "inbound_rtp.inbound.inserted_samples_for_deceleration",
    "inbound_rtp.inbound.nack_count",
    # The stock library counts every redundant block that was not needed.
    "inbound_rtp.inbound.packets_discarded",
    "inbound_rtp.inbound.removed_samples_for_acceleration",
    "inbound_rtp.inbound.retransmitted_bytes_received",
    "inbound_rtp.inbound.retransmitted_packets_received",
    "inbound_rtp.inbound.silent_concealed_samples",
    "inbound_rtp.received.jitter",
    "inbound_rtp.received.packets_lost",
    # TCP is tried by the stock library where UDP was slow to answer; ours goes to TURN.
    "local_candidate.candidate.tcp_type",
    "remote_candidate.candidate.tcp_type",
    "outbound_rtp.outbound.nack_count",
    "outbound_rtp.outbound.retransmitted_bytes_sent",
    "outbound_rtp.outbound.retransmitted_packets_sent",
    "outbound_rtp.outbound.total_packet_send_delay",
    "remote_inbound_rtp.received.jitter",
    "remote_inbound_rtp.received.packets_lost",
    "remote_inbound_rtp.remote_inbound.fraction_lost",
    "remote_inbound_rtp.remote_inbound.round_trip_time",
}
SECOND = 48_000
AMPLITUDE = 0.3


def _heard(stage, library: str, name: str) -> tuple:
    """A publisher and a listener of that library, who has heard a second of its tone; both have reports."""
    alice, bob = stage.join(library, f"alice-{name}"), stage.join(library, f"bob-{name}")
    alice.call("publish_tone", name=name, amplitude=AMPLITUDE)
    bob.expect("track_subscribed", name=name)
    bob.call("listen", track=name)
    bob.call("hear", track=name, amplitude=AMPLITUDE)
    alice.call("sent_figures", name=name, reported=True)
    bob.call("figures", name=name, until={"jitter_buffer_emitted_count": SECOND}, reported=True)
    return alice, bob


def test_what_the_stock_library_fills_in_for_sound_is_filled_in(stage, kind):
    reports = []
    for name, library in (("first", kind), ("second", "stock")):
        alice, bob = _heard(stage, library, name)
        reports.append(
            {
                "sender": alice.call("track_stats", name=name),
                "receiver": bob.call("track_stats", name=name, remote=True),
                "session of the sender": alice.call("session_stats")["publisher"],
                "session of the receiver": sum(bob.call("session_stats").values(), []),
            }
        )
        # The second ones shall be told of nothing but their own.
        alice.call("unpublish", name=name)
    ours, stock = reports
    for part, entries in stock.items():
        missing = filled(entries) - filled(ours[part]) - CHANCE
        assert not missing, f"{part}: {sorted(missing)}"
        kinds = {kind for entry in entries for kind in entry}
        assert kinds <= {kind for entry in ours[part] for kind in entry}, part


def _per_second(before: dict, after: dict, part: str, member: str) -> float:
    passed = (int(after["rtc"]["timestamp"]) - int(before["rtc"]["timestamp"])) / 1e6
    return (float(after[part][member]) - float(before[part][member])) / passed


def test_figures_of_sound_mean_what_they_are_called(pair):
    alice, bob = pair.stage.join(pair.publishing, "alice"), pair.stage.join(pair.subscribing, "bob")
    alice.call("publish_tone", amplitude=AMPLITUDE)
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("hear", amplitude=AMPLITUDE)
    before = alice.call("sent_figures", name="tone")[0], bob.call("figures", name="tone")
    bob.call("measure", ms=3000)
    [sent] = alice.call("sent_figures", name="tone", reported=True)
    received = bob.call("figures", name="tone", until={"audio_level": 0.9 * AMPLITUDE}, reported=True)

    # A level is that of the loudest sample. Where a program was held up, there was silence for a while.
    source, inbound = sent["source"]["audio"], received["inbound"]
    for was, now in ((before[0]["source"]["audio"], source), (before[1]["inbound"], inbound)):
        assert now["audio_level"] <= 1.1 * AMPLITUDE
        seconds = now["total_samples_duration"] - was["total_samples_duration"]
        energy = now["total_audio_energy"] - was["total_audio_energy"]
        assert seconds > 1
        assert 0.6 * AMPLITUDE**2 <= energy / seconds <= 1.2 * AMPLITUDE**2, energy / seconds

    # What is sent: packets of 20 ms, and no more than the encoder's target with its redundant copy.
    assert 10 <= _per_second(before[0], sent, "sent", "packets_sent") <= 75
    target = sent["outbound"]["target_bitrate"]
    assert 6_000 <= target <= 510_000
    assert 0.2 * target <= 8 * _per_second(before[0], sent, "sent", "bytes_sent") <= 2.5 * target

    # What is received: all of it, and out of the buffer within a second.
    came = int(received["received"]["packets_received"]) - int(before[1]["received"]["packets_received"])
    lost = int(received["received"]["packets_lost"]) - int(before[1]["received"]["packets_lost"])
    assert came > 50 and lost <= came / 20, (came, lost)
    emitted = int(inbound["jitter_buffer_emitted_count"])
    for member in ("jitter_buffer_delay", "jitter_buffer_target_delay", "total_processing_delay"):
        assert 0 < float(inbound[member]) / emitted < 1, member
    assert int(inbound["total_samples_received"]) >= emitted - SECOND
    assert int(inbound["concealed_samples"]) <= int(inbound["total_samples_received"]) / 2
    for one in (sent, received):
        assert one["codec"]["clock_rate"] == SECOND
        # Sent with redundancy (RFC 2198), or not: it is the wrapped codec that is named.
        assert one["codec"]["mime_type"] == "audio/opus"
    assert int(received["remote"]["sent"]["packets_sent"]) > 0
