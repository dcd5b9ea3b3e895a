# SPDX-License-Identifier: MIT
"""event_loop_tour: the order in which the loop runs things is always the same.

    python3 tests/examples/event_loop_tour_test.py EVENT_LOOP_TOUR
"""

import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]

OUTPUT = """\
busy: nothing else runs, whatever is ready
ready: a task that another task has woken
ready: the same task, which went to the back of the queue
posted: at the end of the turn
next turn, timer: it was due while the loop was busy
next turn, I/O: the pipe has data
"""


class EventLoopTour(unittest.TestCase):
    def test_output(self):
        for _ in range(20):
            done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, OUTPUT, ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
