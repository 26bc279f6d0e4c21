"""Our additions to the protocol, spoken by hand.

The official SDK knows nothing of them, but keeps unknown fields when it parses and prints them again when it
serializes. So a request is put together from field numbers here, and an answer is read the same way.
The numbers are those of `protocol/`.
"""

from __future__ import annotations

# FfiRequest, FfiResponse and FfiEvent carry the addition under the same number.
WAIT_FOR_SUBSCRIPTION = 1001
# SetSubscribedResponse.error
SET_SUBSCRIBED_ERROR = 1001
# E2eeResponse.error
E2EE_ERROR = 1001

Fields = dict[int, "int | bytes"]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(fields: Fields) -> bytes:
    """A message with these fields: whole numbers as varints, bytes as strings or messages."""
    out = bytearray()
    for number, value in fields.items():
        if isinstance(value, bytes):
            out += _varint(number << 3 | 2) + _varint(len(value)) + value
        else:
            out += _varint(number << 3) + _varint(value)
    return bytes(out)


def decode(data: bytes) -> Fields:
    """The fields of a message of varints and strings (all that our additions use); the last of a repeated one wins."""
    fields: Fields = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            fields[number] = varint()
        elif kind == 2:
            size = varint()
            fields[number] = data[at : at + size]
            at += size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            fields[number] = data[at : at + size]
            at += size
        else:
            raise ValueError(f"field {number}: wire type {kind} is not spoken here")
    return fields


def text(value: int | bytes) -> str:
    """A string field as text."""
    if not isinstance(value, bytes):
        raise TypeError(f"expected a string field, found the number {value}")
    return value.decode()
