"""Server CPU a message, over all peers: ping-pong, bulk, connections, handshakes, lines, forwarding."""

import contextlib
import dataclasses

from . import rounds
from .programs import TLS
from .section import Section
from .server import Server

NATIVE = ["mio", "retwist", "retwist-again", "tokio", "libuv"]
# What runs on a machine of its own, which warms up, or is interpreted.
PLAIN = [*NATIVE, "go", "netty", "asyncio", "twisted"]
SECURE = [
    "mio-rustls",
    "retwist-tls",
    "retwist-tls-again",
    "mio-rustls-unbuffered",
    "tokio-rustls",
    "twisted-tls",
]
DATAGRAMS = ["mio-udp", "retwist-udp", "retwist-udp-again", "tokio-udp"]
UNIX = ["mio-unix", "retwist-unix", "retwist-unix-again", "tokio-unix"]
LINES = ["tokio-lines", "retwist-lines", "retwist-lines-again"]
FORWARD = ["mio-forward", "retwist-forward", "retwist-forward-again", "tokio-forward"]

FIFTY = ("--connections", 50)
LARGE = (*FIFTY, "--size", 16 * 1024)
BULK = ("--size", 64 * 1024, "--depth", 16)
UDP = ("--workload", "udp")
CHURN = ("--workload", "churn")
LINE_BLOCK = 65520


@dataclasses.dataclass
class Workload:
    what: str
    # The first is what the ratios are to.
    peers: list
    load: tuple = ()
    server: tuple = ()
    # What a figure is of, and how many of them there are in a message.
    unit: str = "ns"
    in_a_message: float = 1
    # Who is behind a server that forwards.
    behind: str = ""


WORKLOADS = {
    "fifty": Workload("64 B ping-pong, 50 connections", PLAIN, FIFTY),
    "one": Workload("64 B ping-pong, 1 connection", NATIVE),
    "many": Workload("64 B ping-pong, 512 connections", NATIVE, ("--connections", 512)),
    "deep": Workload("64 B, 50 connections, 16 in flight", NATIVE, (*FIFTY, "--depth", 16)),
    "large": Workload("16 KiB ping-pong, 50 connections", PLAIN, LARGE),
    "bulk": Workload("64 KiB, 1 connection, 16 in flight", NATIVE, BULK, BULK[:2]),
    "churn": Workload(
        "connect, echo 64 B, close; 32 at a time", PLAIN, (*CHURN, "--connections", 32)
    ),
    "unix": Workload("64 B ping-pong over UNIX sockets, 50 connections", UNIX, (*FIFTY, "--unix")),
    "unix-large": Workload(
        "16 KiB ping-pong over UNIX sockets, 50 connections", UNIX, (*LARGE, "--unix")
    ),
    "udp": Workload("64 B datagrams, one at a time", DATAGRAMS, UDP),
    "udp-deep": Workload("64 B datagrams, 64 in flight", DATAGRAMS, (*UDP, "--depth", 64)),
    "lines": Workload(
        "lines of 20 bytes, as many at a time as a read takes",
        LINES,
        ("--workload", "lines", "--size", LINE_BLOCK),
        unit="ns a line",
        in_a_message=LINE_BLOCK / 20,
    ),
    "forward": Workload(
        "forwarding: 64 KiB there and back, 16 in flight",
        FORWARD,
        BULK,
        unit="ms a GiB",
        # A GiB is 8,192 messages that go there and come back.
        in_a_message=1e6 / 8192,
        behind="mio",
    ),
    "tls": Workload("TLS, 64 B ping-pong, 50 connections", SECURE, FIFTY),
    "tls-large": Workload("TLS, 16 KiB ping-pong, 50 connections", SECURE, LARGE),
    "tls-bulk": Workload("TLS, 64 KiB, 1 connection, 16 in flight", SECURE, BULK, BULK[:2]),
    "tls-full": Workload(
        "full handshake, echo 64 B, close; 16 at a time", SECURE, (*CHURN, "--connections", 16)
    ),
    "tls-resumed": Workload(
        "resumed handshake, echo 64 B, close; 16 at a time",
        SECURE,
        (*CHURN, "--connections", 16, "--resume"),
    ),
}


def measure(name, options):
    workload = WORKLOADS[name]
    secure = TLS if workload.peers is SECURE else ()
    load, server = [*workload.load, *secure], [*workload.server, *secure]
    with contextlib.ExitStack() as running:
        if workload.behind:
            behind = running.enter_context(Server(workload.behind, core=options.core + 1))
            server += ["--to", behind.port]
        figures = rounds.measure(workload.peers, load, rounds.servers(server, options), options)
    base = workload.peers[0]
    return Section.side_by_side(name, workload.what, figures, base, workload.unit, workload.in_a_message)
