#!/usr/bin/env python3
"""Fails when a crate depends on one that it may not know: the arrows of CONTRIBUTING.md, "Finding one's way".

Reads `cargo metadata`. Two rules: between crates of the workspace only the edges below; and tokio, socket2,
quinn-udp, str0m and livekit only where named, however many crates lie between.
"""

from __future__ import annotations

import json
import subprocess
import sys

# Who may use whom, tests excluded.
EDGES: dict[str, set[str]] = {
    "livekit-ffi": {"libwebrtc", "lk-capture", "lk-dsp", "lk-spool", "lk-types"},
    "libwebrtc": {"lk-codecs", "lk-crypto", "lk-devices", "lk-dsp", "lk-engine", "lk-jsep", "lk-media", "lk-net", "lk-spool", "lk-types"},
    "lk-net": {"lk-types"},
    "lk-engine": {"lk-jsep", "lk-types"},
    "lk-jsep": {"lk-types"},
    "lk-media": {"lk-types"},
    "lk-codecs": {"lk-types"},
    "lk-capture": set(),
    "lk-crypto": set(),
    "lk-dsp": {"lk-types"},
    "lk-spool": set(),
    "lk-devices": {"lk-types"},
    "lk-types": set(),
    "lk-testkit": {"lk-types"},
}
# Beside these, tests may use the test kit.
TEST_ONLY = {"lk-testkit"}

# Which crates may reach a package by any path.
REACH: dict[str, set[str]] = {
    "tokio": {"livekit-ffi", "libwebrtc", "lk-net"},
    "socket2": {"livekit-ffi", "libwebrtc", "lk-net"},
    "quinn-udp": {"livekit-ffi", "libwebrtc", "lk-net"},
    "str0m": {"livekit-ffi", "libwebrtc", "lk-engine"},
    "livekit": {"livekit-ffi"},
}
# Which crates may name a package in their own Cargo.toml.
NAME: dict[str, set[str]] = {
    "str0m": {"lk-engine"},
    "quinn-udp": {"lk-net"},
    "socket2": {"lk-net"},
    "livekit": {"livekit-ffi"},
}


def main() -> int:
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    members = set(metadata["workspace_members"])
    ours = {packages[one]["name"] for one in members}
    faults: list[str] = []

    def edges(identifier: str, *, tests: bool) -> set[str]:
        """The packages that this one uses when it runs (and, if asked, when it is tested)."""
        kinds = {None, "dev"} if tests else {None}
        return {
            dep["pkg"]
            for dep in nodes[identifier]["deps"]
            if any(kind["kind"] in kinds for kind in dep["dep_kinds"])
        }

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for one in edges(todo.pop(), tests=False):
                if one not in seen:
                    seen.add(one)
                    todo.append(one)
        return {packages[one]["name"] for one in seen}

    for member in sorted(members):
        name = packages[member]["name"]
        if name not in EDGES:
            faults.append(f"{name}: no line in scripts/check_edges.py says what it may use")
            continue
        used = {packages[one]["name"] for one in edges(member, tests=False)}
        tested = {packages[one]["name"] for one in edges(member, tests=True)}
        for other in sorted((used & ours) - EDGES[name]):
            faults.append(f"{name} → {other}: no such arrow")
        for other in sorted((tested & ours) - EDGES[name] - TEST_ONLY):
            faults.append(f"{name} → {other} (in tests): no such arrow")
        for package, allowed in NAME.items():
            if package in used and name not in allowed:
                faults.append(f"{name} names {package}; only {', '.join(sorted(allowed))} may")
        reached = reach(member)
        for package, allowed in REACH.items():
            if package in reached and name not in allowed:
                faults.append(f"{name} reaches {package}; only {', '.join(sorted(allowed))} may")

    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(members)} crates, {'no edge out of place' if not faults else f'{len(faults)} faults'}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
