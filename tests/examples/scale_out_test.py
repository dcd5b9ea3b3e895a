# SPDX-License-Identifier: MIT
"""scale_out: the counts are those of one process, although workers are killed.

    python3 tests/examples/scale_out_test.py SCALE_OUT [--sanitized]

WEIR_BACKEND chooses the backend. Without redis-server, the test is skipped.
"""

import re
import shutil
import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]


def scale_out(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class ScaleOut(unittest.TestCase):
    def test_workers_that_are_killed_change_no_count(self):
        status, out, err = scale_out("--events", 20000, "--workers", 3, "--streams", 6, "--kills", 2)
        self.assertEqual(status, 0, out + err)
        self.assertEqual(out.count("killed a worker, and started another\n"), 2)
        self.assertRegex(out, r"20000 events by 3 workers, 2 killed: \d+ events/s; "
                              r"the counts are those of one process\n$")

    def test_one_worker_without_a_kill(self):
        status, out, err = scale_out("--events", 2000, "--workers", 1, "--streams", 1, "--kills", 0)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(re.search("those of one process", out), out)

    def test_wrong_arguments(self):
        self.assertEqual(scale_out("--events", 0)[0], 2)
        status, _, err = scale_out("--work")
        self.assertEqual(status, 2)
        self.assertIn("needs --redis and --db", err)


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("no redis-server")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
