"""The ratios that a newcomer asks for, of all workloads of one run: what others need where this project needs 1."""

from . import rounds
from .section import Section

# The workload, the name of this project there, and the others. A peer that is absent has no row.
ROWS = {
    "fifty": ("64 B echo", "retwist", ["mio", "tokio", "libuv", "go", "netty", "asyncio", "twisted"]),
    "tls": ("64 B echo over TLS", "retwist-tls", ["mio-rustls", "tokio-rustls", "twisted-tls"]),
    "udp-deep": ("64 B datagrams", "retwist-udp", ["mio-udp", "tokio-udp"]),
    "http": ("HTTP, GET", "retwist", ["hyper-tokio", "ntex", "nginx"]),
    "http-churn": ("HTTP, short connections", "retwist", ["hyper-tokio", "ntex", "nginx"]),
    "websocket": ("WebSocket, 64 B", "retwist-websocket", ["tokio-websocket"]),
    "relay": ("forwarding, 64 B", "retwist", ["haproxy-64k", "nginx-64k", "tokio-64k"]),
    "relay-churn": ("forwarding, short connections", "retwist", ["haproxy-64k", "nginx-64k", "tokio-64k"]),
    "proxy": ("TLS proxy, 64 B", "retwist", ["haproxy-64k", "nginx-64k", "stunnel", "tokio-64k"]),
    "proxy-large": ("TLS proxy, 16 KiB", "retwist", ["haproxy-64k", "nginx-64k", "stunnel", "tokio-64k"]),
    "proxy-full": ("TLS proxy, handshakes", "retwist", ["haproxy-64k", "nginx-64k", "stunnel", "tokio-64k"]),
}


def section(measured):
    """Of the sections of one run, by their names; `None` if one is missing."""
    if not ROWS.keys() <= measured.keys():
        return None
    rows, bars = [], []
    for name, (what, ours, others) in ROWS.items():
        figures = measured[name].figures
        for peer in others:
            if peer not in figures or ours not in figures:
                continue
            middle, low, high = rounds.ratios(figures[peer], figures[ours])
            rows.append([what, peer, f"{middle:.2f} ({low:.2f}-{high:.2f})"])
            bars.append((f"{what}: {peer}", middle, low, high))
    head = ["what", "beside", "their CPU to ours: median (quartiles)"]
    title = "server CPU of others, where this project needs 1"
    return Section("short", title, head, rows, bars, unit="paired ratio, median and quartiles")
