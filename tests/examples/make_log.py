# SPDX-License-Identifier: MIT
"""Writes a long access log: a sample repeated, with other days, clients and articles each time.

    python3 tests/examples/make_log.py SAMPLE MEGABYTES > long.log
"""

import random
import re
import sys

sample = open(sys.argv[1], "rb").read()
wanted = int(sys.argv[2]) * 1_000_000
rng = random.Random(7)

written = 0
while written < wanted:
    block = re.sub(rb"\[\d\d/", b"[%02d/" % rng.randint(1, 28), sample)
    block = block.replace(b"127.0.1.", b"127.0.%d." % rng.randrange(256))
    block = block.replace(b"/articles/", b"/%d/articles/" % rng.randint(2000, 2060))
    sys.stdout.buffer.write(block)
    written += len(block)
