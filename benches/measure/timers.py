"""What a timer costs, beside tokio's."""

import statistics
import subprocess

from .programs import RELEASE
from .section import Section

PROGRAMS = {"retwist": "timers", "tokio": "tokio_timers"}
OPERATIONS = {
    # What is done, with this many pending: the goal in nanoseconds.
    ("insert-cancel", 10_000): 20,
    ("insert-cancel", 1_000_000): 20,
    ("reset", 10_000): 5,
    ("reset", 1_000_000): 45,
    ("fire", 10_000): 50,
    ("fire", 1_000_000): 390,
}
WHAT = {
    "insert-cancel": "insert, and cancel",
    "reset": "move later",
    "fire": "fire",
}
RUNS = 7
TIMES = 1_000_000


def command(peer, operation, pending, times):
    program = str(RELEASE / PROGRAMS[peer])
    words = ["--operation", operation, "--pending", str(pending), "--times", str(times)]
    return [program, *words]


def measure(name, options):
    runs = max(1, min(RUNS, options.rounds))
    rows, bars = [], []
    for (operation, pending), goal in OPERATIONS.items():
        figures = {peer: [] for peer in PROGRAMS}
        for _ in range(runs):
            for peer, measured in figures.items():
                measured.append(once(peer, operation, pending, options.core))
        shown = [f"{min(of):.1f} ({statistics.median(of):.1f})" for of in figures.values()]
        what = f"{WHAT[operation]}, {pending:,} pending"
        rows.append([what, str(goal), *shown])
        bars += [
            (f"{operation}, {pending:,}: {peer}", min(of), min(of), max(of))
            for peer, of in figures.items()
        ]
    head = ["timers, with a callback in a box", "goal", *PROGRAMS]
    remark = f"Nanoseconds each: best of {runs} runs, and their median."
    return Section(name, "timers, ns each", head, rows, bars, remark, unit="ns each, best of the runs")


def once(peer, operation, pending, core):
    words = ["taskset", "-c", str(core), *command(peer, operation, pending, TIMES)]
    return float(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
