"""Sound processing: resampling and cleaning beside the stock library, audio filters, and frames of other lengths."""

import base64
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lkhost import tones
from lkhost.driver import PeerError

PLUGIN = Path(__file__).resolve().parents[1] / "plugin"


def _encode(samples: np.ndarray) -> str:
    return base64.b64encode(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()).decode()


def _decode(data: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data), dtype="<i2").astype(np.float64) / 32768


def _level(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(samples**2) + 1e-12)


# Resampling


def _chord(rate: int, seconds: float, highest: float) -> np.ndarray:
    """Eight tones up to `highest` Hz."""
    time = np.arange(int(rate * seconds)) / rate
    return sum(0.1 * np.sin(2 * np.pi * highest * part / 8 * time + part) for part in range(1, 9))


@pytest.mark.ours
@pytest.mark.parametrize(
    "rates", [(48000, 16000), (16000, 48000), (44100, 48000), (48000, 44100), (24000, 48000), (8000, 48000)]
)
@pytest.mark.parametrize(
    ("quality", "alike"), [("quick", 30), ("low", 70), ("medium", 55), ("high", 75), ("very_high", 75)]
)
def test_resampled_sound_is_that_of_the_stock_library(stage, rates, quality, alike):
    # Where the stock library's recipes are flat, too: the lower ones fall early.
    highest = min(rates) / 2 * {"quick": 0.2, "low": 0.4, "medium": 0.6}.get(quality, 0.85)
    pieces = [_encode(_chord(rates[0], seconds, highest)) for seconds in (1.0, 0.1234)]
    asked = {"pieces": pieces, "rates": rates, "channels": 1, "quality": quality, "block": 441}
    ours = [_decode(piece) for piece in stage.peer("ours").call("resample", **asked)]
    stock = [_decode(piece) for piece in stage.peer("stock").call("resample", **asked)]
    assert [len(piece) for piece in ours] == [len(piece) for piece in stock]
    edge = rates[1] // 50
    inner, other = ours[0][edge:-edge], stock[0][edge:-edge]
    difference = _level(inner) - _level(inner - other)
    assert difference > alike, f"{difference:.1f} dB"


@pytest.mark.ours
def test_resampled_channels_stay_apart(kind, stage):
    peer = stage.peer(kind)
    left, right = _chord(48000, 0.5, 3000), np.zeros(24000)
    piece = _encode(np.stack([left, right], axis=1).reshape(-1))
    [out] = peer.call("resample", pieces=[piece], rates=(48000, 24000), channels=2, quality="high", block=480)
    frames = _decode(out).reshape(-1, 2)
    assert len(frames) == 12000
    assert _level(frames[:, 1]) < -110
    assert abs(_level(frames[:, 0]) - _level(left)) < 0.1


@pytest.mark.ours
@pytest.mark.parametrize("rates", [(0, 48000), (48000, -1), (48000, 1e12), (float("nan"), 48000)])
def test_rates_that_cannot_be_are_refused(kind, stage, rates):
    with pytest.raises(PeerError, match="put_rate"):
        stage.peer(kind).call("resample", pieces=[], rates=rates, channels=1, quality="high", block=480)


# Cleaning


def _speech(rate: int, seconds: float, seed: int) -> np.ndarray:
    """Bursts of a buzz through changing resonances, with pauses."""
    chance = np.random.default_rng(seed)
    out = []
    while sum(map(len, out)) < rate * seconds:
        length = int(rate * chance.uniform(0.1, 0.3))
        time = np.arange(length) / rate
        pitch = chance.uniform(90, 180)
        formants = chance.uniform([300, 900, 2200], [800, 2000, 3000])
        harmonics = np.arange(1, int(0.45 * rate / pitch))
        weights = sum(1 / (1 + ((harmonics * pitch - formant) / 120) ** 2) for formant in formants)
        voice = (weights[:, None] * np.sin(2 * np.pi * pitch * harmonics[:, None] * time)).sum(0)
        voice *= np.sin(np.pi * np.arange(length) / length) * (chance.uniform() > 0.25)
        out.append(voice)
    speech = np.concatenate(out)[: int(rate * seconds)]
    return speech / np.abs(speech).max()


def _room(played: np.ndarray, rate: int, delay_ms: int) -> np.ndarray:
    chance = np.random.default_rng(3)
    length = int(0.06 * rate)
    response = np.zeros(length + rate * delay_ms // 1000)
    response[-length:] = 0.3 * chance.uniform(-1, 1, length) * 10 ** (-3 * np.arange(length) / length)
    response[-length] = 1
    size = 1 << int(np.ceil(np.log2(len(played) + len(response))))
    return 0.4 * np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)[: len(played)]


def _both(stage, samples: np.ndarray, rate: int, **asked) -> dict[str, np.ndarray]:
    """What each library makes of it."""
    return {
        kind: _decode(stage.peer(kind).call("clean", heard=_encode(samples), rate=rate, channels=1, timeout=60, **asked))
        for kind in ("ours", "stock")
    }


@pytest.mark.ours
@pytest.mark.parametrize(("rate", "delay_ms"), [(16000, 40), (48000, 120)])
def test_echo_goes_as_it_does_with_the_stock_library(stage, rate, delay_ms):
    far = 0.5 * _speech(rate, 10, 1)
    heard = _room(far, rate, delay_ms) + 1e-4 * np.random.default_rng(2).standard_normal(len(far))
    cleaned = _both(stage, heard, rate, stages=["echo_cancellation"], played=_encode(far), delay_ms=delay_ms)
    half = len(heard) // 2
    reduced = {kind: _level(heard[half:]) - _level(out[half:]) for kind, out in cleaned.items()}
    assert reduced["ours"] >= 30, reduced
    assert reduced["ours"] > reduced["stock"] - 6, reduced


@pytest.mark.ours
def test_noise_goes_and_speech_stays_as_with_the_stock_library(stage):
    # At 48 kHz the stock library works at 32 kHz, and what lies above 16 kHz is lost.
    rate = 32000
    noise = 0.02 * np.random.default_rng(4).standard_normal(rate * 6)
    voice = 0.5 * _speech(rate, 6, 5)
    change = {}
    for name, samples in (("noise", noise), ("voice", voice)):
        cleaned = _both(stage, samples, rate, stages=["noise_suppression"])
        half = len(samples) // 2
        for kind, out in cleaned.items():
            change[name, kind] = _level(out[half:]) - _level(samples[half:])
    assert change["noise", "ours"] < -9, change
    assert abs(change["voice", "ours"]) < 3, change
    for name in ("noise", "voice"):
        assert abs(change[name, "ours"] - change[name, "stock"]) < 2, change


@pytest.mark.ours
def test_gain_comes_to_where_the_stock_library_brings_it(stage):
    rate = 16000
    voice = 0.03 * _speech(rate, 15, 6)
    cleaned = _both(stage, voice, rate, stages=["auto_gain_control"])
    levels = {kind: _level(out[-5 * rate :]) for kind, out in cleaned.items()}
    assert levels["ours"] - _level(voice[-5 * rate :]) > 12, levels
    assert abs(levels["ours"] - levels["stock"]) < 3, levels


@pytest.mark.ours
@pytest.mark.parametrize("rate", [16000, 48000])
def test_rumble_goes_as_with_the_stock_library(stage, rate):
    time = np.arange(rate * 2) / rate
    for frequency, least, most in ((20, -200, -25), (1000, -1, 1)):
        tone = 0.3 * np.sin(2 * np.pi * frequency * time)
        cleaned = _both(stage, tone, rate, stages=["high_pass_filter"])
        change = {kind: _level(out[rate:]) - _level(tone[rate:]) for kind, out in cleaned.items()}
        assert least < change["ours"] < most, (frequency, change)
        assert most < 0 or abs(change["ours"] - change["stock"]) < 0.5, (frequency, change)


@pytest.mark.ours
def test_blocks_and_delays_that_cannot_be_are_refused(kind, stage):
    peer = stage.peer(kind)
    silence = _encode(np.zeros(480))
    with pytest.raises(PeerError, match="delay_ms"):
        peer.call("clean", heard=silence, rate=48000, channels=1, stages=["echo_cancellation"], delay_ms=501)
    with pytest.raises(PeerError, match="num_channels"):
        peer.call("clean", heard=_encode(np.zeros(4320)), rate=48000, channels=9, stages=["echo_cancellation"])


# Filters


@pytest.fixture(scope="session")
def plugins(tmp_path_factory) -> dict[str, Path]:
    """The filter in every shape, by name."""
    folder = tmp_path_factory.mktemp("plugins")
    compiler = ["cc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    factor = folder / "libfactor.so"
    subprocess.run([*compiler, "-Wl,-soname,libfactor.so", PLUGIN / "factor.c", "-o", factor], check=True)
    built = {"factor": factor}
    for name in ("plain", "separate", "incomplete", "refusing", "dependent"):
        built[name] = folder / f"{name}.so"
        # Without a path to it: it is found because it was loaded before.
        needed = ["-L", folder, "-l:libfactor.so"] if name == "dependent" else []
        subprocess.run(
            [*compiler, f"-D{name.upper()}", PLUGIN / "filter.c", "-o", built[name], *needed], check=True
        )
    return built


LEVEL = tones.sine_level(0.3)
HALF = 20 * np.log10(0.5)


def _notes(log: Path) -> list[list[str]]:
    return [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []


def _until(noted: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what a filter notes: it does so on a thread of the library, and tells nobody."""
    deadline = time.monotonic() + seconds
    while not noted():
        assert time.monotonic() < deadline, f"not noted within {seconds} s"
        time.sleep(0.02)


def _entered(pair, *plugins: tuple[str, Path, list[Path]], log: Path) -> tuple:
    """Both in the room, bob with filters that were loaded before, and alice's tone there to be heard."""
    bob = pair.stage.peer(pair.subscribing)
    for module, path, dependencies in plugins:
        bob.call("load_filter", module=module, path=str(path), dependencies=[str(one) for one in dependencies], log=str(log))
    alice = pair.stage.join(pair.publishing, "alice")
    pair.stage.enter(bob, "bob")
    alice.call("publish_tone", frequencies=[440.0], amplitude=0.3)
    bob.expect("track_subscribed", name="tone")
    return alice, bob


def _heard(tone: dict, factor_db: float) -> None:
    assert abs(tone["frequency"] - 440) < 2, tone
    assert abs(tone["level"] - LEVEL - factor_db) < 1.5, tone


@pytest.mark.parametrize("by", ["track", "participant"])
def test_a_filter_changes_what_is_heard(pair, plugins, tmp_path, by):
    log = tmp_path / "notes"
    _, bob = _entered(pair, ("halve", plugins["plain"], []), log=log)
    whose = {"participant": "alice"} if by == "participant" else {}
    _heard(bob.call("listen_through", module="halve", options={"who": "bob"}, rate=24000, **whose), HALF)
    _heard(bob.call("listen_through", module="halve", options={"factor": 0.1}, **whose), -20)
    # Others are not touched by it.
    _heard(bob.call("listen_through"), 0)
    notes = _notes(log)
    joined = json.loads(next(note for note in notes if note[0] == "on_load")[1])
    assert joined["url"] == pair.stage.server.url
    assert joined["token"].count(".") == 2
    created = next(note for note in notes if note[0] == "create 24000")
    assert json.loads(created[1]) == {"who": "bob"}
    told = json.loads(created[2])
    assert told["url"] == pair.stage.server.url
    assert told["roomName"] == pair.stage.room
    assert told["participantIdentity"] == ("alice" if by == "participant" else "bob")
    # For a stream of a track, the stock library tells an id that no server knows.
    if by == "participant" or pair.subscribing == "ours":
        assert told["trackId"].startswith("TR_")
    _until(lambda: sum(note[0] == "destroy" for note in _notes(log)) == 2)


def test_a_filter_with_a_rate_of_its_own_gets_what_was_decoded(pair, plugins, tmp_path):
    log = tmp_path / "notes"
    _, bob = _entered(pair, ("separate", plugins["separate"], []), log=log)
    _heard(bob.call("listen_through", module="separate", options={}, rate=16000, channels=1), HALF)
    assert any(note[0] == "create_v2 48000 16000" for note in _notes(log))


def test_a_filter_may_depend_on_another_library(pair, plugins, tmp_path):
    _, bob = _entered(
        pair, ("dependent", plugins["dependent"], [plugins["factor"]]), log=tmp_path / "notes"
    )
    _heard(bob.call("listen_through", module="dependent", options={}), 2 * HALF)


def test_a_filter_that_refuses_leaves_sound_as_it_is(pair, plugins, tmp_path):
    _, bob = _entered(pair, ("refusing", plugins["refusing"], []), log=tmp_path / "notes")
    _heard(bob.call("listen_through", module="refusing", options={}), 0)


def test_a_filter_loaded_in_a_room_is_told_of_it(pair, plugins, tmp_path):
    log = tmp_path / "notes"
    _, bob = _entered(pair, log=log)
    bob.call("load_filter", module="late", path=str(plugins["plain"]), log=str(log))
    _heard(bob.call("listen_through", module="late", options={}), HALF)
    assert any(note[0] == "on_load" for note in _notes(log))


@pytest.mark.ours("subscriber")
def test_filters_that_are_not_there_are_refused_by_name(pair, plugins, tmp_path):
    _, bob = _entered(pair, log=tmp_path / "notes")
    with pytest.raises(PeerError, match="/nowhere/filter.so"):
        bob.call("load_filter", module="m", path="/nowhere/filter.so")
    with pytest.raises(PeerError, match="/nowhere/first.so"):
        bob.call("load_filter", module="m", path=str(plugins["plain"]), dependencies=["/nowhere/first.so"])
    with pytest.raises(PeerError, match="audio_filter_destroy"):
        bob.call("load_filter", module="m", path=str(plugins["incomplete"]))
    for whose in ({}, {"participant": "alice"}):
        with pytest.raises(PeerError, match="AssertionError"):
            bob.call("listen_through", module="m", options={}, **whose)


@pytest.mark.parametrize(("frame_size_ms", "rate", "channels"), [(5, 48000, 1), (20, 16000, 2), (32, 16000, 1), (100, 44100, 1)])
def test_frames_come_in_the_length_that_was_asked_for(pair, tmp_path, frame_size_ms, rate, channels):
    _, bob = _entered(pair, log=tmp_path / "notes")
    tone = bob.call("listen_through", frame_size_ms=frame_size_ms, rate=rate, channels=channels)
    _heard(tone, 0)
    assert tone["lengths"] == [rate * frame_size_ms // 1000]
