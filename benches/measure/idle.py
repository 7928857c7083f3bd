"""Connections that have talked once and are silent: memory each, and what a server does meanwhile."""

import time

from . import process
from .load import Load
from .programs import TLS, present
from .section import Section
from .server import Server

PLAIN = ["mio", "retwist", "tokio", "libuv", "go", "asyncio", "twisted"]
SECURE = ["mio-rustls-unbuffered", "retwist-tls", "mio-rustls", "tokio-rustls", "twisted-tls"]
SECONDS = 3


def measure(name, options):
    if name == "idle":
        return section(name, "idle connections", PLAIN, (), (10_000, 19_000), options)
    return section(name, "idle TLS connections", SECURE, TLS, (4_000, 8_000), options)


def section(name, what, peers, arguments, counts, options):
    few, all_of_them = counts
    rows, bars = [], []
    for peer in present(peers):
        each, wake_ups, cpu = silence(peer, arguments, counts, options.core)
        rows.append([peer, f"{each:,.0f}", str(wake_ups), f"{cpu / 1e3:,.0f}"])
        bars.append((peer, each, each, each))
    title = f"{what}: bytes of memory each, from {few:,} to {all_of_them:,}"
    window = f"in {SECONDS} s of silence"
    head = ["peer", "bytes a connection", f"wake-ups {window}", f"CPU us {window}"]
    return Section(name, title, head, rows, bars, unit="bytes a connection")


def silence(peer, arguments, counts, core):
    """Bytes a connection, by the slope between two counts; then wake-ups and nanoseconds of CPU."""
    few, all_of_them = counts
    with Server(peer, arguments, core=core) as server:
        with Load(server.port, [*arguments, "--connections", few], core + 1):
            before = process.resident(server.pid)
            rest = [*arguments, "--connections", all_of_them - few]
            with Load(server.port, rest, core + 1):
                each = (process.resident(server.pid) - before) / (all_of_them - few)
                # What has just been sent is settled.
                time.sleep(0.5)
                woken, cpu = process.wake_ups(server.pid), process.cpu(server.pid)
                time.sleep(SECONDS)
                woken = process.wake_ups(server.pid) - woken
                return each, woken, process.cpu(server.pid) - cpu
