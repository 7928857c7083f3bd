"""The example `pop3` with programs that fetch mail (Python's poplib, curl, mpop, mutt in a terminal, openssl), on mail that `smtp` has taken."""

import base64
import contextlib
import poplib
import signal
import smtplib
import socket
import threading

from common import PATIENCE, Server, TestCase, authority, by_arrival, example, main, needs, run
from terminal import Terminal

FROM, TO = "me@example.org", "alice@localhost"
USERS = ["--user", "alice", "--password", "secret", "--user", "bob", "--password", "p\u00e4ss w,=rd"]


def message(number, lines=3):
    body = "".join(f"{number}.{line}\r\n" for line in range(lines))
    return f"From: {FROM}\r\nTo: {TO}\r\nSubject: message {number}\r\n\r\n.\r\n..dots\r\n{body}end.\r\n"


class Pop3(TestCase):
    def setUp(self):
        super().setUp()
        self.mail = self.path / "mail"

    def serve(self, *options):
        return Server("pop3", "--mail-dir", self.mail, *USERS, "--ca-out", self.ca, *options)

    def deliver(self, *texts, to=TO):
        """By the mail server, which has ended when this returns."""
        with Server("smtp", "--mail-dir", self.mail, *USERS) as server:
            for text in texts:
                with smtplib.SMTP("localhost", server.port) as client:
                    client.sendmail(FROM, [to], text)

    def files(self, user="alice"):
        return [*self.mail.glob(f"{user}/new/*"), *self.mail.glob(f"{user}/cur/*")]

    @contextlib.contextmanager
    def client(self, server, user="alice", password="secret"):
        client = poplib.POP3("localhost", server.port)
        client.stls(context=self.trusting())
        client.encoding = "utf-8"
        client.user(user)
        client.pass_(password)
        yield client
        client.close()

    @contextlib.contextmanager
    def wire(self, server):
        """A connection under TLS, and what comes of it as lines."""
        with socket.create_connection(("localhost", server.port)) as clear:
            clear.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with clear.makefile("rb", buffering=0) as lines:
                lines.readline()
                clear.sendall(b"STLS\r\n")
                assert lines.readline() == b"+OK begin TLS\r\n"
            with self.trusting().wrap_socket(clear, server_hostname="localhost") as wire, wire.makefile("rb") as lines:
                yield wire, lines

    def test_poplib(self):
        self.deliver(message(1), message(2), message(3, lines=5000))
        with self.serve() as server:
            with self.client(server) as client:
                capabilities = client.capa()
                assert "STLS" not in capabilities and "SASL" not in capabilities and "UIDL" in capabilities, capabilities
                count, size = client.stat()
                sizes = [int(line.split()[1]) for line in client.list()[1]]
                assert count == 3 and sum(sizes) == size and len(sizes) == 3
                for number, lines in [(1, 3), (2, 3), (3, 5000)]:
                    answer, text, octets = client.retr(number)
                    assert octets == sizes[number - 1]
                    text = b"".join(line + b"\r\n" for line in text).decode()
                    assert text.endswith("\r\n" + message(number, lines)), text[:1000]
                    assert text.startswith(f"Return-Path: <{FROM}>\r\n"), text[:1000]
                    top = client.top(number, 2)[1]
                    assert top[-4:] == [f"Subject: message {number}".encode(), b"", b".", b"..dots"], top
                    assert client.top(number, 0)[1][-1] == b""
                ids = [line.split()[1] for line in client.uidl()[1]]
                assert len(set(ids)) == 3
                assert client.uidl(2).split()[1:] == [b"2", ids[1]]
                for number in [0, 4]:
                    for ask in [client.retr, client.dele, client.list, client.uidl, lambda number: client.top(number, 0)]:
                        with self.assertRaises(poplib.error_proto):
                            ask(number)
                # What is marked is there no more, and again after RSET.
                client.dele(2)
                assert client.stat()[0] == 2 and [line.split()[0] for line in client.uidl()[1]] == [b"1", b"3"]
                with self.assertRaises(poplib.error_proto):
                    client.retr(2)
                client.rset()
                assert client.stat() == (count, size)
                client.dele(1)
                client.dele(3)
                assert len(self.files()) == 3
                client.quit()
            assert len(self.files()) == 1
            with self.client(server) as client:
                assert client.uidl()[1] == [b"1 " + ids[1]]
                client.quit()

    def test_nothing_is_removed_without_quit(self):
        self.deliver(message(1))
        with self.serve() as server:
            with self.client(server) as client:
                client.dele(1)
            with self.client(server) as client:
                client.dele(1)
                server.process.send_signal(signal.SIGTERM)
                with self.assertRaises((poplib.error_proto, OSError)):
                    # The first ones may be answered before the signal comes.
                    while True:
                        client.noop()
        assert len(self.files()) == 1

    def test_a_session_sees_what_there_was_when_it_began(self):
        self.deliver(message(1), message(2))
        with self.serve() as server, self.client(server) as client, self.client(server) as other:
            self.deliver(message(3))
            assert client.stat()[0] == 2
            other.dele(1)
            other.quit()
            assert client.stat()[0] == 2
            with self.assertRaises(poplib.error_proto) as gone:
                client.retr(1)
            assert b"removed" in gone.exception.args[0]
            # Another program takes notice of the message, and marks it.
            (first, *_) = by_arrival(self.mail.glob("alice/new/*"))
            first.rename(self.mail / "alice" / "cur" / f"{first.name}:2,S")
            assert client.retr(2)[1][-1] == b"end."
            client.dele(1)
            client.dele(2)
            client.quit()
            assert len(self.files()) == 1

    def test_no_log_in_in_clear_and_none_with_another_password(self):
        self.deliver(message(1))
        with self.serve() as server:
            client = poplib.POP3("localhost", server.port)
            assert "STLS" in client.capa() and not {"USER", "SASL"} & set(client.capa())
            for ask in [lambda: client.user("alice"), lambda: client.pass_("secret"), lambda: client.apop("alice", "secret")]:
                with self.assertRaises(poplib.error_proto):
                    ask()
            client.stls(context=self.trusting())
            capabilities = client.capa()
            assert "STLS" not in capabilities and capabilities["USER"] == [], capabilities
            assert capabilities["SASL"] == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"], capabilities
            for user, password in [("alice", "wrong"), ("mallory", "secret"), ("alice", " secret")]:
                client.user(user)
                with self.assertRaises(poplib.error_proto) as refused:
                    client.pass_(password)
                assert refused.exception.args[0].startswith(b"-ERR [AUTH]"), refused.exception
            # The third was the last one.
            with self.assertRaises((poplib.error_proto, OSError)):
                client.noop()
            client.close()
            with self.client(server, "Bob", "p\u00e4ss w,=rd") as client:
                assert client.stat() == (0, 0) and client.list()[1] == [] and client.uidl()[1] == []
                client.quit()

    def test_auth(self):
        plain = base64.b64encode(b"\0alice\0secret")
        with self.serve() as server:
            for exchange in [
                [(b"AUTH PLAIN " + plain, b"+OK 0")],
                [(b"AUTH PLAIN", b"+ \r\n"), (plain, b"+OK 0")],
                [(b"auth login", b"+ VXNlcm5hbWU6"), (base64.b64encode(b"alice"), b"+ UGFz"), (base64.b64encode(b"secret"), b"+OK 0")],
                [(b"AUTH PLAIN =", b"-ERR"), (b"AUTH PLAIN", b"+ "), (b"*", b"-ERR cancelled"), (b"AUTH PLAIN " + plain, b"+OK 0")],
                [(b"AUTH NTLM", b"-ERR"), (b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=alice,r=abc"), b"+ cj1hYm")],
                [(b"AUTH PLAIN " + b"x" * 13_000, b"-ERR")],
            ]:
                with self.wire(server) as (wire, lines):
                    for said, answer in exchange:
                        wire.sendall(said + b"\r\n")
                        got = lines.readline()
                        assert got.startswith(answer), (said, got)

    def test_commands_at_every_cut(self):
        self.deliver(message(1), message(2))
        commands = b"USER alice\r\nPASS secret\r\nSTAT\r\nLIST\r\nRETR 1\r\nUIDL 2\r\nTOP 2 1\r\nDELE 1\r\nNOOP\r\nRSET\r\nNOOP \0\r\nNO\nOP\r\nRETR 2\r\nQUIT\r\n"
        answers = set()
        with self.serve() as server:
            for size in [1, 2, 3, 7, 64, 1000]:
                with self.wire(server) as (wire, lines):
                    for at in range(0, len(commands), size):
                        # Each is a record of its own.
                        wire.sendall(commands[at : at + size])
                    answers.add(lines.read())
        (answer,) = answers
        assert answer.count(b"\r\nend.\r\n.\r\n") == 2 and answer.endswith(b"+OK goodbye\r\n"), answer

    def test_a_hundred_thousand_commands_at_once(self):
        self.deliver(message(1, lines=200))
        login = b"USER alice\r\nPASS secret\r\n"
        with self.serve() as server:
            with self.wire(server) as (wire, lines):
                count = 100_000
                commands = login + b"NOOP\r\nSTAT\r\n" * (count // 2) + b"RETR 1\r\nLIST\r\n" * 500 + b"QUIT\r\n"
                writer = threading.Thread(target=wire.sendall, args=(commands,), daemon=True)
                writer.start()
                for answer in [b"+OK and", b"+OK 1 messages"]:
                    assert lines.readline().startswith(answer)
                for _ in range(count // 2):
                    assert lines.readline() == b"+OK nothing done\r\n" and lines.readline().startswith(b"+OK 1 ")
                rest = lines.read()
                assert rest.count(b"\r\nend.\r\n.\r\n") == 500 and rest.endswith(b"+OK goodbye\r\n")
                writer.join(PATIENCE)
            # A client that asks and asks, and does not read.
            with self.wire(server) as (wire, lines):
                wire.settimeout(2)
                with contextlib.suppress(TimeoutError):
                    wire.sendall(login + b"RETR 1\r\nLIST\r\nUIDL\r\n" * 3_000_000)
                    raise AssertionError("all of it was taken")
            with open(f"/proc/{server.process.pid}/status") as status:
                (peak,) = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
            assert peak < 200_000, f"{peak} KiB"

    def test_mail_of_other_programs(self):
        """With lines that end in LF alone: none of them ends the message early."""
        folder = self.mail / "alice" / "cur"
        with self.serve() as server:
            with self.client(server) as client:
                client.quit()
            (folder / "1.foreign:2,S").write_bytes(b"Subject: foreign\n\n.\nQUIT\n..\nend")
            with self.client(server) as client:
                assert client.retr(1)[1] == [b"Subject: foreign", b"", b".", b"QUIT", b"..", b"end"]
                client.quit()

    def test_a_session_comes_to_its_end_when_the_server_stops(self):
        self.deliver(message(1), message(2))
        with self.serve("--drain", "60") as server, socket.create_connection(("localhost", server.port)) as idle:
            assert idle.recv(100).startswith(b"+OK")
            with self.client(server) as client:
                client.dele(1)
                server.process.send_signal(signal.SIGTERM)
                assert client.retr(2)[1][-1] == b"end."
                client.quit()
            # One that has not logged in may: it may have come a moment before.
            idle.sendall(b"QUIT\r\n")
            assert idle.recv(100).startswith(b"+OK") and idle.recv(100) == b""
            assert server.process.wait(PATIENCE) == 0
        assert len(self.files()) == 1

    def test_too_many_clients_hear_so(self):
        with self.serve() as server, contextlib.ExitStack() as stack:
            for _ in range(50):
                wire = stack.enter_context(socket.create_connection(("localhost", server.port)))
                assert wire.recv(100).startswith(b"+OK")
            with socket.create_connection(("localhost", server.port)) as wire, wire.makefile("rb") as lines:
                assert lines.readline().startswith(b"-ERR [SYS/TEMP]")

    def test_curl(self):
        needs("curl")
        self.deliver(message(1), message(2))
        with self.serve() as server:
            common = ["curl", "-sS", "--ssl-reqd", "--cacert", self.ca]
            for method in ["PLAIN", "LOGIN"]:
                options = ["--user", "alice:secret", "--login-options", f"AUTH={method}"]
                output = run(*common, *options, f"pop3://{server.at}/2")
                assert output.endswith(message(2)), output
            assert len(run(*common, "--user", "alice:secret", f"pop3://{server.at}/").splitlines()) == 2
            run(*common, "--user", "alice:secret", "-X", "DELE 1", "--head", f"pop3://{server.at}/")
            # 67: the log-in is refused; 60: the server is not trusted; 64: in clear there is no log-in.
            run(*common, "--user", "alice:wrong", f"pop3://{server.at}/", expect=67)
            run("curl", "-sS", "--ssl-reqd", "--user", "alice:secret", f"pop3://{server.at}/", expect=60)
            run("curl", "-sS", "--user", "alice:secret", f"pop3://{server.at}/", expect=67)
        assert len(self.files()) == 1

    def test_mpop(self):
        """Fetches, and leaves on the server what it was told to leave; SCRAM by GNU SASL."""
        needs("mpop")
        self.deliver(message(1), message(2))
        box = self.path / "box"
        with self.serve() as server:
            common = ["mpop", "--host=localhost", f"--port={server.port}", "--user=alice", "--tls=on", "--tls-starttls=on"]
            common += [f"--uidls-file={self.path}/uidls", f"--delivery=mbox,{box}", "--received-header=off"]
            secret = "--passwordeval=echo secret"
            trust = f"--tls-trust-file={self.ca}"
            run(*common, secret, trust, "--auth=scram-sha-256", "--keep=on")
            assert box.read_text().count("\nSubject: message ") == 2 and len(self.files()) == 2
            # It knows these two by their ids.
            for method in ["plain", "login", "user"]:
                run(*common, secret, trust, f"--auth={method}", "--keep=on")
            assert box.read_text().count("\nSubject: message ") == 2
            run(*common, "--passwordeval=echo wrong", trust, "--auth=user", expect=77)
            other = self.path / "other"
            other.mkdir()
            run(*common, secret, f"--tls-trust-file={authority(other)}", expect=(69, 76))
            run(*common, secret, trust, "--keep=off", f"--uidls-file={self.path}/others")
        assert self.files() == []
        assert box.read_text().count("\nSubject: message ") == 4

    def test_mutt_in_a_terminal(self):
        """Reads and deletes over POP3, and answers over SMTP, with a log-in on both sides."""
        needs("neomutt")
        self.deliver(message(1), message(2))
        with self.serve() as server, Server("smtp", "--mail-dir", self.mail, *USERS, "--require-auth", "--cert", self.identity()) as smtp:
            settings = self.path / "muttrc"
            settings.write_text(
                f"""
set pop_host="pop://alice@localhost:{server.port}"
set pop_pass="secret"
# By itself it takes SCRAM-SHA-256-PLUS, has no channel binding for it, and does not read what the server says to that.
set pop_authenticators="user"
set smtp_authenticators="plain"
set spoolfile="pop://alice@localhost:{server.port}/"
set pop_delete=yes
set pop_checkinterval=600
set sleep_time=0
set abort_unmodified=no
set smtp_url="smtp://alice@localhost:{smtp.port}"
set smtp_pass="secret"
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file="{self.path / 'trusted.pem'}"
set ssl_ca_certificates_file="{self.path / 'trusted.pem'}"
set from="alice@localhost"
set folder="{self.path}"
set header_cache=
set copy=no
set delete=yes
set fast_reply=yes
set editor="true"
set autoedit=yes
set sendmail_wait=0
set wait_key=no
set tmpdir="{self.path}"
"""
            )
            authorities = [self.ca.read_text(), (self.path / "own" / "ca.pem").read_text()]
            (self.path / "trusted.pem").write_text("".join(authorities))
            with Terminal("neomutt", "-n", "-F", settings, home=self.path) as mutt:
                mutt.shows("message 2")
                mutt.types("1\r")
                mutt.types("\r")
                mutt.shows("1.2")
                mutt.types("i")
                mutt.shows("message 2")
                # Deletes the first, and writes to bob.
                mutt.types("1\rd")
                mutt.types("m")
                mutt.shows("To:")
                mutt.types("bob@localhost\r")
                mutt.shows("Subject:")
                mutt.types("from a terminal\r")
                mutt.shows("Security")
                mutt.types("y")
                smtp.says(" received ")
                mutt.types("q")
                mutt.ends()
            (kept,) = self.files()
            assert b"Subject: message 2" in kept.read_bytes()
            (sent,) = self.files("bob")
            assert b"Subject: from a terminal" in sent.read_bytes() and b" with ESMTPSA;" in sent.read_bytes()

    def identity(self):
        own = self.path / "own"
        own.mkdir()
        authority(own)
        return own / "server.pem"

    def test_s_client(self):
        needs("openssl")
        with self.serve() as server:
            base = ["openssl", "s_client", "-connect", server.at, "-starttls", "pop3", "-CAfile", self.ca]
            for version in ["-tls1_2", "-tls1_3"]:
                output = run(*base, version, "-verify_return_error", "-verify_hostname", "localhost", input="QUIT\r\n")
                assert "Verify return code: 0 (ok)" in output, output

    def test_the_command_line(self):
        assert "\nUsage: pop3 " in example("pop3", "--help")
        for options, says in [
            ([], "give --user NAME"),
            (["--user", "alice"], "go together"),
            ([*USERS, "--mail-dir", "/dev/null"], "cannot use /dev/null"),
            ([*USERS, "--key", "x"], "--key needs --cert"),
        ]:
            output = example("pop3", "tcp:0", *options, expect=2)
            assert says in output, (options, output)


if __name__ == "__main__":
    main()
