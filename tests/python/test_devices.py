"""Microphones and loudspeakers, on a PulseAudio server of the tests' own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lkhost.driver import Peer, PeerError
from lkhost.fixtures import library
from lkhost.soundserver import SoundServer

pytestmark = pytest.mark.ours

SINKS = ["desk", "hall", "yard"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    one = SoundServer(tmp_path_factory.mktemp("sound"), SINKS)
    yield one
    one.stop()


@pytest.fixture
def hosts(logs: Path, stage) -> Iterator[Callable[[str], Peer]]:
    """Peers on our library, whose sound server is the named one."""
    started: list[Peer] = []

    def start(server: str) -> Peer:
        label = f"devices-{len(started)}"
        peer = Peer(library(), label, logs / f"{label}-{stage.room}.log", prefix=("env", f"PULSE_SERVER={server}"))
        started.append(peer)
        return peer

    yield start
    codes = [peer.close() for peer in started]
    assert codes == [0] * len(codes)


def test_devices_are_listed_with_indices_names_and_ids(kind, sound, hosts):
    host = hosts(sound.address)
    assert host.call("acquire_audio") == {"recording_device_count": 3, "playout_device_count": 3}
    listed = host.call("audio_devices")
    assert listed["loudspeakers"] == [[at, name.capitalize(), name] for at, name in enumerate(SINKS)]
    assert [(at, guid) for at, _, guid in listed["microphones"]] == [
        (at, f"{name}.monitor") for at, name in enumerate(SINKS)
    ]


def test_unknown_devices_are_refused_by_name(kind, sound, hosts):
    host = hosts(sound.address)
    host.call("acquire_audio")
    for wanted in ({"microphone": "attic"}, {"loudspeaker": "attic"}, {"microphone": "index:3"}, {"loudspeaker": ""}):
        with pytest.raises(PeerError, match="device_id.*no (microphone|loudspeaker)"):
            host.call("choose", **wanted)
    host.call("choose", microphone="index:2", loudspeaker="hall")


def test_without_a_sound_server_the_error_says_so(kind, tmp_path, hosts):
    host = hosts(f"unix:{tmp_path}/nobody")
    threads = 0
    for _ in range(5):
        with pytest.raises(PeerError, match="no sound server.*nobody"):
            host.call("acquire_audio")
        threads = threads or host.usage()["threads"]
        host.comes_down_to({"threads": threads})


def test_what_the_microphone_hears_is_published(kind, sound, hosts, stage):
    alice, bob = hosts(sound.address), stage.join("stock", "bob")
    stage.enter(alice, "alice")
    alice.call("acquire_audio")
    alice.call("choose", microphone="desk.monitor")
    alice.call("publish_microphone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    with sound.playing("desk", 440.0), sound.playing("hall", 880.0):
        bob.call("hear", frequencies=[440.0])
        # Another microphone, while it runs.
        alice.call("choose", microphone="hall.monitor")
        bob.call("hear", frequencies=[880.0])
        assert alice.call("record", start=False) == ""
        bob.call("quiet", timeout=20)
        assert alice.call("record", start=True) == ""
        bob.call("hear", frequencies=[880.0])


def test_what_others_say_is_played(kind, sound, hosts, stage):
    alice, bob, carol = stage.join("stock", "alice"), hosts(sound.address), stage.join("ours", "carol")
    stage.enter(bob, "bob")
    bob.call("acquire_audio")
    bob.call("choose", loudspeaker="yard")
    alice.call("publish_tone", frequencies=[440.0])
    bob.expect("track_subscribed", participant="alice")
    # A window may hold the tone's beginning, or a hole of a disturbed machine's: the next one is looked at.
    sound.hear("yard.monitor", 440.0, level=-13.5)
    # Another loudspeaker, while it plays.
    bob.call("choose", loudspeaker="hall")
    sound.hear("hall.monitor", 440.0)
    # A second voice, much louder, is added.
    carol.call("publish_tone", frequencies=[1000.0], amplitude=0.6)
    bob.expect("track_subscribed", participant="carol")
    alice.call("unpublish")
    sound.hear("hall.monitor", 1000.0)


def test_released_devices_fall_silent_and_keep_no_thread(kind, sound, hosts, stage):
    alice, bob = stage.join("ours", "alice"), hosts(sound.address)
    stage.enter(bob, "bob")
    alice.call("publish_tone")
    bob.expect("track_subscribed", participant="alice")
    before = bob.usage()["threads"]
    bob.call("acquire_audio")
    bob.call("choose", loudspeaker="yard")
    sound.hear("yard.monitor", 440.0)
    assert bob.call("record", start=True) == ""
    bob.call("release_audio")
    with pytest.raises(AssertionError, match="not heard"):
        sound.hear("yard.monitor", 440.0, seconds=1)
    bob.comes_down_to({"threads": before + 1})


@pytest.fixture
def mortal(tmp_path) -> Iterator[SoundServer]:
    """A server for one test, which ends it now and then."""
    one = SoundServer(tmp_path, SINKS)
    yield one
    one.stop()


def test_a_sound_server_that_ends_and_comes_back_is_found_by_itself(kind, mortal, hosts, stage):
    """As at an update of the desktop: sound goes both ways before and after, and the host asks for nothing."""
    alice, bob = hosts(mortal.address), stage.join("stock", "bob")
    stage.enter(alice, "alice")
    alice.call("acquire_audio")
    alice.call("choose", microphone="desk.monitor", loudspeaker="yard")
    alice.call("publish_microphone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("publish_tone", frequencies=[1000.0])
    alice.expect("track_subscribed", participant="bob")
    for frequency in (440.0, 880.0):
        with mortal.playing("desk", frequency):
            bob.call("hear", frequencies=[frequency])
            mortal.hear("yard.monitor", 1000.0)
            mortal.stop()
        bob.call("quiet", timeout=30)
        with pytest.raises(PeerError, match="sound server"):
            alice.call("audio_devices")
        mortal.start()
    with mortal.playing("desk", 440.0):
        bob.call("hear", frequencies=[440.0])
        mortal.hear("yard.monitor", 1000.0)
    assert len(alice.call("audio_devices")["microphones"]) == len(SINKS)
    # Nothing goes on where nobody has a share any more.
    mortal.stop()
    alice.call("release_audio")
    threads = alice.usage()["threads"]
    mortal.start()
    alice.call("acquire_audio")
    alice.call("release_audio")
    alice.comes_down_to({"threads": threads + 1})


def test_a_device_that_was_pulled_out_can_be_chosen_again(kind, mortal, hosts, stage):
    """The sound server goes on with its default meanwhile, and does not go back by itself."""
    alice, bob = hosts(mortal.address), stage.join("stock", "bob")
    stage.enter(alice, "alice")
    alice.call("acquire_audio")
    alice.call("choose", microphone="hall.monitor", loudspeaker="yard")
    alice.call("publish_microphone")
    bob.expect("track_subscribed", name="tone")
    bob.call("listen")
    bob.call("publish_tone", frequencies=[1000.0])
    alice.expect("track_subscribed", participant="bob")
    with mortal.playing("hall", 440.0):
        bob.call("hear", frequencies=[440.0])
        mortal.hear("yard.monitor", 1000.0)
        mortal.pull_out("yard")
        mortal.pull_out("hall")
    # Which microphone is it now? The one by the loudspeaker.
    bob.call("hear", frequencies=[1000.0], tolerance_db=6)
    assert [name for _, _, name in alice.call("audio_devices")["loudspeakers"]] == ["desk"]
    mortal.put_in("yard")
    mortal.put_in("hall")
    alice.call("choose", microphone="hall.monitor", loudspeaker="yard")
    with mortal.playing("hall", 880.0):
        bob.call("hear", frequencies=[880.0])
        mortal.hear("yard.monitor", 1000.0)


def test_a_microphone_is_not_opened_later_where_starting_it_failed(kind, mortal, hosts, stage):
    alice, bob = stage.join("ours", "alice"), hosts(mortal.address)
    stage.enter(bob, "bob")
    bob.call("acquire_audio")
    bob.call("choose", loudspeaker="yard")
    alice.call("publish_tone", frequencies=[440.0])
    bob.expect("track_subscribed", participant="alice")
    mortal.hear("yard.monitor", 440.0)
    mortal.stop()
    assert "start_recording" in bob.call("record", start=True)
    mortal.start()
    mortal.hear("yard.monitor", 440.0)
    mortal.await_recorders(0)
    # One that was started is, and stays, wanted.
    assert bob.call("record", start=True) == ""
    mortal.await_recorders(1)
    mortal.stop()
    mortal.start()
    mortal.await_recorders(1)
    assert bob.call("record", start=False) == ""
    mortal.await_recorders(0)
