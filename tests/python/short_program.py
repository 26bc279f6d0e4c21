"""A program as users write it that ends right after publishing: `short_program.py URL TOKEN`."""

import asyncio
import sys

from livekit import rtc


async def main(url: str, token: str) -> None:
    room = rtc.Room()
    await room.connect(url, token)
    source = rtc.AudioSource(48000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("short", source)
    publication = await room.local_participant.publish_track(track)
    print("published", publication.sid)
    await source.capture_frame(rtc.AudioFrame.create(48000, 1, 480))
    await room.disconnect()


asyncio.run(main(sys.argv[1], sys.argv[2]))
