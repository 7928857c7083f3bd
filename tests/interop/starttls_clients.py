"""Clients of many protocols and `starttls_proxy`, before servers without TLS and behind servers with it: LDAP, XMPP, FTP, news, mail."""

import contextlib
import ftplib
import smtplib
import socket

from common import PATIENCE, Process, Server, installed, main, needs, run
from proxied import GREETINGS, Plain, ProxyCase

# A client of XMPP that logs in and asks for its contacts.
XMPP = """
import asyncio, ssl, sys
import slixmpp
port, ca, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__("me@localhost", password)
        self.enable_starttls, self.enable_plaintext, self.enable_direct_tls = bool(ca), not ca, False
        self.ca_certs = ca or None
        # Without TLS too, since the test is about that.
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.plugin["feature_mechanisms"].unencrypted_scram = True
        self.add_event_handler("session_start", self.begin)
        self.add_event_handler("failed_auth", lambda _: self.end("refused"))
        self.add_event_handler("ssl_invalid_chain", lambda _: self.end("not trusted"))
        self.outcome = asyncio.get_event_loop().create_future()

    async def begin(self, _):
        await self.get_roster()
        self.end(f"roster, TLS {isinstance(self.socket, ssl.SSLSocket) or self.transport.get_extra_info('cipher') is not None}")

    def end(self, outcome):
        if not self.outcome.done():
            self.outcome.set_result(outcome)

async def once():
    client = Client()
    client.connect("localhost", port)
    print(await asyncio.wait_for(client.outcome, 60))
    client.disconnect()

asyncio.run(once())
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextlib.contextmanager
def slapd(path, *settings):
    """OpenLDAP with an entry of its own, and `cn=me,dc=example`, whose password is `secret`."""
    needs("slapd", "ldapsearch", "slapadd")
    home = path / "ldap"
    home.mkdir(exist_ok=True)
    config = path / "slapd.conf"
    lines = ["include /etc/ldap/schema/core.schema", f"pidfile {home}/pid", *settings]
    lines += ["database ldif", 'suffix "dc=example"', f"directory {home}", 'rootdn "cn=me,dc=example"', "rootpw secret"]
    config.write_text("\n".join(lines) + "\n")
    entry = path / "entry.ldif"
    entry.write_text("dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: an example\n")
    run("slapadd", "-f", config, "-l", entry)
    port = free_port()
    with Process("slapd", "-f", config, "-h", f"ldap://127.0.0.1:{port}", "-d", "stats", ready="slapd starting") as server:
        server.port = port
        yield server


@contextlib.contextmanager
def prosody(path, *settings):
    """Prosody with the user `me@localhost`, whose password is `secret`."""
    needs("prosody", "prosodyctl")
    home, config, port = path / "prosody", path / "prosody.lua", free_port()
    home.mkdir(exist_ok=True)
    config.write_text("\n".join([
        f'data_path = "{home}"; pidfile = "{home}/pid"; run_as_root = true; log = {{ info = "*console" }}',
        'modules_enabled = { "saslauth", "roster", "tls" }; modules_disabled = { "s2s", "offline" }',
        f'c2s_ports = {{ {port} }}; c2s_interfaces = {{ "127.0.0.1" }}; s2s_ports = {{}}; authentication = "internal_hashed"',
        *settings,
        'VirtualHost "localhost"',
        "",
    ]))
    run("prosodyctl", "--config", config, "register", "me", "localhost", "secret")
    with Process("prosody", "-F", "--config", config, ready=f"'c2s' on [127.0.0.1]:{port}") as server:
        server.port = port
        yield server


class Directory(ProxyCase):
    def search(self, port, *options, password="secret", expect=0):
        command = ["ldapsearch", "-x", "-LLL", "-H", f"ldap://127.0.0.1:{port}", "-D", "cn=me,dc=example", "-w", password, "-b", "dc=example"]
        return run(*command, "-o", f"nettimeout={PATIENCE}", *options, "o", env={"LDAPTLS_CACERT": str(self.ca), "LDAPCONF": "/dev/null"}, expect=expect)

    def test_tls_is_added_to_a_server(self):
        with slapd(self.path) as backend, self.add("ldap", backend) as proxy:
            assert "o: an example" in self.search(proxy.port, "-ZZ")
            assert "Invalid credentials (49)" in self.search(proxy.port, "-ZZ", password="wrong", expect=49)
            # In clear, it is told why not.
            assert "Confidentiality required (13)" in self.search(proxy.port, expect=13)

    def test_tls_is_taken_off_a_server(self):
        tls = [f"TLSCACertificateFile {self.ca}", f"TLSCertificateFile {self.path}/server.pem", f"TLSCertificateKeyFile {self.path}/server.key"]
        with slapd(self.path, *tls, "security tls=1") as backend, self.strip("ldap", backend) as proxy:
            assert "o: an example" in self.search(proxy.port)
            assert "Invalid credentials (49)" in self.search(proxy.port, password="wrong", expect=49)


class Messages(ProxyCase):
    def client(self, port, ca="", password="secret"):
        return run(installed("python", "slixmpp"), "-c", XMPP, port, ca, password)

    def test_tls_is_added_to_a_server(self):
        plain = ["c2s_require_encryption = false; allow_unencrypted_plain_auth = true", 'modules_disabled = { "s2s", "offline", "tls" }']
        with prosody(self.path, *plain) as backend, self.add("xmpp", backend) as proxy:
            assert self.client(proxy.port, self.ca).endswith("roster, TLS True\n")
            said = self.client(proxy.port, self.ca, "wrong")
            assert said.startswith("refused\n"), said

    def test_tls_is_taken_off_a_server(self):
        tls = f'c2s_require_encryption = true; ssl = {{ certificate = "{self.path}/server.pem", key = "{self.path}/server.key" }}'
        with prosody(self.path, tls) as backend, self.strip("xmpp", backend) as proxy:
            assert self.client(proxy.port).endswith("roster, TLS False\n")


class Files(ProxyCase):
    def setUp(self):
        super().setUp()
        (self.path / "root").mkdir()
        (self.path / "root/small").write_text("a small file\n")

    def test_lftp_and_python_protect_the_control_connection(self):
        needs("lftp")
        files = ["--root", self.path / "root", "--user", "me", "--password", "secret"]
        with Server("ftp", *files) as backend, self.add("ftp", backend) as proxy:
            settings = f"set net:max-retries 1; set net:timeout {PATIENCE}; set cmd:fail-exit true; set ssl:ca-file {self.ca};"
            settings += "set ftp:ssl-force true; set ftp:ssl-protect-data false;"
            said = run("lftp", "-c", f"{settings} open -u me,secret ftp://localhost:{proxy.port}; cls -1; cat small; bye")
            assert "a small file" in said, said
            with ftplib.FTP_TLS(context=self.trusting()) as client:
                client.connect("localhost", proxy.port)
                client.login("me", "secret")
                assert client.nlst() == ["small"]
            with ftplib.FTP() as client:
                client.connect("localhost", proxy.port)
                with self.assertRaisesRegex(ftplib.error_perm, "AUTH TLS comes first"):
                    client.login("me", "secret")


class News(ProxyCase):
    def test_a_reader(self):
        """What Python's nntplib says, which Python has no more."""

        def serve(backend, wire):
            for line in wire.makefile("rb"):
                backend.heard.append(line)
                listed = b"101 list\r\nVERSION 2\r\nSTARTTLS\r\nREADER\r\n.\r\n"
                wire.sendall(listed if line == b"CAPABILITIES\r\n" else b"381 go on\r\n")

        def ask(lines, wire, line, ending=b"\r\n"):
            wire.sendall(line)
            said = lines.readline()
            while ending != b"\r\n" and not said.endswith(ending):
                said += lines.readline()
            return said

        with Plain(GREETINGS["nntp"], serve) as backend, self.add("nntp", backend) as proxy:
            with self.connect(proxy) as wire:
                lines = wire.makefile("rb")
                assert lines.readline().startswith(b"201 ")
                assert b"STARTTLS\r\n" in ask(lines, wire, b"CAPABILITIES\r\n", b"\r\n.\r\n")
                assert ask(lines, wire, b"AUTHINFO USER me\r\n").startswith(b"483 ")
                assert ask(lines, wire, b"STARTTLS\r\n").startswith(b"382 ")
                with self.trusting().wrap_socket(wire, server_hostname="localhost") as wire:
                    lines = wire.makefile("rb")
                    said = ask(lines, wire, b"CAPABILITIES\r\n", b"\r\n.\r\n")
                    assert b"READER\r\n" in said and b"STARTTLS" not in said, said
                    assert ask(lines, wire, b"AUTHINFO USER me\r\n") == b"381 go on\r\n"
            assert backend.heard == [b"CAPABILITIES\r\n", b"AUTHINFO USER me\r\n"]


class Mail(ProxyCase):
    def test_smtplib(self):
        mail = self.path / "mail"
        with Server("smtp", "--mail-dir", mail) as backend, self.add("smtp", backend) as proxy:
            with smtplib.SMTP("localhost", proxy.port) as client:
                client.ehlo()
                assert client.has_extn("starttls")
                with self.assertRaises(smtplib.SMTPResponseException) as refused:
                    client.sendmail("me@example.org", ["you@example.org"], "hello")
                assert refused.exception.smtp_code == 530
                client.starttls(context=self.trusting())
                client.ehlo()
                assert not client.has_extn("starttls")
                client.sendmail("me@example.org", ["you@example.org"], "Subject: hello\r\n\r\nhello\r\n")
            assert len(list(mail.glob("*/new/*"))) == 1


if __name__ == "__main__":
    main()
