"""An echo server over Twisted: twisted_echo.py [--tls FOLDER]. Prints the port that it listens on."""

import argparse
import pathlib

from twisted.internet import protocol, reactor, ssl


class Echo(protocol.Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data):
        self.transport.write(data)


def context(folder):
    pem = (folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes()
    return ssl.PrivateCertificate.loadPEM(pem).options()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", type=pathlib.Path)
    options, _ = parser.parse_known_args()
    factory = protocol.Factory.forProtocol(Echo)
    how = {"backlog": 1024, "interface": "127.0.0.1"}
    if options.tls:
        port = reactor.listenSSL(0, factory, context(options.tls), **how)
    else:
        port = reactor.listenTCP(0, factory, **how)
    print(port.getHost().port, flush=True)
    reactor.run()


main()
