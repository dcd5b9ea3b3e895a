# SPDX-License-Identifier: MIT
"""crawl: each page once, within its limits, and past errors.

    python3 tests/examples/crawl_test.py CRAWL

WEIR_BACKEND chooses the backend.
"""

import collections
import http.server
import os
import signal
import subprocess
import sys
import threading
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60


class Crawl(unittest.TestCase):
    def setUp(self):
        """A server of self.pages: an answer, as bytes, or links."""
        self.pages = {}
        self.before = lambda host, path: None  # is called by each request
        test = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                test.requests.append(self.path)
                test.before(self.headers["Host"], self.path)
                page = test.pages.get(self.path)
                if page is None:
                    page = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
                if not isinstance(page, bytes):
                    body = b"".join(b'<A href="%s">' % link.encode() for link in page)
                    page = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                try:
                    self.wfile.write(page)
                except ConnectionError:
                    pass

            def log_message(self, *arguments):
                pass

        self.requests = []
        self.server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.root = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def crawl(self, *arguments, status=0):
        """The lines of the output, sorted; the last line."""
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        lines = done.stdout.splitlines()
        return sorted(lines[:-1]), lines[-1]

    def test_each_page_is_visited_once_up_to_the_depth(self):
        self.pages = {"/": ["a", "/b#part", "", "mailto:me", "https://x/", "http://[", "\x01"], "/a": ["/", "b", "/c"],
                      "/b": ["/a", "c?q"], "/c": ["/d"], "/c?q": [], "/d": []}
        lines, last = self.crawl("--depth", "2", self.root)
        self.assertEqual(lines, sorted([f"200 0 {self.root}/", f"200 1 {self.root}/a", f"200 1 {self.root}/b",
                                        f"200 2 {self.root}/c", f"200 2 {self.root}/c?q"]))
        self.assertEqual(last, "5 pages, 0 failed")
        self.assertEqual(sorted(self.requests), ["/", "/a", "/b", "/c", "/c?q"])
        self.assertEqual(self.crawl("--depth", "0", self.root)[1], "1 pages, 0 failed")

    def test_the_total_is_limited(self):
        class Endless(dict):
            def get(self, path):
                return [f"{path}{i}/" for i in range(10)]

        self.pages = Endless()
        self.assertEqual(self.crawl("--pages", "57", "--depth", "100", self.root)[1], "57 pages, 0 failed")
        self.assertEqual((len(self.requests), len(set(self.requests))), (57, 57))

    def test_hosts_are_limited_each(self):
        other = f"http://127.0.0.2:{self.port}"
        self.pages = {f"/{i}": [] for i in range(8)} | {"/": [f"{h}/{i}" for h in (self.root, other) for i in range(8)]}
        four = threading.Barrier(4, timeout=DEADLINE)
        running, most, lock = collections.Counter(), collections.Counter(), threading.Lock()

        def before(host, path):
            if path == "/":
                return
            with lock:
                running[host] += 1
                most[host] = max(most[host], running[host])
            four.wait()  # two of each host are here at the same time
            with lock:
                running[host] -= 1

        self.before = before
        self.assertEqual(self.crawl("--per-host", "2", self.root)[1], "17 pages, 0 failed")
        self.assertEqual(set(most.values()), {2})

    def test_all_are_limited_together(self):
        self.pages = {f"/{i}": [] for i in range(8)} | {"/": [f"http://127.0.0.{1 + i}:{self.port}/{i}" for i in range(8)]}
        running, most, lock = [], [], threading.Lock()
        two = threading.Barrier(2, timeout=DEADLINE)

        def before(host, path):
            if path == "/":
                return
            with lock:
                running.append(path)
                most.append(len(running))
            two.wait()
            with lock:
                running.remove(path)

        self.before = before
        self.assertEqual(self.crawl("--at-once", "2", self.root)[1], "9 pages, 0 failed")
        self.assertEqual(max(most), 2)

    def test_errors_are_reported_and_the_others_go_on(self):
        long = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
        self.pages = {"/": ["missing", "http://127.0.0.1:1/", "broken", "binary", "long", "moved", "empty", "good"],
                      "/broken": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "/binary": bytes(range(256)) * 99,
                      "/long": long, "/moved": b"HTTP/1.1 302 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n",
                      "/empty": b"", "/good": ["/last"], "/last": b'HTTP/1.1 200 OK\r\n\r\n<a href="cut', "/new": []}
        lines, last = self.crawl(self.root, status=1)
        self.assertEqual([line for line in lines if not line.startswith("FAIL")], sorted(
            [f"200 0 {self.root}/", f"404 1 {self.root}/missing", f"302 1 {self.root}/moved", f"200 2 {self.root}/new",
             f"200 1 {self.root}/good", f"200 2 {self.root}/last", f"404 3 {self.root}/cut"]))
        self.assertEqual(len([line for line in lines if line.startswith("FAIL 1 http://127.0.0.1:")]), 5)
        self.assertIn("FAIL 1 http://127.0.0.1:1/  connect to 127.0.0.1:1: Connection refused", lines)
        self.assertEqual(last, "12 pages, 7 failed")

    def test_a_signal_ends_it_at_once(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.pages = {"/": ["hangs"]}
        self.before = lambda host, path: path == "/" or release.wait(DEADLINE)
        process = subprocess.Popen([PROGRAM, self.root], stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), f"200 0 {self.root}/\n")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE)
        self.assertRegex(output, r"\A[12] pages, 0 failed\n\Z")
        self.assertEqual(process.returncode, 0)

    def test_an_output_that_cannot_be_written_is_an_error(self):
        self.pages = {"/": ["a"], "/a": []}
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, self.root], stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (1, b"crawl: cannot write to standard output\n"))
        self.assertNotIn("/a", self.requests)

    def test_wrong_arguments(self):
        for arguments in ([], ["--pages", "0", self.root], ["--depth", "x", self.root], [self.root, "more"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
        done = subprocess.run([PROGRAM, "ftp://x/"], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "crawl: weir::http::url: byte 0: the scheme is neither http nor https\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
