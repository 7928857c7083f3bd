"""What was measured, and on what."""

import os
import pathlib
import platform
import re
import subprocess
import sys
import tomllib

from .programs import HERE, TWISTED, present

CRATES = [
    "mio",
    "tokio",
    "rustls",
    "aws-lc-rs",
    "tokio-rustls",
    "tokio-util",
    "hyper",
    "ntex",
    "tungstenite",
    "async-tungstenite",
    "tokio-tungstenite",
]

# Programs from outside: how each tells its version, and where that stands in what it tells.
PROGRAMS = {
    "libuv": (["pkg-config", "--modversion", "libuv"], r"(\S+)"),
    "go": (["go", "version"], r"go(\d\S*)"),
    "netty": (["dpkg-query", "-W", "-f", "${Version}", "libnetty-java"], r"(?:\d+:)?([\d.]+)"),
    "asyncio": ([sys.executable, "--version"], r"Python (\S+)"),
    "twisted": ([TWISTED, "-c", "import twisted; print(twisted.__version__)"], r"(\S+)"),
    "haproxy": (["haproxy", "-v"], r"version ([\d.]+)"),
    "nginx": (["nginx", "-v"], r"nginx/([\d.]+)"),
    "stunnel": (["stunnel", "-version"], r"stunnel ([\d.]+)"),
}
NAMES = {
    "go": "Go",
    "netty": "Netty",
    "asyncio": "CPython",
    "twisted": "Twisted",
    "haproxy": "HAProxy",
}


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
    for peer, (command, pattern) in PROGRAMS.items():
        if present([peer]) and (found := re.search(pattern, told(*command))):
            yield f"{NAMES.get(peer, peer)} {found[1]}"
    yield told("openssl", "version").rsplit(" (", 1)[0].strip()
    yield told("valgrind", "--version").strip()


def told(*command):
    """What a program says; nothing if it is not there."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    except FileNotFoundError:
        return ""
