"""What can be counted exactly, however busy the machine."""

import pathlib
import re
import subprocess
import tempfile

from .load import Load
from .server import Server


def instructions_a_message(peer, load, server=(), messages=4000):
    """User instructions of one window, by callgrind."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        under = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        with (
            Server(peer, server, under) as running,
            Load(running.port, [*load, "--messages", messages]) as busy,
        ):
            _tell_callgrind(running.pid, "zero")
            busy.window()
            _tell_callgrind(running.pid, "dump")
        return _total(pathlib.Path(f"{out}.1")) / messages


def instructions(command):
    """User instructions of a program from its start to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        under = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        words = [*under, *(str(word) for word in command)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        return _total(out)


def system_calls_a_message(peer, load, server=(), short=1000, long=6000):
    """The difference of a long and a short run, so that the start cancels."""
    runs = [_system_calls(peer, server, [*load, "--messages", n]) for n in (short, long)]
    return (runs[1] - runs[0]) / (long - short)


def allocations_a_message(peer, load, server=(), messages=20000):
    with (
        Server(peer, server, counted=True) as running,
        Load(running.port, [*load, "--messages", messages]) as busy,
    ):
        busy.window()
        before, _ = running.ask()
        busy.window()
        after, _ = running.ask()
        return (after - before) / messages


def heap_a_connection(peer, load=(), server=(), connections=4000):
    """Bytes held for each of many idle connections, by the allocator's own count."""
    load = [*load, "--connections", connections]
    with Server(peer, server, counted=True) as running, Load(running.port, load):
        _, first = running.ask()
        with Load(running.port, load):
            _, second = running.ask()
    return (second - first) / connections


def _tell_callgrind(pid, what):
    told = subprocess.run(["vgdb", f"--pid={pid}", what], stderr=subprocess.PIPE, text=True)
    if told.returncode != 0:
        raise RuntimeError(f"callgrind cannot be told to {what}: {told.stderr}")


def _total(out):
    return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)[1])


def _system_calls(peer, server, load):
    """All that a server began from its start to its end."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        under = ["strace", "-c", "-f", "-o", str(out)]
        with Server(peer, server, under) as running, Load(running.port, load) as busy:
            busy.window()
        lines = [line.split() for line in out.read_text().splitlines()]
    # Share of time, seconds, microseconds a call, calls, perhaps errors, name.
    named = [words for words in lines if len(words) >= 5 and words[0][0].isdigit()]
    return sum(int(words[3]) for words in named if words[-1] != "total")
