#!/usr/bin/env python3
"""Writes the third-party notice: what the library contains that is not ours, with the licence texts.

    scripts/notices.py > THIRD-PARTY-NOTICES.md

Only what is linked in is named; build-time and test-time packages are not in the library. Crates that bundle
C sources bring those sources' texts, too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

# Archives of the system that are linked in, with Debian's record of their licences.
SYSTEM = {"libvpx": "/usr/share/doc/libvpx-dev/copyright", "libaom": "/usr/share/doc/libaom-dev/copyright"}
TEXTS = re.compile(r"^(licen[cs]e|copying|notice|copyright|authors|patents)([-_.].*)?$", re.IGNORECASE)
CODE = {".rs", ".c", ".h", ".go", ".py", ".toml", ".cc", ".pl", ".cmake"}


def texts(package: dict) -> list[tuple[str, str]]:
    """The licence files of a package's source; of a crate with bundled sources also those further down."""
    folder = Path(package["manifest_path"]).parent
    bundles = package["links"] is not None or re.search(r"-sys\d*$", package["name"]) is not None
    pattern = "**/*" if bundles else "*"
    found = []
    for path in sorted(folder.glob(pattern)):
        inside = path.relative_to(folder)
        if path.is_file() and TEXTS.match(path.name) and path.suffix not in CODE and len(inside.parts) <= 4:
            found.append((str(inside), path.read_text(errors="replace").strip()))
    return found


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
    todo = [one for one in metadata["workspace_members"] if packages[one]["name"] == "livekit-ffi"]
    linked: set[str] = set()
    while todo:
        one = todo.pop()
        if one in linked:
            continue
        linked.add(one)
        for dep in nodes[one]["deps"]:
            macro = any("proc-macro" in target["kind"] for target in packages[dep["pkg"]]["targets"])
            if not macro and any(kind["kind"] is None for kind in dep["dep_kinds"]):
                todo.append(dep["pkg"])

    foreign = sorted(
        (packages[one] for one in linked if packages[one]["source"] is not None),
        key=lambda package: (package["name"], package["version"]),
    )
    print("# Third-party notices\n")
    print("What liblivekit_ffi contains beside its own code. Made by `make notices`; not edited by hand.\n")
    known: dict[str, str] = {}
    for package in foreign:
        print(f"## {package['name']} {package['version']}\n")
        print(f"{package['license']}; {package['repository'] or package['homepage'] or 'no home page named'}\n")
        for name, text in texts(package):
            plain = " ".join(text.split())
            if plain in known:
                print(f"{name}: as in {known[plain]}.\n")
                continue
            known[plain] = f"{package['name']} {package['version']}, {name}"
            print(f"{name}:\n")
            print("\n".join(f"    {line}".rstrip() for line in text.splitlines()) + "\n")
    for name, record in SYSTEM.items():
        print(f"## {name}\n")
        text = Path(record).read_text(errors="replace").strip()
        print("\n".join(f"    {line}".rstrip() for line in text.splitlines()) + "\n")
    print(f"{len(foreign)} packages, {len(SYSTEM)} system libraries", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
