# SPDX-License-Identifier: MIT
"""web_chat: the page, visitors, and the end.

    python3 tests/examples/web_chat_test.py WEB_CHAT

WEIR_BACKEND chooses the backend.
"""

import re
import signal
import socket
import subprocess
import sys
import unittest
import urllib.request

PROGRAM = sys.argv[1]
DEADLINE = 60
HANDSHAKE = (b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
MASK = bytes([1, 2, 3, 4])


class Visitor:
    """A WebSocket of short frames."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.socket.sendall(HANDSHAKE)
        self.input = self.socket.makefile("rb")
        while self.input.readline() != b"\r\n":
            pass

    def send(self, opcode, payload):
        masked = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + MASK + masked)

    def say(self, text):
        self.send(1, text.encode())

    def receive(self):
        opcode, size = self.input.read(2)
        return opcode & 15, self.input.read(size)

    def hear(self):
        """The text of a message, without the visitor's address."""
        opcode, payload = self.receive()
        assert opcode == 1, opcode
        return re.sub(r"127\.0\.0\.1:\d+", "somebody", payload.decode())

    def close(self):
        self.input.close()
        self.socket.close()


class WebChat(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([PROGRAM, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.server.stdout.readline().strip()
        self.port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", self.url)[1])

    def tearDown(self):
        if self.server.poll() is None:
            self.server.kill()
        self.server.communicate()

    def test_the_page_opens_a_websocket(self):
        with urllib.request.urlopen(self.url, timeout=DEADLINE) as page:
            self.assertIn("new WebSocket", page.read().decode())

    def test_what_a_visitor_says_goes_to_all(self):
        ada, bob = Visitor(self.port), None
        try:
            self.assertEqual(ada.hear(), "somebody is here")
            bob = Visitor(self.port)
            self.assertEqual(ada.hear(), "somebody is here")
            self.assertEqual(bob.hear(), "somebody is here")
            bob.say("hello")
            self.assertEqual(ada.hear(), "somebody: hello")
            self.assertEqual(bob.hear(), "somebody: hello")
            bob.send(8, b"\x03\xe8")
            self.assertEqual(bob.receive(), (8, b"\x03\xe8"))
            self.assertEqual(ada.hear(), "somebody has left")
            self.server.send_signal(signal.SIGTERM)
            self.assertEqual(self.server.wait(DEADLINE), 0)
        finally:
            ada.close()
            if bob:
                bob.close()


unittest.main(argv=sys.argv[:1], verbosity=2)
