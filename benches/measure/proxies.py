"""TLS that a proxy ends, before one echo server: `starttls_proxy` beside HAProxy and nginx, each in one thread with buffers of 64 KiB.

All have the same certificate, and the load asks for the same key exchange and cipher of each (X25519, AES-256-GCM).
"""

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

from . import process, rounds
from .load import Load
from .plot import shown
from .programs import CERTIFICATE, ROOT, TLS, note
from .section import Section
from .server import Server

PEERS = ["haproxy", "nginx", "retwist", "retwist-again"]
STARTTLS_PROXY = ROOT / "target" / "release" / "examples" / "starttls_proxy"

HAPROXY = """
global
    nbthread 1
    maxconn 8000
    tune.bufsize 65536
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen tls
    bind 127.0.0.1:{port} ssl crt {both}
    server echo 127.0.0.1:{behind}
"""

NGINX = """
{module}
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 16000; }}
stream {{
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {both};
        ssl_certificate_key {both};
        ssl_protocols TLSv1.2 TLSv1.3;
        proxy_pass 127.0.0.1:{behind};
        proxy_buffer_size 64k;
        proxy_timeout 1h;
    }}
}}
"""


@dataclasses.dataclass
class Workload:
    what: str
    load: tuple
    # The most that this project may cost, to the cheaper of the two others.
    goal: float


CHURN = ("--workload", "churn", "--connections", 16)

WORKLOADS = {
    "proxy": Workload("TLS proxy, 64 B ping-pong, 50 connections", ("--connections", 50), 0.8),
    "proxy-large": Workload("TLS proxy, 16 KiB ping-pong, 50 connections", ("--connections", 50, "--size", 16 * 1024), 0.8),
    "proxy-bulk": Workload("TLS proxy, 64 KiB, 1 connection, 16 in flight", ("--size", 64 * 1024, "--depth", 16), 0.8),
    "proxy-full": Workload("TLS proxy, full handshake, echo 64 B, close; 16 at a time", CHURN, 0.6),
    "proxy-resumed": Workload("TLS proxy, resumed handshake, echo 64 B, close; 16 at a time", (*CHURN, "--resume"), 0.6),
}
SAME = (*TLS, "--common")


class Proxy:
    """A proxy that ends TLS on a port of its own, before `behind`."""

    def __init__(self, peer, behind, core=None):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        both = folder / "both.pem"
        both.write_text("".join((CERTIFICATE / name).read_text() for name in ["cert.pem", "key.pem"]))
        words = {"port": self.port, "behind": behind, "both": both, "folder": folder, "module": nginx_module()}
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self.process = subprocess.Popen([*pinned, *command(peer, folder, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self):
        while self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.01)
        raise RuntimeError(f"{self.process.args} did not start")

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def nginx_module():
    """What Debian does not build in."""
    module = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    return f"load_module {module};" if module.exists() else ""


def command(peer, folder, words):
    if peer == "haproxy":
        (folder / "haproxy.cfg").write_text(HAPROXY.format(**words))
        return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]
    if peer == "nginx":
        (folder / "nginx.conf").write_text(NGINX.format(**words))
        return ["nginx", "-c", folder / "nginx.conf"]
    ends = [f"tcp:{words['port']}:interface=127.0.0.1", f"tcp:127.0.0.1:{words['behind']}"]
    return [STARTTLS_PROXY, "add", "tls", *ends, "--cert", words["both"], "--total", "40000", "--per-peer", "40000"]


def present():
    subprocess.run(["cargo", "build", "--release", "--quiet", "--example", "starttls_proxy"], cwd=ROOT, check=True)
    absent = [peer for peer in ["haproxy", "nginx"] if not shutil.which(peer)]
    for peer in absent:
        note(f"{peer} is left out: it is not installed (benches/install.sh --peers)")
    return [peer for peer in PEERS if peer not in absent]


def measure(name, options):
    if name == "proxy-idle":
        return idle(name, options)
    workload = WORKLOADS[name]
    with Server("mio", core=options.core + 1) as behind:
        start = functools.partial(Proxy, behind=behind.port, core=options.core)
        figures = rounds.measure(present(), [*workload.load, *SAME], (), options, start)
    others = [peer for peer in ["haproxy", "nginx"] if peer in figures]
    base = min(others, key=lambda peer: statistics.median(figures[peer]), default="retwist")
    rows, bars = [], []
    for peer, raw in figures.items():
        middle, low, high = rounds.ratios(raw, figures[base])
        rows.append([peer, shown(min(raw)), shown(statistics.median(raw)), f"{middle:.3f} ({low:.3f}-{high:.3f})"])
        bars.append((peer, middle, low, high))
    head = ["proxy", "CPU ns, best", "median", f"paired ratio to {base}: median (quartiles); goal {workload.goal}"]
    return Section(name, workload.what, head, rows, bars)


def idle(name, options):
    """Connections that have talked once, each with one to the server behind."""
    few, all_of_them = 500, 2_500
    rows, bars = [], []
    for peer in present():
        with Server("mio", core=options.core + 1) as behind, Proxy(peer, behind.port, options.core) as proxy:
            with Load(proxy.port, [*SAME, "--connections", few], options.core + 1):
                before = process.resident(proxy.pid)
                with Load(proxy.port, [*SAME, "--connections", all_of_them - few], options.core + 1):
                    each = (process.resident(proxy.pid) - before) / (all_of_them - few)
        rows.append([peer, f"{each:,.0f}"])
        bars.append((peer, each, each, each))
    title = f"TLS proxy, idle connections: bytes of memory each, from {few:,} to {all_of_them:,}"
    return Section(name, title, ["proxy", "bytes a connection, with the one to the server"], rows, bars)
