"""Starts a real livekit-server on free ports of 127.0.0.1 and ends it by its process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .tokens import KEY, SECRET

BUILD = Path(__file__).resolve().parents[2] / "livekit-server" / "build.sh"


def _free_ports() -> tuple[int, int, int]:
    """Two TCP ports (HTTP, ICE over TCP) and one UDP port, all free when asked, held together so that they differ."""
    kinds = (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM)
    held = [socket.socket(socket.AF_INET, kind) for kind in kinds]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        http, tcp, udp = (one.getsockname()[1] for one in held)
        return http, tcp, udp
    finally:
        for one in held:
            one.close()


class Server:
    """A running server; `url` for clients, `http_url` for its service calls."""

    def __init__(self, log: Path, *, attempts: int = 3) -> None:
        override = os.environ.get("LIVEKIT_SERVER_BINARY")
        binary = override or subprocess.run(
            [str(BUILD)], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        self.log = log
        for attempt in range(attempts):
            try:
                self._start(binary)
                return
            except RuntimeError:
                # Another process can take a port between our look and the server's bind.
                if attempt + 1 == attempts:
                    raise

    def _start(self, binary: str) -> None:
        self.port, tcp, udp = _free_ports()
        config = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {KEY: SECRET},
            "development": True,
            "logging": {"level": os.environ.get("LIVEKIT_SERVER_LOG", "info"), "json": False},
            "rtc": {
                "udp_port": udp,
                "tcp_port": tcp,
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "interfaces": {"includes": ["lo"]},
            },
            "room": {"empty_timeout": 60, "departure_timeout": 5},
            # By default the server refuses new participants while the machine is busy: two cores under test are.
            "limit": {"num_tracks": -1},
            "node_selector": {"cpu_load_limit": 1.0, "sysload_limit": 100.0},
            "enable_data_tracks": True,
            "enable_participant_data_blob": True,
        }
        # JSON is YAML, so no YAML writer is needed.
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [binary, "--config-body", json.dumps(config)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 20
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"livekit-server ended with {self.process.returncode}: {self._tail()}")
            try:
                with urllib.request.urlopen(self.http_url, timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"livekit-server did not answer on port {self.port}: {self._tail()}")
            # The server tells nobody when it is ready, so its health answer is asked for.
            time.sleep(0.05)

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
