"""Ours against the library that the SDK ships: same machine, same run, same host program, runs interleaved.

    python benches/host/run.py [--runs 5] [--only connect,latency] [--json figures.json]

Prints a table of medians and ratios. `LIVEKIT_FFI_LIBRARY` names ours (default: the release build of this checkout).
Both libraries run under the same Python program, whose own share is in every CPU figure and in no memory figure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).resolve().parents[2] / "tests" / "python")]

import basics  # noqa: E402
import data  # noqa: E402
import reactions  # noqa: E402
import sound  # noqa: E402
import video  # noqa: E402
from lkhost.driver import PeerError  # noqa: E402
from lkhost.server import Server  # noqa: E402
from stage import ROOT, Figures, Stage  # noqa: E402


def main() -> None:
    measures: dict[str, Callable[[Stage, str], Figures]] = {
        "size": basics.size,
        "rest": basics.rest,
        "connect": basics.connect,
        "first_frame": basics.first_frame,
        "latency": basics.latency,
        "request": basics.request,
        "cpu": basics.cpu,
        **video.measures(),
        **data.measures(),
        **reactions.measures(),
        **sound.measures(),
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(measures), help="comma-separated: %(default)s")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kinds", default="stock,ours", help="%(default)s")
    options = parser.parse_args()

    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    ours = Path(os.environ.get("LIVEKIT_FFI_LIBRARY", target / "release" / "liblivekit_ffi.so")).resolve()
    libraries: dict[str, Path | None] = {"stock": None, "ours": ours}
    kinds = options.kinds.split(",")
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "server.log")
        try:
            stage = Stage(server, Path(folder), libraries)
            for name in options.only.split(","):
                for run in range(1 if name == "size" else options.runs):
                    for kind in kinds:
                        print(f"\r{name} {run + 1} {kind}        ", end="", file=sys.stderr, flush=True)
                        try:
                            figures = measures[name](stage, kind)
                        except (PeerError, AssertionError, TimeoutError) as error:
                            # The other figures are not lost with it; the table says of how many runs they are.
                            print(f"\r{name}, {kind}, run {run + 1}: {error}", file=sys.stderr)
                            continue
                        for what, value in figures.items():
                            found.setdefault(what, {}).setdefault(kind, []).append(value)
        finally:
            server.stop()
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    print(f"| what | {' | '.join(kinds)} | ratio |\n| --- |{' --- |' * (len(kinds) + 1)}")
    for what, by_kind in found.items():
        medians = [statistics.median(by_kind[kind]) if kind in by_kind else None for kind in kinds]
        ratio = f"{medians[-1] / medians[0]:.2f}" if len(medians) == 2 and medians[0] and medians[-1] is not None else "–"
        runs = {len(values) for values in by_kind.values()}
        if what.partition(",")[0] != "file size" and runs != {options.runs}:
            what += f" ({min(runs)} runs)"
        print(f"| {what} | {' | '.join('–' if value is None else f'{value:.4g}' for value in medians)} | {ratio} |")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
