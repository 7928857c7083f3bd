"""Windows of load in rounds: each peer once a round, so that what disturbs one disturbs the next as well."""

import contextlib
import statistics

from . import process
from .load import Load
from .programs import note, present
from .server import Server

# Seconds of load before the first window that counts. One window pays for what is made once, such as the seed of random
# numbers; what is compiled while it runs needs more.
WARM_UP = {"netty": 5}


def window(server, load):
    """CPU of the server a message, in one window of the load."""
    before = process.cpu(server.pid)
    count, _ = load.window()
    return (process.cpu(server.pid) - before) / max(count, 1)


def servers(arguments, options):
    """What starts a server of `benches`, by its name."""
    return lambda peer: Server(peer, arguments, core=options.core)


def measure(peers, load, start, options):
    """The figures of each peer that this machine has, round by round. One that fails is left out, and said so."""
    load = [*load, "--seconds", options.seconds]
    rounds, pairs = {}, {}
    with contextlib.ExitStack() as running:
        for peer in present(peers):
            with watched(peer, rounds):
                server = running.enter_context(start(peer))
                busy = running.enter_context(Load(server.port, load, options.core + 1))
                busy.window()
                for _ in range(round(WARM_UP.get(peer, 0) / options.seconds)):
                    busy.window()
                pairs[peer] = (server, busy)
                rounds[peer] = []
        for _ in range(options.rounds):
            for peer in list(rounds):
                with watched(peer, rounds):
                    rounds[peer].append(window(*pairs[peer]))
    return rounds


@contextlib.contextmanager
def watched(peer, rounds):
    try:
        yield
    except (RuntimeError, OSError) as error:
        rounds.pop(peer, None)
        note(f"{peer} is left out: {error}")


def quartiles(figures):
    """Median, lower and upper quartile."""
    if len(figures) < 2:
        return figures[0], figures[0], figures[0]
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return middle, low, high


def ratios(figures, base):
    """Of the same round."""
    return quartiles([a / b for a, b in zip(figures, base, strict=True)])
