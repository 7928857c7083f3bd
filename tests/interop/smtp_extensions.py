"""The example `smtp` with log-ins, LMTP, BDAT, SMTPUTF8, many commands at once, and clients that it leaves: by real clients where there are some."""

import base64
import contextlib
import io
import pathlib
import re
import signal
import smtplib
import socket
import threading

from common import PATIENCE, Server, TestCase, by_arrival, example, main, needs, run

FROM, TO = "me@example.org", "alice@localhost"
TEXT = "From: me@example.org\r\nSubject: hello\r\n\r\none\r\n..two\r\n"


class Mail(TestCase):
    def setUp(self):
        super().setUp()
        self.mail = self.path / "mail"

    def serve(self, *options, **more):
        users = ["--user", "alice", "--password", "secret", "--user", "Bob", "--password", "p\u00e4ss w,=rd"]
        return Server("smtp", "--mail-dir", self.mail, "--ca-out", self.ca, *users, *options, **more)

    def messages(self, user="alice"):
        assert list(self.mail.glob("*/tmp/*")) == []
        files = by_arrival((self.mail / user / "new").glob("*"))
        return [file.read_bytes() for file in files]

    @contextlib.contextmanager
    def wire(self, server, protect=False):
        """A connection as a file of lines, behind its greeting."""
        with contextlib.ExitStack() as stack:
            wire = stack.enter_context(socket.create_connection(("localhost", server.port)))
            lines = stack.enter_context(wire.makefile("rwb", buffering=0))
            assert lines.readline().startswith(b"220 ")
            if protect:
                lines.write(b"STARTTLS\r\n")
                assert lines.readline().startswith(b"220 ")
                wire = stack.enter_context(self.trusting().wrap_socket(wire, server_hostname="localhost"))
                lines = stack.enter_context(wire.makefile("rwb", buffering=0))
            yield lines


def ask(lines, command):
    """The last line of a reply."""
    lines.write(command.encode() + b"\r\n")
    return reply(lines)


def reply(lines):
    while True:
        line = lines.readline().decode()
        assert line[3:4] in ("-", " "), line
        if line[3] == " ":
            return line.rstrip()


class Login(Mail):
    def test_it_is_neither_shown_nor_taken_in_clear(self):
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            client.ehlo()
            assert not client.has_extn("auth") and client.has_extn("starttls")
            for command in ["AUTH PLAIN AGFsaWNlAHNlY3JldA==", "AUTH LOGIN", "AUTH SCRAM-SHA-256", "AUTH"]:
                assert client.docmd(command)[0] in (538, 501), command
            client.starttls(context=self.trusting())
            assert client.docmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==")[0] == 503
            client.ehlo()
            assert not client.has_extn("starttls")
            offered = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]
            assert client.esmtp_features["auth"].split() == offered, client.esmtp_features

    def test_smtplib(self):
        with self.serve("--require-auth") as server:
            for method in ["auth_plain", "auth_login"]:
                with smtplib.SMTP("localhost", server.port) as client:
                    client.starttls(context=self.trusting())
                    client.ehlo()
                    assert client.docmd("MAIL FROM:<a@b>")[0] == 530
                    client.user, client.password = "alice", "secret"
                    assert client.auth(method[5:].upper(), getattr(client, method))[0] == 235
                    assert client.docmd("AUTH PLAIN AGFsaWNlAHNlY3JldA==")[0] == 503
                    client.sendmail(FROM, [TO], TEXT)
                with smtplib.SMTP("localhost", server.port) as client:
                    client.starttls(context=self.trusting())
                    with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                        client.login("alice", "wrong")
                    assert refused.exception.smtp_code == 535
        messages = self.messages()
        assert len(messages) == 2 and all(b" with ESMTPSA;" in text for text in messages), messages

    def test_swaks(self):
        needs("swaks")
        with self.serve("--require-auth") as server:
            common = ["swaks", "--server", server.at, "--from", FROM, "--to", TO]
            tls = ["--tls", "--tls-ca-path", self.ca, "--tls-verify", "--tls-sni", "localhost"]
            for method in ["PLAIN", "LOGIN"]:
                run(*common, *tls, "--auth", method, "--auth-user", "alice", "--auth-password", "secret")
                run(*common, *tls, "--auth", method, "--auth-user", "alice", "--auth-password", "wrong", expect=28)
            # Nothing of it is offered in clear.
            run(*common, "--auth", "PLAIN", "--auth-user", "alice", "--auth-password", "secret", expect=28)
        assert len(self.messages()) == 2

    def test_msmtp(self):
        needs("msmtp")
        with self.serve("--require-auth") as server:
            common = ["msmtp", "--host=localhost", f"--port={server.port}", f"--from={FROM}", "--tls=on", "--tls-starttls=on"]
            common += [f"--tls-trust-file={self.ca}", "--user=alice"]
            for method in ["scram-sha-256", "plain", "login"]:
                for word, code in [("secret", 0), ("wrong", 77)]:
                    run(*common, f"--auth={method}", f"--passwordeval=echo {word}", TO, input=TEXT, expect=code)
        assert len(self.messages()) == 3

    def test_curl(self):
        needs("curl")
        message = self.path / "message"
        message.write_bytes(TEXT.encode())
        with self.serve("--require-auth") as server:
            common = ["curl", "-sS", f"smtp://{server.at}/me", "--mail-from", FROM, "--mail-rcpt", TO, "-T", message]
            common += ["--ssl-reqd", "--cacert", self.ca]
            for method in ["PLAIN", "LOGIN"]:
                run(*common, "--user", "alice:secret", "--login-options", f"AUTH={method}")
            # Letters beyond ASCII, and what SCRAM writes otherwise.
            run(*common, "--user", "bob:p\u00e4ss w,=rd")
            # 67: the log-in is refused.
            run(*common, "--user", "alice:wrong", expect=67)
        assert len(self.messages()) == 3

    def test_what_goes_wrong(self):
        with self.serve() as server:
            with self.wire(server, protect=True) as lines:
                assert ask(lines, "EHLO me").startswith("250 ")
                assert ask(lines, "AUTH GSSAPI").startswith("504 ")
                assert ask(lines, "AUTH PLAIN") == "334"
                assert ask(lines, "*").startswith("501 ")
                assert ask(lines, "AUTH LOGIN") == "334 VXNlcm5hbWU6"
                assert ask(lines, "not base64!").startswith("501 ")
                # The third failure is the last one.
                assert ask(lines, "AUTH PLAIN =").startswith("421 ")
                assert lines.readline() == b""
            with self.wire(server, protect=True) as lines:
                ask(lines, "EHLO me")
                assert ask(lines, "AUTH PLAIN") == "334"
                assert ask(lines, base64.b64encode(b"x" * 5000).decode()).startswith("500 5.5.6")
                assert ask(lines, "MAIL FROM:<a@b>").startswith("250 ")
                assert ask(lines, "AUTH PLAIN").startswith("503 ")
                assert ask(lines, "RSET").startswith("250 ")
                # Commands are no responses, and responses no commands.
                assert ask(lines, "AUTH LOGIN dXNlcg==").startswith("334 ")
                assert ask(lines, "RSET").startswith("535 ")
                assert ask(lines, "NOOP").startswith("250 ")

    def test_a_user_that_is_unknown_looks_like_one_that_is_known(self):
        def words(user, lines):
            first = base64.b64encode(f"n,,n={user},r=abc".encode()).decode()
            challenge = base64.b64decode(ask(lines, f"AUTH SCRAM-SHA-256 {first}").split()[1]).decode()
            nonce, salt, iterations = challenge.split(",")
            last = f"c=biws,{nonce},p={base64.b64encode(bytes(32)).decode()}"
            return salt, (len(nonce), iterations, ask(lines, base64.b64encode(last.encode()).decode()))

        with self.serve() as server:
            with self.wire(server, protect=True) as lines:
                ask(lines, "EHLO me")
                salt, known = words("alice", lines)
                other, unknown = words("mallory", lines)
            assert known == unknown and len(salt) == len(other), (known, unknown)
            with self.wire(server, protect=True) as lines:
                ask(lines, "EHLO me")
                assert words("mallory", lines)[0] == other


class Recipients(Mail):
    def test_only_the_users_get_mail(self):
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            client.ehlo()
            client.mail(FROM)
            for address, code in [
                ("alice@localhost", 250),
                ("Alice@LOCALHOST", 250),
                ("bob@localhost", 250),
                ("mallory@localhost", 550),
                ("alice@example.org", 550),
                ("../alice@localhost", 550),
                ("postmaster", 250),
                ("<bob@localhost", 501),
            ]:
                assert client.docmd(f"RCPT TO:<{address}>")[0] == code, address
            client.data(TEXT)
        (alice,), (bob,) = self.messages(), self.messages("bob")
        assert alice.endswith(b"\r\none\r\n..two\r\n"), alice
        assert b"bob" not in alice and b"alice" not in bob and b"Alice" not in bob, (alice, bob)

    def test_lmtp_has_an_answer_for_each(self):
        with self.serve("--lmtp") as server:
            with smtplib.LMTP("localhost", server.port) as client:
                client.starttls(context=self.trusting())
                # It reads one answer for all of them.
                refused = client.sendmail(FROM, [TO, "mallory@localhost"], TEXT)
                assert list(refused) == ["mallory@localhost"], refused
            with self.wire(server) as lines:
                assert ask(lines, "EHLO me").startswith("500 ")
                assert ask(lines, "HELO me").startswith("500 ")
                assert ask(lines, "LHLO me").startswith("250 ")
                for end in ["DATA\r\nsame\r\n.", "BDAT 4 LAST\r\nsame"]:
                    ask(lines, "MAIL FROM:<me@example.org>")
                    for address in ["alice@localhost", "Bob@localhost", "ALICE@localhost"]:
                        assert ask(lines, f"RCPT TO:<{address}>").startswith("250 ")
                    lines.write(end.encode() + (b"\r\n" if end.startswith("DATA") else b""))
                    if end.startswith("DATA"):
                        assert reply(lines).startswith("354 ")
                    for address in ["alice@localhost", "Bob@localhost", "ALICE@localhost"]:
                        assert reply(lines) == f"250 2.0.0 <{address}> has it"
                # Without a recipient there is one answer.
                ask(lines, "MAIL FROM:<me@example.org>")
                assert ask(lines, "DATA").startswith("503 ")
        alice = self.messages()
        assert len(alice) == 3 and b" with LMTPS;" in alice[0] and b" with LMTP;" in alice[1], alice
        assert b"Delivered-To: alice@localhost\r\nDelivered-To: ALICE@localhost\r\n" in alice[1], alice
        assert len(self.messages("bob")) == 2

    def test_lmtp_of_swaks_msmtp_and_curl(self):
        needs("swaks", "msmtp")
        with self.serve("--lmtp") as server:
            tls = ["--tls", "--tls-ca-path", self.ca, "--tls-verify", "--tls-sni", "localhost"]
            run("swaks", "--protocol", "LMTP", "--server", server.at, "--from", FROM, "--to", f"{TO},bob@localhost", *tls)
            common = ["msmtp", "--protocol=lmtp", "--host=localhost", f"--port={server.port}", f"--from={FROM}"]
            run(*common, "--tls=on", "--tls-starttls=on", f"--tls-trust-file={self.ca}", TO, input=TEXT)
            run(*common, TO, input=TEXT)
        assert len(self.messages()) == 3 and len(self.messages("bob")) == 1


class Extensions(Mail):
    def test_chunks(self):
        binary = bytes(range(256)) * 300 + b"\r\n.\r\n"
        with self.serve("--max-size", "100000") as server:
            for protect in [False, True]:
                with self.wire(server, protect) as lines:
                    ask(lines, "EHLO me")

                    def begin():
                        assert ask(lines, "MAIL FROM:<a@b> BODY=BINARYMIME").startswith("250 ")
                        assert ask(lines, f"RCPT TO:<{TO}>").startswith("250 ")

                    begin()
                    assert ask(lines, "DATA").startswith("503 ")
                    # A chunk is given by its length, and pieces of it are not lines.
                    lines.write(f"BDAT {len(binary)}\r\n".encode() + binary)
                    assert reply(lines).startswith("250 ")
                    assert ask(lines, "RCPT TO:<bob@localhost>").startswith("503 ")
                    lines.write(b"BDAT 0 LAST\r\nNOOP\r\n")
                    assert [reply(lines)[:3], reply(lines)[:3]] == ["250", "250"]
                    # Too large: this chunk is the last one that counts.
                    begin()
                    lines.write(f"BDAT {len(binary)}\r\n".encode() + binary)
                    lines.write(f"BDAT {len(binary)}\r\n".encode() + binary)
                    assert [reply(lines)[:3], reply(lines)[:3]] == ["250", "552"]
                    lines.write(b"BDAT 4 LAST\r\nQUIT")
                    assert reply(lines).startswith("503 ")
                    # Not wanted at all.
                    lines.write(b"BDAT 4\r\nRSETBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
                    assert [reply(lines)[:3] for _ in range(3)] == ["503", "503", "250"]
                    # RSET in the middle.
                    begin()
                    lines.write(b"BDAT 4\r\nhalfRSET\r\n")
                    assert [reply(lines)[:3], reply(lines)[:3]] == ["250", "250"]
                    # What follows has no end.
                    assert ask(lines, "BDAT all").startswith("501 ")
                    assert lines.readline() == b""
        messages = self.messages()
        assert len(messages) == 2 and all(text.endswith(b"\r\n" + binary) for text in messages)

    def test_letters_beyond_ascii(self):
        sender = "j\u00f6rg@b\u00fccher.example"
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            client.ehlo()
            assert client.has_extn("smtputf8")
            client.command_encoding = "utf-8"
            assert client.docmd(f"MAIL FROM:<{sender}>")[0] == 553
            assert client.docmd("MAIL FROM:<a@b>")[0] == 250
            assert client.docmd(f"RCPT TO:<{sender}>")[0] == 553
            client.rset()
            refused = client.sendmail(sender, [TO, sender], TEXT, ["SMTPUTF8", "BODY=8BITMIME"])
            assert refused[sender][0] == 550, refused
        (message,) = self.messages()
        assert f"Return-Path: <{sender}>\r\n".encode() in message and b" with UTF8SMTP;" in message, message

    def test_a_hundred_thousand_commands_at_once(self):
        """All are answered, in order, and the server's memory does not grow with them."""
        count = 100_000
        with self.serve() as server:
            for protect in [False, True]:
                with self.wire(server, protect) as lines:
                    commands = b"EHLO me\r\n" + b"NOOP\r\nNONSENSE\r\n" * (count // 2) + b"QUIT\r\n"

                    def write():
                        at = 0
                        while at < len(commands):
                            at += lines.write(commands[at : at + 60_000])

                    writer = threading.Thread(target=write, daemon=True)
                    writer.start()
                    assert reply(lines).startswith("250 ")
                    buffered = io.BufferedReader(lines)
                    for _ in range(count // 2):
                        assert buffered.readline().startswith(b"250 ")
                        assert buffered.readline().startswith(b"500 ")
                    assert buffered.readline().startswith(b"221 ")
                    writer.join(PATIENCE)
            # And of a client that does not read, few are taken.
            with socket.create_connection(("localhost", server.port)) as wire:
                wire.settimeout(2)
                sent = 0
                with contextlib.suppress(TimeoutError):
                    while sent < 200_000_000:
                        sent += wire.send(b"NOOP\r\n" * 10_000)
                assert sent < 100_000_000, sent
            status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
            assert peak < 200_000, f"{peak} KiB"

    def test_what_is_under_way_is_finished_when_the_server_stops(self):
        with self.serve("--drain", "60") as server:
            with self.wire(server) as idle, self.wire(server) as begun, self.wire(server) as busy:
                for lines in [begun, busy]:
                    ask(lines, "EHLO me")
                    ask(lines, "MAIL FROM:<me@example.org>")
                    ask(lines, f"RCPT TO:<{TO}>")
                assert ask(busy, "DATA").startswith("354 ")
                busy.write(b"half\r\n")
                server.process.send_signal(signal.SIGTERM)
                assert idle.readline().startswith(b"421 ") and idle.readline() == b""
                # It takes no new client.
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", server.port))
                busy.write(b"and half\r\n.\r\n")
                assert busy.readline().startswith(b"250 ")
                assert busy.readline().startswith(b"421 ") and busy.readline() == b""
                assert ask(begun, "DATA").startswith("354 ")
                begun.write(b"whole\r\n.\r\n")
                assert begun.readline().startswith(b"250 ")
                assert begun.readline().startswith(b"421 ") and begun.readline() == b""
            # It ends before the time is up.
            assert server.process.wait(PATIENCE) == 0
        busy, begun = self.messages()
        assert busy.endswith(b"\r\nhalf\r\nand half\r\n") and begun.endswith(b"\r\nwhole\r\n")

    def test_too_many_clients_hear_so(self):
        with self.serve() as server, contextlib.ExitStack() as stack:
            for _ in range(50):
                stack.enter_context(self.wire(server))
            with socket.create_connection(("localhost", server.port)) as wire:
                assert wire.makefile("rb").readline().startswith(b"421 ")

    def test_mistakes_on_the_command_line(self):
        for options, says in [
            (["--user", "alice"], "go together"),
            (["--password", "x"], "go together"),
            (["--user", "../x", "--password", "x"], "cannot be a name"),
            (["--user", "x", "--password", ""], "empty"),
            (["--require-auth"], "needs --user"),
        ]:
            output = example("smtp", "tcp:0", "--mail-dir", self.mail, *options, expect=2)
            assert says in output, (options, output)


if __name__ == "__main__":
    main()
