# SPDX-License-Identifier: MIT
"""blocked_loop: the loop lags while it computes, and less while a pool does.

    python3 tests/examples/blocked_loop_test.py BLOCKED_LOOP
"""

import re
import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]
OUTPUT = r"""computed on the loop: lag of up to (\d+\.\d) ms
computed on a pool:   lag of up to (\d+\.\d) ms
"""


class BlockedLoop(unittest.TestCase):
    def test_the_pool_takes_the_lag_away(self):
        measured = []
        for _ in range(20):  # other programs may take the processor away
            done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=60)
            found = re.fullmatch(OUTPUT, done.stdout)
            self.assertTrue(found, done)
            loop, pool = float(found[1]), float(found[2])
            measured.append((loop, pool))
            if pool < loop / 2:
                return
        self.fail(measured)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
