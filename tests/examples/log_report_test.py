# SPDX-License-Identifier: MIT
"""log_report against the same in awk, and what else it promises.

    python3 tests/examples/log_report_test.py LOG_REPORT PEAK_MEMORY [--sanitized]

Exit status 77, skipped, without mawk. WEIR_BACKEND chooses the backend.
"""

import gzip
import json
import os
import pathlib
import pty
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from programs import need

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = HERE.parents[1] / "examples/data/access.log"
PROGRAM, PEAK_MEMORY = map(os.path.abspath, sys.argv[1:3])
SANITIZED = "--sanitized" in sys.argv
DEADLINE = 60
MOST_MEMORY = 32768  # KiB


def log_report(*arguments, stdin=b""):
    """Exit status, stdout, stderr."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=DEADLINE)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def awk(*files):
    """What log_report.awk finds."""
    env = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(["mawk", "-f", HERE / "log_report.awk", *files], stdin=subprocess.DEVNULL, capture_output=True,
                          check=True, env=env)
    return json.loads(done.stdout.decode(errors="replace"), strict=False)


def text(line="/", client="1.2.3.4", status=200, size=5):
    return f'{client} - - [21/Nov/2026:02:13:47 +0000] "GET {line} HTTP/1.1" {status} {size} "-" "curl/8.5.0"\n'.encode()


# Those with a client first, then malformed ones.
CLIENTS = [
    b"\xef\xbb\xbf1.1.1.1 - - [d] \"GET /bom HTTP/1.1\" 200 1",
    b"www.example.org:443 2001:db8::1 - - [d] \"GET /vhost HTTP/1.1\" 200 1 \"-\" \"-\"",
    b"10.0.0.1, 10.0.0.2, 10.0.0.3 - - [d] \"GET /forwarded HTTP/1.1\" 200 1",
    b"example.org:80 10.0.0.2, 10.0.0.3 - frank smith [d] \"GET /both HTTP/1.1\" 200 1",
    b"::2 - - [d] \"GET /six HTTP/1.1\" 200 1",
    b"9.9.9.9:80 - - [d] \"GET /client-with-port HTTP/1.1\" 200 1",
    b"www.example.org:443 - - [d] \"GET /host-with-port HTTP/1.1\" 200 1",
    b"\xef\xbb\xbfa:1 3.3.3.3, b - - [d] \"GET /all HTTP/1.1\" 200 1\r\r",
    b", b - - [d] \"GET /no-client HTTP/1.1\" 200 1",
    b"a, b - [d] \"GET /too-few HTTP/1.1\" 200 1",
    b"a,  b - - [d] \"GET /blanks HTTP/1.1\" 200 1",
    b" 1.1.1.1 - - [d] \"GET /blank HTTP/1.1\" 200 1",
    b"1.1.1.1 - - [d] \"GET /trailing HTTP/1.1\" 200 1 ",
]


def mutated(lines, count, rng):
    """Lines that are almost entries."""
    made = []
    for _ in range(count):
        line = bytearray(rng.choice(lines))
        for _ in range(rng.randint(0, 3)):
            at = rng.randrange(len(line) + 1)
            kind = rng.random()
            if kind < 0.3:
                del line[at:at + rng.randint(1, 3)]
            elif kind < 0.6:
                line[at:at] = rng.choice([b'"', b"\\", b" ", b"[", b"]", b"-", b"?", b"\r", b"0", b"\\\"", b'" "'])
            elif kind < 0.8:
                line[at:at] = bytes([rng.randint(1, 255)])
            elif kind < 0.9:
                del line[at:]
            else:
                line += rng.choice([b"\r", b"\r\r", b" ", b" more \"of\" it", b"x", b'"'])
        made.append(bytes(line).replace(b"\n", b""))
    return b"\n".join(made)


class Running:
    """log_report, while it runs. What it says on stderr is there to be waited for."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.err = b""
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while piece := os.read(self.process.stderr.fileno(), 65536):
            with self.changed:
                self.err += piece
                self.changed.notify()

    def wait_for(self, what):
        with self.changed:
            if not self.changed.wait_for(lambda: what in self.err, DEADLINE):
                self.process.kill()
                raise AssertionError(f"{what!r} did not come; there was {self.err!r}")

    def end(self):
        """Exit status, report, stderr."""
        out = self.process.stdout.read()
        self.process.stdout.close()
        status = self.process.wait(DEADLINE)
        self.reader.join()
        self.process.stderr.close()
        return status, json.loads(out.decode()), self.err.decode(errors="replace")

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.end()


class LogReport(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def append(self, path, content):
        with open(path, "ab") as out:
            out.write(content)

    def assert_same(self, expected, *arguments, stdin=b""):
        status, out, err = log_report("--json", *arguments, stdin=stdin)
        self.assertEqual(json.loads(out.decode()), expected)
        self.assertEqual(status, 0, err)
        return err

    def test_the_sample_is_counted_as_awk_counts_it(self):
        self.assertEqual(self.assert_same(awk(SAMPLE), SAMPLE), "")

    def test_there_is_a_report_for_people(self):
        status, out, err = log_report(SAMPLE)
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out.decode(), r"^9642 lines, 0 malformed, 160\.8 MB sent\n\nStatus\n +6865 +71\.2%  200\n")
        self.assertRegex(out.decode(), r"\nPaths\n +1912 +19\.8%  /\n")
        self.assertEqual(out.count(b"\n"), 44)

    def test_standard_input_is_read_when_no_path_is_given_and_for_a_dash(self):
        expected = awk(SAMPLE)
        self.assert_same(expected, stdin=SAMPLE.read_bytes())
        self.assert_same(expected, "-", stdin=SAMPLE.read_bytes())

    def test_inputs_are_counted_together(self):
        lines = SAMPLE.read_bytes().splitlines(keepends=True)
        files = [self.file(f"{n}.log", b"".join(lines[n::7])) for n in range(50)]
        self.assert_same(awk(*files, SAMPLE), *files, "-", stdin=SAMPLE.read_bytes())

    def test_junk_is_counted_and_never_fatal(self):
        rng = random.Random(1)
        lines = SAMPLE.read_bytes().splitlines()[:500]
        lines += [
            b"::1 - frank smith [x] \"GET /a\\\"b?c=d HTTP/1.1\" 200 - \"\\\\\" \"\"",
            b"host ident user [10/Oct/2000:13:55:36 -0700] \"GET /common HTTP/1.0\" 200 2326",
            b"h - - [] \"GET /empty-date HTTP/1.0\" 200 1",
            b"h - - [d] \"\" 400 0",
            b"h - - [d] \"one-word\" 400 0",
            b"h - - [d] \"GET  /two-blanks HTTP/1.1\" 200 0",
            b"h - - [d] \"GET /p\" 200 123456789012345",
            b"h - - [d] \"GET /p\" 200 1234567890123456",
            b"h - - [d] \"GET /p\" 2000 1",
            b"h - - [d] \"GET /p\" 20 1",
            b"h - - [d] \"GET /p\" 200 1 ",
            b"h - - [d] \"GET /p\" 200 1 \"r\"",
            b"h - - [d] \"GET /p\" 200 1 \"r\" \"a\" 0.003 \"more",
            b"h - - [d] \"GET /\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" 200 1",
            b"h - - [d] \"GET /\xff\xc3\xed\xa0\x80\xe2\x82\xf0\x9f\x98x\x01\x1f\x7f\t\" 200 1",
            *CLIENTS,
            b"",
            b" ",
        ]
        junk = [
            mutated(lines, 20000, rng),
            rng.randbytes(200000).replace(b"\0", b""),
            b"x" * 10_000_000,
            text("/" + "y" * 70000),
            text("/" + "z" * (65536 - len(text("/").rstrip()) )),
            text("/" + "z" * (65537 - len(text("/").rstrip()) )),
            b"\r\n".join(lines),
            b"\n".join(lines[-20:]) + b"\n" + lines[0][:70],
        ]
        log = self.file("junk.log", b"\n".join(junk))
        expected = awk(log)
        self.assertGreater(expected["malformed"], 5000)
        self.assertGreater(expected["lines"] - expected["malformed"], 5000)
        err = self.assert_same(expected, log)
        self.assertEqual(err.count(": malformed: "), 3, err)
        self.assertEqual(err.count("\n"), 3, err)
        self.assertTrue(all(" " <= c <= "~" or c == "\n" for c in err), err)
        self.assertLess(max(map(len, err.splitlines())), 250)
        self.assert_same(expected, stdin=log.read_bytes())
        # What is rare is seen among the ten only when it is alone.
        for n, line in enumerate(lines[500:]):
            one = self.file(f"{n}.log", line)
            self.assert_same(awk(one), one)

    def test_the_client_is_the_right_one_or_the_line_is_malformed(self):
        clients = ["1.1.1.1", "2001:db8::1", "10.0.0.1", "10.0.0.2", "::2", "9.9.9.9:80", "www.example.org:443", "3.3.3.3"]
        for line, client in zip(CLIENTS, [*clients, *[None] * len(CLIENTS)]):
            log = self.file("one.log", line + b"\n")
            self.assert_same(awk(log), log)
            out = json.loads(log_report("--json", log)[1])
            self.assertEqual([name for name, _ in out["top_clients"]] if client else out["malformed"],
                             [client] if client else 1, line)

    def test_a_compressed_log_is_named(self):
        log = self.file("old.log.gz", gzip.compress(text() * 1000))
        status, out, err = log_report("--json", log, SAMPLE)
        self.assertEqual((status, json.loads(out)), (1, awk(SAMPLE)))
        self.assertEqual(err, f"log_report: read {log}, which gzip has compressed (zcat decompresses it): "
                              "Operation not supported\n")

    def test_a_malformed_line_is_named(self):
        log = self.file("some.log", text() + b"\x1b[31mred\n" + text() + b"cut off")
        err = self.assert_same(awk(log), log)
        self.assertEqual(err, f"log_report: {log}:2: malformed: \\x1b[31mred\nlog_report: {log}:4: malformed: cut off\n")

    def test_an_empty_input_is_fine(self):
        empty = self.file("empty.log", b"")
        nothing = {"lines": 0, "malformed": 0, "bytes": 0, "status": {}, "top_paths": [], "top_clients": []}
        self.assert_same(nothing, empty)
        self.assert_same(nothing)
        self.assert_same(awk(SAMPLE), empty, SAMPLE)
        self.assertEqual(log_report(empty), (0, b"0 lines, 0 malformed, 0 B sent\n", ""))

    def test_what_cannot_be_read_is_one_error_and_the_others_are_reported(self):
        status, out, err = log_report("--json", self.folder / "missing", SAMPLE, self.folder)
        self.assertEqual(status, 1)
        self.assertEqual(sorted(err.splitlines()), [f"log_report: open {self.folder}/missing: No such file or directory",
                                                    f"log_report: read {self.folder}: Is a directory"])
        self.assertEqual(json.loads(out), awk(SAMPLE))

    def test_wrong_arguments_are_answered_with_how_it_is_used(self):
        for arguments in [["--nonsense"], ["-x", SAMPLE], ["--idle-timeout"], ["--idle-timeout", "soon", SAMPLE],
                          ["--idle-timeout", "0", SAMPLE], ["--idle-timeout", "-1", SAMPLE],
                          ["--idle-timeout", "1e99", SAMPLE], ["-", "-"], [""]]:
            status, out, err = log_report(*arguments)
            self.assertEqual((status, out), (2, b""), arguments)
            self.assertRegex(err, r"^log_report: .*\nusage: log_report .*\n$", arguments)

    def test_a_path_may_look_like_an_option(self):
        self.file("--json", text())
        done = subprocess.run([PROGRAM, "--json", "--", "--json"], cwd=self.folder, capture_output=True, check=True)
        self.assertEqual(json.loads(done.stdout)["lines"], 1)

    def test_a_report_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, SAMPLE], stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"log_report: write standard output: No space left on device\n")

    def test_without_a_standard_input_there_is_an_error_and_nobody_waits(self):
        done = subprocess.run([PROGRAM, "-"], capture_output=True, timeout=DEADLINE, preexec_fn=lambda: os.close(0))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"log_report: read standard input: Bad file descriptor\n")

    def test_who_reads_a_terminal_says_so(self):
        terminal, other_end = pty.openpty()
        os.write(terminal, b"mark\n\x04")
        done = subprocess.run([PROGRAM, "--json", "-"], stdin=other_end, capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, b"log_report: reading standard input, to its end (ctrl-D)\n"
                                      b"log_report: standard input:1: malformed: mark\n")
        self.assertEqual(json.loads(done.stdout)["lines"], 1)
        nothing = subprocess.run([PROGRAM], stdin=other_end, capture_output=True, timeout=DEADLINE)
        os.close(other_end)
        os.close(terminal)
        self.assertEqual(nothing.returncode, 2)
        self.assertTrue(nothing.stderr.startswith(b"log_report: no PATH\nusage: "), nothing.stderr)

    def test_an_interrupt_ends_it_with_the_report_so_far(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            run = Running("--json", stdin=subprocess.PIPE)
            run.process.stdin.write(SAMPLE.read_bytes() + b"mark\n")
            run.process.stdin.flush()
            run.wait_for(b":9643: malformed: mark\n")
            status, report, err = run.stop(number)
            run.process.stdin.close()
            self.assertEqual(status, 0)
            self.assertTrue(err.endswith("log_report: interrupted\n"), err)
            self.assertEqual(report, awk(SAMPLE, self.file("mark", b"mark\n")))

    def test_an_idle_input_ends_it_with_the_report(self):
        run = Running("--json", "--idle-timeout", "1.5", SAMPLE, "-", stdin=subprocess.PIPE)
        run.process.stdin.write(SAMPLE.read_bytes())
        run.process.stdin.flush()
        status, report, err = run.end()
        run.process.stdin.close()
        self.assertEqual((status, err), (0, "log_report: no input for 1.5 s\n"))
        self.assertEqual(report, awk(SAMPLE, SAMPLE))

    def follow(self, *names):
        """Three malformed lines are shown: as many times can be waited until all that was written is read."""
        self.entries = iter(SAMPLE.read_bytes().splitlines(keepends=True))
        self.written = []
        return [self.file(name, b"") for name in names]

    def write(self, path, *content):
        for piece in content:
            piece = b"".join(next(self.entries) for _ in range(piece)) if isinstance(piece, int) else piece
            self.written.append(piece)
            self.append(path, piece)

    def assert_reported(self, run, number=signal.SIGINT):
        status, report, err = run.stop(number)
        self.assertEqual(status, 0)
        self.assertTrue(err.endswith("log_report: interrupted\n"), err)
        self.assertEqual(report, awk(self.file("written", b"".join(self.written))))

    def test_a_file_is_followed_as_it_grows_and_is_truncated(self):
        [log] = self.follow("a.log")
        self.write(log, 1000, b"first mark\n")
        run = Running("--json", "--follow", log)
        run.wait_for(b"a.log:1001: malformed: first mark\n")
        self.write(log, b"1.2.3.4 - - [d] \"GET /two/pie")
        self.write(log, b"ces HTTP/1.1\" 200 7\n", 500, b"second mark\n")
        run.wait_for(b"a.log:1503: malformed: second mark\n")
        os.truncate(log, 0)
        self.write(log, 100, b"third mark\n")
        run.wait_for(b"a.log:1604: malformed: third mark\n")
        self.assert_reported(run)

    def test_a_file_is_followed_to_the_one_that_replaces_it(self):
        [log] = self.follow("a.log")
        old = self.folder / "a.log.1"
        self.write(log, 1000, b"first mark\n")
        run = Running("--json", "--follow", log)
        run.wait_for(b"a.log:1001: malformed: first mark\n")
        os.rename(log, old)
        self.write(old, 100, b"second mark\n")
        run.wait_for(b"a.log:1102: malformed: second mark\n")
        self.write(log, 200, b"third mark\n")
        run.wait_for(b"a.log:1303: malformed: third mark\n")
        self.assert_reported(run)

    def test_several_files_are_followed(self):
        logs = self.follow("a.log", "b.log", "c.log")
        for log in logs:
            self.write(log, 100)
        run = Running("--json", "--follow", *logs)
        for log in logs:
            self.write(log, 100, b"mark\n")
            run.wait_for(log.name.encode() + b":201: malformed: mark\n")
        self.assert_reported(run, signal.SIGTERM)

    def test_a_pipe_is_read_to_its_end_though_files_would_be_followed(self):
        self.assert_same(awk(SAMPLE), "--follow", stdin=SAMPLE.read_bytes())

    def long_log(self, megabytes):
        path = self.folder / "long.log"
        with open(path, "wb") as out:
            subprocess.run([sys.executable, HERE / "make_log.py", SAMPLE, str(megabytes)], stdout=out, check=True)
        return path

    def measured(self, *arguments, stderr=subprocess.PIPE):
        """Report, stderr and the most memory, in KiB, that it took."""
        peak = self.folder / "peak"
        done = subprocess.run([PEAK_MEMORY, peak, PROGRAM, "--json", *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=stderr, timeout=DEADLINE)
        err = (done.stderr or b"").decode()
        self.assertEqual(done.returncode, 0, err)
        return json.loads(done.stdout), err, int(peak.read_text())

    def assert_small(self, memory):
        if not SANITIZED:
            self.assertLess(memory, MOST_MEMORY)

    def test_memory_does_not_grow_with_the_input(self):
        log = self.long_log(10 if SANITIZED else 100)
        report, err, memory = self.measured(log)
        self.assertEqual(report, awk(log))
        self.assertEqual(err, "")
        self.assert_small(memory)

    def test_memory_does_not_grow_with_the_number_of_paths_and_clients(self):
        rng = random.Random(3)
        often = [f"/often/{n}" for n in range(10)]
        log = self.folder / "paths.log"
        with open(log, "wb") as out:
            for n in range(500000):
                # Names of all lengths, to fill the room for text as well.
                path = often[min(n % 40, 9)] if n % 40 < 10 or rng.random() < 0.2 else f"/{rng.random()}" * rng.randint(1, 5)
                out.write(text(path, f"{rng.getrandbits(128):x}"))
        report, err, memory = self.measured(log)
        expected = awk(log)
        self.assertEqual([report[k] for k in ("lines", "malformed", "bytes", "status")],
                         [expected[k] for k in ("lines", "malformed", "bytes", "status")])
        # They were there from the beginning: their counts are right.
        self.assertEqual(report["top_paths"], expected["top_paths"])
        self.assertRegex(err, "^log_report: top paths are approximate.*\nlog_report: top clients are approximate.*\n$")
        self.assert_small(memory)

    def test_memory_does_not_grow_with_the_number_of_files(self):
        files = [self.file(f"{n}.log", text(f"/{n % 20}") * 400) for n in range(500)]
        report, err, memory = self.measured(*files)
        self.assertEqual(report, awk(*files))
        self.assertEqual(err, "")
        self.assert_small(memory)

    def test_progress_is_shown_on_a_terminal_ten_times_a_second_at_most(self):
        log = self.long_log(10 if SANITIZED else 100)
        try:
            terminal, other_end = pty.openpty()
        except OSError as e:
            self.skipTest(f"no pseudo-terminal to be had: {e}")
        shown = b""

        def read():
            nonlocal shown
            try:
                while piece := os.read(terminal, 65536):
                    shown += piece
            except OSError:
                pass  # closed

        reader = threading.Thread(target=read)
        reader.start()
        began = time.monotonic()
        report, _, _ = self.measured(log, stderr=other_end)
        took = time.monotonic() - began
        os.close(other_end)
        reader.join()
        os.close(terminal)
        updates = shown.count(b" lines, ")
        self.assertGreaterEqual(updates, 1)
        self.assertLessEqual(updates, took * 10 + 2)
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)
        self.assertEqual(report, awk(log))


if __name__ == "__main__":
    need("mawk")
    unittest.main(argv=[sys.argv[0]], verbosity=2)
