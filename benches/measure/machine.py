"""What was measured, and on what."""

import os
import pathlib
import platform
import re
import subprocess
import tomllib

from .programs import HERE, LIBUV, TWISTED

CRATES = ["mio", "tokio", "rustls", "aws-lc-rs", "tokio-rustls", "tokio-util"]


def text(options):
    cpu = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    kernel = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    machine = [cpu[1] if cpu else platform.machine(), f"{os.cpu_count()} cores", kernel]
    rounds = f"{options.rounds} rounds of {options.seconds:g} s"
    return f"Machine: {', '.join(machine)}. Versions: {', '.join(versions())}. Run with {rounds}."


def versions():
    yield " ".join(told("rustc", "--version").split()[:2])
    lock = tomllib.loads((HERE / "Cargo.lock").read_text())
    for package in lock["package"]:
        if package["name"] in CRATES:
            yield f"{package['name']} {package['version']}"
    if LIBUV.exists():
        yield f"libuv {told('pkg-config', '--modversion', 'libuv').strip()}"
    if TWISTED.exists():
        yield f"Twisted {told(TWISTED, '-c', 'import twisted; print(twisted.__version__)').strip()}"
    yield told("valgrind", "--version").strip()


def told(*command):
    """What a program says; nothing if it is not there."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError:
        return ""
