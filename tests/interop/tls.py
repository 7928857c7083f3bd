"""The example `tls_echo`, each side with openssl, gnutls, stunnel, Python's ssl and Twisted."""

import asyncio
import os
import re
import socket
import ssl
import subprocess
import threading

from common import EXAMPLES, HERE, PATIENCE, Process, Server, TestCase
from common import authority, example, main, needs, run, stunnel, stunnel_client, talk, twisted

# s_client prints what it receives into the middle of a line, where that is the dump of a long ticket.
HELLO = ("hello\n", re.compile(rb"hello\n"))
LARGE = os.urandom(5_000_000)


def ocsp_response(directory):
    """A response of the authority in this directory about `server.pem`."""
    response, request, index = (directory / name for name in ["response.der", "request.der", "index.txt"])
    ca, key = directory / "ca.pem", directory / "ca.key"
    index.write_text("")
    run("openssl", "ocsp", "-issuer", ca, "-cert", directory / "server.pem", "-reqout", request)
    answer = ["-rsigner", ca, "-rkey", key, "-reqin", request, "-respout", response]
    run("openssl", "ocsp", "-index", index, "-CA", ca, *answer)
    return response


VERSIONS = {"-tls1_2": "TLSv1_2", "-tls1_3": "TLSv1_3"}


class TlsServer(TestCase):
    def serve(self, *options):
        return Server("tls_echo", "--ca-out", self.ca, *options)

    def s_client(self, server, *options, expect=0):
        needs("openssl")
        trust = ["-CAfile", self.ca, "-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost"]
        return talk(["openssl", "s_client", "-connect", server.at, *trust, *options], HELLO, expect=expect)

    def test_s_client(self):
        with self.serve() as server:
            for option, version in VERSIONS.items():
                output = self.s_client(server, option)
                assert "Verify return code: 0 (ok)" in output and "hello\n" in output, output
                server.says(f"{version}, ")
                server.says("for localhost")

    def test_s_client_alpn(self):
        with self.serve("--alpn", "two,one") as server:
            output = self.s_client(server, "-alpn", "one,two")
            assert "ALPN protocol: two" in output, output
            assert "No ALPN negotiated" in self.s_client(server)
            output = self.s_client(server, "-alpn", "three", expect=1)
            assert "no application protocol" in output, output

    def test_s_client_reconnects(self):
        with self.serve() as server:
            output = self.s_client(server, "-tls1_2", "-reconnect")
            assert output.count("Reused, TLSv1.2") == 5, output
            session = self.path / "session"
            for option in VERSIONS:
                output = self.s_client(server, option, "-sess_out", session)
                assert "New, TLSv1" in output, output
                output = self.s_client(server, option, "-sess_in", session)
                assert "Reused, TLSv1" in output and "hello\n" in output, output
            server.says("resumed")

    def test_s_client_certificates(self):
        authority(self.path)
        mine = self.path / "client.pem"
        foreign = self.path / "foreign"
        foreign.mkdir()
        authority(foreign)
        stranger = foreign / "client.pem"
        identity = ["--cert", self.path / "server.pem", "--client-ca", self.ca]
        for option in VERSIONS:
            for wish in ["none", "optional", "required"]:
                with Server("tls_echo", *identity, "--client-cert", wish) as server:
                    output = self.s_client(server, option, "-cert", mine)
                    assert "hello\n" in output, output
                    server.says(" certificates")
                    assert (" 0 certificates" in server.text()) == (wish == "none"), server.text()
                    output = self.s_client(server, option, expect=None)
                    assert ("hello\n" in output) == (wish != "required"), output
                    alert = "certificate required" in output or "handshake failure" in output
                    assert alert == (wish == "required"), output
                    output = self.s_client(server, option, "-cert", stranger, expect=None)
                    assert ("hello\n" in output) == (wish == "none"), output

    def test_what_it_learns_of_the_client(self):
        authority(self.path)
        response = ocsp_response(self.path)
        mine = ["-cert", self.path / "client.pem"]
        identity = ["--cert", self.path / "server.pem", "--ocsp", response]
        asks = ["--client-ca", self.ca, "--client-cert", "optional"]
        with Server("tls_echo", *identity, *asks) as server:
            for option in VERSIONS:
                output = self.s_client(server, option, *mine, "-sigalgs", "ECDSA+SHA256", "-status")
                assert "OCSP Response Status: successful" in output, output
                server.says("peer signs ECDSA_NISTP256_SHA256")
            output = self.s_client(server, "-groups", "X448:P-256")
            assert "hello\n" in output and "OCSP response: no response sent" not in output, output
            server.says("after HelloRetryRequest")

    def test_a_session_outlives_the_server(self):
        """The second server is another process, with the ticket keys of the first."""
        authority(self.path)
        keys, session = self.path / "ticket.key", self.path / "session"
        keys.write_bytes(os.urandom(160))
        serve = ["--cert", self.path / "server.pem", "--ticket-keys", keys]
        for option in VERSIONS:
            with Server("tls_echo", *serve) as server:
                assert "New, TLSv1" in self.s_client(server, option, "-sess_out", session)
            with Server("tls_echo", *serve) as server:
                output = self.s_client(server, option, "-sess_in", session)
                assert "Reused, TLSv1" in output and "hello\n" in output, output
                server.says("resumed")
            keys.write_bytes(os.urandom(80))
            with Server("tls_echo", *serve) as server:
                output = self.s_client(server, option, "-sess_in", session)
                assert "New, TLSv1" in output and "hello\n" in output, output

    def test_s_client_exports_the_same(self):
        with self.serve("--channel-binding") as server:
            export = ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"]
            output = self.s_client(server, "-tls1_3", *export)
            server.says("tls-exporter " + re.search("Keying material: ([0-9A-F]{64})", output)[1])

    def test_s_client_takes_new_keys(self):
        """Ours asks, and the answer comes with what it sends next; it asks (`K`), and ours answers."""
        with self.serve("--update-keys") as server:
            trust = ["-CAfile", self.ca, "-verify_return_error"]
            client = ["openssl", "s_client", "-connect", server.at, *trust, "-tls1_3", "-msg"]
            output = talk(client, HELLO, ("again\n", "again"), ("K\n", "KEYUPDATE"), ("more\n", "more"))
            received, sent = ([line for line in output.splitlines() if line.startswith(way) and "KeyUpdate" in line] for way in ("<<<", ">>>"))
            assert (len(received), len(sent)) == (2, 2), output
            assert server.text().count("without close_notify") == 0, server.text()

    def test_who_is_not_trusted_and_who_does_not_trust(self):
        with self.serve() as server:
            output = run(*["openssl", "s_client", "-connect", server.at, "-verify_return_error"], expect=1)
            assert "verify error" in output, output
            output = self.s_client(server, "-verify_hostname", "other.example", expect=1)
            assert "hostname mismatch" in output, output
            output = self.s_client(server, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", expect=1)
            assert re.search("alert (protocol version|handshake failure)", output), output

    def test_gnutls_cli(self):
        needs("gnutls-cli")
        with self.serve("--alpn", "one") as server:
            for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"]:
                client = ["gnutls-cli", "--x509cafile", self.ca, "--priority", priority, "--alpn", "one"]
                output = talk([*client, "-p", server.port, "localhost"], HELLO)
                assert "certificate is trusted" in output and "hello\n" in output, output
                server.says("ALPN one")
            client = ["gnutls-cli", "--x509cafile", self.ca, "--resume", "--waitresumption"]
            output = talk([*client, "-p", server.port, "localhost"], HELLO)
            assert "This is a resumed session" in output and "hello\n" in output, output

    def test_python(self):
        """Much there, and back at the same time."""

        async def exchange(port, context):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            writer.write(LARGE)
            assert await reader.readexactly(len(LARGE)) == LARGE
            writer.close()
            await writer.wait_closed()

        with self.serve() as server:
            for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
                context = self.trusting()
                context.minimum_version = context.maximum_version = version
                asyncio.run(asyncio.wait_for(exchange(server.port, context), PATIENCE))

    def test_key_log(self):
        """Both sides know the same secrets, and the file is as others read and write it (RFC 9850)."""
        authority(self.path)
        ours, theirs = self.path / "ours", self.path / "theirs"
        for ask in ["", ":logKeys=yes"]:
            endpoint = f"tls:0:interface=127.0.0.1:privateKey={self.path}/server.pem{ask}"
            with Server("echo", endpoint=endpoint, env={"SSLKEYLOGFILE": str(ours)}) as server:
                for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
                    context = self.trusting()
                    context.minimum_version = context.maximum_version = version
                    context.keylog_filename = theirs
                    with socket.create_connection(("127.0.0.1", server.port)) as wire:
                        with context.wrap_socket(wire, server_hostname="localhost") as client:
                            client.sendall(b"hello")
                            assert client.recv(5) == b"hello"
            assert ours.exists() == bool(ask)
        secrets = set(ours.read_text().splitlines())
        kinds = {line.split()[0] for line in secrets}
        assert {"CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"} <= kinds, kinds
        assert secrets <= set(theirs.read_text().splitlines())

    def test_stunnel(self):
        """It passes on what it is sent, and the ends of both sides."""
        with self.serve() as server:
            for version in ["TLSv1.2", "TLSv1.3"]:
                with stunnel_client(self.path, server, self.ca, f"sslVersion = {version}") as tunnel:
                    run("python3", HERE / "echo.py", "127.0.0.1", tunnel.port)

    def test_twisted(self):
        python = twisted()
        with self.serve() as server:
            python("talk-tls", server.port, self.ca, 5_000_000)


class TlsClient(TestCase):
    def setUp(self):
        super().setUp()
        authority(self.path)
        self.identity = self.path / "server.pem"
        self.large = self.path / "large"
        self.large.write_bytes(LARGE)

    def send(self, port, *rest, **options):
        trust = ["--ca", self.ca] if "--ca" not in rest else []
        endpoint = f"tcp:127.0.0.1:{port}"
        env = {"RUST_LOG": "info"}
        return example("tls_echo", "--connect", endpoint, *trust, *rest, env=env, **options)

    def s_server(self, *options):
        needs("openssl")
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", self.identity, "-rev", *options]
        return Process(*command, ready="ACCEPT ")

    def test_s_server(self):
        for option, version in VERSIONS.items():
            with self.s_server(option) as server:
                output = self.send(server.port, "olleh", "eybdoog")
                assert "hello\ngoodbye\n" in output and version in output, output

    def test_what_it_learns_of_s_server(self):
        response = ocsp_response(self.path)
        for option in VERSIONS:
            with self.s_server(option, "-status_file", response) as server:
                output = self.send(server.port, "olleh")
                assert re.search(r"peer signs ECDSA_\w+, OCSP response\n", output), output
        with self.s_server("-groups", "P-384") as server:
            output = self.send(server.port, "olleh")
            assert "secp384r1" in output and "after HelloRetryRequest\n" in output, output
            assert "OCSP" not in output and "ECH" not in output, output

    def test_s_server_takes_new_keys(self):
        with self.s_server("-tls1_3", "-msg") as server:
            assert "hello\n" in self.send(server.port, "--update-keys", "olleh")
            update = " TLS 1.3, Handshake [length 0005], KeyUpdate"
            server.says("<<<" + update)
            server.says(">>>" + update)
        with self.s_server("-tls1_2") as server:
            output = self.send(server.port, "--update-keys", "olleh")
            assert "hello\n" in output and "TLS 1.2 has no KeyUpdate" in output, output

    def test_s_server_alpn(self):
        with self.s_server("-alpn", "two,one") as server:
            assert "ALPN one" in self.send(server.port, "--alpn", "three,one")
            output = self.send(server.port, "--alpn", "three", expect=1)
            assert "no_application_protocol" in output, output

    def test_s_server_certificates(self):
        mine = self.path / "client.pem"
        for option in VERSIONS:
            with self.s_server(option, "-Verify", "1", "-verify_return_error", "-CAfile", self.ca) as server:
                assert "hello\n" in self.send(server.port, "--cert", mine, "olleh")
                output = self.send(server.port, "olleh", expect=1)
                assert "certificate_required" in output or "handshake_failure" in output, output

    def test_peers_that_it_does_not_trust(self):
        other = self.path / "other"
        other.mkdir()
        foreign = authority(other)
        with self.s_server() as server:
            output = self.send(server.port, "secret", "--ca", foreign, expect=1)
            assert "certificate" in output and "terces" not in output, output
            output = self.send(server.port, "--name", "other.example", "secret", expect=1)
            assert "other.example" in output and "terces" not in output, output

    def test_gnutls_serv(self):
        needs("gnutls-serv")
        key = self.path / "server.key"
        files = ["--x509certfile", self.identity, "--x509keyfile", key]
        for version, name in {"1.2": "TLSv1_2", "1.3": "TLSv1_3"}.items():
            command = ["gnutls-serv", "--echo", "-p", "0", *files, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"]
            # It prints where it will listen, and "done" once it does. Of its port it knows no more than the 0.
            with Process(*command, ready="...done") as server:
                output = self.send(server.listens_on(), "hello")
                assert "hello\n" in output and name in output, output

    def test_stunnel(self):
        with Server("echo") as echo:
            for version, name in {"TLSv1.2": "TLSv1_2", "TLSv1.3": "TLSv1_3"}.items():
                serve = [f"cert = {self.identity}", f"connect = 127.0.0.1:{echo.port}", f"sslVersion = {version}"]
                with stunnel(self.path, *serve) as tunnel:
                    output = self.send(tunnel.port, "hello")
                    assert "hello\n" in output and name in output, output

    def test_python(self):
        """A whole file there and back, and a close_notify in both directions."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.identity)
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            context.minimum_version = context.maximum_version = version
            received = bytearray()

            def serve():
                connection, _ = listener.accept()
                tls = context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
                while data := tls.recv(65536):
                    received.extend(data)
                tls.sendall(received)
                tls.unwrap().close()

            with socket.create_server(("127.0.0.1", 0)) as listener:
                thread = threading.Thread(target=serve, daemon=True)
                thread.start()
                got = self.path / "got"
                client = [EXAMPLES / "tls_echo", "--connect", f"tcp:127.0.0.1:{listener.getsockname()[1]}"]
                with open(got, "wb") as output:
                    command = [*client, "--ca", self.ca, "--file", self.large]
                    subprocess.run(command, stdout=output, check=True, timeout=PATIENCE)
                thread.join()
            assert received == LARGE and got.read_bytes() == LARGE

    def test_a_server_that_cuts_off(self):
        """The end of TCP is not the end of TLS."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.identity)

        def serve():
            connection, _ = listener.accept()
            tls = context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
            while tls.recv(100):
                pass
            tls.sendall(b"half of it")
            os.close(tls.detach())

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            output = self.send(listener.getsockname()[1], expect=1)
            thread.join()
        assert "without close_notify" in output, output

    def test_twisted(self):
        python = twisted()
        with Process(*python.command, "serve-tls", self.identity, ready="listening on ") as server:
            # It drops the answer to what came together with close_notify, so what is asked here is that both ends are in order.
            assert "TLSv1_3" in self.send(server.port, "hello")


if __name__ == "__main__":
    main()
