"""Sends messages to an echo server and waits for each to come back: messages.py ADDRESS:PORT CONNECTIONS MESSAGES [SECONDS].

With SECONDS it then keeps the connections, in silence, for so long, and prints when that began and when it ended."""

import socket
import sys
import time

address, connections, messages = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
host, port = address.rsplit(":", 1)
clients = [socket.create_connection((host, int(port))) for _ in range(connections)]
message = b"x" * 100
for _ in range(messages):
    for client in clients:
        client.sendall(message)
    for client in clients:
        received = b""
        while len(received) < len(message):
            piece = client.recv(len(message) - len(received))
            if not piece:
                sys.exit("the server has closed")
            received += piece
if len(sys.argv) > 4:
    began = time.time()
    time.sleep(float(sys.argv[4]))
    print(began, time.time())
for client in clients:
    client.close()
