# SPDX-License-Identifier: MIT
"""echo_server: every byte comes back, slow clients cost nobody else, and an interrupt ends it.

    python3 tests/examples/echo_server_test.py ECHO_SERVER [--sanitized]

WEIR_BACKEND chooses the backend.
"""

import os
import pathlib
import random
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
SANITIZED = "--sanitized" in sys.argv
DEADLINE = 60


class Server:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, "--port", "0", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening on (127\.0\.0\.1):(\d+)\n", line)
        if not found:
            self.process.kill()
            raise AssertionError(f"{line!r} {self.process.communicate()}")
        self.address = found[1], int(found[2])

    def connect(self):
        return socket.create_connection(self.address, timeout=DEADLINE)

    def memory(self):
        """KiB now."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+)", status)[1])

    def stop(self, number=signal.SIGINT):
        """Exit status and what it said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out + err

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def echo(connection, data):
    """What comes back for it, sent and received at once."""
    sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
    sender.start()
    back = bytearray()
    while piece := connection.recv(65536):
        back += piece
    sender.join()
    return bytes(back)


class EchoServer(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.end)

    def assert_stops(self, number=signal.SIGINT):
        self.assertEqual(self.server.stop(number), (0, b""))

    def test_what_many_clients_send_at_once_comes_back(self):
        rng = random.Random(1)
        data = [rng.randbytes(rng.choice([0, 1, 100, 16384, 16385, 200_000])) for _ in range(200)]
        connections = [self.server.connect() for _ in data]  # all are open before any of them says something
        back = [None] * len(data)

        def one(n):
            back[n] = echo(connections[n], data[n])

        threads = [threading.Thread(target=one, args=(n,)) for n in range(len(data))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for c in connections:
            c.close()
        self.assertEqual([n for n in range(len(data)) if back[n] != data[n]], [])
        self.assert_stops()

    def test_a_client_that_does_not_read_is_not_read_from(self):
        rng = random.Random(2)
        with self.server.connect() as first:
            self.assertEqual(echo(first, b"x" * 1_000_000), b"x" * 1_000_000)
        before = self.server.memory()
        deaf = [self.server.connect() for _ in range(3)]
        accepted = 0
        data = rng.randbytes(1 << 20)
        for c in deaf:
            c.setblocking(False)
        # What the kernel takes, on both sides, is limited; when all of it is full nothing is writable any more.
        while ready := select.select([], deaf, [], 1)[1]:
            for c in ready:
                accepted += c.send(data)
            self.assertLess(accepted, 1 << 30)
        if not SANITIZED:
            self.assertLess(self.server.memory() - before, 2048)
        with self.server.connect() as other:
            began = time.monotonic()
            self.assertEqual(echo(other, data), data)
            self.assertLess(time.monotonic() - began, DEADLINE / 2)
        # It was only held up: when it reads, all that was accepted comes.
        for c in deaf:
            c.setblocking(True)
            c.settimeout(DEADLINE)
            c.shutdown(socket.SHUT_WR)
            while piece := c.recv(1 << 20):
                accepted -= len(piece)
            c.close()
        self.assertEqual(accepted, 0)
        self.assert_stops()

    def test_clients_that_go_away_are_no_matter(self):
        for n in range(50):
            c = self.server.connect()
            c.sendall(b"some" * 10000)
            if n % 2:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not closed
            c.close()
        with self.server.connect() as last:
            self.assertEqual(echo(last, b"still there"), b"still there")
        self.assert_stops(signal.SIGTERM)

    def test_an_interrupt_ends_it_whatever_its_clients_do(self):
        waiting = [self.server.connect() for _ in range(20)]
        for c in waiting:
            c.sendall(b"hello")
            self.assertEqual(c.recv(5), b"hello")
        self.assert_stops()
        for c in waiting:
            self.assertEqual(c.recv(1), b"")
            c.close()

    def test_it_is_started_on_either_backend(self):
        self.assert_stops()
        for backend in ["epoll"] + ["uring"] * (os.environ.get("WEIR_BACKEND") == "uring"):
            server = Server("--backend", backend)
            with server.connect() as c:
                self.assertEqual(echo(c, b"data"), b"data")
            self.assertEqual(server.stop(), (0, b""))

    def test_wrong_arguments_are_answered_with_how_it_is_used(self):
        for arguments in [[], ["--port"], ["--port", "x"], ["--port", "65536"], ["--port", "-1"], ["--backend", "epoll"],
                          ["--port", "0", "--backend", "kqueue"], ["--help", "me"]]:
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=DEADLINE)
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            self.assertIn(b"usage: echo_server --port P", done.stderr)

    def test_a_port_that_is_taken_is_an_error(self):
        port = str(self.server.address[1])
        done = subprocess.run([PROGRAM, "--port", port], capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.decode(), f"echo_server: listen on 127.0.0.1:{port}: Address already in use\n")

    def test_a_line_that_cannot_be_printed_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "--port", "0"], stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"echo_server: write standard output: No space left on device\n")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
