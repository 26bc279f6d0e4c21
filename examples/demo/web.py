"""`make demo WEB=1`: a page on which a person sees and hears what the library publishes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from urllib.parse import urlencode

import sight
import sound
from livekit import rtc
from lkhost.server import Server
from lkhost.tokens import token
from serving import Site
from telling import say

VIEWERS = 4


async def main(server: Server) -> None:
    """Publishes until it is interrupted."""
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    room = rtc.Room()
    await room.connect(server.url, token("demo", "publisher"))
    audio = rtc.AudioSource(sound.RATE, 1, queue_size_ms=100)
    video = rtc.VideoSource(sight.WIDTH, sight.HEIGHT)
    await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("microphone", audio),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    await room.local_participant.publish_track(
        rtc.LocalVideoTrack.create_video_track("camera", video),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA),
    )
    site = Site(Path(__file__).resolve().parent / "page")
    for number in range(1, VIEWERS + 1):
        query = urlencode({"url": server.url, "token": token("demo", f"viewer {number}")})
        say(f"viewer {number}: {site.url}?{query}")
    say("Ctrl-C ends it")

    async def repeat() -> None:
        while True:
            await sound.play(audio)

    feeds = [asyncio.create_task(repeat()), asyncio.create_task(sight.show(video))]
    await over.wait()
    for feed in feeds:
        feed.cancel()
    await asyncio.gather(*feeds, return_exceptions=True)
    await room.disconnect()
    site.stop()
    say("left")
