"""The demo of `make demo`: a real server, a publisher and a subscriber on the library that LIVEKIT_LIB_PATH names.

Prints what happens line by line, writes a spectrogram of the sound that was received, and ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import numpy as np  # noqa: E402
from google.protobuf.json_format import MessageToDict  # noqa: E402
from livekit import rtc  # noqa: E402
from livekit.rtc._ffi_client import FfiClient  # noqa: E402
from livekit.rtc._proto import ffi_pb2  # noqa: E402

from lkhost import tones, wire  # noqa: E402
from lkhost.server import Server  # noqa: E402
from lkhost.tokens import token  # noqa: E402

RATE = 48000
AMPLITUDE = 0.3
# What the publisher plays: the tone that is measured, then a little scale for the picture.
STEPS = [440.0, 440.0, 523.25, 659.25, 783.99, 1046.5]
STEP_SECONDS = 1.0

began = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - began:7.3f} s  {what}", flush=True)


async def wait_for_subscription(publication: rtc.LocalTrackPublication) -> None:
    """The library's own addition to the protocol; on another library the SDK's way."""
    if not hasattr(FfiClient.instance._ffi_lib, "livekit_ffi_last_error"):
        await publication.wait_for_subscription()
        say("somebody subscribed (as the SDK sees it; this library has no wait_for_subscription)")
        return
    body = wire.encode({1: publication._ffi_handle.handle, 2: 10_000})
    request = ffi_pb2.FfiRequest.FromString(wire.encode({wire.WAIT_FOR_SUBSCRIPTION: body}))
    events = FfiClient.instance.queue.subscribe(filter_fn=lambda event: event.WhichOneof("message") is None)
    try:
        FfiClient.instance.request(request)
        while True:
            done = wire.decode((await events.get()).SerializeToString()).get(wire.WAIT_FOR_SUBSCRIPTION)
            if isinstance(done, bytes):
                break
    finally:
        FfiClient.instance.queue.unsubscribe(events)
    error = wire.decode(done).get(2)
    say(f"wait_for_subscription {'failed: ' + wire.text(error) if error else 'done'}")


async def play(source: rtc.AudioSource) -> None:
    oscillator = tones.Oscillator([STEPS[0]], AMPLITUDE, RATE)
    samples = RATE // 50
    for number in range(int(len(STEPS) * STEP_SECONDS * 50)):
        oscillator.frequencies = [STEPS[int(number / 50 / STEP_SECONDS)]]
        await source.capture_frame(rtc.AudioFrame(oscillator.block(samples), RATE, 1, samples))


async def record(track: rtc.Track) -> np.ndarray:
    """The sound until nothing but silence came for half a second after the last step."""
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    blocks: list[np.ndarray] = []
    wanted = int(len(STEPS) * STEP_SECONDS * RATE)
    heard = 0
    async for event in stream:
        block = np.frombuffer(event.frame.data, dtype=np.int16)
        if not blocks and not np.any(np.abs(block.astype(np.int32)) > 300):
            continue
        if not blocks:
            say("first sound received")
        blocks.append(block)
        heard += len(block)
        if heard >= wanted:
            break
    await stream.aclose()
    return np.concatenate(blocks)


async def round_trip(there: rtc.Room, back: rtc.Room) -> list[float]:
    """Seconds that a reliable message takes to the other one and back, several times."""

    @back.on("data_received")
    def echo(packet: rtc.DataPacket) -> None:
        if packet.topic == "ping":
            answers.add(asyncio.create_task(back.local_participant.publish_data(packet.data, topic="pong")))

    answers: set[asyncio.Task[None]] = set()
    pongs: asyncio.Queue[float] = asyncio.Queue()
    there.on("data_received", lambda packet: pongs.put_nowait(time.monotonic()) if packet.topic == "pong" else None)
    times = []
    for _ in range(11):
        sent = time.monotonic()
        await there.local_participant.publish_data(b"x" * 100, topic="ping")
        times.append(await asyncio.wait_for(pongs.get(), 5) - sent)
    return times


def spectrogram(samples: np.ndarray, path: Path) -> None:
    """A PNG: time from left to right, 0 to 2 kHz from bottom to top, loud is bright."""
    window, step, top = 4096, 512, 2000
    columns = [
        np.abs(np.fft.rfft(samples[at : at + window] * np.hanning(window)))[: window * top // RATE]
        for at in range(0, len(samples) - window, step)
    ]
    level = 20 * np.log10(np.array(columns).T[::-1] + 1)
    grey = np.clip((level - level.max() + 70) / 70, 0, 1)
    grey = np.repeat(grey, 2, axis=0)
    picture = np.stack([grey**0.7, grey**1.5, 0.3 * grey**0.5 + 0.1], axis=-1)
    data = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    height, width, _ = data.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.tobytes() for row in data)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


async def main(server: Server, picture: Path) -> bool:
    publisher, subscriber = rtc.Room(), rtc.Room()
    subscribed: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

    @subscriber.on("track_subscribed")
    def on_subscribed(track: rtc.Track, publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant) -> None:
        say(f"subscribed to {publication.sid} of {who.identity}: {publication.mime_type}")
        if not subscribed.done():
            subscribed.set_result(track)

    for room, identity in ((publisher, "publisher"), (subscriber, "subscriber")):
        await room.connect(server.url, token("demo", identity))
        say(f"connected as {identity} to room {room.name} ({await room.sid})")

    source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    publication = await publisher.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    facts = MessageToDict(publication._info, preserving_proto_field_name=True)
    say(f"published {facts.pop('sid')}: " + ", ".join(f"{key} {value}" for key, value in facts.items() if value))

    await wait_for_subscription(publication)
    recording = asyncio.create_task(record(await asyncio.wait_for(subscribed, 10)))
    playing = asyncio.create_task(play(source))
    sound = await asyncio.wait_for(recording, 30)
    await playing

    part = sound[RATE // 2 : RATE * 3 // 2]
    heard = tones.measure(part, RATE)
    say(
        f"measured {heard.frequency:.2f} Hz at {heard.level:.1f} dBFS "
        f"(sent 440 Hz at {tones.sine_level(AMPLITUDE):.1f} dBFS), {heard.purity:.1%} of the power in the tone"
    )
    times = await round_trip(publisher, subscriber)
    say(f"data round trip {1000 * float(np.median(times)):.1f} ms (median of {len(times)})")

    spectrogram(sound.astype(np.float64), picture)
    say(f"picture of the sound: {picture}")
    for room in (publisher, subscriber):
        await room.disconnect()
    say("left")
    return abs(heard.frequency - 440) < 2 and abs(heard.level - tones.sine_level(AMPLITUDE)) < 2


if __name__ == "__main__":
    say(f"library {os.environ.get('LIVEKIT_LIB_PATH') or 'of the SDK'}")
    with tempfile.TemporaryDirectory() as folder:
        real = Server(Path(folder) / "server.log")
        say(f"livekit-server on {real.url}")
        try:
            good = asyncio.run(main(real, Path(os.environ.get("DEMO_PICTURE", "demo.png")).resolve()))
        finally:
            real.stop()
    print("the tone arrived as it was sent" if good else "the tone did not arrive as it was sent", flush=True)
    sys.exit(not good)
