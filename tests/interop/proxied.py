"""A server without TLS that a proxy can stand before, and the proxy itself: what the tests of `starttls_proxy` share."""

import contextlib
import socket
import socketserver
import struct
import threading

from common import Server, TestCase, authority

# What a plain server says first. The others wait for their clients.
GREETINGS = {
    "smtp": b"220 plain ESMTP\r\n",
    "lmtp": b"220 plain LMTP\r\n",
    "imap": b"* OK plain\r\n",
    "pop3": b"+OK plain\r\n",
    "nntp": b"200 plain\r\n",
    "ftp": b"220 plain\r\n",
    "sieve": b'"SIEVE" ""\r\n"STARTTLS"\r\nOK\r\n',
}
# What MariaDB 10.11 says, without TLS.
MYSQL = b"\x0a5.5.5-10.11.19-MariaDB\0\x03\0\0\0Zz3T#o5{\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\09x=O]>P[!9pQ\0mysql_native_password\0"
GREETINGS["mysql"] = struct.pack("<I", len(MYSQL)) + MYSQL
DIALECTS = [*GREETINGS, "irc", "xmpp", "ldap", "postgres"]
# What a client of the stripping proxy hears first, without having said a word.
FIRST = {"smtp": b"220 ", "lmtp": b"220 ", "imap": b"* OK ", "pop3": b"+OK ", "nntp": b"201 ", "ftp": b"220 ", "sieve": b'"', "mysql": b"Z\0\0\0"}


def mysql_packet(number, payload):
    return struct.pack("<I", len(payload) | number << 24) + payload


def mysql_login(number, flags):
    """A login; 0x08 among the flags says TLS. Its first 32 bytes alone ask for TLS."""
    return mysql_packet(number, bytes([0x85, flags, 0x3E, 0, 0, 0, 0, 1, 45]).ljust(32, b"\0") + b"me\0\x03abcmysql_native_password\0")


# What a client in clear says to a server that echoes.
PLAIN_HELLO = {"mysql": mysql_login(1, 0xA6), "postgres": struct.pack("!II", 9, 196608) + b"\0"}
# Of XMPP, a client does not meet a server whose features have no end.
SAID = b"hello</stream:features>\n"


class Plain(socketserver.ThreadingTCPServer):
    """A server without TLS: greets, hands each connection to `serve`, and keeps all that came."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, greeting=b"", serve=None):
        self.greeting, self.serve, self.heard = greeting, serve or Plain.echo, []
        super().__init__(("127.0.0.1", 0), Conversation)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def echo(self, wire):
        while data := wire.recv(65536):
            self.heard.append(data)
            wire.sendall(data)

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Conversation(socketserver.BaseRequestHandler):
    def handle(self):
        # A client that breaks off ends its conversation.
        with contextlib.suppress(OSError):
            self.request.sendall(self.server.greeting)
            self.server.serve(self.server, self.request)


class Cutting(Plain):
    """A host on the way to a port. `cut` ends both connections in order, whatever is under way inside."""

    def __init__(self, to):
        self.to, self.wires = to, []
        super().__init__(serve=Cutting.forward)

    def forward(self, wire):
        with socket.create_connection(("127.0.0.1", self.to)) as other:
            self.wires += [wire, other]
            back = threading.Thread(target=self.pump, args=(other, wire), daemon=True)
            back.start()
            self.pump(wire, other)
            back.join()

    def pump(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def cut(self):
        for wire in self.wires:
            # The other one may have ended with it.
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)


def receive(wire, count=None):
    """This many bytes, or all up to the end."""
    data = b""
    while count is None or len(data) < count:
        with contextlib.suppress(ConnectionResetError):
            if more := wire.recv(65536):
                data += more
                continue
        break
    return data


def until(wire, ending):
    data = b""
    while not data.endswith(ending):
        more = wire.recv(65536)
        assert more, data
        data += more
    return data


class ProxyCase(TestCase):
    """A proxy before or behind a server, with certificates for it."""

    def setUp(self):
        super().setUp()
        authority(self.path)
        self.identity = ["--cert", self.path / "server.pem"]

    def proxy(self, mode, dialect, port, *options):
        return Server("starttls_proxy", mode, dialect, "tcp:0:interface=127.0.0.1", f"tcp:localhost:{port}", *options, endpoint=None)

    def add(self, dialect, backend, *options):
        return self.proxy("add", dialect, backend.port, *self.identity, *options)

    def strip(self, dialect, backend, *options):
        return self.proxy("strip", dialect, backend.port, "--trust-roots", self.ca, *options)

    def connect(self, server):
        return socket.create_connection(("127.0.0.1", server.port))
