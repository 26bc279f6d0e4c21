#!/usr/bin/env python3
"""Enforces deny.toml on `cargo metadata`: licences, banned crates, duplicate versions, wildcards, sources.

And that docs/dependencies.md has a row for each direct dependency, and for no other crate.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10 and older
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]


def licences(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with these licences alone."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    at = 0

    def either() -> bool:
        nonlocal at
        met = both()
        while at < len(tokens) and tokens[at] == "OR":
            at += 1
            met = both() or met
        return met

    def both() -> bool:
        nonlocal at
        met = one()
        while at < len(tokens) and tokens[at] == "AND":
            at += 1
            met = one() and met
        return met

    def one() -> bool:
        nonlocal at
        if at == len(tokens):
            raise ValueError(f"licence expression {expression!r} ends too early")
        token = tokens[at]
        at += 1
        if token == "(":
            met = either()
            at += 1
            return met
        if at < len(tokens) and tokens[at] == "WITH":
            token = f"{token} WITH {tokens[at + 1]}"
            at += 2
        return token in allowed

    return either()


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    for target in rules["graph"]["targets"]:
        command += ["--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    members = set(metadata["workspace_members"])
    packages = [package for package in metadata["packages"] if package["id"] in used]
    faults: list[str] = []

    allowed = set(rules["licenses"]["allow"])
    excepted = {one["name"]: set(one["allow"]) for one in rules["licenses"].get("exceptions", [])}
    for package in packages:
        name, expression = package["name"], package["license"]
        if expression is None:
            faults.append(f"{name} {package['version']}: no licence named")
        elif not licences(expression, allowed | excepted.get(name, set())):
            faults.append(f"{name} {package['version']}: licence {expression!r} is not allowed")

    banned = {one["name"] for one in rules["bans"]["deny"]}
    faults += [f"{package['name']}: banned" for package in packages if package["name"] in banned]

    skipped = {one["crate"] for one in rules["bans"]["skip"]}
    versions: dict[str, set[str]] = {}
    for package in packages:
        versions.setdefault(package["name"], set()).add(package["version"])
    for name, found in sorted(versions.items()):
        rest = {version for version in found if f"{name}@{version}" not in skipped}
        if len(rest) > 1:
            faults.append(f"{name}: {len(found)} versions: {', '.join(sorted(found))}")
    for skip in sorted(skipped):
        name, version = skip.split("@")
        if version not in versions.get(name, set()) or len(versions[name]) == 1:
            faults.append(f"{skip}: is skipped in deny.toml and need not be")

    registries = set(rules["sources"]["allow-registry"])
    for package in packages:
        source = package["source"]
        if source is not None and source.removeprefix("registry+") not in registries:
            faults.append(f"{package['name']}: comes from elsewhere than crates.io")
        if package["id"] in members:
            faults += [
                f"{package['name']} → {dep['name']}: any version"
                for dep in package["dependencies"]
                if dep["req"] == "*" and dep["path"] is None
            ]

    explained = (ROOT / "docs" / "dependencies.md").read_text()
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    names = {package["id"]: package["name"] for package in packages}
    direct = {names[dep["pkg"]] for one in members for dep in nodes[one]["deps"] if dep["pkg"] not in members}
    rows = set(re.findall(r"^\| `([^`]+)`", explained, re.MULTILINE))
    faults += [f"{name}: docs/dependencies.md does not say why it is here" for name in sorted(direct - rows)]
    faults += [f"{name}: stands in docs/dependencies.md and is not used" for name in sorted(rows - direct)]

    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(packages)} packages, {'all as deny.toml wants' if not faults else f'{len(faults)} faults'}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
