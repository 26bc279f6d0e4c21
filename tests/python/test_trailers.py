"""What a program says with each picture arrives with that picture: user timestamp, number and bytes, in every codec, with
encryption and without."""

import pytest

from lkhost.subjects.marks import FIRST_STAMP

pytestmark = pytest.mark.xdist_group("video")

CODECS = ("VP8", "H264", "VP9", "AV1")
PASSWORD = {"key": "a password"}


def _check(marks, fields=("timestamp", "id", "data"), misread=0) -> None:
    wrong = 0
    for one in marks:
        number = one["number"]
        expected = {
            "timestamp": FIRST_STAMP + (number - 1) * 1_000_000 if "timestamp" in fields else None,
            "id": number if "id" in fields else None,
            "data": number.to_bytes(2, "big").hex() * 10 if "data" in fields else None,
        }
        wrong += any(one[name] != value for name, value in expected.items())
    assert wrong <= misread, marks


# The stock library of this version cannot decrypt the AV1 that it encrypts.
@pytest.mark.stock_lacks(codec="AV1", encryption=PASSWORD)
@pytest.mark.parametrize("encryption", [None, PASSWORD], ids=["plain", "encrypted"])
@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_brings_its_own(pair, codec, encryption):
    alice, bob = pair.enter(encryption=encryption)
    published = alice.call("publish_marked", codec=codec, simulcast=False)
    announced = {"FMF_USER_TIMESTAMP", "FMF_FRAME_ID", "FMF_USER_DATA"}
    assert set(published["frame_metadata_features"]) == announced
    event = bob.expect("track_subscribed", name="video")
    assert set(event["facts"]["frame_metadata_features"]) == announced
    # libaom now and then leaves a block of the drawn number as it was.
    _check(bob.call("marks", count=15), misread=3 if codec == "AV1" else 0)


def test_each_size_brings_it(pair):
    alice, bob = pair.enter()
    alice.call("publish_marked", width=640, height=360, codec="VP8", simulcast=True)
    bob.expect("track_subscribed", name="video")
    _check(bob.call("marks", count=20))


@pytest.mark.parametrize("field", ["timestamp", "id", "data"])
def test_each_field_comes_alone(pair, field):
    alice, bob = pair.enter()
    feature = {"timestamp": "FMF_USER_TIMESTAMP", "id": "FMF_FRAME_ID", "data": "FMF_USER_DATA"}[field]
    alice.call("publish_marked", fields=[field], features=[feature], simulcast=False)
    bob.expect("track_subscribed", name="video")
    _check(bob.call("marks", count=5), fields=[field])


def test_bytes_that_do_not_fit_are_left_out_and_the_rest_stays(pair):
    alice, bob = pair.enter()
    alice.call("publish_marked", length=300, simulcast=False)
    bob.expect("track_subscribed", name="video")
    _check(bob.call("marks", count=5), fields=["timestamp", "id"])


def test_nothing_is_said_where_nothing_is_announced(pair):
    alice, bob = pair.enter()
    alice.call("publish_marked", features=[], simulcast=False)
    bob.expect("track_subscribed", name="video")
    _check(bob.call("marks", count=5), fields=[])
