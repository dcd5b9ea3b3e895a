# SPDX-License-Identifier: MIT
"""weir-websocket with the package ws of npm, as server and as client, with and without TLS.

    python3 tests/websocket/peers_test.py WEBSOCKET_PEER

WEIR_BACKEND chooses the backend. The package is that of Debian (node-ws), or is fetched from npm's registry. Skipped
(77) where neither is to be had.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60
DIRECTORY = tempfile.TemporaryDirectory(prefix="weir-websocket-")
NAME = DIRECTORY.name


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def has_ws():
    return subprocess.run(["node", "-e", "require('ws')"], env=ENVIRONMENT, capture_output=True).returncode == 0


if not shutil.which("node"):
    skip("no node")
ENVIRONMENT = {**os.environ, "NODE_PATH": f"/usr/share/nodejs:{NAME}/node_modules"}
if not has_ws():
    if not shutil.which("npm"):
        skip("no npm, and no package ws")
    try:
        installed = subprocess.run(["npm", "install", "--prefix", NAME, "--no-audit", "--no-fund", "ws@8"],
                                   capture_output=True, text=True, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        skip("npm's registry does not answer")
    if not has_ws():
        skip("npm cannot install ws: " + (installed.stderr.splitlines() or ["no reason"])[0])

SERVER = """
const { WebSocketServer } = require('ws');
const fs = require('fs');
const [kind, pems] = process.argv.slice(1);
const server = kind === 'tls'
    ? require('https').createServer({
        cert: fs.readFileSync(pems + '/server.pem'), key: fs.readFileSync(pems + '/server.key') })
    : require('http').createServer();
const sockets = new WebSocketServer({
    server, perMessageDeflate: kind === 'deflate', handleProtocols: offered => [...offered][0] });
sockets.on('connection', socket => {
    socket.on('error', error => console.log('error ' + error.message));
    socket.on('message', (data, binary) => {
        if (data.length > 1000000) { // in fragments, with pings between them
            for (let at = 0; at < data.length; at += 100000) {
                socket.send(data.subarray(at, at + 100000), { binary, fin: at + 100000 >= data.length });
                socket.ping('now');
            }
        } else {
            socket.send(data, { binary });
        }
    });
    let pongs = 0;
    socket.on('pong', () => ++pongs);
    socket.on('close', (code, reason) => console.log(`closed with ${code} ${reason}, pongs: ${pongs > 0}`));
});
server.listen(0, 'localhost', () => console.log(server.address().port));
"""

CLIENT = """
const WebSocket = require('ws');
const [url, what] = process.argv.slice(1);
const socket = new WebSocket(url, what === 'protocol' ? ['chat.1', 'other'] : [],
    { maxPayload: 100000000, perMessageDeflate: what === 'deflate' });
socket.on('error', error => console.log('error ' + error.message));
socket.on('close', (code, reason) => console.log(`closed with ${code} ${reason}`));
let bytes = 0, messages = 0;
socket.on('pong', data => console.log('pong ' + data));
socket.on('message', (data, binary) => {
    bytes += data.length; ++messages;
    if (what === 'many' && messages === 1004) {
        console.log(`${messages} messages, ${bytes} bytes`);
        socket.close(4002, 'done');
    }
    if (what === 'fragments') {
        console.log(`${data.toString().slice(0, 4)} ${data.length} ${binary}`);
        socket.close();
    }
});
socket.on('open', () => {
    if (what === 'many') {
        for (let i = 0; i < 1000; ++i) socket.send('x'.repeat(i), { binary: i % 2 === 1 });
        for (const size of [125, 126, 65536, 5000000]) socket.send('y'.repeat(size));
    } else if (what === 'fragments') {
        socket.send('\\u00e4b', { fin: false });
        socket.ping('p');
        for (let i = 0; i < 100; ++i) socket.send('z'.repeat(1000), { fin: false });
        socket.send('', { fin: true });
    } else if (what === 'close') {
        socket.send('close');
    } else if (what === 'large') {
        socket.send('x'.repeat(8000001));
    } else if (what === 'terminate') {
        socket.send('x'); socket._socket.destroy();
    } else if (what === 'utf8') {
        socket.send(Buffer.from([0xff]), { binary: false });
    } else {
        console.log('protocol ' + socket.protocol);
        socket.close();
    }
});
"""


def certificates():
    pems = pathlib.Path(NAME) / "pems"
    if not pems.exists():
        pems.mkdir()
        subprocess.run(["sh", pathlib.Path(__file__).parent.with_name("tls") / "certificates.sh", pems], check=True,
                       capture_output=True)
    return pems


class server_of_ws(unittest.TestCase):
    def ask(self, kind):
        pems = certificates() if kind == "tls" else ""
        server = subprocess.Popen(["node", "-e", SERVER, kind, str(pems)], env=ENVIRONMENT, stdout=subprocess.PIPE,
                                  text=True)
        try:
            port = int(server.stdout.readline())
            arguments = [f"wss://localhost:{port}/", str(pems / "root.pem")] if pems else [f"ws://localhost:{port}/"]
            answer = subprocess.run([PROGRAM, "client", *arguments], capture_output=True, text=True, timeout=DEADLINE)
            return answer.stdout, server.stdout.readline()
        finally:
            server.kill()
            server.communicate()

    def check(self, kind):
        sizes = sum(i * 997 % 5000 for i in range(2000)) + 125 + 126 + 65535 + 65536 + 3_000_000
        self.assertEqual(self.ask(kind), (
            f"protocol chat.1\n2005 messages, 1000 binary, {sizes} bytes, closed with 4001 enough\n",
            "closed with 4001 enough, pongs: true\n"))

    def test_plain(self):
        self.check("plain")

    def test_a_server_that_knows_compression(self):
        self.check("deflate")

    def test_tls(self):
        if not shutil.which("openssl") or subprocess.run(["grep", "-q", "weir-tls", PROGRAM]).returncode != 0:
            self.skipTest("no openssl, or built without weir-tls")
        self.check("tls")


class client_of_ws(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([PROGRAM, "server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"ws://127.0.0.1:{int(self.server.stdout.readline())}/"

    def tearDown(self):
        """The server must end with its input, and have reported nothing but what the test has read."""
        try:
            said = self.server.communicate(timeout=DEADLINE)[0]
        finally:
            self.server.kill()
        self.assertEqual(self.server.returncode, 0)
        self.assertEqual(said, "")

    def ask(self, what):
        return subprocess.run(["node", "-e", CLIENT, self.url, what], env=ENVIRONMENT, capture_output=True, text=True,
                              timeout=DEADLINE).stdout

    def test_many_messages(self):
        sizes = sum(range(1000)) + 125 + 126 + 65536 + 5_000_000
        self.assertEqual(self.ask("many"), f"1004 messages, {sizes} bytes\nclosed with 4002 \n")

    def test_a_client_that_offers_compression(self):
        self.assertEqual(self.ask("deflate"), "protocol \nclosed with 1005 \n")

    def test_protocols(self):
        self.assertEqual(self.ask("protocol"), "protocol chat.1\nclosed with 1005 \n")

    def test_fragments_and_pings(self):
        self.assertEqual(self.ask("fragments"), "pong p\n\u00e4bzz 100003 false\nclosed with 1005 \n")

    def test_a_close_of_the_server(self):
        self.assertEqual(self.ask("close"), "closed with 4000 as you wish\n")

    def test_a_message_that_is_too_large(self):
        self.assertIn("closed with 1009 \n", self.ask("large"))
        self.assertIn("a frame has more than 8000000 bytes", self.server.stdout.readline())

    def test_a_text_that_is_not_utf8(self):
        self.assertEqual(self.ask("utf8"), "closed with 1007 \n")
        self.assertIn("a text is not UTF-8", self.server.stdout.readline())

    def test_a_client_that_goes_without_a_word(self):
        self.assertEqual(self.ask("terminate"), "closed with 1006 \n")
        line = self.server.stdout.readline()
        self.assertTrue("without a close frame" in line or "reset" in line or "Broken pipe" in line, line)


unittest.main(argv=sys.argv[:1], verbosity=2)
