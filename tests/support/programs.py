# SPDX-License-Identifier: MIT
"""Programs that tests start."""

import os
import shutil
import sys

# Debian keeps servers outside of an ordinary user's PATH.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def need(*names):
    """Ends the test as skipped if one of the programs is not installed."""
    for name in names:
        if not shutil.which(name):
            print(f"skipped: no {name}")
            sys.exit(77)
