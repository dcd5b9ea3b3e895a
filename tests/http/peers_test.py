# SPDX-License-Identifier: MIT
"""weir-http's server with other implementations of HTTP/1.1: curl, the client of node, and nginx as a proxy before it.

    python3 tests/http/peers_test.py HTTP_PEER curl|node|nginx

WEIR_BACKEND chooses the backend. Skipped (77) where the other program is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from ports import free_port, wait_for
from programs import need

PROGRAM, WHICH = os.path.abspath(sys.argv[1]), sys.argv[2]
NEEDS = {"curl": ["curl"], "node": ["node"], "nginx": ["nginx", "curl"]}[WHICH]
DEADLINE = 60

need(*NEEDS)

DIRECTORY = tempfile.TemporaryDirectory(prefix="weir-http-")


class Server:
    """A server of weir."""

    def __enter__(self):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        """Stops the server, which must end when its connections have ended."""
        try:
            self.process.communicate(timeout=DEADLINE)
        finally:
            self.process.kill()
        assert self.process.returncode == 0, self.process.returncode


def curl(*arguments, say=None):
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", str(DEADLINE), *arguments], input=say,
                          capture_output=True)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


class curl_client(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.server.__enter__()
        self.at = f"http://127.0.0.1:{self.server.port}"

    def tearDown(self):
        self.server.__exit__()

    def fetch(self, *arguments, say=None):
        status, out, err = curl(*arguments, say=say)
        self.assertEqual(status, 0, err)
        return out

    def test_one_connection_serves_many_requests(self):
        out = self.fetch("-w", "%{num_connects} %{http_code}\n", f"{self.at}/hello", f"{self.at}/chunks?2",
                         f"{self.at}/nothing", f"{self.at}/fail", f"{self.at}/hello")
        host = f"hello 127.0.0.1:{self.server.port}\n"
        self.assertEqual(out.decode(), f"{host}1 200\npart 0\npart 1\n0 200\nnothing here\n0 404\n"
                                       f"500 Internal Server Error\n0 500\n{host}0 200\n")

    def test_large_answers(self):
        self.assertEqual(self.fetch(f"{self.at}/large?20000000"), b"x" * 20_000_000)
        self.assertEqual(self.fetch(f"{self.at}/chunks?100000").decode(), "".join(f"part {i}\n" for i in range(100_000)))

    def test_trailers(self):
        headers = pathlib.Path(DIRECTORY.name, "headers")
        self.fetch("-D", str(headers), f"{self.at}/chunks?1")
        self.assertIn("Sum: done\r\n", headers.read_bytes().decode())

    def test_http_1_0(self):
        out = self.fetch("--http1.0", "-w", "%{num_connects}", f"{self.at}/chunks?2", f"{self.at}/hello")
        self.assertTrue(out.startswith(b"part 0\npart 1\n1hello"), out)

    def test_head(self):
        out = self.fetch("--head", f"{self.at}/large?5", f"{self.at}/hello").decode()
        self.assertIn("Content-Length: 5\r\n", out)

    def test_an_upload_of_a_known_length_that_waits_for_100_continue(self):
        body = os.urandom(3_000_000)
        trace = pathlib.Path(DIRECTORY.name, "trace")
        out = self.fetch("-H", "Expect: 100-continue", "--trace-ascii", str(trace), "--expect100-timeout", "50",
                         "--data-binary", "@-", f"{self.at}/echo", say=body)
        self.assertEqual(out, body)
        self.assertIn("HTTP/1.1 100 Continue", trace.read_text())

    def test_an_upload_in_chunks(self):
        body = os.urandom(3_000_000)
        out = self.fetch("-H", "Transfer-Encoding: chunked", "--data-binary", "@-", f"{self.at}/echo", say=body)
        self.assertEqual(out, body)
        out = self.fetch("-T", "-", f"{self.at}/count", "-X", "POST", say=body)
        self.assertEqual(out, b"3000000")

    def test_an_upload_that_is_refused_before_its_body(self):
        out = self.fetch("-H", "Expect: 100-continue", "--expect100-timeout", "50", "--data-binary", "@-", "-w",
                         "%{http_code} %{size_upload}", f"{self.at}/refuse", say=b"x" * 3_000_000)
        self.assertEqual(out, b"no\n403 0")

    def test_an_upload_that_is_refused_while_it_arrives(self):
        for _ in range(5):
            status, out, err = curl("-H", "Expect:", "--data-binary", "@-", "-w", "%{http_code}", f"{self.at}/refuse",
                                    say=b"x" * 200_000)
            self.assertTrue(out.endswith(b"403"), (status, out, err))

    def test_an_offer_of_http_2_is_not_taken(self):
        self.assertTrue(self.fetch("--http2", f"{self.at}/hello").startswith(b"hello"))


NODE_CLIENT = """
const http = require('http');
const [port] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 4});
function ask(method, path, body, headers = {}) {
    return new Promise((resolve, reject) => {
        const request = http.request({agent, port, host: '127.0.0.1', method, path, headers}, response => {
            const parts = [];
            response.on('data', part => parts.push(part));
            response.on('end', () => resolve({status: response.statusCode, trailers: response.trailers,
                                              reused: request.reusedSocket, text: Buffer.concat(parts).toString()}));
            response.on('error', reject);
        });
        request.on('error', reject);
        if (headers.Expect) request.on('continue', () => request.end(body));
        else if (body instanceof Array) { for (const part of body) request.write(part); request.end(); }
        else request.end(body);
        if (headers.Expect) request.flushHeaders();
    });
}
(async () => {
    const results = {};
    results.hello = await ask('GET', '/hello');
    results.again = await ask('GET', '/hello');
    results.chunks = await ask('GET', '/chunks?3');
    results.echo = await ask('POST', '/echo', ['ab', 'cd'], {'Transfer-Encoding': 'chunked'});
    results.expect = await ask('POST', '/count', 'x'.repeat(100000), {Expect: '100-continue', 'Content-Length': 100000});
    results.many = (await Promise.all(Array.from({length: 200}, (_, i) => ask('POST', '/echo', 'n' + i))))
        .every((r, i) => r.status === 200 && r.text === 'n' + i);
    agent.destroy();
    console.log(JSON.stringify(results));
})();
"""


class node_client(unittest.TestCase):
    def test_all(self):
        with Server() as server:
            done = subprocess.run(["node", "-", str(server.port)], input=NODE_CLIENT, text=True, capture_output=True,
                                  timeout=DEADLINE)
            self.assertEqual(done.returncode, 0, done.stderr)
            results = json.loads(done.stdout)
            hello = f"hello 127.0.0.1:{server.port}\n"
            self.assertEqual(results["hello"], {"status": 200, "trailers": {}, "reused": False, "text": hello})
            self.assertEqual(results["again"], {"status": 200, "trailers": {}, "reused": True, "text": hello})
            self.assertEqual(results["chunks"]["text"], "part 0\npart 1\npart 2\n")
            self.assertEqual(results["chunks"]["trailers"], {"sum": "done"})
            self.assertEqual(results["echo"]["text"], "abcd")
            self.assertEqual(results["expect"]["text"], "100000")
            self.assertTrue(results["many"])


class nginx_proxy(unittest.TestCase):
    """nginx before the server, with kept connections, and with a body that is passed on as it arrives."""

    def test_all(self):
        with Server() as server:
            port = free_port()
            folder = pathlib.Path(DIRECTORY.name)
            folder.joinpath("nginx.conf").write_text(f"""
                daemon off; pid {folder}/pid; error_log stderr warn; worker_processes 1;
                events {{ worker_connections 100; }}
                http {{
                    access_log off; client_max_body_size 0;
                    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
                    upstream weir {{ server 127.0.0.1:{server.port}; keepalive 4; }}
                    server {{
                        listen 127.0.0.1:{port};
                        location / {{
                            proxy_pass http://weir; proxy_http_version 1.1; proxy_set_header Connection "";
                            proxy_set_header Host $host; proxy_request_buffering off; proxy_buffering off;
                        }}
                    }}
                }}""")
            nginx = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"),
                                      "-e", "stderr"])
            try:
                wait_for(port, nginx, DEADLINE)
                at = f"http://127.0.0.1:{port}"
                body = os.urandom(2_000_000)
                self.assertEqual(curl(f"{at}/hello")[1], b"hello 127.0.0.1\n")
                for _ in range(20):
                    self.assertEqual(curl("--data-binary", "@-", f"{at}/count", say=body)[1], b"2000000")
                self.assertEqual(curl("-H", "Transfer-Encoding: chunked", "--data-binary", "@-", f"{at}/echo",
                                      say=body)[1], body)
                self.assertEqual(curl(f"{at}/large?20000000")[1], b"x" * 20_000_000)
                self.assertEqual(curl(f"{at}/chunks?2")[1], b"part 0\npart 1\n")
                self.assertEqual(curl("-w", "%{http_code}", f"{at}/fail")[1], b"500 Internal Server Error\n500")
            finally:
                nginx.terminate()
                nginx.wait(DEADLINE)


suite = {"curl": curl_client, "node": node_client, "nginx": nginx_proxy}[WHICH]
result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(suite))
sys.exit(not result.wasSuccessful())
