"""Pictures as files: PNG without a package for it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np


def png(picture: np.ndarray, path: Path) -> None:
    """Writes rows of RGB bytes, of shape (height, width, 3)."""
    height, width, _ = picture.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def spectrogram(samples: np.ndarray, rate: int, path: Path) -> None:
    """Time from left to right, 0 to 2 kHz from bottom to top, loud is bright."""
    window, step, top = 4096, 512, 2000
    columns = [
        np.abs(np.fft.rfft(samples[at : at + window] * np.hanning(window)))[: window * top // rate]
        for at in range(0, len(samples) - window, step)
    ]
    level = 20 * np.log10(np.array(columns).T[::-1] + 1)
    grey = np.clip((level - level.max() + 70) / 70, 0, 1)
    grey = np.repeat(grey, 2, axis=0)
    picture = np.stack([grey**0.7, grey**1.5, 0.3 * grey**0.5 + 0.1], axis=-1)
    png((np.clip(picture, 0, 1) * 255).astype(np.uint8), path)
