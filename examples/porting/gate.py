"""A gate that opens for a card and its number. Whether they belong together is a Deferred."""

import sys

from twisted.internet import defer, endpoints, reactor, task
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Denied(Exception):
    pass


class Register(Factory):
    """Knows the cards. The first question about one takes a while."""

    def __init__(self):
        self.numbers = {b"ann": b"1234", b"bob": b"9999"}
        self.known = set()

    def check(self, card, number):
        if card in self.known:
            return defer.maybeDeferred(self.decide, card, number)
        self.known.add(card)
        return task.deferLater(reactor, 0.1, self.decide, card, number)

    def decide(self, card, number):
        if self.numbers.get(card) != number:
            raise Denied
        return card


class Gate(LineReceiver):
    card = visitor = b""

    def lineReceived(self, line):
        command, _, rest = line.partition(b" ")
        if command == b"CARD":
            self.card = rest
            self.sendLine(b"number?")
        elif command == b"NUMBER":
            check = self.factory.check(self.card, rest)
            check.addCallbacks(self.letIn, self.turnAway)
        else:
            self.sendLine(self.visitor or b"outside")

    def letIn(self, visitor):
        self.visitor = visitor
        self.sendLine(b"welcome, " + visitor)

    def turnAway(self, failure):
        failure.trap(Denied)
        self.sendLine(b"no entry")
        self.transport.loseConnection()


def listening(port):
    address = port.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)


if __name__ == "__main__":
    server = endpoints.serverFromString(reactor, sys.argv[1])
    register = Register.forProtocol(Gate)
    server.listen(register).addCallback(listening)
    reactor.run()
