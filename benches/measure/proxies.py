"""Programs that forward, before one echo server: the example `forward` beside HAProxy, nginx, stunnel and tokio.

Each in one thread (stunnel has one for each connection), with the buffers that it has by itself and with 64 KiB as this project has.
Under TLS all show the same certificate (ECDSA, P-256), and the load asks for the same of each: TLS 1.3, X25519, AES-256-GCM.
"""

import dataclasses

from . import process, rounds
from .load import Load
from .outside import Outside
from .programs import EXAMPLES, NGINX_STREAM, TLS, present
from .section import Section
from .server import Server

OURS = ["retwist", "retwist-again"]
PLAIN = [*OURS, "haproxy", "haproxy-64k", "nginx", "nginx-64k", "tokio", "tokio-64k"]
SECURE = [*OURS, "haproxy", "haproxy-64k", "nginx", "nginx-64k", "stunnel", "tokio", "tokio-64k"]
IDLE_CONNECTIONS = (250, 1_250)

HAPROXY = """
global
    nbthread 1
    maxconn 8000
    {buffers}
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen proxy
    bind 127.0.0.1:{port} {tls}
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
        listen 127.0.0.1:{port} {tls};
        {certificate}
        proxy_pass 127.0.0.1:{behind};
        {buffers}
        proxy_timeout 1h;
    }}
}}
"""

NGINX_CERTIFICATE = """
        ssl_certificate {both};
        ssl_certificate_key {both};
        ssl_protocols TLSv1.2 TLSv1.3;
"""

STUNNEL = """
foreground = yes
pid =
debug = err
[proxy]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{behind}
cert = {both}
TIMEOUTclose = 0
"""


@dataclasses.dataclass
class Workload:
    what: str
    load: tuple
    secure: bool


FIFTY = ("--connections", 50)
LARGE = (*FIFTY, "--size", 16 * 1024)
BULK = ("--size", 64 * 1024, "--depth", 16)
CHURN = ("--workload", "churn", "--connections", 16)

WORKLOADS = {
    "relay": Workload("forwarding, 64 B ping-pong, 50 connections", FIFTY, False),
    "relay-large": Workload("forwarding, 16 KiB ping-pong, 50 connections", LARGE, False),
    "relay-bulk": Workload("forwarding, 64 KiB, 1 connection, 16 in flight", BULK, False),
    "relay-churn": Workload("forwarding, connect, echo 64 B, close; 16 at a time", CHURN, False),
    "proxy": Workload("TLS proxy, 64 B ping-pong, 50 connections", FIFTY, True),
    "proxy-large": Workload("TLS proxy, 16 KiB ping-pong, 50 connections", LARGE, True),
    "proxy-bulk": Workload("TLS proxy, 64 KiB, 1 connection, 16 in flight", BULK, True),
    "proxy-full": Workload("TLS proxy, full handshake, echo 64 B, close; 16 at a time", CHURN, True),
    "proxy-resumed": Workload(
        "TLS proxy, resumed handshake, echo 64 B, close; 16 at a time", (*CHURN, "--resume"), True
    ),
}
SAME = (*TLS, "--common")


def start(peer, behind, secure, core):
    """A proxy before the server at that port."""
    if peer.startswith("tokio"):
        kind = "tokio-rustls-forward" if secure else "tokio-forward"
        kind += "" if peer.endswith("-64k") else "-8k"
        return Server(kind, ["--to", behind, *(TLS if secure else ())], core=core)
    return Outside(lambda port, folder: command(peer, port, behind, folder, secure), core)


def command(peer, port, behind, folder, secure):
    both = folder / "both.pem"
    words = {"port": port, "behind": behind, "folder": folder, "both": both, "tls": "", "certificate": ""}
    large = peer.endswith("-64k")
    match peer.removesuffix("-64k"):
        case "haproxy":
            words["buffers"] = "tune.bufsize 65536" if large else ""
            if secure:
                words["tls"] = f"ssl crt {both}"
            (folder / "haproxy.cfg").write_text(HAPROXY.format(**words))
            return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]
        case "nginx":
            # Debian has this as a module of its own.
            words["module"] = f"load_module {NGINX_STREAM};" if NGINX_STREAM.exists() else ""
            words["buffers"] = "proxy_buffer_size 64k;" if large else ""
            if secure:
                words |= {"tls": "ssl", "certificate": NGINX_CERTIFICATE.format(both=both)}
            (folder / "nginx.conf").write_text(NGINX.format(**words))
            return ["nginx", "-c", folder / "nginx.conf"]
        case "stunnel":
            (folder / "stunnel.conf").write_text(STUNNEL.format(**words))
            return ["stunnel", folder / "stunnel.conf"]
    kind, key = ("tls", f":privateKey={both}") if secure else ("tcp", "")
    return [EXAMPLES / "forward", f"{kind}:{port}:interface=127.0.0.1{key}", f"tcp:127.0.0.1:{behind}"]


def measure(name, options):
    if name.endswith("-idle"):
        return idle(name, options)
    workload = WORKLOADS[name]
    peers, load = (SECURE, SAME) if workload.secure else (PLAIN, ())
    with Server("mio", core=options.core + 1) as behind:
        figures = rounds.measure(
            peers,
            [*workload.load, *load],
            lambda peer: start(peer, behind.port, workload.secure, options.core),
            options,
        )
    return Section.side_by_side(name, workload.what, figures, OURS[0])


def idle(name, options):
    """Connections that have talked once, each with one to the server behind."""
    secure = name == "proxy-idle"
    few, all_of_them = IDLE_CONNECTIONS
    load = SAME if secure else ()
    rows, bars = [], []
    for peer in present(SECURE if secure else PLAIN):
        with rounds.watched(peer, {}):
            each = slope(peer, secure, load, options.core)
            rows.append([peer, f"{each:,.0f}"])
            bars.append((peer, each, each, each))
    what = "TLS proxy" if secure else "forwarding"
    title = f"{what}, idle connections: bytes of memory each, from {few:,} to {all_of_them:,}"
    head = ["peer", "bytes a connection, with the one to the server"]
    return Section(name, title, head, rows, bars, unit="bytes a connection")


def slope(peer, secure, load, core):
    few, all_of_them = IDLE_CONNECTIONS
    with Server("mio", core=core + 1) as behind, start(peer, behind.port, secure, core) as proxy:
        with Load(proxy.port, [*load, "--connections", few], core + 1):
            before = process.resident(proxy.pid)
            with Load(proxy.port, [*load, "--connections", all_of_them - few], core + 1):
                return (process.resident(proxy.pid) - before) / (all_of_them - few)
