# SPDX-License-Identifier: MIT
"""weir-http's client with other implementations of HTTP/1.1: nginx, nginx with TLS, and the server of node.

    python3 tests/http/client_peers_test.py HTTP_CLIENT_PEER nginx|nginx_tls|node

WEIR_BACKEND chooses the backend. Skipped (77) where the other program is missing.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from ports import free_port, wait_for
from programs import need

PROGRAM, WHICH = os.path.abspath(sys.argv[1]), sys.argv[2]
NEEDS = {"nginx": ["nginx"], "nginx_tls": ["nginx", "openssl"], "node": ["node"]}[WHICH]
DEADLINE = 60

need(*NEEDS)

DIRECTORY = tempfile.TemporaryDirectory(prefix="weir-http-client-")
NAME = DIRECTORY.name


class Client:
    """A client of weir. It keeps its connections between requests."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """The client must end with its input."""
        try:
            self.process.communicate(timeout=DEADLINE)
        finally:
            self.process.kill()
        assert kind or self.process.returncode == 0, self.process.returncode


class nginx(unittest.TestCase):
    listen = ""
    more = ""
    end = "the connection has ended before a response"

    def setUp(self):
        self.port = free_port()
        root = pathlib.Path(NAME) / "root"
        root.mkdir(exist_ok=True)
        (root / "small").write_text("a small file")
        (root / "large").write_bytes(b"y" * 20_000_000)
        (root / "empty").write_bytes(b"")
        (root / "directory").mkdir(exist_ok=True)
        (root / "directory" / "index.html").write_text("the index")
        config = pathlib.Path(NAME) / "nginx.conf"
        config.write_text(f"""
            daemon off; master_process off; pid {NAME}/pid; error_log stderr error;
            events {{}}
            http {{
                access_log off; absolute_redirect off;
                client_body_temp_path {NAME}/a; proxy_temp_path {NAME}/b; fastcgi_temp_path {NAME}/c;
                uwsgi_temp_path {NAME}/d; scgi_temp_path {NAME}/e;
                {self.more}
                server {{
                    listen 127.0.0.1:{self.port}{self.listen};
                    keepalive_timeout 1s; client_max_body_size 50000; root {root};
                    location /chunked {{ ssi on; ssi_types *; alias {root}; }}
                    location /gzip {{ gzip on; gzip_types *; gzip_min_length 1; alias {root}; }}
                    location /moved {{ return 301 /small; }}
                    location /see {{ return 303 /small; }}
                    location /loop {{ return 302 /loop; }}
                    location /close {{ keepalive_requests 1; return 200 closing; }}
                    location /reset {{ return 444; }}
                    location /upload {{ return 200 stored; }}
                }}
            }}""")
        self.process = subprocess.Popen(["nginx", "-p", NAME, "-c", str(config)])
        wait_for(self.port, self.process, DEADLINE)
        self.at = f"{'https' if self.listen else 'http'}://localhost:{self.port}"
        self.arguments = []

    def tearDown(self):
        self.process.kill()
        self.process.communicate()

    def test_files_over_one_connection(self):
        with Client(*self.arguments) as client:
            small = "200 size=12 kept=1 first=a small file"
            self.assertEqual(client.ask(f"GET {self.at}/small"), small)
            self.assertEqual(client.ask(f"GET {self.at}/large"), "200 size=20000000 kept=1 first=" + "y" * 40)
            self.assertEqual(client.ask(f"GET {self.at}/empty"), "200 size=0 kept=1 first=")
            self.assertEqual(client.ask(f"HEAD {self.at}/large"), "200 size=0 kept=1 first=")
            self.assertTrue(client.ask(f"GET {self.at}/none").startswith("404 size="))
            self.assertEqual(client.ask(f"GET {self.at}/chunked/small"), small)
            self.assertEqual(client.ask(f"GET {self.at}/gzip/small"), small)
            self.assertEqual(client.ask(f"GET {self.at}/gzip/large"), "200 size=20000000 kept=1 first=" + "y" * 40)
            self.assertEqual(client.ask(f"GET {self.at}/small"), small)
            time.sleep(2.5)  # nginx closes the connection
            self.assertEqual(client.ask(f"GET {self.at}/close"), "200 size=7 kept=0 first=closing")
            self.assertEqual(client.ask(f"CUT {self.at}/large"), "cut kept=0")

    def test_redirects(self):
        with Client(*self.arguments) as client:
            self.assertEqual(client.ask(f"GET {self.at}/moved"), "200 size=12 kept=1 first=a small file")
            self.assertEqual(client.ask(f"GET {self.at}/directory"), "200 size=9 kept=1 first=the index")
            self.assertEqual(client.ask(f"PUT {self.at}/see 100"), "200 size=12 kept=1 first=a small file")
            self.assertEqual(client.ask(f"GET {self.at}/loop"),
                             f"error weir::http: redirect from {self.at}: there are more than 10 redirects")

    def test_bodies_of_requests(self):
        """nginx answers before it has read the body, so that the connection may be in use still."""
        with Client(*self.arguments) as client:
            for method in ("POST", "PUT", "EXPECT"):
                self.assertRegex(client.ask(f"{method} {self.at}/upload 40000"), "^200 size=6 kept=[01] first=stored$")
            self.assertTrue(client.ask(f"PUT {self.at}/upload 60000").startswith("413 "))

    def test_a_server_that_closes(self):
        with Client(*self.arguments) as client:
            self.assertEqual(client.ask(f"GET {self.at}/small"), "200 size=12 kept=1 first=a small file")
            self.assertRegex(client.ask(f"GET {self.at}/reset"), f"^error .*{self.end}$")


class nginx_tls(nginx):
    listen = " ssl"
    end = "has ended without a close_notify"

    def setUp(self):
        pems = pathlib.Path(NAME) / "pems"
        if not pems.exists():
            pems.mkdir()
            subprocess.run(["sh", pathlib.Path(__file__).parent.with_name("tls") / "certificates.sh", pems], check=True,
                           capture_output=True)
        self.more = f"ssl_certificate {pems}/server.pem; ssl_certificate_key {pems}/server.key;"
        super().setUp()
        self.arguments = [str(pems / "root.pem")]

    def test_another_authority_is_refused(self):
        with Client() as client:
            self.assertRegex(client.ask(f"GET {self.at}/small"), "^error weir::tls: handshake with ")


NODE = """
const server = require('http').createServer({ keepAliveTimeout: 1000 }, (request, response) => {
    const url = new URL(request.url, 'http://a');
    if (url.pathname === '/trailers') {
        response.writeHead(200, { Trailer: 'Sum' });
        response.write('abc');
        response.addTrailers({ Sum: '3' });
        response.end('def');
    } else if (url.pathname === '/slow') {
        let n = 0;
        const timer = setInterval(() => {
            response.write('part ' + n);
            if (++n === 3) { clearInterval(timer); response.end(); }
        }, 50);
    } else if (url.pathname === '/cut') {
        response.writeHead(200, { 'Content-Length': 100 });
        response.write('abc', () => request.socket.destroy());
    } else if (url.pathname === '/cut_chunks') {
        response.write('abc', () => request.socket.destroy());
    } else if (url.pathname === '/hints') {
        response.writeEarlyHints({ link: '</a>; rel=preload' });
        response.end('final');
    } else if (url.pathname === '/events') {
        const from = Number(request.headers['last-event-id'] ?? -1) + 1;
        if (from === 6) { response.writeHead(204); response.end(); return; }
        response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
        response.write('\\ufeffretry: 10\\r\\n: hello\\r\\n\\r\\n');
        response.write(`id: ${from}\\revent: first\\rdata: ${from}\\r\\r`);
        setTimeout(() => {
            response.write(`id: ${from + 1}\\ndata: two\\ndata: lines\\n\\ndata: cut off`);
            setTimeout(() => from === 2 ? request.socket.destroy() : response.end(), 20);
        }, 20);
    } else if (url.pathname === '/early') {
        response.writeHead(403);
        response.end('no');
    } else {
        let size = 0;
        request.on('data', part => { size += part.length; });
        request.on('end', () => response.end('got ' + size));
    }
});
server.on('checkContinue', (request, response) => {
    if (request.url === '/refuse') { response.writeHead(417); response.end(); return; }
    response.writeContinue();
    server.emit('request', request, response);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


class node(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen(["node", "-e", NODE], stdout=subprocess.PIPE, text=True)
        self.at = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def tearDown(self):
        self.process.kill()
        self.process.communicate()

    def test_responses(self):
        with Client() as client:
            self.assertEqual(client.ask(f"GET {self.at}/trailers"), "200 size=6 kept=1 Sum=3 first=abcdef")
            self.assertEqual(client.ask(f"GET {self.at}/slow"), "200 size=18 kept=1 first=part 0part 1part 2")
            self.assertEqual(client.ask(f"GET {self.at}/hints"), "200 size=5 kept=1 first=final")
            self.assertRegex(client.ask(f"GET {self.at}/cut"), "^error .*the connection has ended within a message$")
            self.assertRegex(client.ask(f"GET {self.at}/cut_chunks"),
                             "^error .*the connection has ended within a message$")
            self.assertEqual(client.ask(f"GET {self.at}/slow"), "200 size=18 kept=1 first=part 0part 1part 2")

    def test_events(self):
        with Client() as client:
            self.assertEqual(client.ask(f"EVENTS {self.at}/events"),
                             "".join(f"first {n} {n};  {n + 1} two|lines; " for n in (0, 2, 4)) + "end")
            self.assertRegex(client.ask(f"EVENTS {self.at}/slow"), "^error .*the Content-Type is not text/event-stream$")

    def test_requests(self):
        with Client() as client:
            self.assertEqual(client.ask(f"POST {self.at}/ 1000000"), "200 size=11 kept=1 first=got 1000000")
            self.assertEqual(client.ask(f"PUT {self.at}/ 1000000"), "200 size=11 kept=1 first=got 1000000")
            self.assertEqual(client.ask(f"POST {self.at}/ 0"), "200 size=5 kept=1 first=got 0")
            self.assertEqual(client.ask(f"EXPECT {self.at}/ 100000"), "200 size=10 kept=1 first=got 100000")
            self.assertEqual(client.ask(f"EXPECT {self.at}/refuse 100000"), "417 size=0 kept=0 first=")
            self.assertTrue(client.ask(f"POST {self.at}/early 1000").startswith("403 size=2 "))


unittest.main(argv=sys.argv[:1], defaultTest=WHICH, verbosity=2)
