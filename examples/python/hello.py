"""The smallest host in Python: joins a room, says one second of a tone, hears whoever speaks, leaves.

    export LIVEKIT_LIB_PATH=…/target/release/liblivekit_ffi.so
    python examples/python/hello.py ws://127.0.0.1:7880 TOKEN
"""

import asyncio
import math
import struct
import sys

from livekit import rtc

RATE = 48000


async def listen(track: rtc.Track, identity: str) -> None:
    async for event in rtc.AudioStream(track):
        print(f"heard {event.frame.samples_per_channel} samples from {identity}")
        break


async def main(url: str, token: str) -> None:
    room = rtc.Room()
    tasks = set()

    @room.on("track_subscribed")
    def subscribed(track, publication, participant):
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            tasks.add(asyncio.create_task(listen(track, participant.identity)))

    await room.connect(url, token)
    print(f"connected to {room.name} as {room.local_participant.identity}")

    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("hello", source)
    publication = await room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    print(f"published {publication.sid}")
    # Who subscribes later misses the beginning, and who has not subscribed when we leave never does.
    await asyncio.wait([asyncio.create_task(publication.wait_for_subscription())], timeout=10)

    for block in range(100):
        samples = (math.sin(2 * math.pi * 440 * (block * 480 + i) / RATE) for i in range(480))
        data = b"".join(struct.pack("<h", int(9000 * one)) for one in samples)
        await source.capture_frame(rtc.AudioFrame(data, RATE, 1, 480))
    await source.wait_for_playout()
    await room.disconnect()
    print("left")


asyncio.run(main(sys.argv[1], sys.argv[2]))
