"""Lends files: each client gets all of them, open, with their names in lines."""

import os
import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver


class Lender(LineOnlyReceiver):
    def connectionMade(self):
        self.files = []
        for path in self.factory.paths:
            # It has to stay open here until it has been sent.
            file = open(path, "rb")
            self.files.append(file)
            self.transport.sendFileDescriptor(file.fileno())
            self.sendLine(os.fsencode(path))
        self.transport.loseConnection()

    def connectionLost(self, reason):
        for file in self.files:
            file.close()


if __name__ == "__main__":
    place = sys.argv[1]
    lender = Factory.forProtocol(Lender)
    lender.paths = sys.argv[2:]
    reactor.listenUNIX(place, lender)
    print("listening on", place, flush=True)
    reactor.run()
