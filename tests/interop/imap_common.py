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
            wire.socket.close()

    def files(self, folder):
        return sorted(file.name for file in (self.mail / USER / folder).iterdir())


class Wire:
    """Lines of a connection, and what is between them."""

    def __init__(self, connection):
        self.socket = connection
        self.received = b""

    def protect(self, context):
        assert not self.received, self.received
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, with its end; what there is at the end of input."""
        while b"\n" not in self.received and (data := self.socket.recv(65536)):
            self.received += data
        line, end, self.received = self.received.partition(b"\n")
        return line + end

    def until(self, beginning):
        """All lines up to one that begins so."""
        lines = b""
        while line := self.line():
            lines += line
            if line.startswith(beginning):
                return lines
        raise AssertionError(f"no line begins with {beginning}: {lines}")

    def says(self, command, beginning):
        """Sends a command, and returns its answer up to a line that begins so."""
        self.send(command + b"\r\n")
        return self.until(beginning)

    def rest(self):
        """All that comes to the end, orderly or not."""
        rest = self.received
        with contextlib.suppress(ConnectionError, OSError):
            while data := self.socket.recv(65536):
                rest += data
        return rest


def ok(answer):
    """What the server says, if it says OK."""
    assert answer[0] == "OK", answer
    return answer[1]
