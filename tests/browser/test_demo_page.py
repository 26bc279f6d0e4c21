"""`make demo WEB=1`: the page shows what the library publishes, in a real browser."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from chromium import Page
from lkhost.fixtures import library

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo" / "demo.py"


def test_a_browser_watches_the_demo(chromium):
    env = {**os.environ, "LIVEKIT_LIB_PATH": str(library()), "WEB": "1"}
    with subprocess.Popen([sys.executable, str(DEMO)], env=env, stdout=subprocess.PIPE, text=True) as demo:
        try:
            told = next(line for line in demo.stdout if "viewer 1: " in line)
            page = Page(chromium, told.split("viewer 1: ")[1].strip())
            page.until("document.querySelector('video')?.videoWidth === 1280")
            page.until("/VP8 1280 x 720, [1-9]/.test(document.querySelector('pre').textContent)")
            page.close()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=20)
    assert demo.returncode == 0
