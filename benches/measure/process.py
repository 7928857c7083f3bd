"""What the system knows of a process."""

import pathlib
import re


def cpu(pid):
    """Nanoseconds that it was on a core, user and system."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def resident(pid):
    """Bytes of memory that it has touched."""
    return 1024 * _status(pid, "VmRSS")


def wake_ups(pid):
    """How often it was given a core."""
    return _status(pid, "voluntary_ctxt_switches") + _status(pid, "nonvoluntary_ctxt_switches")


def _status(pid, name):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s*(\d+)", text, re.M)[1])
