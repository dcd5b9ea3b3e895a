# SPDX-License-Identifier: MIT
"""groups: what it says, and when, is always the same.

    python3 tests/examples/groups_test.py GROUPS
"""

import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]

OUTPUT = """\
  20 ms  answer from near
  25 ms      goodbye, near
  25 ms      goodbye, far
  70 ms  weir::with_timeout: no result within 50ms
  75 ms      goodbye, slow
  80 ms  visited /
  90 ms  visited /left/
  90 ms  visited /right/
 100 ms  visited /left/left/
 100 ms  visited /left/right/
 110 ms  visited /right/left/
 110 ms  visited /right/right/
 110 ms  visited all
 145 ms      goodbye, broken
 145 ms      goodbye, one
 145 ms      goodbye, two
 145 ms  no answer from broken
"""


class Groups(unittest.TestCase):
    def test_output(self):
        done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, OUTPUT, ""))

    def test_an_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (1, b"groups: cannot write to standard output\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
