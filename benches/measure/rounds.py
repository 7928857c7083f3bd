"""Windows of load in rounds: each peer once a round, so that what disturbs one disturbs the next as well."""

import contextlib
import functools
import statistics

from . import process
from .load import Load
from .server import Server


def window(server, load):
    """CPU of the server a message, in one window of the load."""
    before = process.cpu(server.pid)
    count, _ = load.window()
    return (process.cpu(server.pid) - before) / max(count, 1)


def measure(peers, load, server, options, start=None):
    """The figures of each peer, round by round. `start` starts one that is not a server of `benches`."""
    start = start or functools.partial(Server, arguments=server, core=options.core)
    load = [*load, "--seconds", options.seconds]
    with contextlib.ExitStack() as running:
        pairs = {}
        for peer in peers:
            started = running.enter_context(start(peer))
            busy = running.enter_context(Load(started.port, load, options.core + 1))
            pairs[peer] = (started, busy)
            # The first one pays for what is made once, such as the seed of random numbers.
            busy.window()
        rounds = {peer: [] for peer in peers}
        for _ in range(options.rounds):
            for peer, pair in pairs.items():
                rounds[peer].append(window(*pair))
    return rounds


def quartiles(figures):
    """Median, lower and upper quartile."""
    if len(figures) < 2:
        return figures[0], figures[0], figures[0]
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return middle, low, high


def ratios(figures, base):
    """Of the same round."""
    return quartiles([a / b for a, b in zip(figures, base, strict=True)])
