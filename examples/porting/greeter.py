"""Connects a protocol, and tells it what to say."""

import sys

from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol


class Greeter(Protocol):
    def sendMessage(self, msg):
        self.transport.write(b"MESSAGE %s\n" % msg)

    def connectionLost(self, reason):
        reactor.stop()


def gotProtocol(p):
    p.sendMessage(b"Hello")
    reactor.callLater(0.1, p.sendMessage, b"This is sent a little later")
    reactor.callLater(0.2, p.transport.loseConnection)


def failed(failure):
    print(failure.getErrorMessage(), file=sys.stderr)
    reactor.stop()


if __name__ == "__main__":
    point = clientFromString(reactor, sys.argv[1])
    d = connectProtocol(point, Greeter())
    d.addCallbacks(gotProtocol, failed)
    reactor.run()
