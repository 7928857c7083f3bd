"""Gives each client a program on a terminal of its own."""

import sys

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol


class Program(ProcessProtocol):
    def __init__(self, client):
        self.client = client

    def outReceived(self, data):
        self.client.transport.write(data)

    def processEnded(self, reason):
        self.client.transport.loseConnection()


class Client(Protocol):
    def connectionMade(self):
        command = self.factory.command
        self.program = Program(self)
        reactor.spawnProcess(self.program, command[0], command, env=None, usePTY=True)

    def dataReceived(self, data):
        self.program.transport.write(data)

    def connectionLost(self, reason):
        self.program.transport.loseConnection()


def listening(port):
    address = port.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)


if __name__ == "__main__":
    factory = Factory.forProtocol(Client)
    factory.command = sys.argv[2:]
    endpoints.serverFromString(reactor, sys.argv[1]).listen(factory).addCallback(listening)
    reactor.run()
