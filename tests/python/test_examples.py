"""The examples run as their readers would run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lkhost.fixtures import library
from lkhost.tokens import token

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Whatever an example waits for, it waits for less.
LIMIT = 180


def _run(kind: str, *command: str, **extra: str) -> str:
    env = {key: value for key, value in os.environ.items() if key != "LIVEKIT_LIB_PATH"} | extra
    if kind == "ours":
        env["LIVEKIT_LIB_PATH"] = str(library())
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_smallest_host_says_its_tone(stage, kind):
    listener = stage.join("stock", "listener")
    access = token(stage.room, "hello")
    printed = _run(kind, str(EXAMPLES / "python" / "hello.py"), stage.server.url, access)
    assert printed.splitlines()[-1] == "left"
    listener.expect("track_subscribed", name="hello", participant="hello")


@pytest.mark.ours
def test_the_smallest_host_in_c_joins_and_leaves(stage, kind, tmp_path):
    assert kind == "ours"
    program = tmp_path / "hello"
    command = ["cc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
    command += [str(EXAMPLES / "c" / "hello.c"), f"-I{EXAMPLES.parent / 'livekit-ffi' / 'include'}"]
    subprocess.run([*command, str(library()), f"-Wl,-rpath,{library().parent}", "-lpthread"], check=True)
    for address, expected in ((stage.server.url, ["connected", "left"]), ("ws://127.0.0.1:9", ["not connected"])):
        done = subprocess.run(
            [program, address, token(stage.room, "c")], capture_output=True, text=True, timeout=LIMIT
        )
        lines = done.stdout.splitlines()
        assert len(lines) == len(expected), done
        assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True)), done
        assert done.returncode == (0 if "left" in expected else 1)


@pytest.mark.ours
def test_the_smallest_host_in_rust_says_its_tone(stage, kind):
    """It links the library itself, so it is the one of this checkout, whatever LIVEKIT_FFI_LIBRARY names."""
    assert kind == "ours"
    checkout = EXAMPLES.parent
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--example", "hello"], cwd=checkout, check=True)
    program = Path(os.environ.get("CARGO_TARGET_DIR", checkout / "target")) / "debug" / "examples" / "hello"
    listener = stage.join("stock", "listener")
    running = subprocess.Popen([program, stage.server.url, token(stage.room, "rust")], stdout=subprocess.PIPE, text=True)
    listener.expect("track_subscribed", name="hello", participant="rust", timeout=20)
    printed, _ = running.communicate(timeout=LIMIT)
    lines = printed.splitlines()
    assert running.returncode == 0, printed
    assert lines[0] == "connected as rust"
    assert [line.split()[0] for line in lines if line.startswith(("published", "somebody"))] == ["published", "somebody"]
    assert lines[-2:] == ["the room's last event", "left"]
    refused = subprocess.run([program, "ws://127.0.0.1:9", "no token"], capture_output=True, text=True, timeout=LIMIT)
    assert refused.returncode == 1 and refused.stderr.strip(), refused


def test_the_demo_measures_its_tone_and_its_picture_and_draws_both(kind, tmp_path):
    printed = _run(kind, str(EXAMPLES / "demo" / "demo.py"), DEMO_FOLDER=str(tmp_path))
    for line in ("connected as publisher", "published TR_", "subscribed to TR_", "measured 4", "data round trip"):
        assert line in printed, printed
    if kind == "ours":
        assert "wait_for_subscription done" in printed
    assert " has a PSNR of " in printed, printed
    for name in ("demo.png", "demo-video.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
