"""Ports that are free, and stay so until a program of this set-up listens there."""

import socket

# A socket that is bound and does not listen keeps the port from others that ask for any, and lets one that shares the
# address listen there. They are kept as long as this program runs.
_kept = []


def free():
    """The number of a port on this machine that nothing listens on."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _kept.append(holder)
    return holder.getsockname()[1]
