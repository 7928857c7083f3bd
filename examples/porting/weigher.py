"""Weighs some things on scales, one after the other, and again what is lost on the way."""

import sys

from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol


class Weigher(DatagramProtocol):
    def __init__(self, port, weights):
        self.port = port
        self.weights = weights

    def startProtocol(self):
        self.transport.connect("127.0.0.1", self.port)
        self.weigh()

    def weigh(self):
        if not self.weights:
            self.transport.stopListening()
            return
        self.transport.write(self.weights[0].encode())
        self.again = reactor.callLater(5, self.weigh)

    def datagramReceived(self, data, sender):
        self.again.cancel()
        print(f"{self.weights.pop(0)}: {data.decode()}", flush=True)
        self.weigh()

    def connectionRefused(self):
        print("there are no scales", flush=True)
        self.again.cancel()
        self.transport.stopListening()

    def stopProtocol(self):
        if reactor.running:
            reactor.stop()


if __name__ == "__main__":
    reactor.listenUDP(0, Weigher(int(sys.argv[1]), sys.argv[2:]), interface="127.0.0.1")
    reactor.run()
