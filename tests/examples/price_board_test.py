# SPDX-License-Identifier: MIT
"""price_board: the newest prices arrive however slow the display is, in bounded memory.

    python3 tests/examples/price_board_test.py PRICE_BOARD [--sanitized]

WEIR_BACKEND chooses the backend.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
SANITIZED = "--sanitized" in sys.argv
DEADLINE = 60
MOST_MEMORY = 16384  # KiB


class PriceBoard(unittest.TestCase):
    def start(self, *arguments, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
        process = subprocess.Popen([PROGRAM, *arguments], bufsize=0, stderr=subprocess.PIPE, **options)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def close(self, process):
        process.stdin.close()
        process.stdin = None

    def blocked_pipe(self):
        """A pipe that is full, and the number of bytes in it."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        size = 0
        try:
            while True:
                size += os.write(writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        return reader, writer, size

    def check(self, output, errors, received):
        """The last prices shown. All that were received were shown or replaced."""
        counts = re.fullmatch(rb"(\d+) prices, (\d+) replaced by newer ones, (\d+) malformed lines, (\d+) frames\n", errors)
        self.assertTrue(counts, errors)
        prices = [line.split(b" ") for line in output.splitlines() if not line.startswith(b"frame ")]
        self.assertEqual(int(counts[1]), received)
        self.assertEqual(len(prices) + int(counts[2]), received)
        self.assertEqual(output.count(b"frame "), int(counts[4]))
        return {symbol: float(price) for symbol, price in prices}, int(counts[4])

    def test_the_newest_price_of_each_symbol_is_shown(self):
        feed = b"".join(b"S%d %d\n" % (n % 200, n) for n in range(100_000))
        start = time.monotonic()
        process = self.start()
        output, errors = process.communicate(feed, timeout=DEADLINE)
        prices, frames = self.check(output, errors, 100_000)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(prices, {b"S%d" % n: 99_800.0 + n for n in range(200)})
        self.assertLess(frames, (time.monotonic() - start) * 10 + 2)

    def test_a_display_that_hangs_holds_up_neither_feed_nor_memory(self):
        reader, writer, filled = self.blocked_pipe()
        process = self.start(stdout=writer)
        os.close(writer)
        count = 100_000 if SANITIZED else 1_000_000
        for n in range(0, count, 1000):
            process.stdin.write(b"".join(b"S%d %d\n" % (k % 100, k) for k in range(n, n + 1000)))
        self.close(process)  # all of it was taken, but for what a pipe holds
        with open(f"/proc/{process.pid}/status") as status:
            memory = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])
        if not SANITIZED:
            self.assertLess(memory, MOST_MEMORY)
        with open(reader, "rb", closefd=False) as pipe:
            output = pipe.read()[filled:]
        errors = process.stderr.read()
        prices, frames = self.check(output, errors, count)
        self.assertEqual(process.wait(timeout=DEADLINE), 0)
        self.assertEqual(prices, {b"S%d" % n: count - 100.0 + n for n in range(100)})
        self.assertLess(frames, 10)

    def test_more_symbols_than_are_held_wait_and_are_not_lost(self):
        reader, writer, filled = self.blocked_pipe()
        process = self.start(stdout=writer)
        os.close(writer)
        process.stdin.write(b"".join(b"S%d %d\n" % (n, n) for n in range(5000)))
        self.close(process)
        with open(reader, "rb", closefd=False) as pipe:
            output = pipe.read()[filled:]
        prices, _ = self.check(output, process.stderr.read(), 5000)
        self.assertEqual(len(prices), 5000)
        self.assertTrue(prices == {b"S%d" % n: n for n in range(5000)})  # a diff would take minutes

    def test_a_feed_over_tcp(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(DEADLINE)
            process = self.start("127.0.0.1", str(listener.getsockname()[1]))
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"A 1\nB 2.5\n")
                output = b"".join(process.stdout.readline() for _ in range(3))
                connection.sendall(b"A 3\n")
            rest, errors = process.communicate(timeout=DEADLINE)
        prices, _ = self.check(output + rest, errors, 3)
        self.assertEqual((process.returncode, prices), (0, {b"A": 3, b"B": 2.5}))

    def test_odd_input(self):
        for feed, good, bad in ((b"", 0, 0), (b"A 1\nB\n 2\nC x\nD 1 \n\n\xff\x00 7\n", 2, 5), (b"A 1", 1, 0),
                                (b"q" * 3_000_000 + b"\nA 1\r\n", 1, 0)):
            process = self.start()
            output, errors = process.communicate(feed, timeout=DEADLINE)
            self.check(output, errors, good)
            self.assertEqual(process.returncode, 0)
            self.assertIn(b" %d malformed lines" % bad, errors)

    def test_a_signal_ends_the_feed_after_the_last_frame(self):
        process = self.start()
        process.stdin.write(b"A 1\n")
        process.stdin.flush()
        output = b"".join(process.stdout.readline() for _ in range(2))
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=DEADLINE)
        self.assertEqual((process.returncode, output + rest), (0, b"frame 1\nA 1\n"))
        self.assertIn(b"1 prices", errors)

    def test_errors(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.start(stdout=writer)
        os.close(writer)
        _, errors = process.communicate(b"A 1\n", timeout=DEADLINE)
        self.assertEqual((process.returncode, errors), (1, b"price_board: write standard output: Broken pipe\n"))
        for arguments, status in ((["127.0.0.1"], 2), (["127.0.0.1", "70000"], 2), (["127.0.0.1", "1"], 1)):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=DEADLINE)
            self.assertEqual((done.returncode, done.stdout), (status, b""))
            self.assertIn(b"price_board: ", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
