"""The client of the pair that starts TLS in mid-conversation."""

import sys

from twisted.internet import endpoints, ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver


class StartTLSClient(LineReceiver):
    def connectionMade(self):
        self.sendLine(b"plain text")
        self.sendLine(b"STARTTLS")

    def lineReceived(self, line):
        print("received:", line.decode())
        if line == b"READY":
            self.transport.startTLS(self.factory.options)
            self.sendLine(b"secure text")
            self.transport.loseConnection()

    def connectionLost(self, reason):
        self.factory.done.callback(None)


async def main(reactor, endpoint, pem):
    factory = Factory.forProtocol(StartTLSClient)
    factory.done = Deferred()
    with open(pem) as file:
        authority = ssl.Certificate.loadPEM(file.read())
    factory.options = ssl.optionsForClientTLS("localhost", authority)

    client = endpoints.clientFromString(reactor, endpoint)
    await client.connect(factory)
    await factory.done


if __name__ == "__main__":
    react(lambda *args: Deferred.fromCoroutine(main(*args)), sys.argv[1:])
