"""A prompt for errands: each command is a line, and some take their time."""

from twisted.internet import endpoints, protocol, reactor, stdio
from twisted.protocols.basic import LineReceiver


class FirstLine(LineReceiver):
    def lineReceived(self, line):
        self.factory.counter.say(b"it says: " + line)
        self.transport.loseConnection()


class Counter(LineReceiver):
    delimiter = b"\n"

    def connectionMade(self):
        self.say(b"at your service")

    def lineReceived(self, line):
        command, _, rest = line.decode().partition(" ")
        method = getattr(self, "do_" + command, None)
        if method is None:
            self.say(b"no such errand: " + command.encode())
        else:
            method(rest)

    def do_help(self, _):
        """says what there is"""
        self.say(b"ask ENDPOINT, help, quit")

    def do_quit(self, _):
        """ends"""
        self.say(b"goodbye")
        self.transport.loseConnection()

    def do_ask(self, where):
        """brings the first line that a server says"""
        asking = protocol.Factory.forProtocol(FirstLine)
        asking.counter = self
        endpoint = endpoints.clientFromString(reactor, where)
        endpoint.connect(asking).addErrback(self.failed)

    def failed(self, failure):
        self.say(b"there is no answer")

    def say(self, text):
        self.sendLine(text)

    def connectionLost(self, reason):
        reactor.stop()


if __name__ == "__main__":
    stdio.StandardIO(Counter())
    reactor.run()
