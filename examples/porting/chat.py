"""A chat on lines."""

import sys

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Chat(LineReceiver):
    delimiter = b"\n"

    def __init__(self, users):
        self.users = users
        self.name = None

    def connectionMade(self):
        self.sendLine(b"What's your name?")

    def connectionLost(self, reason):
        if self.name is not None:
            del self.users[self.name]

    def lineReceived(self, line):
        if self.name is None:
            self.handle_GETNAME(line)
        else:
            self.handle_CHAT(line)

    def handle_GETNAME(self, name):
        if name in self.users:
            self.sendLine(b"Name taken, please choose another.")
            return
        self.sendLine(b"Welcome, " + name + b"!")
        self.name = name
        self.users[name] = self

    def handle_CHAT(self, message):
        message = b"<" + self.name + b"> " + message
        for name, protocol in self.users.items():
            if protocol is not self:
                protocol.sendLine(message)


class ChatFactory(Factory):
    def __init__(self):
        self.users = {}

    def buildProtocol(self, addr):
        return Chat(self.users)


def listening(port):
    address = port.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)


if __name__ == "__main__":
    server = endpoints.serverFromString(reactor, sys.argv[1])
    server.listen(ChatFactory()).addCallback(listening)
    reactor.run()
