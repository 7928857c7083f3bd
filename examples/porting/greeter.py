"""Says on which port it serves, on sockets that systemd has opened."""

import sys

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol


class Greeter(Protocol):
    def connectionMade(self):
        port = self.transport.getHost().port
        self.transport.write(f"you have reached port {port}\r\n".encode())
        self.transport.loseConnection()


def listening(port):
    host = port.getHost()
    print(f"listening on {host.host}:{host.port}", flush=True)


if __name__ == "__main__":
    for endpoint in sys.argv[1:]:
        opened = serverFromString(reactor, endpoint).listen(Factory.forProtocol(Greeter))
        opened.addCallback(listening)
    reactor.run()
