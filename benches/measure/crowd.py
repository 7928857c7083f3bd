"""A message where 50 connections talk and the others are silent, against the same 50 alone."""

import statistics

from . import rounds
from .load import Load
from .plot import shown
from .programs import present
from .section import Section
from .server import Server

PEERS = ["mio", "retwist", "tokio", "libuv", "twisted"]
TALKING = 50
ALL = 19_000


def measure(_, options):
    rows, bars = [], []
    for peer in present(PEERS):
        alone, crowded = pairs(peer, options)
        middle, low, high = rounds.ratios(crowded, alone)
        figures = [shown(statistics.median(each)) for each in (alone, crowded)]
        rows.append([peer, *figures, f"{middle:.3f} ({low:.3f}-{high:.3f})"])
        bars.append((peer, middle, low, high))
    title = f"64 B ping-pong, {TALKING} of {ALL:,} connections, against {TALKING} in all"
    head = ["peer", "CPU ns, alone", "in the crowd", "paired ratio: median (quartiles)"]
    return Section("crowd", title, head, rows, bars, unit="CPU in the crowd, alone = 1")


def pairs(peer, options):
    """Two servers of the peer, in turns: one with these connections alone, one with all."""
    load = ["--talking", TALKING, "--seconds", options.seconds]
    core = options.core
    with Server(peer, core=core) as quiet, Server(peer, core=core) as full:
        with (
            Load(quiet.port, [*load, "--connections", TALKING], core + 1) as few,
            Load(full.port, [*load, "--connections", ALL], core + 1) as many,
        ):
            figures = [
                (rounds.window(quiet, few), rounds.window(full, many))
                for _ in range(options.rounds)
            ]
    return zip(*figures)
