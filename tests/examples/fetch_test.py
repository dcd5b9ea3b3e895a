# SPDX-License-Identifier: MIT
"""fetch: every URL is answered for, in order, however its server behaves.

    python3 tests/examples/fetch_test.py FETCH [--sanitized]

WEIR_BACKEND chooses the backend.
"""

import os
import re
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

LINE = re.compile(r"(ok|FAIL)\s+(-|\d+)\s+(?:(\d+) B)?\s+([\d.]+) s\s+(\d+)x\s+(\S+)(?:  (.*))?")


def no_localhost():
    """A bare root has no /etc/hosts, and then no name at all that can be counted on."""
    try:
        return not socket.getaddrinfo("localhost", 80)
    except OSError:
        return True


class Server:
    """Answers each connection with what `answers` gives for its target: bytes, or a function of the connection. A list
    is used up one by one, its last again and again."""

    def __init__(self, answers, family=socket.AF_INET):
        self.answers = answers
        self.asked = []
        self.lock = threading.Lock()
        self.socket = socket.socket(family)
        self.socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.socket.listen(1000)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def url(self, target):
        return f"http://127.0.0.1:{self.port}{target}"

    def accept(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            target = request.split(b" ")[1].decode()
            with self.lock:
                self.asked.append((target, request))
                answer = self.answers.get(target, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
            try:
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)
            except OSError:
                pass

    def count(self, target):
        with self.lock:
            return sum(1 for t, _ in self.asked if t == target)

    def close(self):
        # Its thread must be gone first: the next server's socket may get the number that it waits for.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def with_length(body, status=200):
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


def redirect(to):
    return b"HTTP/1.1 302 X\r\nLocation: " + to.encode() + b"\r\nContent-Length: 0\r\n\r\n"


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def fetch(*arguments):
    """Exit status, the outcomes as tuples, stderr, and how long it took."""
    began = time.monotonic()
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=DEADLINE)
    took = time.monotonic() - began
    outcomes = []
    for line in done.stdout.decode().splitlines():
        found = LINE.fullmatch(line)
        assert found, line
        outcomes.append((found[1], found[2], found[3], int(found[5]), found[6], found[7]))
    return done.returncode, outcomes, done.stderr.decode(), took


class Fetch(unittest.TestCase):
    maxDiff = None

    def serve(self, answers, **options):
        server = Server(answers, **options)
        self.addCleanup(server.close)
        return server

    def one(self, answers, *arguments, target="/"):
        """The outcome of a single URL without retries: word, status, size, error without the name of the server."""
        server = self.serve(answers)
        _, outcomes, err, _ = fetch("--retries", 0, *arguments, server.url(target))
        self.assertEqual(err, "")
        self.assertEqual(len(outcomes), 1)
        word, status, size, _, _, error = outcomes[0]
        return word, status, size, error and error.removeprefix(f"weir::http: read from 127.0.0.1:{server.port}: ")

    def test_the_tour_shows_what_it_is_worth(self):
        status, outcomes, err, _ = fetch("--serve-demo")
        self.assertEqual((status, err), (1, ""))
        shown = [(word, code, attempts, url.split("/", 3)[3]) for word, code, _, attempts, url, _ in outcomes]
        self.assertEqual(shown, [
            ("ok", "200", 1, "delay/100"), ("ok", "200", 1, "delay/300"), ("ok", "200", 3, "flaky/2"),
            ("ok", "200", 2, "reset/1"), ("ok", "200", 1, "redirect/3"), ("ok", "200", 1, "delay/50"),
            ("ok", "200", 1, "chunked/50"), ("FAIL", "404", 1, "status/404"), ("FAIL", "-", 4, "status/500")])
        self.assertEqual(outcomes[6][2], "50000")
        self.assertEqual(outcomes[8][5], "status 500")

    def test_two_hundred_slow_pages_at_concurrency_fifty_take_four_rounds(self):
        status, outcomes, _, took = fetch("--serve-demo", "-n", 50, *[f"/delay/100?{n}" for n in range(200)])
        self.assertEqual(status, 0)
        self.assertEqual([url.split("?")[1] for *_, url, _ in outcomes], [str(n) for n in range(200)])
        self.assertGreaterEqual(took, 0.4)
        # 0.6 s on a machine that has nothing else to do.
        self.assertLess(took, 10 if SANITIZED else 2)

    def test_no_more_are_fetched_at_once_than_was_said(self):
        lock, busy, busiest = threading.Lock(), 0, 0

        def slow(connection):
            nonlocal busy, busiest
            with lock:
                busy += 1
                busiest = max(busiest, busy)
            time.sleep(0.02)
            # Before the answer: who has it may ask for the next at once.
            with lock:
                busy -= 1
            connection.sendall(with_length(b"x"))

        server = self.serve({f"/{n}": slow for n in range(40)})
        status, outcomes, _, _ = fetch("-n", 7, *[server.url(f"/{n}") for n in range(40)])
        self.assertEqual((status, len(outcomes)), (0, 40))
        self.assertEqual(busiest, 7)

    def test_results_come_in_the_order_of_the_urls(self):
        status, outcomes, _, _ = fetch("--serve-demo", "/delay/200", "/delay/0", "/status/404", "/delay/100")
        self.assertEqual(status, 1)
        self.assertEqual([url.split("/", 3)[3] for *_, url, _ in outcomes],
                         ["delay/200", "delay/0", "status/404", "delay/100"])

    def test_bodies_come_in_every_form(self):
        self.assertEqual(self.one({"/": with_length(b"12345")}), ("ok", "200", "5", None))
        self.assertEqual(self.one({"/": b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nuntil the end"}),
                         ("ok", "200", "13", None))
        self.assertEqual(self.one({"/": b"HTTP/1.0 200 X\r\n\r\nold"}), ("ok", "200", "3", None))
        self.assertEqual(self.one({"/": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
                                        b"5;ext=1\r\n12345\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"}),
                         ("ok", "200", "15", None))
        self.assertEqual(self.one({"/": b"HTTP/1.1 204 X\r\n\r\n"}), ("ok", "204", "0", None))
        self.assertEqual(self.one({"/": b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"real")}),
                         ("ok", "200", "4", None))

    def test_a_body_may_come_byte_by_byte(self):
        def trickle(connection):
            for byte in b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
                connection.sendall(bytes([byte]))

        self.assertEqual(self.one({"/": trickle}), ("ok", "200", "3", None))

    def test_bodies_are_limited(self):
        limit = ["--limit", 1000]
        self.assertEqual(self.one({"/": with_length(b"x" * 1000)}, *limit), ("ok", "200", "1000", None))
        too_long = ("FAIL", "-", None, "the body has more than 1000 bytes")
        self.assertEqual(self.one({"/": with_length(b"x" * 1001)}, *limit), too_long)
        self.assertEqual(self.one({"/": b"HTTP/1.1 200 X\r\n\r\n" + b"x" * 5000}, *limit), too_long)
        self.assertEqual(self.one({"/": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                        b"64\r\n" + b"x" * 100 + b"\r\n" + b"400\r\n" + b"x" * 1024}, *limit), too_long)
        status, outcomes, _, _ = fetch("--serve-demo", "--limit", 10_000_000, "/endless")
        self.assertEqual(status, 1)
        self.assertRegex(outcomes[0][5], ": the body has more than 10000000 bytes$")

    def test_what_is_not_http_is_an_error(self):
        for answer in [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\n",
                       b"HTTP/1.1 200 X\r\nA: " + b"x" * 200_000]:
            word, _, _, error = self.one({"/": answer})
            self.assertEqual(word, "FAIL")
            self.assertRegex(error, r"^byte \d+: |^the head has more than \d+ bytes$", answer)

    def test_a_connection_that_ends_early_is_an_error(self):
        lost = ("FAIL", "-", None)
        self.assertEqual(self.one({"/": b""}), (*lost, "the connection has ended before a response"))
        for answer in b"HTTP/1.1 200 X\r\nContent-", b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\n12345":
            *outcome, error = self.one({"/": answer})
            self.assertEqual(tuple(outcome), lost)
            self.assertRegex(error, f"^byte {len(answer)}: the connection has ended")

    def test_redirects_are_followed_to_a_limit(self):
        server = self.serve({"/a/start": [redirect("next?q")], "/a/next?q": [redirect("/root")],
                             "/root": [redirect("?only=query")], "/root?only=query": with_length(b"there"),
                             "/loop": redirect("/pool"), "/pool": redirect("/loop"), "/self": redirect("/self"),
                             "/away": redirect("https://example.org/"),
                             "/nowhere": b"HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n"})
        server.answers["/absolute"] = redirect(server.url("/a/start"))
        server.answers["/authority"] = redirect(f"//127.0.0.1:{server.port}/root")
        server.answers |= {f"/deep/{n}": redirect(f"/deep/{n - 1}") for n in range(1, 12)} | {"/deep/0": with_length(b"x")}
        status, outcomes, _, _ = fetch(*map(server.url, ["/a/start", "/absolute", "/authority", "/loop", "/self",
                                                        "/deep/11", "/deep/10", "/away", "/nowhere"]))
        origin = f"weir::http: redirect from http://127.0.0.1:{server.port}: "
        self.assertEqual(status, 1)
        self.assertEqual([(code, error) for _, code, _, _, _, error in outcomes], [
            ("200", None), ("200", None), ("200", None), *[("-", origin + "there are more than 10 redirects")] * 3,
            ("200", None),
            ("-", "weir::http::client: https takes the connector by_tls"), ("302", None)])

    def test_locations_resolve_as_rfc_3986_says(self):
        pages = ["/a/b/c", "/a/b/g", "/a/b/g/", "/g", "/a/b/c?y", "/a/b/g?y", "/a/b/", "/a/", "/a/g", "/", "/a/b/g;x",
                 "/a/b/c?x=../g", "/a/b/..g", "/a/b/d:e"]
        cases = [("g", "/a/b/g"), ("./g", "/a/b/g"), ("g/", "/a/b/g/"), ("/g", "/g"), ("?y", "/a/b/c?y"),
                 ("g?y", "/a/b/g?y"), (".", "/a/b/"), ("..", "/a/"), ("../g", "/a/g"), ("../..", "/"),
                 ("../../g", "/g"), ("../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"), ("g;x", "/a/b/g;x"),
                 ("./g/.", "/a/b/g/"), ("g/./h/..", "/a/b/g/"), ("g#s/../x", "/a/b/g"), ("?x=../g", "/a/b/c?x=../g"),
                 ("..g", "/a/b/..g"), ("./d:e", "/a/b/d:e")]
        for location, page in cases:
            with self.subTest(location):
                answers = {p: with_length(p.encode()) for p in pages}
                answers["/a/b/c?q"] = redirect(location)
                server = self.serve(answers)
                status, outcomes, _, _ = fetch(server.url("/a/b/c?q"))
                self.assertEqual((status, server.asked[-1][0]), (0, page))

    def test_locations_with_another_scheme_or_with_a_password_are_errors(self):
        server = self.serve({"/mail": redirect("mailto:a@b"), "/tls": redirect("HTTPS://127.0.0.1/"),
                             "/user": redirect("http://me:secret@127.0.0.1/"), "/top": redirect("/there#top"),
                             "/there": with_length(b"x")})
        for page, error in (("/mail", "the scheme is neither http nor https"), ("/tls", "https takes the connector by_tls"),
                            ("/user", "a user or a password")):
            self.assertIn(error, str(fetch(server.url(page))[1]))
        self.assertEqual(fetch(server.url("/top"))[0], 0)
        port = server.port
        server.answers["/p"] = with_length(b"x")
        self.assertEqual(fetch(f"HTTP://127.0.0.1:{port}/p")[0], 0)
        status, outcomes, _, _ = fetch(f"http://LocalHost@127.0.0.1:{port}/p", "http://a:b@c/")
        self.assertEqual(status, 1)
        self.assertEqual(server.count("/p"), 1)

    def test_answers_without_a_body_end_with_their_headers(self):
        early = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLocation: /nowhere\r\n\r\n"
        server = self.serve({"/103": early + with_length(b"body"),
                             "/204": b"HTTP/1.1 204 No\r\nContent-Length: 100\r\n\r\n",
                             "/304": b"HTTP/1.1 304 No\r\nLocation: /nowhere\r\nContent-Length: 100\r\n\r\n"})
        status, outcomes, _, _ = fetch("--retries", 0, *(server.url(p) for p in ("/103", "/204", "/304")))
        self.assertEqual(status, 0, outcomes)
        self.assertEqual(server.count("/nowhere"), 0)

    def test_what_another_attempt_may_mend_is_tried_again(self):
        server = self.serve({"/busy": [with_length(b"", 503), with_length(b"", 500), with_length(b"at last")],
                             "/reset": [reset, with_length(b"at last")], "/early": [b"HTTP/1.1 2", with_length(b"at last")],
                             "/hang": [lambda _: time.sleep(5), with_length(b"at last")],
                             "/missing": with_length(b"", 404), "/never": with_length(b"", 502)})
        status, outcomes, _, took = fetch("--timeout", 0.3, "--retries", 2,
                                          *map(server.url, ["/busy", "/reset", "/early", "/hang", "/missing", "/never"]))
        self.assertEqual(status, 1)
        self.assertEqual([(word, code, attempts, error) for word, code, _, attempts, _, error in outcomes], [
            ("ok", "200", 3, None), ("ok", "200", 2, None), ("ok", "200", 2, None), ("ok", "200", 2, None),
            ("FAIL", "404", 1, None), ("FAIL", "-", 3, "status 502")])
        self.assertEqual(server.count("/never"), 3)
        self.assertLess(took, 20)

    def test_nobody_listens(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            _, outcomes, _, _ = fetch("--retries", 0, f"http://127.0.0.1:{port}/")
        self.assertEqual(outcomes[0][5], f"connect to 127.0.0.1:{port}: Connection refused")

    @unittest.skipIf(no_localhost(), "localhost has no address here")
    def test_names_are_looked_up(self):
        server = self.serve({"/": with_length(b"hello")})
        status, outcomes, _, _ = fetch("--retries", 0, f"http://localhost:{server.port}/", "http://no.such.name.invalid/")
        self.assertEqual(status, 1)
        self.assertEqual(outcomes[0][:2], ("ok", "200"))
        self.assertRegex(outcomes[1][5], "no.such.name.invalid")
        host = next(request for _, request in server.asked).split(b"\r\n")[1]
        self.assertEqual(host, b"Host: localhost:%d" % server.port)

    def test_there_is_ipv6(self):
        try:
            server = self.serve({"/": with_length(b"six")}, family=socket.AF_INET6)
        except OSError:
            self.skipTest("no IPv6 here")
        status, outcomes, _, _ = fetch(f"http://[::1]:{server.port}/")
        self.assertEqual((status, outcomes[0][1]), (0, "200"))
        self.assertIn(b"Host: [::1]:%d\r\n" % server.port, server.asked[0][1])

    def test_time_is_limited_for_everything(self):
        status, outcomes, _, took = fetch("--serve-demo", "--total-timeout", 0.5, "/delay/0", "/hang", "/delay/1")
        self.assertEqual(status, 1)
        self.assertEqual([(word, error) for word, *_, error in outcomes],
                         [("ok", None), ("FAIL", "not finished in time"), ("ok", None)])
        self.assertLess(took, 10)

    def test_an_interrupt_ends_it_with_what_is_known(self):
        process = subprocess.Popen([PROGRAM, "--serve-demo", "/delay/0", "/hang", "/hang"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        first = process.stdout.readline().decode()
        self.assertRegex(first, r"^ok +200")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        self.assertEqual((process.returncode, err), (1, b""))
        self.assertEqual(out.count(b"interrupted"), 2)

    def test_wrong_urls_are_failures_of_their_own(self):
        status, outcomes, _, _ = fetch("ftp://example.org/", "example.org", "http://", "http://example.org:0/",
                                       "http://example.org:99999/", "http://exa\x01mple.org/")
        self.assertEqual(status, 1)
        self.assertEqual([word for word, *_ in outcomes], ["FAIL"] * 6)
        for *_, error in outcomes:
            self.assertRegex(error, r"^weir::http::url: byte \d+: ")
        self.assertIn("the scheme is neither http nor https", outcomes[0][5])
        for *_, error in outcomes[3:5]:
            self.assertIn("port", error)

    def test_results_that_cannot_be_written_are_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "--serve-demo", "/delay/1"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=DEADLINE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"fetch: write standard output: No space left on device\n")

    def test_wrong_arguments_are_answered_with_how_it_is_used(self):
        for arguments in [[], ["-n"], ["-n", "0", "x"], ["-n", "x", "x"], ["--timeout", "-1", "x"], ["--retries", "1.5", "x"],
                          ["--unknown", "x"], ["--limit", "", "x"]]:
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=DEADLINE)
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            self.assertIn(b"usage: fetch", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
