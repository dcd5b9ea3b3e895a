# SPDX-License-Identifier: MIT
"""Files of weir-compression and of the programs gzip and zstd, each read by the other.

    python3 tests/compression/peers_test.py COMPRESSION_PEER gzip|zstd

WEIR_BACKEND chooses the backend. Skipped (77) where the other program is missing.
"""

import os
import pathlib
import random
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from programs import need

PEER, PROGRAM = os.path.abspath(sys.argv[1]), sys.argv[2]
EXPAND = {"gzip": "gunzip", "zstd": "unzstd"}[PROGRAM]
LEVELS = {"gzip": ["-1", "-6", "-9"], "zstd": ["-1", "-3", "-19", "--long=27", "--fast=3", "--no-check"]}[PROGRAM]

need(PROGRAM)


def run(*command, data):
    done = subprocess.run(command, input=data, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


class peers(unittest.TestCase):
    def setUp(self):
        source = random.Random(1)
        words = [source.randbytes(source.randrange(1, 12)) for _ in range(500)]
        self.texts = [b"", b"x", b"".join(source.choices(words, k=60_000)), source.randbytes(200_000), bytes(3_000_000)]

    def expand(self, *command, data):
        code, text, error = run(*command, data=data)
        self.assertEqual((code, error), (0, ""))
        return text

    def test_files_of_the_program(self):
        for text in self.texts:
            for level in LEVELS:
                file = self.expand(PROGRAM, "-c", "-q", level, data=text)
                self.assertEqual(self.expand(PEER, EXPAND, data=file), text)

    def test_files_of_weir(self):
        for text in self.texts:
            file = self.expand(PEER, PROGRAM, data=text)
            self.assertEqual(self.expand(PROGRAM, "-d", "-c", "-q", data=file), text)

    def test_files_of_both_behind_each_other(self):
        both = b"".join(self.expand(PROGRAM, "-c", "-q", data=t) + self.expand(PEER, PROGRAM, data=t)
                        for t in self.texts)
        wanted = b"".join(t + t for t in self.texts)
        self.assertEqual(self.expand(PEER, EXPAND, data=both), wanted)
        self.assertEqual(self.expand(PROGRAM, "-d", "-c", "-q", data=both), wanted)

    def test_a_file_that_is_cut_off(self):
        file = self.expand(PROGRAM, "-c", "-q", data=self.texts[2])
        code, text, error = run(PEER, EXPAND, data=file[:-1])
        self.assertEqual(code, 1)
        self.assertTrue(self.texts[2].startswith(text))
        self.assertIn(f"the data is cut off at byte {len(file) - 1}", error)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
