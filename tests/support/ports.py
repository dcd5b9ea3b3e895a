# SPDX-License-Identifier: MIT
"""Ports on loopback, for the servers that tests start."""

import socket
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process, limit):
    """Waits until the process listens on the port, for `limit` seconds at most."""
    until = time.monotonic() + limit
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"no server listens on port {port}")
