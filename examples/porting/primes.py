"""Counts the primes up to each number that it is sent, a few at a time, and serves others meanwhile."""

import math
import sys

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


def isPrime(number):
    return all(number % factor for factor in range(2, math.isqrt(number) + 1))


class Primes(LineReceiver):
    def lineReceived(self, line):
        if line.isdigit():
            self.count(int(line), 2, 0)
        else:
            self.sendLine(b"a number, please")

    def count(self, last, start, found):
        if not self.connected:
            return
        end = min(last, start + 999)
        found += sum(map(isPrime, range(start, end + 1)))
        if end == last:
            self.sendLine(b"%d up to %d" % (found, last))
        else:
            reactor.callLater(0, self.count, last, end + 1, found)


def listening(port):
    address = port.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)


if __name__ == "__main__":
    server = endpoints.serverFromString(reactor, sys.argv[1])
    server.listen(Factory.forProtocol(Primes)).addCallback(listening)
    reactor.run()
