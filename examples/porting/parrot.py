"""Repeats each line of standard input behind a prompt, as a first program for a terminal."""

from twisted.internet import reactor, stdio
from twisted.protocols.basic import LineReceiver


class Parrot(LineReceiver):
    delimiter = b"\n"

    def connectionMade(self):
        self.transport.write(b"? ")

    def lineReceived(self, line):
        self.sendLine(line + b"! " + line + b"!")
        self.transport.write(b"? ")

    def connectionLost(self, reason):
        reactor.stop()


if __name__ == "__main__":
    stdio.StandardIO(Parrot())
    reactor.run()
