# SPDX-License-Identifier: MIT
"""watch: counters on a terminal, which is restored, and on a page.

    python3 tests/examples/watch_test.py WATCH [--sanitized]

WEIR_BACKEND chooses the backend.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from chromium import Chromium  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60
SCREENSHOTS = os.environ.get("WATCH_SCREENSHOTS")  # a folder


class Watch(unittest.TestCase):
    def start(self, *arguments, **options):
        process = subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, **options)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def on_terminal(self, columns):
        """The program on a terminal of that width, and the other end of it."""
        mine, its = pty.openpty()
        self.addCleanup(os.close, mine)
        self.resize(its, columns)
        process = self.start(stdin=its, stdout=its)
        return process, mine, its

    def resize(self, terminal, columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read_until(self, terminal, condition, output=b""):
        until = time.monotonic() + DEADLINE
        while not condition(output):
            ready, _, _ = select.select([terminal], [], [], max(until - time.monotonic(), 0))
            self.assertTrue(ready, output[-2000:])
            output += os.read(terminal, 1 << 16)
        return output

    def frames(self, output):
        """The frames that are complete, as lines of text."""
        return [re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", frame).decode().split("\r\n")[:-1]
                for frame in output.split(b"\x1b[H")[1:] if frame.endswith(b"\x1b[J")]

    def test_without_a_terminal_the_last_counters_are_printed(self):
        done = subprocess.run([PROGRAM, "--seconds", "0.8"], capture_output=True, text=True, timeout=DEADLINE, check=True)
        self.assertEqual(done.stderr, "")
        self.assertNotIn("\x1b", done.stdout)
        lines = done.stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:3]], ["read", "looked"])
        self.assertTrue(lines[3].startswith("> stored"), lines)  # two stores of 25 ms at a time are the slowest
        self.assertRegex(lines[5], "^stored holds the others back for [0-9]+% of the time; ")

    def test_a_terminal_shows_frames_follows_its_size_and_is_restored(self):
        for end in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(end):
                process, mine, its = self.on_terminal(100)
                before = termios.tcgetattr(its)
                output = self.read_until(mine, lambda o: len(self.frames(o)) >= 4)
                self.assertTrue(output.startswith(b"\x1b[?1049h\x1b[?25l"), output[:100])
                self.assertEqual(max(map(len, self.frames(output)[-1])), 100)
                self.resize(its, 40)  # the signal comes from the kernel only for a controlling terminal
                process.send_signal(signal.SIGWINCH)
                narrow = self.read_until(mine, lambda o: len(self.frames(o)) >= 2)
                self.assertLessEqual(max(map(len, self.frames(narrow)[-1])), 40)
                self.assertTrue(any(line.startswith("> stored") for line in self.frames(narrow)[-1]), narrow)
                process.send_signal(end)
                rest = self.read_until(mine, lambda o: b"holds the others" in o.partition(b"\x1b[?1049l")[2], narrow)
                self.assertEqual(process.wait(DEADLINE), 0)
                self.assertIn(b"\x1b[?25h\x1b[?1049l", rest)
                self.assertNotIn(b"\x1b", rest.partition(b"\x1b[?1049l")[2])
                self.assertEqual(termios.tcgetattr(its), before)
                os.close(its)

    def server(self):
        process = self.start("--http", "0", stdout=subprocess.DEVNULL)
        line = process.stderr.readline().decode()
        return process, re.fullmatch(r"watch: (http://127\.0\.0\.1:\d+/)\n", line)[1]

    def test_the_page_and_its_events(self):
        process, url = self.server()
        with urllib.request.urlopen(url, timeout=DEADLINE) as page:
            self.assertIn("EventSource", page.read().decode())
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url + "other", timeout=DEADLINE)
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()
        with urllib.request.urlopen(url + "events", timeout=DEADLINE) as events:
            self.assertEqual(events.headers["Content-Type"], "text/event-stream")
            items = -1
            for _ in range(4):
                line = events.readline().decode()
                self.assertEqual(events.readline(), b"\n")
                rows = json.loads(line.removeprefix("data: "))["rows"]
                if rows:
                    self.assertGreaterEqual(rows[0]["items"], items)
                    items = rows[0]["items"]
            self.assertGreater(items, 0)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), 0)

    @unittest.skipIf(Chromium.path is None, "Chromium is not installed")
    def test_a_browser_draws_the_stages_and_marks_the_slow_one(self):
        process, url = self.server()
        with Chromium() as browser:
            for width, dark in ((1280, False), (390, True)):
                browser.open(url, width, 900, dark)
                browser.wait_for("document.querySelector('li.slow')?.innerText.startsWith('stored')")
                names = browser.evaluate("[...document.querySelectorAll('li b')].map(b => b.textContent)")
                self.assertEqual(names, ["read", "looked up", "stored", "consumer"])
                before = browser.evaluate("document.querySelector('li').innerText")
                browser.wait_for(f"document.querySelector('li').innerText !== {json.dumps(before)}")
                self.assertTrue(browser.evaluate("document.documentElement.scrollWidth <= innerWidth"))
                if SCREENSHOTS:
                    browser.screenshot(f"{SCREENSHOTS}/watch-{width}.png")
            self.assertEqual(browser.errors, [])
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(DEADLINE), 0)
            browser.wait_for("document.getElementById('verdict').textContent === 'The program has ended.'")

    def test_a_port_that_is_taken_is_an_error(self):
        _, url = self.server()
        port = url.rsplit(":", 1)[1].strip("/")
        second = subprocess.run([PROGRAM, "--http", port], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(second.returncode, 1)
        self.assertIn("Address already in use", second.stderr)

    def test_wrong_arguments(self):
        for arguments in (["--seconds", "x"], ["--store", "0"], ["--http", "70000"], ["more"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage: watch [--seconds S] [--store MS] [--http PORT]", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
