"""The server of the pair that starts TLS in mid-conversation."""

import sys

from twisted.internet import endpoints, reactor, ssl
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class TLSServer(LineReceiver):
    def lineReceived(self, line):
        print("received:", line.decode(), flush=True)
        if line == b"STARTTLS":
            self.sendLine(b"READY")
            self.transport.startTLS(self.factory.options)


def main(endpoint, pem):
    factory = Factory.forProtocol(TLSServer)
    with open(pem) as file:
        certificate = ssl.PrivateCertificate.loadPEM(file.read())
    factory.options = certificate.options()

    def listening(port):
        address = port.getHost()
        print(f"listening on {address.host}:{address.port}", flush=True)

    server = endpoints.serverFromString(reactor, endpoint)
    server.listen(factory).addCallback(listening)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
