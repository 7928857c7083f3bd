"""What the system knows of a process."""

import pathlib
import re
import time


def cpu(pid):
    """Nanoseconds that it was on a core, user and system, with threads that have ended."""
    # The clock of another process: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) in the kernel's posix-timers.h.
    return time.clock_gettime_ns((~pid << 3) | 2)


def resident(pid):
    """Bytes of memory that it has touched."""
    return 1024 * _status(pid, "VmRSS")


def wake_ups(pid):
    """How often one of its threads was given a core."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    kinds = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
    return sum(_status(f"{pid}/task/{task.name}", kind) for task in tasks for kind in kinds)


def _status(of, name):
    text = pathlib.Path(f"/proc/{of}/status").read_text()
    return int(re.search(rf"^{name}:\s*(\d+)", text, re.M)[1])
