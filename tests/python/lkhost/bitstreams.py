"""Test pictures that are encoded already, from `tests/golden/video`: for what a host encodes itself.

`python tests/python/lkhost/bitstreams.py` makes the files anew: `crates/codecs/examples/encode_pictures.rs` encodes
VP8, VP9, H.264 and AV1 with our own encoders, and x265 (Debian's) H.265, for which there is none.
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


def main() -> None:
    from lkhost import pictures

    drawn = b"".join(pictures.draw(number, WIDTH, HEIGHT).tobytes() for number in range(COUNT))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "h265.ivf").write_bytes(_h265(drawn))
    for codec in ("vp8", "vp9", "h264", "av1"):
        command = ["cargo", "run", "-q", "-p", "lk-codecs", "--example", "encode_pictures", "--"]
        made = subprocess.run(
            [*command, codec, *(str(value) for value in (WIDTH, HEIGHT, RATE, KEY_INTERVAL, BITRATE))],
            input=drawn,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            check=True,
        )
        (FOLDER / f"{codec}.ivf").write_bytes(made.stdout)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
