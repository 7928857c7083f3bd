"""Several reactors on one port, a thread each, on two cores that they share with the load."""

import contextlib
import statistics
import subprocess

from . import process
from .load import Load
from .plot import shown
from .programs import EXAMPLES, die
from .section import Section

COUNTS = (1, 2)
# A server, and the load on it. What is sent can be read as strings of 20 bytes, see `src/pattern.rs`.
LOADS = {
    "64 B ping-pong, 100 connections": (["echo"], ["--connections", 100]),
    "connect, echo 64 B, close; 32 at a time": (["echo"], ["--workload", "churn", "--connections", 32]),
    "768 strings of 20 B, 100 connections": (
        ["frames", "--framing", "int8"],
        ["--connections", 100, "--size", 64 * 251],
    ),
}


class Example:
    """A server that people run."""

    def __init__(self, name, *arguments, workers, cores):
        program = EXAMPLES / name
        command = ["taskset", "-c", cores, program, "tcp:0:interface=127.0.0.1", *arguments]
        command += ["--workers", str(workers)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            die(f"{name} --workers {workers}: {self.process.stderr.read().strip()}")
        self.port = int(line.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def measure(name, options):
    cores = f"{options.core},{options.core + 1}"
    rows, bars = [], []
    for what, (server, load) in LOADS.items():
        figures = turns(server, load, cores, options)
        base = [rate for rate, _, _ in figures[COUNTS[0]]]
        for workers, measured in figures.items():
            rate, cpu, share = (statistics.median(of) for of in zip(*measured))
            ratio = statistics.median(of[0] / one for of, one in zip(measured, base))
            row = [what, str(workers), f"{rate:,.0f}", f"{ratio:.3f}", shown(cpu)]
            rows.append([*row, f"{share:.0%}"])
            bars.append((f"{what[:22]}: {workers} (retwist)", rate, rate, rate))
    head = ["load", "workers", "a second", "ratio", "server CPU ns each", "load's share of the CPU"]
    title = "several reactors on one port, two cores: messages or connections a second"
    return Section(name, title, head, rows, bars, unit="messages or connections a second")


def turns(server, load, cores, options):
    """Of each count of workers and each round: rate, CPU of the server each, share of the load."""
    load = [*load, "--seconds", options.seconds]
    with contextlib.ExitStack() as running:
        servers = {
            n: running.enter_context(Example(*server, workers=n, cores=cores)) for n in COUNTS
        }
        loads = {n: running.enter_context(Load(of.port, load, cores)) for n, of in servers.items()}
        figures = {n: [] for n in COUNTS}
        for _ in range(options.rounds):
            for n, of in servers.items():
                figures[n].append(window(of, loads[n]))
    return figures


def window(server, load):
    pids = (server.process.pid, load.process.pid)
    before = [process.cpu(pid) for pid in pids]
    count, seconds = load.window()
    served, loaded = (process.cpu(pid) - was for pid, was in zip(pids, before))
    return count / seconds, served / count, loaded / (served + loaded)
