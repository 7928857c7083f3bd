"""Borrows files, and shows the beginning of each."""

import os
import sys

from twisted.internet import reactor
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import ClientFactory
from twisted.protocols.basic import LineOnlyReceiver
from zope.interface import implementer


@implementer(IFileDescriptorReceiver)
class Borrower(LineOnlyReceiver):
    def connectionMade(self):
        self.lent = []

    def fileDescriptorReceived(self, descriptor):
        self.lent.append(descriptor)

    def lineReceived(self, line):
        with open(self.lent.pop(0), "rb") as file:
            print(f"{os.fsdecode(line)}: {file.read(80).decode()}", flush=True)


class Errand(ClientFactory):
    protocol = Borrower

    def clientConnectionFailed(self, connector, reason):
        print("there is no lender", flush=True)
        reactor.stop()

    def clientConnectionLost(self, connector, reason):
        reactor.stop()


if __name__ == "__main__":
    reactor.connectUNIX(sys.argv[1], Errand())
    reactor.run()
