# SPDX-License-Identifier: MIT
"""chat_server: rooms, slow clients, and the end.

    python3 tests/examples/chat_server_test.py CHAT_SERVER

WEIR_BACKEND chooses the backend.
"""

import re
import signal
import socket
import subprocess
import sys
import time
import unittest

PROGRAM = sys.argv[1]
DEADLINE = 60


class Client:
    def __init__(self, port, name, room):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.lines = self.socket.makefile("r", newline="\n")
        self.say(f"{name} {room}")

    def say(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def hear(self):
        return self.lines.readline()

    def close(self):
        self.lines.close()
        self.socket.close()


class ChatServer(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([PROGRAM, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.server.stdout.readline()
        found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        self.assertTrue(found, line)
        self.port = int(found[1])
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        if self.server.poll() is None:
            self.server.kill()
        self.server.communicate()

    def join(self, name, room):
        client = Client(self.port, name, room)
        self.clients.append(client)
        return client

    def test_a_line_goes_to_the_room_and_to_no_other(self):
        ada = self.join("ada", "engines")
        self.assertEqual(ada.hear(), "ada is here\n")
        bob = self.join("bob", "engines")
        self.assertEqual([ada.hear(), bob.hear()], ["bob is here\n"] * 2)
        eve = self.join("eve", "gardens")
        self.assertEqual(eve.hear(), "eve is here\n")
        ada.say("hello")
        self.assertEqual([ada.hear(), bob.hear()], ["ada: hello\n"] * 2)
        ada.close()
        self.assertEqual(bob.hear(), "ada has left\n")
        eve.say("alone")
        self.assertEqual(eve.hear(), "eve: alone\n")

    def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(self):
        slow = self.join("slow", "room")
        self.assertEqual(slow.hear(), "slow is here\n")
        fast = self.join("fast", "room")
        self.assertEqual(fast.hear(), "fast is here\n")
        text = "x" * 1000
        heard = ""
        for _ in range(1_000_000):
            fast.say(text)
            heard = fast.hear()
            if heard == "slow has left\n":
                break
            self.assertEqual(heard, f"fast: {text}\n")
        self.assertEqual(heard, "slow has left\n")

    def test_a_client_without_a_name_or_a_room_is_refused(self):
        for hello in ("ada", "ada ", " engines", ""):
            with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as s:
                s.sendall(hello.encode() + b"\n")
                self.assertEqual(s.recv(100), b"", hello)

    def test_a_signal_ends_the_server_with_100_open_connections_at_once(self):
        clients = [self.join(f"c{i}", f"room{i}") for i in range(100)]
        for i, client in enumerate(clients):
            self.assertEqual(client.hear(), f"c{i} is here\n")
        start = time.monotonic()
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(timeout=DEADLINE), 0)
        took = time.monotonic() - start
        for i, client in enumerate(clients):
            self.assertIn(client.hear(), (f"c{i} has left\n", "the server stops\n"))
        self.assertLess(took, 0.9)  # the drain of the server is 1 s
        print(f"stopped in {took * 1000:.0f} ms", file=sys.stderr)

    def test_wrong_arguments(self):
        for arguments in ([], ["x"], ["70000"], ["1", "2"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual((done.returncode, done.stderr), (2, "usage: chat_server PORT\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
