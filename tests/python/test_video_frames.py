"""Pictures without a room: every format to every other, strides, refusals, and a source watched by its own track."""

import base64

import numpy as np
import pytest

from lkhost.driver import PeerError

PACKED = {"RGBA": "rgba", "ABGR": "abgr", "ARGB": "argb", "BGRA": "bgra", "RGB24": "rgb"}
PLANAR = ["I420", "I420A", "I422", "I444", "I010", "NV12"]
FORMATS = [*PACKED, *PLANAR]

# What the stock library converts without an abort or a refusal; it takes I010 strides, which are bytes, for samples.
STOCK = [
    *[("I420", to) for to in [*PACKED, "I420"]],
    *[(kind, "I420") for kind in ["RGBA", "ARGB", "BGRA", "RGB24", "I420A", "I422", "I444", "NV12"]],
    ("RGBA", "BGRA"),
    ("BGRA", "RGBA"),
    ("NV12", "RGBA"),
    ("NV12", "BGRA"),
]


def _encode(data: bytes | np.ndarray) -> str:
    return base64.b64encode(bytes(data)).decode()


def _length(kind: str, width: int, height: int) -> int:
    chroma = (width + 1) // 2
    rows = (height + 1) // 2
    luma = width * height
    return {
        "RGB24": luma * 3,
        "I420": luma + chroma * rows * 2,
        "I420A": luma * 2 + chroma * rows * 2,
        "I422": luma + chroma * height * 2,
        "I444": luma * 3,
        "I010": (luma + chroma * rows * 2) * 2,
        "NV12": luma + chroma * rows * 2,
    }.get(kind, luma * 4)


def _noise(kind: str, width: int, height: int) -> np.ndarray:
    chance = np.random.default_rng(7)
    if kind == "I010":
        # Video levels, as eight bits have them too.
        return chance.integers(16 * 4, 236 * 4, _length(kind, width, height) // 2, dtype=np.uint16).view(np.uint8)
    low, high = (16, 236) if kind in PLANAR else (0, 256)
    return chance.integers(low, high, _length(kind, width, height), dtype=np.uint8)


def _patches(width: int, height: int, kind: str = "RGBA") -> np.ndarray:
    """Patches of colours, large enough that halved chroma loses nothing inside them."""
    colours = np.array(
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [90, 140, 200], [200, 100, 50], [128, 128, 128]],
        dtype=np.uint8,
    )
    rows, columns = np.mgrid[0:height, 0:width]
    rgb = colours[(columns * 4 // width) + 4 * (rows * 2 // height)]
    order = PACKED[kind]
    picture = np.full((height, width, len(order)), 255, dtype=np.uint8)
    for component, name in enumerate("rgb"):
        picture[..., order.index(name)] = rgb[..., component]
    return picture


def _convert(peer, kind: str, width: int, height: int, data, to: str, flip_y: bool = False) -> np.ndarray:
    answer = peer.call(
        "convert_picture", kind=kind, width=width, height=height, data=_encode(data), to=to, flip_y=flip_y
    )
    return np.frombuffer(base64.b64decode(answer), dtype=np.uint8)


@pytest.mark.parametrize("through", FORMATS)
def test_colours_survive_every_format(stage, kind, through):
    peer = stage.peer(kind)
    width, height = 32, 16
    for packed in PACKED:
        picture = _patches(width, height, packed)
        middle = _convert(peer, packed, width, height, picture, through)
        assert len(middle) == _length(through, width, height)
        for to in PACKED:
            back = _convert(peer, through, width, height, middle, to).reshape(height, width, -1)
            expected = _patches(width, height, to).astype(int)
            off = np.abs(back.astype(int) - expected)
            assert off.max() <= (0 if through in PACKED else 4), f"{packed} by {through} to {to}"


@pytest.mark.parametrize("flip_y", [False, True], ids=["upright", "flipped"])
@pytest.mark.parametrize(("source", "target"), STOCK, ids=["-".join(pair) for pair in STOCK])
def test_pictures_come_out_as_the_stock_library_makes_them(stage, kind, source, target, flip_y):
    width, height = 62, 34
    data = _noise(source, width, height)
    ours, stock = (
        _convert(stage.peer(which), source, width, height, data, target, flip_y).astype(int)
        for which in (kind, "stock")
    )
    off = np.abs(ours - stock)
    assert off.max() <= 3 and off.mean() < 0.7, f"off by {off.max()}, {off.mean():.2f} in the mean"


def test_flipping_turns_every_format_over(stage, kind):
    peer = stage.peer(kind)
    width, height = 10, 6
    for form in FORMATS:
        data = _noise(form, width, height)
        twice = _convert(peer, form, width, height, _convert(peer, form, width, height, data, form, True), form, True)
        assert np.array_equal(twice, data), form
    picture = _patches(8, 4)
    assert np.array_equal(_convert(peer, "RGBA", 8, 4, picture, "RGBA", True), picture[::-1].flatten())


def test_alpha_is_kept_where_both_formats_have_it(stage, kind):
    peer = stage.peer(kind)
    picture = _patches(8, 4)
    picture[..., 3] = np.arange(32, dtype=np.uint8).reshape(4, 8)
    planar = _convert(peer, "RGBA", 8, 4, picture, "I420A")
    assert np.array_equal(planar[-32:], np.arange(32))
    back = _convert(peer, "I420A", 8, 4, planar, "ARGB").reshape(4, 8, 4)
    assert np.array_equal(back[..., 0].flatten(), np.arange(32))
    opaque = _convert(peer, "RGB24", 8, 4, _patches(8, 4, "RGB24"), "BGRA").reshape(4, 8, 4)
    assert (opaque[..., 3] == 255).all()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (17, 9), (63, 33), (4095, 3)])
def test_odd_sizes(stage, kind, width, height):
    peer = stage.peer(kind)
    for source in FORMATS:
        data = _noise(source, width, height)
        for target in ("RGBA", "I420", "NV12", "I444"):
            assert len(_convert(peer, source, width, height, data, target)) == _length(target, width, height)


def test_planes_with_strides_of_their_own(stage, kind):
    peer = stage.peer(kind)
    luma = np.arange(30, dtype=np.uint8).reshape(3, 10)
    chroma = np.arange(40, 60, dtype=np.uint8).reshape(2, 10)
    planes = [
        {"data": _encode(luma.tobytes()), "stride": 10, "size": 30},
        {"data": _encode(chroma.tobytes()), "stride": 10, "size": 20},
        # The last row may lack its padding.
        {"data": _encode(chroma.tobytes()[:13]), "stride": 10, "size": 13},
    ]
    got = base64.b64decode(peer.call("convert_planes", kind="I420", width=5, height=3, planes=planes, to="I420"))
    assert got == luma[:, :5].tobytes() + chroma[:, :3].tobytes() * 2


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("no planes", "components"),
        ("a plane too few", "components"),
        ("short stride", "apart"),
        ("short size", "bytes"),
        ("huge stride", "apart"),
        ("no width", "width"),
        ("no height", "height"),
        ("huge width", "width"),
    ],
)
def test_pictures_that_cannot_be_are_refused(stage, kind, what, named):
    peer = stage.peer(kind)
    data = _encode(bytes(64 * 64))
    planes = [{"data": data, "stride": 8, "size": 64}, *[{"data": data, "stride": 4, "size": 16} for _ in range(2)]]
    width, height = 8, 8
    if what == "no planes":
        planes = []
    elif what == "a plane too few":
        planes.pop()
    elif what == "short stride":
        planes[1]["stride"] = 3
    elif what == "short size":
        planes[2]["size"] = 15
    elif what == "huge stride":
        planes[0]["stride"] = 2**32 - 1
    elif what == "no width":
        width = 0
    elif what == "no height":
        height = 0
    elif what == "huge width":
        width = 2**32 - 1
    with pytest.raises(PeerError, match=named):
        peer.call("convert_planes", kind="I420", width=width, height=height, planes=planes, to="RGBA")


@pytest.mark.parametrize("source", FORMATS)
def test_a_captured_picture_is_seen_by_a_stream_of_its_own_track(stage, kind, source):
    peer = stage.peer(kind)
    sizes = [(32, 16), (64, 48), (31, 15)]
    pictures = [_patches(width, height) for width, height in sizes]
    data = [
        _encode(_convert(peer, "RGBA", width, height, picture, source))
        for (width, height), picture in zip(sizes, pictures, strict=True)
    ]
    seen = peer.call("watch_own_pictures", kind=source, sizes=sizes, data=data, format="RGBA")
    for number, (one, (width, height), picture) in enumerate(zip(seen, sizes, pictures, strict=True)):
        assert one["size"] == [width, height]
        assert (one["kind"], one["timestamp_us"], one["rotation"]) == ("RGBA", 1_000 + number, 1)
        got = np.frombuffer(base64.b64decode(one["data"]), dtype=np.uint8).reshape(height, width, 4).astype(int)
        # Inside the patches, for chroma of the odd picture is shared across their edges.
        inside = np.s_[2 : height // 2 - 2, 2 : width // 4 - 2]
        assert np.abs(got[inside] - picture.astype(int)[inside]).max() <= 4


@pytest.mark.parametrize("form", [None, *FORMATS])
def test_a_stream_gives_the_format_that_was_asked_for(stage, kind, form):
    peer = stage.peer(kind)
    picture = _patches(32, 16)
    (seen,) = peer.call("watch_own_pictures", kind="RGBA", sizes=[(32, 16)], data=[_encode(picture)], format=form)
    assert seen["kind"] == (form or "I420")
    got = np.frombuffer(base64.b64decode(seen["data"]), dtype=np.uint8)
    back = _convert(peer, seen["kind"], 32, 16, got, "RGBA").reshape(16, 32, 4).astype(int)
    assert np.abs(back - picture.astype(int)).max() <= 4
