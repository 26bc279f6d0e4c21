"""Test pictures that are encoded already, from `tests/golden/video`: for what a host encodes itself.

`python tests/python/lkhost/bitstreams.py` makes the files anew: `crates/codecs/examples/encode_pictures.rs` encodes
VP8, VP9, H.264 and AV1 with our own encoders, and x265 (Debian's) H.265, for which there is none. Given names of files,
it makes these alone: `bitstreams.py vp9_L2T2 av1_L2T2`.
"""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDER = CHECKOUT / "tests" / "golden" / "video"
WIDTH, HEIGHT, RATE = 640, 360, 30
COUNT = 24
KEY_INTERVAL = 12
BITRATE = 600_000

# Streams with layers: smaller, and each with a listing of its frames.
LAYERED = ("vp8_L1T3", "vp9_L2T2", "vp9_L3T3_KEY", "av1_L2T2", "av1_L3T3_KEY")
LAYERED_WIDTH, LAYERED_HEIGHT = 320, 180
LAYERED_COUNT = 16
LAYERED_KEY_INTERVAL = 8
LAYERED_BITRATE = 300_000


@dataclasses.dataclass
class Frame:
    """One access unit; picture `number` of the drawing."""

    number: int
    key: bool
    data: bytes


def frames(codec: str) -> list[Frame]:
    """The frames of a codec by its name in the protocol."""
    data = (FOLDER / f"{codec.lower()}.ivf").read_bytes()
    assert data[:4] == b"DKIF"
    at, found = struct.unpack_from("<H", data, 6)[0], []
    while at < len(data):
        size, number = struct.unpack_from("<IQ", data, at)
        found.append(Frame(number, number % KEY_INTERVAL == 0, data[at + 12 : at + 12 + size]))
        at += 12 + size
    assert len(found) == COUNT
    return found


def _h265(pictures: bytes) -> bytes:
    """An IVF file of what x265 makes of the pictures."""
    made = subprocess.run(
        ["x265", "--input", "-", "--input-res", f"{WIDTH}x{HEIGHT}", "--fps", str(RATE), "--bitrate", str(BITRATE // 1000),
         "--keyint", str(KEY_INTERVAL), "--min-keyint", str(KEY_INTERVAL), "--scenecut", "0", "--no-open-gop",
         "--bframes", "0", "--repeat-headers", "--aud", "--no-info", "--pools", "none", "--frame-threads", "1",
         "--preset", "slow", "--output", "/dev/stdout", "--log-level", "error"],
        input=pictures, stdout=subprocess.PIPE, check=True,
    ).stdout  # fmt: skip
    # Each access unit begins with a delimiter (type 35), which is left out.
    units = [unit.removesuffix(b"\0") for unit in made.split(b"\0\0\1")[1:]]
    access_units: list[list[bytes]] = []
    for unit in units:
        if unit[0] >> 1 == 35:
            access_units.append([])
        else:
            access_units[-1].append(b"\0\0\0\1" + unit)
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"HEVC", WIDTH, HEIGHT, RATE, 1, len(access_units), 0)
    bodies = [b"".join(unit) for unit in access_units]
    return header + b"".join(
        struct.pack("<IQ", len(body), number) + body for number, body in enumerate(bodies)
    )


def _encoded(drawn: bytes, codec: str, *values: object) -> bytes:
    """An IVF file of what our encoder makes of the pictures."""
    command = ["cargo", "run", "-q", "-p", "lk-codecs", "--example", "encode_pictures", "--", codec]
    return subprocess.run(
        [*command, *(str(value) for value in values)], input=drawn, stdout=subprocess.PIPE, cwd=CHECKOUT, check=True
    ).stdout


def main(wanted: list[str]) -> None:
    from lkhost import pictures

    def drawn(count: int, width: int, height: int) -> bytes:
        return b"".join(pictures.draw(number, width, height).tobytes() for number in range(count))

    FOLDER.mkdir(parents=True, exist_ok=True)
    whole = drawn(COUNT, WIDTH, HEIGHT)
    layered = drawn(LAYERED_COUNT, LAYERED_WIDTH, LAYERED_HEIGHT)
    for name in wanted or ["h265", "vp8", "vp9", "h264", "av1", *LAYERED]:
        codec, _, mode = name.partition("_")
        if name == "h265":
            made = _h265(whole)
        elif mode:
            numbers = (LAYERED_WIDTH, LAYERED_HEIGHT, RATE, LAYERED_KEY_INTERVAL, LAYERED_BITRATE)
            made = _encoded(layered, codec, *numbers, mode, FOLDER / f"{name}.txt")
        else:
            made = _encoded(whole, codec, WIDTH, HEIGHT, RATE, KEY_INTERVAL, BITRATE)
        (FOLDER / f"{name}.ivf").write_bytes(made)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main(sys.argv[1:])
