"""The example `starttls_proxy` in both directions, with openssl in every dialect, with clients of mail, and with servers that are evil."""

import contextlib
import imaplib
import poplib
import socket
import ssl
import struct
import subprocess

from common import EXAMPLES, Server, authority, main, needs, run
from proxied import DIALECTS, FIRST, GREETINGS, PLAIN_HELLO, SAID, Cutting, Plain, ProxyCase, receive, until


class Proxy(ProxyCase):
    # Both directions

    def test_openssl_in_every_dialect(self):
        for name in [*DIALECTS, "xmpp-server"]:
            dialect = name.removesuffix("-server")
            said = b"\x06\0\0\x02hello\n" if dialect == "mysql" else SAID
            # What a server without TLS hears has other numbers.
            heard = said.replace(b"\x02", b"\x01") if dialect == "mysql" else said
            with Plain(GREETINGS.get(dialect, b"")) as backend, self.add(dialect, backend) as proxy:
                command = ["openssl", "s_client", "-quiet", "-starttls", name, "-connect", f"127.0.0.1:{proxy.port}"]
                command += ["-CAfile", self.ca, "-verify_return_error", "-name", "localhost", "-xmpphost", "localhost"]
                client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                with client:
                    client.stdin.write(said)
                    client.stdin.flush()
                    echoed = b""
                    while said not in echoed:
                        line = client.stdout.readline()
                        assert line, (name, echoed)
                        echoed += line
                    client.kill()
                assert backend.heard == [heard], (name, backend.heard)

    def test_what_is_added_is_stripped_again(self):
        for dialect in DIALECTS:
            with Plain(GREETINGS.get(dialect, b"")) as backend, self.add(dialect, backend) as adds:
                with self.strip(dialect, adds) as strips, self.connect(strips) as client:
                    if dialect in FIRST:
                        end = GREETINGS["mysql"][-8:] if dialect == "mysql" else b"\r\n"
                        greeting = until(client, end)
                        assert greeting.startswith(FIRST[dialect]) and b"STARTTLS" not in greeting, (dialect, greeting)
                    if dialect == "postgres":
                        client.sendall(struct.pack("!II", 8, 80877103))
                        assert receive(client, 1) == b"N"
                    said = PLAIN_HELLO.get(dialect, SAID)
                    client.sendall(said)
                    client.shutdown(socket.SHUT_WR)
                    answer = receive(client)
                    assert answer.endswith(said), (dialect, answer)
                assert b"".join(backend.heard) == said, (dialect, backend.heard)

    def test_tls_from_the_first_byte_and_behind_headers(self):
        for dialect in ["tls", "proxy"]:
            with Plain() as backend, self.add(dialect, backend, "--alpn", "x,y") as adds:
                with self.strip(dialect, adds, "--alpn", "y") as strips, self.connect(strips) as client:
                    client.sendall(b"hello")
                    client.shutdown(socket.SHUT_WR)
                    assert receive(client) == b"hello"

    def test_through_a_socks_proxy(self):
        with Plain() as backend, self.add("tls", backend) as adds, Server("socks") as socks:
            target = ["--target", f"localhost:{adds.port}", "--name", "localhost"]
            with self.strip("socks", socks, *target) as strips, self.connect(strips) as client:
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                assert receive(client) == b"hello"

    def test_clients_of_a_proxy_meet_tls_inside(self):
        needs("curl")

        def page(backend, wire):
            # A client that has left over its certificate asks for nothing.
            if wire.makefile("rb").readline():
                wire.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")

        get = ["curl", "--silent", "--show-error", "--fail", "--cacert", self.ca, "https://localhost/"]
        with Plain(serve=page) as backend:
            with self.add("http", backend) as proxy:
                assert run(*get, "--proxy", f"http://127.0.0.1:{proxy.port}") == "hello\n"
                # The destination is the server, whatever it is called; its certificate says which it is.
                assert "60" in run(*get[:-1], "https://example.org/", "--proxy", f"http://127.0.0.1:{proxy.port}", expect=60)
                # No proxy for what comes in clear.
                said = run(*get[:-1], "--include", "http://localhost/", "--proxy", f"http://127.0.0.1:{proxy.port}", expect=22)
                assert "405" in said, said
            with self.add("socks", backend) as proxy:
                for version in ["socks4", "socks4a", "socks5", "socks5h"]:
                    assert run(*get, "-4", "--proxy", f"{version}://127.0.0.1:{proxy.port}") == "hello\n", version
        # A tunnel in a tunnel: what one end makes the other one opens.
        for dialect in ["http", "socks"]:
            with Plain() as backend, self.add(dialect, backend) as adds:
                with self.strip(dialect, adds, "--name", "localhost") as strips, self.connect(strips) as client:
                    client.sendall(b"hello")
                    client.shutdown(socket.SHUT_WR)
                    assert receive(client) == b"hello"

    # Clients

    def test_mail_reaches_a_server_without_tls(self):
        needs("swaks", "curl")
        mail = self.path / "mail"
        with Server("smtp", "--mail-dir", mail) as backend, self.add("smtp", backend) as proxy:
            said = run("swaks", "--server", f"localhost:{proxy.port}", "--tls", "--tls-ca-path", self.ca, "--tls-verify",
                       "--from", "me@example.org", "--to", "you@example.org")
            # The server shows STARTTLS, but not behind TLS.
            behind = said.partition("<~  250")[2]
            assert behind and "STARTTLS" not in behind, said
            message = self.path / "message"
            message.write_text("Subject: hello\r\n\r\nhello\r\n")
            run("curl", "--silent", "--ssl-reqd", "--cacert", self.ca, f"smtp://localhost:{proxy.port}", "--mail-from", "me@example.org",
                "--mail-rcpt", "you@example.org", "--upload-file", message)
            run("curl", "--silent", f"smtp://localhost:{proxy.port}", "--mail-from", "me@example.org", "--mail-rcpt", "you@example.org",
                "--upload-file", message, expect=55)
            assert len(list(mail.glob("*/new/*"))) == 2

    def test_mailboxes_of_servers_without_tls(self):
        def imap(backend, wire):
            lines = wire.makefile("rb")
            for line in lines:
                backend.heard.append(line)
                tag, command, *_ = line.split()
                if command == b"CAPABILITY":
                    wire.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n")
                wire.sendall(tag + b" OK done\r\n")

        def pop3(backend, wire):
            for line in wire.makefile("rb"):
                backend.heard.append(line)
                wire.sendall(b"+OK\r\nSTLS\r\nUIDL\r\n.\r\n" if line == b"CAPA\r\n" else b"+OK\r\n")

        with Plain(GREETINGS["imap"], imap) as backend, self.add("imap", backend) as proxy:
            with imaplib.IMAP4("localhost", proxy.port) as client:
                assert "STARTTLS" in client.capabilities and "LOGINDISABLED" in client.capabilities
                with self.assertRaisesRegex(imaplib.IMAP4.error, "PRIVACYREQUIRED"):
                    client.login("me", "secret")
                client.starttls(self.trusting())
                assert client.capabilities == ("IMAP4REV1",), client.capabilities
                client.login("me", "secret")
            assert b"".join(backend.heard).count(b"secret") == 1
        with Plain(GREETINGS["pop3"], pop3) as backend, self.add("pop3", backend) as proxy:
            client = poplib.POP3("localhost", proxy.port)
            assert list(client.capa()) == ["STLS"]
            with self.assertRaisesRegex(poplib.error_proto, "STLS comes first"):
                client.user("me")
            client.stls(self.trusting())
            assert list(client.capa()) == ["UIDL"]
            client.user("me")
            client.quit()
            assert backend.heard[1] == b"USER me\r\n", backend.heard

    # What is evil

    def test_clear_text_behind_starttls_reaches_no_server(self):
        for cut in [1, 3, 1000]:
            with Plain(GREETINGS["smtp"]) as backend, self.add("smtp", backend) as proxy:
                with self.connect(proxy) as client:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    evil = b"EHLO me\r\nSTARTTLS\r\nMAIL FROM:<evil@example.org>\r\n"
                    for start in range(0, len(evil), cut):
                        # The proxy may have ended it before all is said.
                        with contextlib.suppress(OSError):
                            client.sendall(evil[start : start + cut])
                    said = receive(client)
                    assert b"250 2." not in said, said
                assert backend.heard == []

    def test_a_server_that_starts_no_tls_hears_nothing_in_clear(self):
        def answering(*answers):
            def serve(backend, wire):
                lines = wire.makefile("rb")
                for answer in answers:
                    backend.heard.append(lines.readline())
                    wire.sendall(answer)
                while data := wire.recv(1000):
                    backend.heard.append(data)

            return serve

        secret = b"AUTH PLAIN secret\r\n"
        starts = b"250-evil\r\n250 STARTTLS\r\n"
        for serve in [
            answering(b"250 evil\r\n"),
            answering(b"250 evil\r\n250 STARTTLS\r\n"),
            answering(starts, b"454 later\r\n"),
            answering(starts, b"220 go\r\n250 injected\r\n"),
            # Goes on in clear.
            answering(starts, b"220 go\r\n", b"250 go on\r\n"),
            # Says nothing more, and the proxy waits for a second.
            answering(starts),
        ]:
            with Plain(GREETINGS["smtp"], serve) as backend, self.strip("smtp", backend, "--start", "1") as proxy:
                with self.connect(proxy) as client:
                    client.sendall(secret)
                    said = receive(client)
                    assert said == b"", said
                assert secret not in b"".join(backend.heard), backend.heard
        # A certificate of some other authority.
        with Plain(GREETINGS["smtp"]) as backend, self.add("smtp", backend) as adds:
            with self.proxy("strip", "smtp", adds.port) as strips, self.connect(strips) as client:
                client.sendall(secret)
                assert receive(client) == b""
            assert backend.heard == []

    def test_a_server_that_is_another_one_hears_nothing(self):
        """Its certificate is for another name, out of date, not yet of this time, its own."""
        secret = b"AUTH PLAIN secret\r\n"
        for certificate, options in [
            (self.path / "server.pem", ["--name", "example.org"]),
            (self.certified("20000101000000Z", "20010101000000Z"), []),
            (self.certified("20900101000000Z", "20910101000000Z"), []),
            (self.self_signed(), []),
        ]:
            with Plain(GREETINGS["smtp"]) as backend, self.proxy("add", "smtp", backend.port, "--cert", certificate) as adds:
                with self.strip("smtp", adds, *options) as strips, self.connect(strips) as client:
                    client.sendall(secret)
                    assert receive(client) == b""
                assert backend.heard == [], (certificate, backend.heard)

    def certified(self, begin, end):
        """A certificate of the authority for this time, with its key."""
        folder = self.path / begin
        folder.mkdir()
        (folder / "index").touch()
        (folder / "serial").write_text("01\n")
        (folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca = ours\n[ours]\ndatabase = {folder}/index\nserial = {folder}/serial\nnew_certs_dir = {folder}\n"
            "default_md = sha256\npolicy = any\nx509_extensions = names\n[any]\ncommonName = supplied\n"
            "[names]\nsubjectAltName = DNS:localhost\n"
        )
        command = ["openssl", "ca", "-batch", "-config", folder / "ca.conf", "-cert", self.ca, "-keyfile", self.path / "ca.key"]
        run(*command, "-in", self.path / "server.csr", "-startdate", begin, "-enddate", end, "-notext", "-out", folder / "both.pem")
        return self.with_key(folder / "both.pem", self.path / "server.key")

    def self_signed(self):
        """A certificate that no authority knows, for the right name."""
        one, key = self.path / "own.pem", self.path / "own.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", one,
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")
        return self.with_key(one, key)

    def with_key(self, certificate, key):
        certificate.write_text(certificate.read_text() + key.read_text())
        return certificate

    def test_an_end_in_the_middle_is_no_end_in_order(self):
        """A server that breaks TLS off, and a client that does: the other side sees that it has not all."""
        with Plain(GREETINGS["smtp"]) as backend, self.add("smtp", backend) as adds, Cutting(adds.port) as wire:
            with self.proxy("strip", "smtp", wire.port, "--trust-roots", self.ca) as strips, self.connect(strips) as client:
                until(client, b"\r\n")
                client.sendall(b"hello")
                assert receive(client, 5) == b"hello"
                wire.cut()
                with self.assertRaises(ConnectionResetError):
                    assert client.recv(1000)

    def test_a_client_that_does_not_start_tls_ends(self):
        with Plain(GREETINGS["smtp"]) as backend, self.add("smtp", backend, "--start", "1") as proxy:
            with self.connect(proxy) as client:
                assert receive(client).startswith(b"220 ")
            with self.connect(proxy) as client:
                with contextlib.suppress(OSError):
                    client.sendall(b"NOOP\r\n" * 100_000)
                assert receive(client).count(b"250 ") <= 65

    # What a server is told

    def test_routes_and_what_the_server_is_told(self):
        with Plain() as one, Plain() as other:
            options = ["--client-ca", self.ca, "--send-proxy", "--alpn", "x", "--route", f"localhost=tcp:127.0.0.1:{other.port}"]
            with self.add("tls", one, *options) as proxy:
                context = self.trusting()
                context.set_alpn_protocols(["x"])
                context.load_cert_chain(self.path / "client.pem")
                with context.wrap_socket(self.connect(proxy), server_hostname="localhost") as client:
                    client.sendall(b"hello")
                    header = receive(client, 16 + 12)
                    while not header.endswith(b"hello"):
                        header += client.recv(65536)
                context.check_hostname = False
                with context.wrap_socket(self.connect(proxy)) as client:
                    client.sendall(b"hello")
                    receive(client, 16)
                anonymous = self.trusting()
                with self.assertRaises((ssl.SSLError, ConnectionResetError)):
                    with anonymous.wrap_socket(self.connect(proxy), server_hostname="localhost") as client:
                        client.sendall(b"hello")
                        assert client.recv(1)
        assert one.heard and other.heard
        assert header.startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11"), header
        tlvs = {}
        rest = header[28 : 16 + struct.unpack("!H", header[14:16])[0]]
        while rest:
            kind, length = struct.unpack("!BH", rest[:3])
            tlvs[kind], rest = rest[3 : 3 + length], rest[3 + length :]
        assert tlvs[0x01] == b"x" and tlvs[0x02] == b"localhost", tlvs
        client, verify = struct.unpack("!BI", tlvs[0x20][:5])
        assert client == 7 and verify == 0
        assert b"\x21\0\x07TLSv1.3" in tlvs[0x20] and b"TLS_AES_" in tlvs[0x20]

    def test_a_new_certificate_needs_no_restart(self):
        with Plain() as backend, self.add("tls", backend) as proxy:
            first = self.certificate(proxy)
            authority(self.path)
            proxy.until(lambda: self.certificate(proxy) != first)

    def certificate(self, proxy):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(self.connect(proxy)) as client:
            return client.getpeercert(binary_form=True)

    # Files

    def test_a_file_of_services(self):
        file = self.path / "proxies.toml"
        with Plain(GREETINGS["imap"]) as backend:
            file.write_text(f"""
                [[service]]
                mode = "add"
                dialect = "imap"
                listen = "tcp:0:interface=127.0.0.1"
                connect = "tcp:127.0.0.1:{backend.port}"
                cert = "{self.path}/server.pem"
                server-name = "box"
            """)
            with Server("starttls_proxy", file, endpoint=None) as proxy, self.connect(proxy) as client:
                assert until(client, b"\r\n").endswith(b"box is ready\r\n")

    def test_mistakes_are_named_with_their_place(self):
        file = self.path / "proxies.toml"
        good = 'mode = "add"\ndialect = "imap"\nlisten = "tcp:0"\nconnect = "tcp:a:1"\n'
        for text, place, what in [
            ("", None, "has no [[service]]"),
            ("[[service]\n", (1, 11), ""),
            ('[[service]]\nmode = "add"\n', (1, 1), "missing field `dialect`"),
            ("[[service]]\n" + good.replace("add", "mix"), (2, 1), '"mix"'),
            ("[[service]]\n" + good.replace("imap", "gopher"), (3, 1), '"gopher"'),
            ("[[service]]\n" + good.replace("tcp:0", "tpc:0"), (4, 1), '"tpc"'),
            ("[[service]]\n" + good.replace("tcp:a:1", "tcp:a"), (5, 1), "the port is missing"),
            ("[[service]]\n" + good + 'cert = "/nowhere"\n', (6, 1), "/nowhere"),
            ("[[service]]\n" + good + 'name = "a"\n', (6, 1), "for strip alone"),
            ("[[service]]\n" + good + "[[service]]\n" + good.replace("imap", "pop"), (8, 1), '"pop"'),
            ("[[service]]\n" + good + "colour = 1\n", (6, 1), "`colour`"),
            ("[[service]]\n" + good + 'idle = "long"\n', (6, 8), "long"),
        ]:
            file.write_text(text)
            said = run(EXAMPLES / "starttls_proxy", file, expect=2)
            assert said.count("\n") == 1 and what in said, (text, said)
            if place:
                assert f"line {place[0]}, column {place[1]}: " in said, (text, said)
        for words, what in [
            ([], "add|strip"),
            (["add", "smtp", "tcp:0"], "add|strip"),
            (["add", "http", "tcp:0", "tcp:a:1", "--target", "b:1"], "for strip alone"),
            (["strip", "smtp", "tcp:0", "tcp:a:1", "--cert", "x"], "for add alone"),
            (["add", "smtp", "tcp:0", "tcp:a:1", "--idle", "long"], "--idle: "),
            (["add", "smtp", "tcp:0", "tcp:a:1", "--route", "x"], "NAME=CONNECT"),
            (["add", "mysql", "tcp:0", "tcp:a:1", "--route", "x=tcp:b:1"], "greets before TLS"),
            ([file, "--name", "x"], "are in the file"),
        ]:
            said = run(EXAMPLES / "starttls_proxy", *words, expect=2)
            assert said.count("\n") == 1 and what in said, (words, said)


if __name__ == "__main__":
    main()
