"""Brings a secret to the locker, and looks at what is kept there."""

import sys

from twisted.internet import endpoints, ssl
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver


class Visitor(LineReceiver):
    def connectionMade(self):
        self.sendLine(b"SHOW")

    def lineReceived(self, line):
        print("the locker says:", line.decode())
        if line == b"not in clear":
            self.sendLine(b"SECURE")
        elif line == b"go ahead":
            self.transport.startTLS(self.factory.options)
            self.sendLine(b"KEEP " + self.factory.secret)
        elif line == b"kept":
            self.sendLine(b"SHOW")
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason):
        well = reason.check(ConnectionDone)
        self.factory.left.callback(None) if well else self.factory.left.errback(reason)


def main(reactor, endpoint, pem, secret):
    factory = Factory.forProtocol(Visitor)
    factory.left = Deferred()
    factory.secret = secret.encode()
    with open(pem) as file:
        trusted = ssl.Certificate.loadPEM(file.read())
    factory.options = ssl.optionsForClientTLS("localhost", trusted)
    locker = endpoints.clientFromString(reactor, endpoint)
    return locker.connect(factory).addCallback(lambda visitor: factory.left)


if __name__ == "__main__":
    react(main, sys.argv[1:])
