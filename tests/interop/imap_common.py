"""What the tests of the example `imap` share: the server, and clients that hold to the rules or do not."""

import contextlib
import imaplib
import socket

from common import Server, TestCase

USER, PASSWORD = "alice", "correct horse"
TEXT = b"From: Bob <bob@example.org>\r\nTo: alice@localhost\r\nSubject: plain\r\nMessage-ID: <1@example.org>\r\n\r\nHello.\r\n"


class ImapTestCase(TestCase):
    def setUp(self):
        super().setUp()
        self.mail = self.path / "mail"

    def serve(self, *options, **how):
        own = ["--mail-dir", self.mail, "--user", USER, "--password", PASSWORD, "--ca-out", self.ca]
        return Server("imap", *own, *options, **how)

    @contextlib.contextmanager
    def client(self, server, select="INBOX"):
        """imaplib, logged in."""
        with imaplib.IMAP4("localhost", server.port) as client:
            client.starttls(self.trusting())
            client.login(USER, PASSWORD)
            if select:
                ok(client.select(select))
            yield client

    @contextlib.contextmanager
    def wire(self, server, protect=True, login=True):
        """A connection without a client."""
        wire = Wire(socket.create_connection(("localhost", server.port)))
        try:
            wire.until(b"* OK ")
            if protect:
                wire.says(b"s STARTTLS", b"s OK")
                wire.protect(self.trusting())
                if login:
                    wire.says(f'l LOGIN {USER} "{PASSWORD}"'.encode(), b"l OK")
            yield wire
        finally:
            # The socket stays open as long as the file.
            wire.file.close()
            wire.socket.close()

    def files(self, folder):
        return sorted(file.name for file in (self.mail / USER / folder).iterdir())


class Wire:
    """Lines of a connection, and what is between them."""

    def __init__(self, connection):
        self.socket = connection
        self.file = connection.makefile("rb")

    def protect(self, context):
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def until(self, beginning):
        """All lines up to one that begins so."""
        lines = []
        while line := self.file.readline():
            lines.append(line)
            if line.startswith(beginning):
                return b"".join(lines)
        raise AssertionError(f"no line begins with {beginning}: {lines}")

    def says(self, command, beginning):
        """Sends a command, and returns its answer up to a line that begins so."""
        self.send(command + b"\r\n")
        return self.until(beginning)

    def rest(self):
        """All that comes to the end, orderly or not."""
        rest = []
        with contextlib.suppress(ConnectionError, OSError):
            while data := self.file.read1(65536):
                rest.append(data)
        return b"".join(rest)


def ok(answer):
    """What the server says, if it says OK."""
    assert answer[0] == "OK", answer
    return answer[1]
