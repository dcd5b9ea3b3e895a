# SPDX-License-Identifier: MIT
"""log_table: keys, windows, rotations, unreadable files, odd input, and the end.

    python3 tests/examples/log_table_test.py LOG_TABLE

WEIR_BACKEND chooses the backend.
"""

import collections
import os
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60


def rows(lines):
    """The counts of all tables in an output."""
    counts = collections.Counter()
    for line in lines:
        if line.startswith(" "):
            number, key = line.split()
            counts[key] += int(number)
    return counts


class LogTable(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = lambda name: os.path.join(folder.name, name)

    def start(self, *arguments, **options):
        options = {"stdout": subprocess.PIPE, **options}
        process = subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def append(self, name, text, mode="a"):
        with open(self.path(name), mode) as file:
            file.write(text)

    def table(self, field, content):
        """The table of a pipe, which ends."""
        done = subprocess.run([PROGRAM, "--seconds", "3600", field, "/dev/stdin"], input=content, capture_output=True,
                              timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def wait_for(self, process, expected):
        """Reads tables until their sum is as expected."""
        found = collections.Counter()
        while found != expected:
            line = process.stdout.readline()
            self.assertTrue(line, f"ended with {found}")
            found += rows([line])
            self.assertFalse(found - expected, "too many")

    def test_many_files_are_counted_together_as_they_grow_and_rotate(self):
        names = [f"{i}.log" for i in range(40)]
        for name in names:
            self.append(name, "GET a\nGET b\n")
        process = self.start("--seconds", "1", "2", *map(self.path, names))
        self.wait_for(process, collections.Counter(a=40, b=40))
        self.append("7.log", "GET c\n" * 5)
        self.append("8.log", "GET c\n")
        self.wait_for(process, collections.Counter(c=6))
        os.rename(self.path("7.log"), self.path("7.log.1"))
        self.append("7.log", "GET d\n", "w")
        self.wait_for(process, collections.Counter(d=1))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE)
        self.assertEqual((process.returncode, errors), (0, ""))

    def test_the_most_frequent_keys_come_first(self):
        content = b"".join(b"x k%02d\n" % k * (k + 1) for k in range(30))
        lines = self.table("2", content).splitlines()
        self.assertEqual(lines[0], "30 keys")
        self.assertEqual(lines[1:-1], [f"{k + 1:10}  k{k:02}" for k in range(29, 9, -1)])

    def test_keys_beyond_the_limit_are_counted_together(self):
        output = self.table("1", b"".join(b"%d\n" % k for k in range(10_050)))
        self.assertEqual(output.splitlines()[:2], ["10001 keys", "        50  (other)"])

    def test_odd_lines(self):
        content = b"\n \t \n\xff\x00\x1b[2J key\n" + b"q" * 3_000_000 + b" key\n" + b"a\t key\r\nlast \t  key"
        self.assertEqual(rows(self.table("2", content).splitlines()), {"key": 3, "(none)": 3})
        self.assertEqual(rows(self.table("1", content).splitlines()),
                         {"(none)": 2, "???[2J": 1, "q" * 60: 1, "a": 1, "last": 1})

    def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_counted(self):
        process = self.start("1", self.path("missing"), "/dev/stdin", stdin=subprocess.PIPE)
        output, errors = process.communicate("a\n", timeout=DEADLINE)
        self.assertEqual((process.returncode, output), (1, "1 keys\n         1  a\n\n"))
        self.assertEqual(errors, f"log_table: open {self.path('missing')}: No such file or directory\n")

    def test_a_closed_output_is_an_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.append("log", "a\n")
        process = self.start("--seconds", "1", "1", self.path("log"), stdout=writer)
        os.close(writer)
        _, errors = process.communicate(timeout=DEADLINE)
        self.assertEqual((process.returncode, errors), (1, "log_table: write standard output: Broken pipe\n"))

    def test_a_second_signal_ends_a_program_whose_output_is_not_read(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        self.append("log", "a\n")
        process = self.start("--seconds", "1", "1", self.path("log"), self.path("missing"), stdout=writer)
        os.close(writer)
        process.stderr.readline()  # about the missing file: it runs
        while process.poll() is None:  # signals that arrive together count as one
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                pass
        self.assertEqual(process.returncode, 1)

    def test_wrong_arguments(self):
        for arguments in ([], ["1"], ["0", "log"], ["x", "log"], ["--seconds", "0", "1", "log"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("usage: log_table [--seconds N] FIELD FILE...\n", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
