"""Sound without a room: resampling and cleaning; audio filters, and what comes through them."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc._proto import track_pb2
from livekit.rtc.apm import AudioProcessingModule
from livekit.rtc.audio_filter import AudioFilter
from livekit.rtc.audio_resampler import AudioResampler, AudioResamplerQuality

from lkhost import tones

from .held import Held


def _decode(data: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data), dtype="<i2")


def _encode(parts: list[bytes]) -> str:
    return base64.b64encode(b"".join(parts)).decode()


class Sound:
    def __init__(self, held: Held) -> None:
        self.held = held

    async def resample(
        self, pieces: list[str], rates: tuple[float, float], channels: int, quality: str, block: int
    ) -> list[str]:
        """Pieces of interleaved sound (base64), one after the other through one resampler: pushed in blocks of so
        many frames, flushed after each."""
        resampler = AudioResampler(*rates, num_channels=channels, quality=AudioResamplerQuality(quality))
        given = []
        for piece in pieces:
            data = base64.b64decode(piece)
            size = 2 * channels * block
            out = []
            for at in range(0, len(data), size):
                out += [bytes(frame.data) for frame in resampler.push(bytearray(data[at : at + size]))]
            out += [bytes(frame.data) for frame in resampler.flush()]
            given.append(_encode(out))
        return given

    async def clean(
        self, heard: str, rate: int, channels: int, stages: list[str], played: str | None = None, delay_ms: int | None = None
    ) -> str:
        """What a microphone heard (base64), cleaned block by block while `played` was played."""
        module = AudioProcessingModule(**dict.fromkeys(stages, True))
        microphone, loudspeaker = _decode(heard), None if played is None else _decode(played)
        size = rate // 100 * channels
        out = []
        for at in range(0, len(microphone) - size + 1, size):
            if loudspeaker is not None:
                module.process_reverse_stream(self._frame(loudspeaker[at : at + size], rate, channels))
            if delay_ms is not None:
                module.set_stream_delay_ms(delay_ms)
            frame = self._frame(microphone[at : at + size], rate, channels)
            module.process_stream(frame)
            out.append(bytes(frame.data))
        return _encode(out)

    @staticmethod
    def _frame(samples: np.ndarray, rate: int, channels: int) -> rtc.AudioFrame:
        return rtc.AudioFrame(samples.tobytes(), rate, channels, len(samples) // channels)

    async def load_filter(self, module: str, path: str, dependencies: list[str] | None = None, log: str = "") -> None:
        """Loads an audio filter; it notes what it is told in the file `log`."""
        os.environ["AUDIO_FILTER_LOG"] = log
        AudioFilter(module, path, dependencies)

    async def listen_through(
        self,
        track: str = "tone",
        room: str = "room",
        rate: int = 48000,
        channels: int = 1,
        frame_size_ms: int | None = None,
        module: str | None = None,
        options: dict[str, Any] | None = None,
        participant: str | None = None,
        source: str = "SOURCE_MICROPHONE",
        timeout: float = 25,
    ) -> dict[str, Any]:
        """Listens until 400 ms are a pure tone; how it sounded, and the lengths of the frames it came in."""
        stream_options: dict[str, Any] = {"sample_rate": rate, "num_channels": channels, "frame_size_ms": frame_size_ms}
        if module is not None:
            stream_options["noise_cancellation"] = rtc.NoiseCancellationOptions(module_id=module, options=options or {})
        if participant is not None:
            stream = rtc.AudioStream.from_participant(
                participant=self.held.rooms[room].remote_participants[participant],
                track_source=track_pb2.TrackSource.Value(source),
                **stream_options,
            )
        else:
            remote = self.held.remote(room, track).track
            assert remote is not None, f"{track} is not subscribed"
            stream = rtc.AudioStream(remote, **stream_options)
        try:
            return await asyncio.wait_for(self._until_pure(stream, rate, channels), timeout)
        finally:
            await stream.aclose()

    @staticmethod
    async def _until_pure(stream: rtc.AudioStream, rate: int, channels: int) -> dict[str, Any]:
        window = rate * 400 // 1000
        heard = np.zeros((0, channels), dtype=np.int16)
        lengths: set[int] = set()
        async for event in stream:
            frame = event.frame
            assert (frame.sample_rate, frame.num_channels) == (rate, channels), frame
            lengths.add(frame.samples_per_channel)
            block = np.frombuffer(frame.data, dtype=np.int16).reshape(-1, channels)
            heard = np.concatenate([heard, block])[-window:]
            if len(heard) == window:
                tone = tones.measure(heard[:, 0], rate)
                # The whole window: sound with a hole in it is pure, too, but not as loud.
                levels = [tones.measure(piece, rate).level for piece in np.array_split(heard[:, 0], 4)]
                if tone.purity > 0.99 and max(levels) - min(levels) < 1:
                    return {**tone.as_dict(), "lengths": sorted(lengths)}
        raise AssertionError("the stream ended before a tone was heard")
