"""HTTP and WebSockets: hyper and tungstenite on this project, and the same on tokio; ntex; nginx."""

import dataclasses

from . import rounds
from .outside import Outside
from .programs import EXAMPLES
from .section import Section
from .server import Server

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        location = / {{ return 200 "It is day, somewhere.\\n"; }}
    }}
}}
"""

OURS = ["retwist", "retwist-again"]
HTTP = [*OURS, "hyper-tokio", "ntex"]
WEBSOCKET = ["retwist-websocket", "retwist-websocket-again", "tokio-websocket"]
FIFTY = ("--connections", 50)


@dataclasses.dataclass
class Workload:
    what: str
    peers: list
    load: tuple


WORKLOADS = {
    "http": Workload("HTTP/1.1, GET of 22 B, 50 connections", [*HTTP, "nginx"], ("--speak", "get", *FIFTY)),
    "http-deep": Workload(
        "HTTP/1.1, GET of 22 B, 50 connections, 16 in flight", [*HTTP, "nginx"], ("--speak", "get", *FIFTY, "--depth", 16)
    ),
    "http-post": Workload(
        "HTTP/1.1, POST of 16 KiB that come back, 50 connections", HTTP, ("--speak", "post", "--size", 16 * 1024, *FIFTY)
    ),
    "http-churn": Workload(
        "HTTP/1.1, connect, GET of 22 B, close; 32 at a time",
        [*HTTP, "nginx"],
        ("--speak", "get", "--workload", "churn", "--connections", 32),
    ),
    "websocket": Workload("WebSocket, 64 B ping-pong, 50 connections", WEBSOCKET, ("--speak", "websocket", *FIFTY)),
    "websocket-large": Workload(
        "WebSocket, 16 KiB ping-pong, 50 connections", WEBSOCKET, ("--speak", "websocket", "--size", 16 * 1024, *FIFTY)
    ),
}


def start(peer, core):
    if peer in OURS:
        return Outside(lambda port, _: [EXAMPLES / "http", f"tcp:{port}:interface=127.0.0.1"], core)
    if peer == "nginx":
        return Outside(nginx, core)
    return Server(peer, core=core)


def nginx(port, folder):
    (folder / "nginx.conf").write_text(NGINX.format(port=port, folder=folder))
    return ["nginx", "-c", folder / "nginx.conf"]


def measure(name, options):
    workload = WORKLOADS[name]
    figures = rounds.measure(workload.peers, workload.load, lambda peer: start(peer, options.core), options)
    return Section.side_by_side(name, workload.what, figures, workload.peers[0])
