# SPDX-License-Identifier: MIT
"""etl: whatever happens to it, what it has stored is whole, and another run brings the rest.

    python3 tests/examples/etl_test.py ETL [--sanitized]

WEIR_BACKEND chooses the backend.
"""

import http.server
import os
import pathlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60


def etl(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=DEADLINE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Etl(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.db = pathlib.Path(folder.name) / "it's a file.sqlite"

    def query(self, sql):
        connection = sqlite3.connect(self.db)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def assert_whole_pages(self, rows):
        """Nothing is there of a page but all of it. How many there are."""
        self.assertEqual(self.query("PRAGMA integrity_check"), [("ok",)])
        pages = sorted(int(name.rsplit("/", 1)[1]) for name, in self.query("SELECT name FROM pages"))
        ids = [id for id, in self.query("SELECT id FROM measurements ORDER BY id")]
        self.assertEqual(ids, [page * rows + i for page in pages for i in range(rows)])
        return len(pages)

    def test_all_of_it_arrives(self):
        status, out, err = etl("--db", self.db, "--pages", 30, "--rows", 100, "--delay", 1)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, f"30 pages stored, 3000 rows, 0 malformed; 3000 rows in {self.db}\n")
        self.assertEqual(self.assert_whole_pages(100), 30)
        self.assertEqual(self.query("SELECT * FROM measurements WHERE id = 1234"),
                         [(1234, "station-10", 1700001234, 34.5)])

    def test_a_second_run_has_nothing_to_do(self):
        arguments = ["--db", self.db, "--pages", 20, "--rows", 10, "--delay", 0]
        self.assertEqual(etl(*arguments)[0], 0)
        before = self.query("SELECT * FROM measurements")
        status, out, err = etl(*arguments)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, f"0 pages stored, 0 rows, 0 malformed; 200 rows in {self.db}\n")
        self.assertEqual(self.query("SELECT * FROM measurements"), before)
        self.assertEqual(etl("--db", self.db, "--pages", 25, "--rows", 10, "--delay", 0)[1],
                         f"5 pages stored, 50 rows, 0 malformed; 250 rows in {self.db}\n")

    def test_killed_at_any_moment_it_leaves_a_whole_file_and_a_rerun_completes_it(self):
        rng = random.Random(5)
        arguments = list(map(str, ["--db", self.db, "--pages", 150, "--rows", 50, "--delay", 5]))
        for _ in range(12):
            process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0, 0.15))
            process.kill()
            process.wait()
            if self.db.exists() and self.query("SELECT 1 FROM sqlite_master WHERE name = 'pages'"):
                self.assert_whole_pages(50)
        self.assertEqual(etl(*arguments)[0], 0)
        self.assertEqual(self.assert_whole_pages(50), 150)

    def test_an_interrupt_stores_what_is_in_flight(self):
        process = subprocess.Popen([PROGRAM, "--db", self.db, "--pages", "100000", "--rows", "10", "--delay", "10"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                if self.query("SELECT count(*) FROM pages")[0][0] >= 20:
                    break
            except sqlite3.OperationalError:
                pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 1)
        self.assertTrue(err.startswith(b"etl: storing what is in flight\netl: interrupted; "), err)
        pages = self.assert_whole_pages(10)
        self.assertTrue(out.startswith(b"%d pages stored, %d rows, " % (pages, pages * 10)), out)

    def test_a_server_of_ones_own(self):
        flaky = {"/data/page/1": 2}
        contents = {
            "/data/page/0": b"1,north,100,2.5\n2,south,101,-3\n",
            "/data/page/1": b"3,north,102,1e3\r\nnonsense\n4,,5,6\n5,x,y,1\n6,x,7,8,9\n"
                            b"8,x,1,nan\n9,x,1,-inf\n7,last,8,9\r\n",
            "/data/page/2": b"",
        }

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = contents.get(self.path)
                if flaky.get(self.path, 0) > 0:
                    flaky[self.path] -= 1
                    self.send_error(503)
                elif content is None:
                    self.send_error(404)
                else:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            base = f"http://127.0.0.1:{server.server_port}/data"
            status, out, err = etl("--db", self.db, "--pages", 3, "--from", base)
            self.assertEqual((status, err), (1, "etl: /page/2: no rows\n"))
            self.assertEqual(out, f"2 pages stored, 4 rows, 6 malformed; 4 rows in {self.db}\n")
            contents["/data/page/2"] = b"10,late,1,1\n"
            status, out, err = etl("--db", self.db, "--pages", 3, "--from", base)
            self.assertEqual((status, out, err), (0, f"1 pages stored, 1 rows, 0 malformed; 5 rows in {self.db}\n", ""))
            self.assertEqual(self.query("SELECT * FROM measurements ORDER BY id"),
                             [(1, "north", 100, 2.5), (2, "south", 101, -3.0), (3, "north", 102, 1000.0), (7, "last", 8, 9.0), (10, "late", 1, 1.0)])
            # A page that cannot be had is an error, with what was fetched stored.
            status, out, err = etl("--db", self.db, "--pages", 4, "--from", base)
            self.assertEqual((status, out, err), (1, "", f"etl: {base}/page/3: status 404\n"))
            server.shutdown()
        self.assertEqual(self.query("SELECT count(*) FROM pages"), [(3,)])

    def test_a_file_that_is_no_database_is_an_error_and_left_alone(self):
        self.db.write_bytes(b"this is not a database, but it is somebody's" * 100)
        status, out, err = etl("--db", self.db, "--pages", 1)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"etl: {self.db}: ", err)
        self.assertIn("file is not a database", err)
        self.assertEqual(self.db.read_bytes(), b"this is not a database, but it is somebody's" * 100)
        status, out, err = etl("--db", self.db.parent / "no/such/folder.sqlite")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("unable to open database file", err)

    def test_a_file_that_may_not_grow_is_an_error_that_names_it(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        done = subprocess.run([PROGRAM, "--db", self.db, "--pages", "50", "--delay", "0"], capture_output=True, text=True,
                              timeout=DEADLINE, preexec_fn=limit)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, f"^etl: {self.db}: .*(disk I/O error|disk is full)\n$")

    def test_a_full_standard_output_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "--db", self.db, "--pages", "1"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (1, b"etl: write standard output: No space left on device\n"))

    def test_wrong_arguments_are_answered_with_how_it_is_used(self):
        for arguments in [["--db"], ["--pages", "x"], ["--pages", "-1"], ["--rows", "1.5"], ["--what", "1"], ["file"],
                          ["--db", ""]]:
            status, out, err = etl(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn("usage: etl", err)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
