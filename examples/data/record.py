# SPDX-License-Identifier: MIT
"""Records access.log: an nginx on the loopback, half a minute of visitors, crawlers and junk.

    python3 examples/data/record.py examples/data/access.log [PORT]

Needs nginx. Everything but the log is made in a temporary directory.
"""

import base64
import email.utils
import http.client
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

REQUESTS = 9600
SECONDS = 25
WORKERS = 12
MODIFIED = 1700000000

CONFIGURATION = """
worker_processes 2;
daemon off;
pid nginx.pid;
error_log /dev/null crit;
events { worker_connections 512; }
http {
    access_log access.log combined;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    types { text/html html; text/css css; application/javascript js; image/png png; application/gzip gz; }
    limit_req_zone $binary_remote_addr zone=api:1m rate=2r/s;
    limit_req_status 429;
    server {
        listen 127.0.0.1:@PORT@;
        listen [::1]:@PORT@;
        root www;
        location /private/ { deny all; }
        location /admin/ { auth_basic admin; auth_basic_user_file users; }
        location = /old-blog { return 301 /blog/; }
        location /go/ { return 302 /articles/1.html; }
        location /api/ { limit_req zone=api burst=4 nodelay; try_files $uri =404; }
        location = /api/orders { if ($request_method != POST) { return 405; } return 201 "created\n"; }
        location = /upstream { proxy_pass http://127.0.0.1:1; }
        location = /upload { client_max_body_size 1k; proxy_pass http://127.0.0.1:1; }
    }
}
"""

AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.31.0",
    "FeedFetcher \"daily\" é",
    "-",
]
AGENT_WEIGHTS = [30, 25, 15, 8, 6, 3, 5, 2, 2]
REFERERS = [None, "/", "/blog/", "https://www.google.com/", "https://news.ycombinator.com/item?id=40508445"]
REFERER_WEIGHTS = [50, 25, 12, 10, 3]
JUNK = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x9b\x1e\xd5\r\n\r\n",
    b"\x03\x00\x00/*\xe0\x00\x00\x00\x00\x00Cookie: mstshash=Administr\r\n\r\n",
    b"GET\r\n\r\n",
    b"SSH-2.0-Go\r\n\r\n",
    b"GET /cgi-bin/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"GET /\"quoted\"\\and\ttabbed HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /caf\xc3\xa9/\xff\xfe.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /long/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
]


def make_site(root):
    site = root / "www"
    sizes = random.Random(1)
    pages = {"index.html": 5120, "about.html": 2210, "favicon.ico": 318, "robots.txt": 64, "blog/index.html": 8400,
             "css/site.css": 9216, "js/app.js": 48211, "img/logo.png": 12054, "api/status": 32,
             "downloads/weir-0.1.0.tar.gz": 1 << 20, "private/keys": 10, "admin/index.html": 900}
    pages.update({f"articles/{n}.html": sizes.randint(900, 60000) for n in range(1, 121)})
    pages.update({f"img/{n}.png": sizes.randint(2000, 90000) for n in range(1, 31)})
    for name, size in pages.items():
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
        os.utime(file, (MODIFIED, MODIFIED))
    (root / "tmp").mkdir()
    (root / "users").write_text("editor:{PLAIN}secret\n")


def zipf(rng, n):
    return min(n, int(rng.paretovariate(0.9)))


def visit(rng):
    """One request: method, target, headers, body."""
    headers = {"User-Agent": rng.choices(AGENTS, AGENT_WEIGHTS)[0].encode()}
    referer = rng.choices(REFERERS, REFERER_WEIGHTS)[0]
    if referer:
        headers["Referer"] = referer if referer.startswith("https") else "http://localhost" + referer
    kind = rng.random()
    if kind < 0.16:
        return "GET", "/", headers, None
    if kind < 0.40:
        return "GET", f"/articles/{zipf(rng, 120)}.html", headers, None
    if kind < 0.56:
        return "GET", rng.choice(["/css/site.css", "/js/app.js", "/img/logo.png", "/favicon.ico"]), headers, None
    if kind < 0.64:
        return "GET", f"/img/{zipf(rng, 30)}.png", headers, None
    if kind < 0.70:
        headers["If-Modified-Since"] = email.utils.formatdate(MODIFIED, usegmt=True)
        return "GET", rng.choice(["/css/site.css", "/js/app.js", "/"]), headers, None
    if kind < 0.75:
        start = rng.randrange(1 << 20)
        headers["Range"] = f"bytes={start}-{min(start + 65535, (1 << 20) - 1)}"
        return "GET", "/downloads/weir-0.1.0.tar.gz", headers, None
    if kind < 0.79:
        return "GET", f"/articles/{zipf(rng, 120)}.html?utm_source=feed&page={rng.randint(1, 9)}", headers, None
    if kind < 0.83:
        return "GET", rng.choice(["/old-blog", f"/go/{rng.randint(1, 20)}", "/blog"]), headers, None
    if kind < 0.88:
        targets = ["/wp-login.php", "/.env", "/phpmyadmin/", f"/missing-{rng.randint(1, 60)}"]
        return "GET", rng.choice(targets), headers, None
    if kind < 0.90:
        return "GET", rng.choice(["/private/keys", "/img/"]), headers, None
    if kind < 0.93:
        return "GET", "/api/status", headers, None
    if kind < 0.95:
        return rng.choice(["POST", "POST", "GET"]), "/api/orders", headers, b'{"order":1}'
    if kind < 0.96:
        if rng.random() < 0.5:
            headers["Authorization"] = "Basic " + base64.b64encode(b"editor:secret").decode()
        return "GET", "/admin/index.html", headers, None
    if kind < 0.97:
        return "HEAD", "/", headers, None
    if kind < 0.98:
        return "GET", "/upstream", headers, None
    if kind < 0.985:
        return "POST", "/upload", headers, b"u" * 4096
    if kind < 0.99:
        headers["Range"] = "bytes=99999999-"
        return "GET", "/about.html", headers, None
    return rng.choice(["OPTIONS", "DELETE", "BREW"]), "/about.html", headers, None


def source(rng):
    if rng.random() < 0.08:
        return "::1"
    return f"127.0.{rng.choice([0, 0, 0, 1])}.{zipf(rng, 200)}"


def worker(number, port, deadline_of):
    rng = random.Random(number)
    request = number
    while request < REQUESTS:
        address = source(rng)
        server = "::1" if address == "::1" else "127.0.0.1"
        connection = http.client.HTTPConnection(server, port, source_address=(address, 0), timeout=10)
        for _ in range(rng.randint(1, 9)):
            time.sleep(max(0, deadline_of(request) - time.time()))
            request += WORKERS
            try:
                if rng.random() < 0.012:
                    with socket.create_connection((server, port), source_address=(address, 0), timeout=5) as raw:
                        raw.sendall(rng.choice(JUNK))
                        while raw.recv(65536):
                            pass
                    continue
                method, target, headers, body = visit(rng)
                connection.request(method, target, body, headers)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
        connection.close()


def main():
    log = pathlib.Path(sys.argv[1]).resolve()
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8099
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        os.chmod(root, 0o755)
        make_site(root)
        (root / "nginx.conf").write_text(CONFIGURATION.replace("@PORT@", str(port)))
        nginx = subprocess.Popen(["nginx", "-p", str(root), "-c", "nginx.conf", "-e", "/dev/null"])
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.02)
            start = time.time()
            threads = [threading.Thread(target=worker, args=(n, port, lambda r: start + SECONDS * r / REQUESTS))
                       for n in range(WORKERS)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        finally:
            nginx.terminate()
            nginx.wait()
        log.write_bytes((root / "access.log").read_bytes())


main()
