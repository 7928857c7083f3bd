"""A lamp is sold. All who are connected may bid for it: a number on a line."""

import sys

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Auction(Factory):
    """What all bidders share."""

    def __init__(self):
        self.highest = 0
        self.bidders = {}

    def buildProtocol(self, peer):
        return Bidder(self, peer)

    def take(self, bid, paddle):
        self.highest = bid
        for other, bidder in self.bidders.items():
            bidder.sendLine(b"yours" if other == paddle else b"%d is bid" % bid)


class Bidder(LineReceiver):
    def __init__(self, auction, peer):
        self.auction = auction
        self.paddle = (peer.host, peer.port)

    def connectionMade(self):
        self.auction.bidders[self.paddle] = self
        self.sendLine(b"a lamp, at %d" % self.auction.highest)

    def lineReceived(self, line):
        bid = int(line) if line.isdigit() else 0
        if bid > self.auction.highest:
            self.auction.take(bid, self.paddle)
        else:
            self.sendLine(b"more than %d, please" % self.auction.highest)

    def connectionLost(self, reason):
        del self.auction.bidders[self.paddle]


def listening(port):
    address = port.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)


if __name__ == "__main__":
    server = endpoints.serverFromString(reactor, sys.argv[1])
    server.listen(Auction()).addCallback(listening)
    reactor.run()
