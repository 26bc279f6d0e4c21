"""Starts a real livekit-server on free ports of one address (127.0.0.1) and ends it by its process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import urllib.request
from pathlib import Path

from .tokens import KEY, SECRET

# The line that the server writes, at log level info, once it holds its ports.
LISTENS = b"starting LiveKit server"
START_SECONDS = 20
BUILD = Path(__file__).resolve().parents[2] / "livekit-server" / "build.sh"


def _free_ports(address: str) -> tuple[int, int, int]:
    """Two TCP ports (HTTP, ICE over TCP) and one UDP port, all free when asked, held together so that they differ."""
    kinds = (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    held = [socket.socket(family, kind) for kind in kinds]
    try:
        for one in held:
            one.bind((address, 0))
        http, tcp, udp = (one.getsockname()[1] for one in held)
        return http, tcp, udp
    finally:
        for one in held:
            one.close()


class Server:
    """A running server; `url` for clients, `http_url` for its service calls.

    `LIVEKIT_SERVER_LOG` sets its log level: `info` (the default) or `debug`, for a quieter server does not say
    that it is ready. `interface` has `address`; `rtc` is added to that part of its configuration.
    """

    def __init__(
        self,
        log: Path,
        *,
        attempts: int = 3,
        address: str = "127.0.0.1",
        interface: str = "lo",
        rtc: dict[str, object] | None = None,
    ) -> None:
        self.address, self._interface, self._rtc = address, interface, rtc or {}
        self._host = f"[{address}]" if ":" in address else address
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
        self.port, tcp, udp = _free_ports(self.address)
        config = {
            "port": self.port,
            "bind_addresses": [self.address],
            "keys": {KEY: SECRET},
            "development": True,
            "logging": {"level": os.environ.get("LIVEKIT_SERVER_LOG", "info"), "json": False},
            "rtc": {
                "udp_port": udp,
                "tcp_port": tcp,
                "node_ip": self.address,
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "interfaces": {"includes": [self._interface]},
                **self._rtc,
            },
            "room": {"empty_timeout": 60, "departure_timeout": 5},
            # By default the server refuses new participants while the machine is busy: two cores under test are.
            "limit": {"num_tracks": -1},
            "node_selector": {"cpu_load_limit": 1.0, "sysload_limit": 100.0},
            "enable_data_tracks": True,
            "enable_participant_data_blob": True,
        }
        # JSON is YAML, so no YAML writer is needed.
        self.process = subprocess.Popen(
            [binary, "--config-body", json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        # Set by the line that says the server listens, or by the end of its output.
        told = threading.Event()
        self._reader = threading.Thread(target=self._keep_log, args=(told,), daemon=True)
        self._reader.start()
        if not told.wait(START_SECONDS):
            self.stop()
            raise RuntimeError(f"livekit-server says nothing of port {self.port}: {self._tail()}")
        if self.process.poll() is not None or not self._reader.is_alive():
            self.process.wait()
            raise RuntimeError(f"livekit-server ended with {self.process.returncode}: {self._tail()}")
        with urllib.request.urlopen(self.http_url, timeout=START_SECONDS) as answer:
            assert answer.status == 200, f"livekit-server answers its health request with {answer.status}"

    def _keep_log(self, told: threading.Event) -> None:
        """Copies what the server writes into the log, to its end."""
        assert self.process.stdout is not None
        with self.log.open("ab", buffering=0) as log, self.process.stdout as output:
            for line in output:
                log.write(line)
                if LISTENS in line:
                    told.set()
        told.set()

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    @property
    def url(self) -> str:
        return f"ws://{self._host}:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://{self._host}:{self.port}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join()
