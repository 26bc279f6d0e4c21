"""The demo of `make demo`: a real server, a publisher and a subscriber on the library that LIVEKIT_LIB_PATH names.

Prints what happens line by line, writes a spectrogram of the sound that was received and a picture as it was received,
and ends by itself. With WEB=1 it publishes until it is interrupted, and says where a browser can watch.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "tests" / part) for part in ("python", "browser")]

import numpy as np  # noqa: E402
from google.protobuf.json_format import MessageToDict  # noqa: E402
from livekit import rtc  # noqa: E402
from livekit.rtc._ffi_client import FfiClient  # noqa: E402
from livekit.rtc._proto import ffi_pb2  # noqa: E402

import drawing  # noqa: E402
import sight  # noqa: E402
import sound  # noqa: E402
import web  # noqa: E402
from lkhost import tones, wire  # noqa: E402
from lkhost.server import Server  # noqa: E402
from lkhost.tokens import token  # noqa: E402
from telling import say  # noqa: E402


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
        times.append(await asyncio.wait_for(pongs.get(), 10) - sent)
    return times


async def publish(room: rtc.Room, track: rtc.LocalTrack, source: int) -> rtc.LocalTrackPublication:
    publication = await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=source))
    facts = MessageToDict(publication._info, preserving_proto_field_name=True)
    say(f"published {facts.pop('sid')}: " + ", ".join(f"{key} {value}" for key, value in facts.items() if value))
    return publication


async def main(server: Server, folder: Path) -> bool:
    publisher, subscriber = rtc.Room(), rtc.Room()
    loop = asyncio.get_running_loop()
    subscribed: dict[int, asyncio.Future[rtc.Track]] = {
        kind: loop.create_future() for kind in (rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO)
    }

    @subscriber.on("track_subscribed")
    def on_subscribed(track: rtc.Track, publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant) -> None:
        say(f"subscribed to {publication.sid} of {who.identity}: {publication.mime_type}")
        if not subscribed[track.kind].done():
            subscribed[track.kind].set_result(track)

    for room, identity in ((publisher, "publisher"), (subscriber, "subscriber")):
        await room.connect(server.url, token("demo", identity))
        say(f"connected as {identity} to room {room.name} ({await room.sid})")

    audio = rtc.AudioSource(sound.RATE, 1, queue_size_ms=100)
    microphone = rtc.LocalAudioTrack.create_audio_track("microphone", audio)
    heard_by = await publish(publisher, microphone, rtc.TrackSource.SOURCE_MICROPHONE)
    await wait_for_subscription(heard_by)
    video = rtc.VideoSource(sight.WIDTH, sight.HEIGHT)
    camera = rtc.LocalVideoTrack.create_video_track("camera", video)
    await publish(publisher, camera, rtc.TrackSource.SOURCE_CAMERA)

    # The server offers a track to the others when something comes of it.
    showing = asyncio.create_task(sight.show(video))
    recording = asyncio.create_task(
        sound.record(await asyncio.wait_for(subscribed[rtc.TrackKind.KIND_AUDIO], 30))
    )
    seen = sight.Sight()
    looking = asyncio.create_task(
        sight.look(await asyncio.wait_for(subscribed[rtc.TrackKind.KIND_VIDEO], 30), seen)
    )
    playing = asyncio.create_task(sound.play(audio))
    samples = await asyncio.wait_for(recording, 30)
    await playing
    # The server begins with a smaller size, and a busy machine takes its time.
    full = asyncio.create_task(seen.full.wait())
    await asyncio.wait([full], timeout=20)
    for task in (showing, looking, full):
        task.cancel()
    await asyncio.gather(showing, looking, full, return_exceptions=True)

    # A machine that is busy with other things makes holes: the clearest fifth of a second of the 440 Hz counts.
    part = sound.RATE // 5
    starts = range(0, int(sound.MEASURED * sound.STEP_SECONDS * sound.RATE) - part, sound.RATE // 20)
    parts = [tones.measure(samples[start : start + part], sound.RATE) for start in starts]
    heard = max(parts, key=lambda tone: (tone.purity > 0.99, tone.level))
    level = tones.sine_level(sound.AMPLITUDE)
    say(
        f"measured {heard.frequency:.2f} Hz at {heard.level:.1f} dBFS "
        f"(sent 440 Hz at {level:.1f} dBFS), {heard.purity:.1%} of the power in the tone, in the clearest fifth of a second"
    )
    times = await round_trip(publisher, subscriber)
    say(f"data round trip {1000 * float(np.median(times)):.1f} ms (median of {len(times)})")

    drawing.spectrogram(samples.astype(np.float64), sound.RATE, folder / "demo.png")
    say(f"picture of the sound: {folder / 'demo.png'}")
    good = abs(heard.frequency - 440) < 2 and abs(heard.level - level) < 2
    if seen.latest is None or seen.rgb is None:
        say(f"no picture of full size among {len(seen.numbers)}")
        good = False
    else:
        drawing.png(seen.rgb, folder / "demo-video.png")
        say(
            f"{len(seen.numbers)} pictures of {seen.numbers[-1] + 1} that were sent; number {seen.latest.number}"
            f" has a PSNR of {seen.latest.psnr:.1f} dB: {folder / 'demo-video.png'}"
        )
        good &= seen.latest.psnr > 28
    for room in (publisher, subscriber):
        await room.disconnect()
    say("left")
    return good


if __name__ == "__main__":
    say(f"library {os.environ.get('LIVEKIT_LIB_PATH') or 'of the SDK'}")
    good = True
    with tempfile.TemporaryDirectory() as logs:
        real = Server(Path(logs) / "server.log")
        say(f"livekit-server on {real.url}")
        try:
            if os.environ.get("WEB"):
                asyncio.run(web.main(real))
            else:
                good = asyncio.run(main(real, Path(os.environ.get("DEMO_FOLDER", ".")).resolve()))
                print(f"sound and picture {'arrived' if good else 'did not arrive'} as they were sent", flush=True)
        finally:
            real.stop()
    sys.exit(not good)
