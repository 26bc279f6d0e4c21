"""Which members of W3C figures say something, so that those of two libraries can be compared."""

from __future__ import annotations

from typing import Any

EMPTY = (0, 0.0, "", "0", False, None, "LIMITATION_NONE", "ICE_UNKNOWN", "DTLS_UNKNOWN")


def filled(entries: list[dict[str, Any]]) -> set[str]:
    """The members that say something, by dictionary."""
    found = set()
    for entry in entries:
        [(kind, body)] = entry.items()
        for dictionary, members in body.items():
            for member, value in members.items():
                if not isinstance(value, dict):
                    if value not in EMPTY:
                        found.add(f"{kind}.{dictionary}.{member}")
                elif any(value.values()):
                    found.update(f"{kind}.{dictionary}.{member}.{key}" for key in value)
    return found
