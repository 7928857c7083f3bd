"""How the CPU a message grows with what is asked of a server, as lines."""

import argparse
import dataclasses
import statistics

from . import proxies, rounds
from .plot import shown
from .programs import TLS
from .section import Section
from .server import Server

SIZES = (64, 1024, 4096, 16 * 1024, 64 * 1024)
COUNTS = (1, 8, 64, 512, 4096)


@dataclasses.dataclass
class Workload:
    what: str
    # What stands at the axis across.
    along: str
    points: tuple
    option: str
    peers: list
    load: tuple = ()
    proxy: bool = False


FIFTY = ("--connections", 50)
WORKLOADS = {
    "sizes": Workload(
        "echo over 50 connections, by the size of a message", "bytes in a message", SIZES, "--size",
        ["retwist", "mio", "tokio", "libuv", "go"], FIFTY,
    ),
    "tls-sizes": Workload(
        "TLS, echo over 50 connections, by the size of a message", "bytes in a message", SIZES, "--size",
        ["retwist-tls", "mio-rustls", "tokio-rustls"], (*FIFTY, *TLS),
    ),
    "proxy-sizes": Workload(
        "TLS proxy, echo over 50 connections, by the size of a message", "bytes in a message", SIZES, "--size",
        ["retwist", "haproxy-64k", "nginx-64k", "tokio-64k", "stunnel"], (*FIFTY, *proxies.SAME), True,
    ),
    "connections": Workload(
        "64 B ping-pong, by the number of connections that talk", "connections", COUNTS, "--connections",
        ["retwist", "mio", "tokio", "libuv", "go"],
    ),
}


def measure(name, options):
    workload = WORKLOADS[name]
    # There are many points, each of which says less than a row of a table.
    options = argparse.Namespace(**{**vars(options), "rounds": max(1, options.rounds // 2)})
    lines = {}
    for point in workload.points:
        for peer, raw in at(workload, point, options).items():
            lines.setdefault(peer, []).append((point, statistics.median(raw)))
    # One that has failed somewhere has no line.
    lines = {peer: line for peer, line in lines.items() if len(line) == len(workload.points)}
    head = [workload.along, *lines]
    rows = [
        [f"{point:,}", *(shown(line[row][1]) for line in lines.values())] for row, point in enumerate(workload.points)
    ]
    unit = f"server CPU ns a message (up), {workload.along} (across)"
    remark = f"CPU ns a message, median of {options.rounds} rounds."
    return Section(name, workload.what, head, rows, remark=remark, unit=unit, lines=lines)


def at(workload, point, options):
    """The rounds of each peer, with this size or this number."""
    load = [*workload.load, workload.option, point]
    if workload.proxy:
        with Server("mio", core=options.core + 1) as behind:
            start = lambda peer: proxies.start(peer, behind.port, True, options.core)
            return rounds.measure(workload.peers, load, start, options)
    # tokio's echo has a buffer for a whole message.
    server = ["--size", point] if workload.option == "--size" else []
    server += TLS if TLS[0] in load else ()
    return rounds.measure(workload.peers, load, rounds.servers(server, options), options)
