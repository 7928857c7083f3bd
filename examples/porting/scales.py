"""Scales: each datagram puts a weight on them, and is answered with the sum."""

import sys

from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol


class Scales(DatagramProtocol):
    def __init__(self):
        self.sum = 0

    def datagramReceived(self, data, sender):
        if data.isdigit():
            self.sum += int(data)
            answer = b"%d in all" % self.sum
        else:
            answer = b"a weight, please"
        self.transport.write(answer, sender)


if __name__ == "__main__":
    port = reactor.listenUDP(int(sys.argv[1]), Scales(), interface="127.0.0.1")
    print(f"listening on 127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()
