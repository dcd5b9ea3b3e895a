# SPDX-License-Identifier: MIT
"""What does a request over HTTP/1.1 that is answered with 1 KiB cost the server?

    python3 perf/http.py SERVER [--quick] [--json] [--list]

Answers in the form that perf/measure.py reads: microseconds of processor time of the server, with 32 kept connections.
wrk asks all servers in turn, a moment each. SERVER is the program of perf/http/server.cpp. The floor reads the end of a
head and nothing else; the peers are nginx, with one worker, Go's net/http, with one processor, and node.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from answers import answer

QUESTION = __doc__.splitlines()[0]
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
CONNECTIONS = 32
TICKS = os.sysconf("SC_CLK_TCK")

NODE = """
const body = 'x'.repeat(1024);
const server = require('http').createServer((request, response) => {
    response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 1024});
    response.end(body);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
"""

GO = """
package main

import ("fmt"; "io"; "net"; "net/http"; "os"; "runtime"; "strings")

func main() {
    runtime.GOMAXPROCS(1)
    body := []byte(strings.Repeat("x", 1024))
    listener, err := net.Listen("tcp", "127.0.0.1:0")
    if err != nil { panic(err) }
    fmt.Println(listener.Addr().(*net.TCPAddr).Port)
    go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
        w.Header().Set("Content-Type", "text/plain")
        w.Write(body)
    }))
    io.Copy(io.Discard, os.Stdin)
}
"""


def go_server(folder):
    """Builds the server in Go, and returns its path, or None without Go."""
    if not shutil.which("go"):
        return None
    source = pathlib.Path(folder, "main.go")
    source.write_text(GO)
    subprocess.run(["go", "build", "-o", f"{folder}/go", str(source)], check=True)
    return f"{folder}/go"


def nginx_configuration(folder, port):
    return f"""
        daemon off; pid {folder}/pid; error_log stderr error; worker_processes 1;
        events {{ worker_connections 200; }}
        http {{
            access_log off; default_type text/plain; keepalive_requests 1000000000;
            client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
            uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{"x" * 1024}"; }} }}
        }}"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A program that prints its port, unless it is given one."""

    def __init__(self, command, port=None, **environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **environment})
        self.port = port or int(self.process.stdout.readline())
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def processor_time(self):
        """In seconds, of the process and its children."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        total = 0
        for pid in [self.process.pid, *children.stdout.split()]:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def stop(self):
        self.process.terminate()
        self.process.communicate()


def microseconds_per_request(server, seconds):
    before = server.processor_time()
    done = subprocess.run(["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", str(seconds), f"http://127.0.0.1:{server.port}/"],
                          capture_output=True, text=True, check=True)
    used = server.processor_time() - before
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
    if requests == 0 or re.search(r"Non-2xx|Socket errors", done.stdout):
        sys.exit(f"wrk: {done.stdout}")
    return used * 1e6 / requests


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("server")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        pathlib.Path(folder, "nginx.conf").write_text(nginx_configuration(folder, port))
        nginx, node = shutil.which("nginx", path=PATH), shutil.which("node")
        go = None if wanted.list else go_server(folder)
        # The name, the kind, and what starts it, which is None where it is missing.
        cases = [
            ("epoll, without a parser", "floor", lambda: Server([wanted.server, "floor"])),
            ("nginx", "peer",
             nginx and (lambda: Server([nginx, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"], port))),
            ("Go net/http", "peer", go and (lambda: Server([go]))),
            ("node", "peer", node and (lambda: Server([node, "-e", NODE]))),
            ("epoll", "weir", lambda: Server([wanted.server, "weir"], WEIR_BACKEND="epoll")),
            ("io_uring", "weir", lambda: Server([wanted.server, "weir"], WEIR_BACKEND="uring")),
        ]
        if wanted.list:
            print("".join(f"{kind}\t{QUESTION} {name}\n" for name, kind, _ in cases), end="")
            return
        if not shutil.which("wrk"):
            print("skipped: no wrk")
            sys.exit(77)
        servers = [start and start() for _, _, start in cases]
        try:
            costs = [[] for _ in cases]
            for _ in range(1 if wanted.quick else 11):
                for server, found in zip(servers, costs):
                    if server:
                        found.append(microseconds_per_request(server, 1 if wanted.quick else 2))
        finally:
            for server in servers:
                if server:
                    server.stop()
    for (name, kind, _), found in zip(cases, costs):
        one = answer(QUESTION, name, kind, found, "us of processor time/request", 3)
        shown = f"{name:24}" + (f"{one['median']:8.2f} us/request" if found else "   missing")
        print(json.dumps(one) if wanted.json else shown)


if __name__ == "__main__":
    main()
