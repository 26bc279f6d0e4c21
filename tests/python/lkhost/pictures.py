"""Moving test pictures that carry their own number, and how well one arrived.

A picture is I420. Its upper quarter holds the number as sixteen blocks, dark for 0 and bright for 1, highest bit first.
Below are four fields of plain colour (red, green, blue, grey) and a bright bar that moves across them. Everything is
drawn in fractions of the picture, so a picture that was scaled is known again.
"""

from __future__ import annotations

import dataclasses

import numpy as np

BITS = 16
DARK, BRIGHT = 40, 210
# Y, U, V of red, green, blue and grey at three quarters of their strength, BT.601 limited range.
FIELDS = ((72, 100, 184), (120, 72, 60), (48, 188, 116), (126, 128, 128))
BAR = 200
# By how much a texture is larger than the picture that shows a part of it.
GRAIN = 256


@dataclasses.dataclass
class Seen:
    number: int
    width: int
    height: int
    psnr: float
    """Of the luma, against the picture that was sent, drawn in the size that arrived."""
    colours: float
    """The largest mean error of a chroma sample in any field."""


def draw(number: int, width: int, height: int, grain: np.ndarray | None = None) -> np.ndarray:
    """The picture as the bytes of its three planes; `grain` covers half of the luma below the number, see
    `grain`."""
    luma = np.empty((height, width), dtype=np.uint8)
    top = height // 4
    for bit in range(BITS):
        value = BRIGHT if number >> (BITS - 1 - bit) & 1 else DARK
        luma[:top, width * bit // BITS : width * (bit + 1) // BITS] = value
    half = ((height + 1) // 2, (width + 1) // 2)
    u, v = np.full(half, 128, dtype=np.uint8), np.full(half, 128, dtype=np.uint8)
    for at, (y, cb, cr) in enumerate(FIELDS):
        left, right = width * at // 4, width * (at + 1) // 4
        luma[top:, left:right] = y
        u[(top + 1) // 2 :, (left + 1) // 2 : (right + 1) // 2] = cb
        v[(top + 1) // 2 :, (left + 1) // 2 : (right + 1) // 2] = cr
    bar = number * 3 % 64 / 64
    luma[height * 5 // 8 : height * 6 // 8, int(width * bar) : int(width * bar) + max(2, width // 16)] = BAR
    if grain is not None:
        across, down = number * 5 % GRAIN, number * 3 % GRAIN
        luma[top:, : width // 2] = grain[down : down + height - top, across : across + width // 2]
    return np.concatenate([luma.ravel(), u.ravel(), v.ravel()])


def turned(picture: np.ndarray, width: int, height: int, quarters: int) -> tuple[np.ndarray, int, int]:
    """The picture as a camera captures it that has to be turned clockwise by so many quarters to stand upright, and its
    size then; both sides are even."""
    if quarters == 0:
        return picture, width, height
    luma, chroma = width * height, width * height // 4
    planes = (picture[:luma], picture[luma : luma + chroma], picture[luma + chroma :])
    sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    lying = [np.rot90(plane.reshape(size), quarters).ravel() for plane, size in zip(planes, sizes, strict=True)]
    return np.concatenate(lying), *((height, width) if quarters % 2 else (width, height))


def grain(width: int, height: int) -> np.ndarray:
    """A texture that moves under pictures of that size and is different from one to the next, so that an encoder can
    use all the bits that it may."""
    dice = np.random.default_rng(1)
    shape = (height + GRAIN, width + GRAIN)
    coarse = dice.integers(60, 180, (shape[0] // 8 + 1, shape[1] // 8 + 1), dtype=np.uint8)
    fine = dice.integers(0, 8, shape, dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)[: shape[0], : shape[1]] + fine


def measure(data: np.ndarray, width: int, height: int, compare: bool = True) -> Seen:
    """What a received I420 picture shows; one too small for the drawing shows nothing (number -1). Without `compare`
    its number alone is looked for, which takes next to no time."""
    if width < 4 * BITS or height < 32:
        return Seen(number=-1, width=width, height=height, psnr=0.0, colours=255.0)
    chroma = ((width + 1) // 2, (height + 1) // 2)
    luma = data[: width * height].reshape(height, width)
    u, v = (plane.reshape(chroma[1], chroma[0]) for plane in np.split(data[width * height :], 2))
    number = 0
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        margin = max(1, (right - left) // 4)
        block = luma[height // 16 : height * 3 // 16, left + margin : right - margin]
        number = number << 1 | int(block.mean() > (DARK + BRIGHT) / 2)
    if not compare:
        return Seen(number=number, width=width, height=height, psnr=0.0, colours=255.0)
    expected = draw(number, width, height)
    error = luma.astype(np.int32) - expected[: width * height].reshape(height, width)
    square = float((error * error).mean())
    worst = 0.0
    for at, (_, cb, cr) in enumerate(FIELDS):
        columns = slice(chroma[0] * (at * 4 + 1) // 16, chroma[0] * (at * 4 + 3) // 16)
        rows = slice(chroma[1] * 13 // 16, chroma[1] * 15 // 16)
        worst = max(worst, abs(u[rows, columns].mean() - cb), abs(v[rows, columns].mean() - cr))
    return Seen(
        number=number,
        width=width,
        height=height,
        psnr=99.0 if square == 0 else 10 * float(np.log10(255 * 255 / square)),
        colours=worst,
    )
