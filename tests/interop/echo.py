"""Sends 3 MiB to an echo server while reading what comes back, shuts down the write half, and expects 3 MiB and then the end."""

import os
import socket
import sys
import threading

data = os.urandom(3 * 1024 * 1024)
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)


def send():
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


sender = threading.Thread(target=send, daemon=True)
sender.start()
received = bytearray()
while piece := connection.recv(65536):
    received += piece
sender.join()
assert received == data, f"{len(received)} bytes came back of {len(data)}, or other ones"
