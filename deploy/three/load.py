"""Clients that ask without end, and write down what becomes of each request."""

import http.client
import random
import socket
import threading
import time
from dataclasses import dataclass

from instance import PATIENCE

# What a balancer may answer for a server that is not there.
FAULTS = (OSError, http.client.HTTPException)


@dataclass
class Request:
    kind: str
    begun: float
    ended: float
    # Why it has failed, or None.
    fault: str | None
    # Whether it was sent a second time, since a connection that was kept had just been closed.
    repeated: bool = False


class Repeated(Exception):
    """All is well, at the second time."""


class Load:
    """This many clients of each kind: `web` with connections that are kept, and `lines` with new ones."""

    def __init__(self, balancer, clients):
        self.balancer, self.is_over = balancer, False
        self.requests = []
        kinds = [self.web, self.lines] * clients
        self.threads = [threading.Thread(target=kind, args=(random.Random(n),), daemon=True) for n, kind in enumerate(kinds)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def note(self, kind, ask):
        begun, fault, repeated = time.monotonic(), None, False
        try:
            ask()
        except Repeated:
            repeated = True
        except FAULTS as error:
            fault = f"{type(error).__name__}: {error}"
        # `append` of a list is one step for all threads.
        self.requests.append(Request(kind, begun, time.monotonic(), fault, repeated))

    def web(self, random):
        browser = Browser(self.balancer.web, random)
        while not self.is_over:
            self.note("web", browser.ask)
        browser.connection.close()

    def lines(self, random):
        while not self.is_over:
            self.note("lines", lambda: converse(self.balancer.lines, random))


class Browser:
    """A client that keeps its connection, as those of HTTP do."""

    def __init__(self, port, random):
        # It connects when it is asked, and again if an answer has said that it is the last.
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.random = random

    def ask(self):
        sent = self.random.randbytes(self.random.choice([1, 100, 5000]))
        was_kept = self.connection.sock is not None
        try:
            self.exchange(sent)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # A server may close a connection that it thinks idle at any time (RFC 9112, 9.3.1): without a byte of an
            # answer, a request that may be repeated is.
            if not was_kept:
                raise
            self.exchange(sent)
            raise Repeated from None

    def exchange(self, sent):
        try:
            self.connection.request("POST", "/echo", sent)
            answer = self.connection.getresponse()
            body = answer.read()
        except FAULTS:
            self.connection.close()
            raise
        if (answer.status, body) != (200, sent):
            raise http.client.HTTPException(f"{answer.status}, {len(body)} bytes for {len(sent)}")


def converse(port, random):
    """A whole connection: some lines and their answers, and an end in order."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as wire, wire.makefile("rb") as heard:
        # The server says what the balancer has told it: where this client is.
        host, here = wire.getsockname()
        introduction = heard.readline().decode()
        if not introduction.startswith(f"SRC {host} {here} DST {host} {port}"):
            raise ConnectionError(f"an introduction: {introduction!r}")
        for _ in range(random.randrange(1, 6)):
            line = random.randbytes(random.choice([1, 100, 5000]))
            wire.sendall(line)
            answer = heard.read(len(line))
            if answer != line:
                raise ConnectionError(f"{len(answer)} bytes for {len(line)}")
        wire.shutdown(socket.SHUT_WR)
        if heard.read():
            raise ConnectionError("more than was asked for")
