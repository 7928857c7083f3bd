"""A locker for a secret, which it takes and shows under TLS alone. SECURE starts TLS."""

import sys

from twisted.internet import endpoints, reactor, ssl
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Locker(LineReceiver):
    secret = b"nothing yet"

    def lineReceived(self, line):
        command, _, rest = line.partition(b" ")
        if not ISSLTransport.providedBy(self.transport):
            if line == b"SECURE":
                self.sendLine(b"go ahead")
                self.transport.startTLS(self.factory.options)
            else:
                self.sendLine(b"not in clear")
        elif command == b"KEEP":
            self.secret = rest
            self.sendLine(b"kept")
        else:
            self.sendLine(self.secret)


def listening(port):
    address = port.getHost()
    print(f"listening on {address.host}:{address.port}", flush=True)


def main(endpoint, pem):
    factory = Factory.forProtocol(Locker)
    with open(pem) as file:
        factory.options = ssl.PrivateCertificate.loadPEM(file.read()).options()
    server = endpoints.serverFromString(reactor, endpoint)
    server.listen(factory).addCallback(listening)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
