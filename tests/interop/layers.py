"""TLS in TLS with Python's ssl: layers that start and end on one socket, with every byte behind an end kept for what is below."""

import ssl


class Wire:
    """A socket."""

    def __init__(self, connection):
        self.connection = connection
        self.kept = b""

    def write(self, data):
        self.connection.sendall(data)

    def read(self):
        kept, self.kept = self.kept, b""
        return kept or self.connection.recv(65536)


class Layer:
    """TLS on a wire, or on another layer."""

    def __init__(self, below, context, **role):
        self.below = below
        self.kept = b""
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, **role)
        self.do(self.tls.do_handshake)

    def do(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self.flush()
                if data := self.below.read():
                    self.into.write(data)
                else:
                    self.into.write_eof()
            finally:
                self.flush()

    def flush(self):
        if self.out.pending:
            self.below.write(self.out.read())

    def write(self, data):
        self.do(self.tls.write, data)

    def read(self):
        kept, self.kept = self.kept, b""
        return kept or self.do(self.tls.read)

    def end(self):
        """close_notify in both directions. What came behind it is the lower layer's."""
        self.do(self.tls.unwrap)
        self.below.kept = self.into.read() + self.below.kept
        return self.below


class Lines:
    """Lines on whatever the conversation has come to."""

    def __init__(self, connection, end=b"\r\n"):
        self.at = Wire(connection)
        self.end = end

    def send(self, *lines):
        self.at.write(b"".join(line.encode() + self.end for line in lines))

    def receive(self):
        """A line; an empty one at the end of all."""
        line = b""
        while not line.endswith(b"\n"):
            data = self.at.read()
            if not data:
                break
            line += data
            line, newline, rest = line.partition(b"\n")
            line += newline
            self.at.kept = rest + self.at.kept
        return line.decode().rstrip("\r\n")

    def ask(self, line):
        self.send(line)
        return self.receive()

    def start(self, context, **role):
        self.at = Layer(self.at, context, **role)

    def stop(self):
        self.at = self.at.end()
