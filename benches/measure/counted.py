"""The figures that are counted: how, what was asked for, and what this project may cost at most."""

import dataclasses
from collections.abc import Callable

from . import timers
from .counters import (
    allocations_a_message,
    heap_a_connection,
    instructions,
    instructions_a_message,
    system_calls_a_message,
)
from .crowd import ALL, TALKING
from .programs import TLS, present

FIFTY = ["--connections", 50]
UNIX = [*FIFTY, "--unix"]
DATAGRAMS = ["--workload", "udp"]
BURSTS = [*DATAGRAMS, "--depth", 64]
LINE_BLOCK = 65520
# Not on a counting allocator.
UNCOUNTED = {"libuv"}


@dataclasses.dataclass
class Figure:
    what: str
    # None where the goal is a time.
    goal: float | None
    # A little above what it costs now.
    bound: float
    count: Callable
    allocator: bool = False

    def of(self, peer):
        if self.allocator and peer in UNCOUNTED:
            return None
        return self.count(peer)


@dataclasses.dataclass
class Group:
    what: str
    # The first is this project.
    peers: list
    figures: list

    def table(self):
        peers = present(self.peers)
        lines = [f"| {' | '.join([self.what, 'goal', 'bound', *peers])} |"]
        lines.append("|---" * (3 + len(peers)) + "|")
        for figure in self.figures:
            counts = ["" if (n := figure.of(peer)) is None else f"{n:,.4g}" for peer in peers]
            lines.append(f"| {' | '.join([figure.what, *limits(figure), *counts])} |")
        return "\n".join(lines)

    def check(self):
        """A sentence for each figure of this project that is above its bound."""
        for figure in self.figures:
            count = figure.of(self.peers[0])
            print(f"{self.what}: {figure.what}: {count:,.4g} of {figure.bound:g}", flush=True)
            if count > figure.bound:
                yield f"{self.what}: {figure.what}: {count:,.4g} is above {figure.bound:g}"


def limits(figure):
    goal = "" if figure.goal is None else f"{figure.goal:,g}"
    return goal, f"{figure.bound:,g}"


def crowded(peer):
    """The same 50 connections cost so much more where many others are silent."""
    load = ["--talking", TALKING, "--connections"]
    alone, among_all = (
        instructions_a_message(peer, [*load, count], messages=20_000) for count in (TALKING, ALL)
    )
    return among_all / alone


def a_line(peer):
    """Of a stream of lines of 20 bytes that is read 64 KiB at a time, as far as the system has so much."""
    load = ["--workload", "lines", "--size", LINE_BLOCK]
    return instructions_a_message(peer, load, messages=1000) / (LINE_BLOCK / 20)


def a_timer(operation):
    """The difference of a long and a short run: what is done to timers, or how many there are that fire."""

    def count(peer):
        runs = []
        for times in (10_000, 60_000):
            pending = times if operation == "fire" else 10_000
            runs.append(instructions(timers.command(peer, operation, pending, times)))
        return (runs[1] - runs[0]) / 50_000

    return count


GROUPS = [
    Group(
        "64 B echo",
        ["retwist", "mio", "tokio", "libuv"],
        [
            Figure(
                "user instructions, 50 connections",
                200,
                272,
                lambda peer: instructions_a_message(peer, FIFTY),
            ),
            Figure(
                "the same, 1 connection (a whole turn of the loop)",
                350,
                345,
                lambda peer: instructions_a_message(peer, []),
            ),
            Figure(f"user instructions, {TALKING} of {ALL:,} against {TALKING}", 1.05, 1.05, crowded),
            Figure(
                "system calls, 50 connections",
                2.04,
                2.06,
                lambda peer: system_calls_a_message(peer, FIFTY),
            ),
            Figure(
                "system calls, 1 connection", 3, 3.01, lambda peer: system_calls_a_message(peer, [])
            ),
            Figure("allocations", 0, 0.001, lambda peer: allocations_a_message(peer, FIFTY), True),
            Figure("heap of an idle connection, bytes", 320, 308, heap_a_connection, True),
        ],
    ),
    Group(
        "TLS",
        ["retwist-tls", "mio-rustls-unbuffered", "mio-rustls", "tokio-rustls"],
        [
            Figure(
                "user instructions a 64 B echo, 50 connections",
                4700,
                5330,
                lambda peer: instructions_a_message(peer, [*FIFTY, *TLS], TLS),
            ),
            Figure(
                "heap of an idle connection, two tickets cached, bytes",
                5200,
                3320,
                lambda peer: heap_a_connection(peer, TLS, TLS, connections=1500),
                True,
            ),
        ],
    ),
    Group(
        "64 B echo over UNIX sockets",
        ["retwist-unix", "mio-unix", "tokio-unix"],
        [
            Figure(
                "user instructions, 50 connections",
                None,
                313,
                lambda peer: instructions_a_message(peer, UNIX),
            ),
            Figure(
                "system calls, 50 connections",
                2.04,
                2.06,
                lambda peer: system_calls_a_message(peer, UNIX),
            ),
            Figure("allocations", 0, 0.001, lambda peer: allocations_a_message(peer, UNIX), True),
            Figure(
                "heap of an idle connection, bytes",
                None,
                308,
                lambda peer: heap_a_connection(peer, ["--unix"]),
                True,
            ),
        ],
    ),
    Group(
        "64 B datagrams, echo",
        ["retwist-udp", "mio-udp", "tokio-udp"],
        [
            Figure(
                "user instructions, one at a time (a whole turn of the loop)",
                None,
                1300,
                lambda peer: instructions_a_message(peer, DATAGRAMS),
            ),
            Figure(
                "the same, 64 in flight",
                None,
                1000,
                lambda peer: instructions_a_message(peer, BURSTS, messages=12_800),
            ),
            Figure(
                "system calls, one at a time",
                3,
                3.01,
                lambda peer: system_calls_a_message(peer, DATAGRAMS),
            ),
            Figure(
                "allocations, 64 in flight",
                0,
                0.001,
                lambda peer: allocations_a_message(peer, BURSTS),
                True,
            ),
        ],
    ),
    Group(
        "lines of 20 bytes",
        ["retwist-lines", "tokio-lines"],
        [Figure("user instructions a line", 60, 60, a_line)],
    ),
    Group(
        "timers, callback in a box, 10,000 pending",
        ["retwist", "tokio"],
        [
            Figure("user instructions to insert and cancel", None, 430, a_timer("insert-cancel")),
            Figure("user instructions to move later", None, 105, a_timer("reset")),
            Figure("user instructions to insert, and to fire", None, 1150, a_timer("fire")),
        ],
    ),
]
