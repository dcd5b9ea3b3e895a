# SPDX-License-Identifier: MIT
"""weir-tls against other implementations of TLS: openssl's s_client and s_server, curl, and nginx.

    python3 tests/tls/peers_test.py TLS_PEER s_client|s_server|curl|nginx

WEIR_BACKEND chooses the backend. Skipped (77) where the other program is missing.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from ports import free_port, wait_for
from programs import need

PROGRAM, WHICH = os.path.abspath(sys.argv[1]), sys.argv[2]
NEEDS = {"s_client": [], "s_server": [], "curl": ["curl"], "nginx": ["nginx"]}[WHICH]
DEADLINE = 30

need("openssl", *NEEDS)

DIRECTORY = tempfile.TemporaryDirectory(prefix="weir-tls-")
PEMS = DIRECTORY.name
subprocess.run(["sh", pathlib.Path(__file__).with_name("certificates.sh"), PEMS], check=True)


def pem(name):
    return f"{PEMS}/{name}"


def run(*command, say=b"", **options):
    done = subprocess.run(command, input=say, capture_output=True, timeout=DEADLINE, **options)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


class Server:
    """A server of weir."""

    def __init__(self, *arguments, certificate="server"):
        self.process = subprocess.Popen([PROGRAM, "server", PEMS, certificate, *arguments], stdout=subprocess.PIPE)
        self.port = int(re.fullmatch(r"listening on (\d+)\n", self.line())[1])

    def line(self):
        return self.process.stdout.readline().decode()

    def stop(self):
        self.process.terminate()
        rest = self.process.communicate(timeout=DEADLINE)[0].decode()
        return self.process.returncode, rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def client(port, *arguments, host="localhost", say=b""):
    return run(PROGRAM, "client", str(port), PEMS, host, *arguments, say=say)


class s_client(unittest.TestCase):
    def s_client(self, server, *arguments, say, name="localhost"):
        return run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", name, "-CAfile",
                   pem("root.pem"), "-verify_return_error", "-quiet", "-no_ign_eof", *arguments, say=say)

    def talk(self, server, *arguments, say=b"hello\n", expect=b"hello\n"):
        """Ends the connection only when the answer has come."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", pem("root.pem"),
                   "-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error", "-quiet",
                   *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            p.stdin.write(say)
            p.stdin.flush()
            got = p.stdout.read(len(expect))
            p.kill()
        self.assertEqual(got, expect)

    def test_both_versions(self):
        with Server("--protocol", "echo") as server:
            for version, shown in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
                self.talk(server, version, "-alpn", "other,echo")
                self.assertEqual(server.line(),
                                 f"connected {shown} name=localhost protocol=echo resumed=0 certificate=0\n")
                self.assertRegex(server.line(), "without a close_notify|Connection reset")

    def test_old_versions_are_refused(self):
        with Server() as server:
            status, _, err = self.s_client(server, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", say=b"")
            self.assertNotEqual(status, 0)
            self.assertRegex(server.line(), "^weir::tls: handshake with 127.0.0.1:[0-9]+: ")

    def test_much(self):
        block = b"x" * 1_000_000 + b"\n"
        with Server() as server:
            self.talk(server, say=block, expect=block)

    def test_certificates_of_clients(self):
        with Server("--clients") as server:
            self.talk(server, "-cert", pem("client.pem"), "-key", pem("client.key"), "-cert_chain",
                      pem("authority.pem"))
            self.assertIn("certificate=1", server.line())
            server.line()
            self.s_client(server, say=b"")
            self.assertRegex(server.line(), "peer did not return a certificate")
            self.s_client(server, "-cert", pem("expired.pem"), "-key", pem("expired.key"), "-cert_chain",
                          pem("authority.pem"), say=b"")
            self.assertRegex(server.line(), "certificate has expired")

    def test_sessions_are_resumed(self):
        for version in ("-tls1_3", "-tls1_2"):
            with Server() as server, tempfile.NamedTemporaryFile() as session:
                self.talk(server, version, "-sess_out", session.name)
                self.assertIn("resumed=0", server.line())
                server.line()
                self.talk(server, version, "-sess_in", session.name)
                self.assertIn("resumed=1", server.line())

    def test_a_session_of_another_host_is_no_certificate(self):
        for version in ("-tls1_3", "-tls1_2"):
            with Server("--host", "other.test", "other") as server, tempfile.NamedTemporaryFile() as session:
                self.talk(server, version, "-sess_out", session.name)
                server.line()
                server.line()
                self.s_client(server, version, "-sess_in", session.name, say=b"", name="other.test")
                self.assertRegex(server.line(), "peer did not return a certificate")

    def test_reload(self):
        with Server() as server:
            self.talk(server, say=b"reload other\n", expect=b"reloaded\n")
            _, out, err = self.s_client(server, "-verify_hostname", "localhost", say=b"")
            self.assertIn("ostname mismatch", err + out.decode(errors="replace"))

    def interactive(self, server, version, stderr):
        """An s_client that takes commands, such as R and K, on its standard input."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version, "-CAfile", pem("root.pem")]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)

    def test_renegotiation_is_refused(self):
        with Server() as server:
            with self.interactive(server, "-tls1_2", stderr=subprocess.PIPE) as p:
                self.assertIn("connected", server.line())
                p.stdin.write(b"R\n")
                p.stdin.flush()
                self.assertIn("no renegotiation", p.communicate(timeout=DEADLINE)[1].decode())

    def test_keys_are_renewed(self):
        with Server() as server:
            with self.interactive(server, "-tls1_3", stderr=subprocess.STDOUT) as p:
                self.assertIn("connected", server.line())
                # K asks the server for new keys too.
                for say, expected in ((b"K\n", b"KEYUPDATE\n"), (b"after\n", b"after\n")):
                    p.stdin.write(say)
                    p.stdin.flush()
                    line = b""
                    while line != expected:
                        line = p.stdout.readline()
                        self.assertNotEqual(line, b"")
                p.kill()


class s_server(unittest.TestCase):
    def setUp(self):
        self.process = None

    def tearDown(self):
        if self.process:
            self.process.kill()
            self.process.communicate()

    def start(self, *arguments, certificate="server"):
        port = free_port()
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", str(port), "-cert", pem(certificate + ".pem"), "-key",
             pem(certificate + ".key"), "-cert_chain", pem("authority.pem"), "-quiet", "-rev", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port, self.process, DEADLINE)
        return port

    def test_both_versions(self):
        for version, shown in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
            port = self.start(version, "-alpn", "echo,other")
            status, out, err = client(port, "--protocol", "other", say=b"hello\nCLOSE\n")
            self.assertEqual((status, out), (0, b"olleh\n"), err)
            self.assertEqual(err, f"connected {shown} protocol=other resumed=0\nended\n")
            self.tearDown()

    def test_refused_certificates(self):
        for certificate, reason in (("expired", "certificate has expired"), ("other", "hostname mismatch"),
                                    ("self_signed", "self-signed certificate")):
            port = self.start(certificate=certificate)
            status, out, err = client(port)
            self.assertEqual(status, 1)
            self.assertEqual(err, f"weir::tls: handshake with 127.0.0.1:{port}: {reason}\n")
            self.tearDown()

    def test_certificates_of_clients(self):
        port = self.start("-Verify", "2", "-CAfile", pem("root.pem"), "-verify_return_error")
        status, out, err = client(port, "--certificate", "client", say=b"hello\nCLOSE\n")
        self.assertEqual((status, out), (0, b"olleh\n"), err)
        status, out, err = client(port, say=b"hello\n")
        self.assertEqual(status, 1)
        self.assertRegex(err, "certificate required|Connection reset|Broken pipe")


class curl(unittest.TestCase):
    def curl(self, server, *arguments, host="localhost"):
        return run("curl", "-sS", "--cacert", pem("root.pem"), "--resolve", f"{host}:{server.port}:127.0.0.1",
                   *arguments, f"https://{host}:{server.port}/")

    def test_a_page(self):
        with Server("--protocol", "http/1.1") as server:
            status, out, err = self.curl(server)
            self.assertEqual((status, len(out), err), (0, 3_000_000, ""))
            self.assertIn("protocol=http/1.1", server.line())

    def test_two_pages_and_both_versions(self):
        with Server() as server:
            for version in ("1.2", "1.3"):
                status, out, err = self.curl(server, "--tlsv" + version, "--tls-max", version)
                self.assertEqual((status, len(out), err), (0, 3_000_000, ""))
                self.assertIn("TLSv" + version, server.line())
                server.line()

    def test_another_host(self):
        with Server() as server:
            self.assertEqual(self.curl(server, host="other.test")[0], 60)

    def test_certificate_of_the_client(self):
        with Server("--clients") as server:
            status, out, _ = self.curl(server, "--cert", pem("client.pem"), "--key", pem("client.key"))
            self.assertEqual((status, len(out)), (0, 3_000_000))
            self.assertNotEqual(self.curl(server)[0], 0)


class nginx(unittest.TestCase):
    def start(self, http):
        self.directory = tempfile.TemporaryDirectory(prefix="weir-nginx-")
        self.port = free_port()
        name = self.directory.name
        with open(f"{name}/nginx.conf", "w") as f:
            f.write(f"""
                daemon off; master_process off; pid {name}/pid; error_log stderr;
                events {{}}
                http {{
                    access_log off;
                    client_body_temp_path {name}/a; proxy_temp_path {name}/b; fastcgi_temp_path {name}/c;
                    uwsgi_temp_path {name}/d; scgi_temp_path {name}/e;
                    ssl_certificate {pem("server.pem")}; ssl_certificate_key {pem("server.key")};
                    server {{ listen 127.0.0.1:{self.port} ssl; {http} }}
                }}""")
        self.process = subprocess.Popen(["nginx", "-p", name, "-c", f"{name}/nginx.conf"], stderr=subprocess.PIPE)
        wait_for(self.port, self.process, DEADLINE)

    def tearDown(self):
        self.process.kill()
        self.process.communicate()
        self.directory.cleanup()

    def test_a_client_of_nginx(self):
        self.start("location / { return 200 'hello from nginx'; }")
        status, out, err = client(self.port, "--open",
                                  say=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(status, 0, err)
        self.assertTrue(out.startswith(b"HTTP/1.1 200 OK\r\n"), out)
        self.assertTrue(out.endswith(b"hello from nginx"), out)

    def test_nginx_before_a_server(self):
        with Server() as server:
            self.start(f"""location / {{
                proxy_pass https://127.0.0.1:{server.port}; proxy_ssl_verify on; proxy_ssl_name localhost;
                proxy_ssl_server_name on; proxy_ssl_trusted_certificate {pem("root.pem")}; proxy_ssl_verify_depth 3; }}""")
            for again in ("0", "1"):
                status, out, err = client(self.port, "--open",
                                          say=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.assertEqual(status, 0, err)
                self.assertTrue(out.startswith(b"HTTP/1.1 200 OK\r\n"), out[:100])
                self.assertTrue(out.endswith(b"y" * 3_000_000))
                self.assertIn(f"name=localhost protocol= resumed={again}", server.line())
                server.line()


unittest.main(argv=sys.argv[:1], defaultTest=WHICH, verbosity=2)
