"""Twisted as the other side.

    twisted_peer.py serve CERTIFICATE          says where it listens: lines, echoed; TLS starts TLS
    twisted_peer.py serve-tls CERTIFICATE      bytes, echoed, under TLS
    twisted_peer.py talk PORT CA LINE...       says lines, one by one; TLS starts TLS
    twisted_peer.py talk-tls PORT CA BYTES     sends this many bytes under TLS, and expects them back
    twisted_peer.py mail PORT CA FROM TO TEXT  delivers a message under TLS
"""

import io
import pathlib
import sys

from twisted.internet import defer, endpoints, protocol, ssl, task
from twisted.internet.error import ConnectionDone
from twisted.mail.smtp import ESMTPSenderFactory
from twisted.protocols.basic import LineReceiver


def certificate(path):
    return ssl.PrivateCertificate.loadPEM(pathlib.Path(path).read_bytes()).options()


def trusting(path):
    authority = ssl.Certificate.loadPEM(pathlib.Path(path).read_bytes())
    return ssl.optionsForClientTLS("localhost", trustRoot=authority)


class Lines(LineReceiver):
    def lineReceived(self, line):
        if line == b"TLS":
            self.sendLine(b"OK")
            self.transport.startTLS(self.factory.options)
        else:
            self.sendLine(line)


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class Talk(LineReceiver):
    def connectionMade(self):
        self.said = None
        self.next()

    def next(self):
        self.said = next(self.factory.lines, None)
        if self.said is None:
            self.transport.loseConnection()
        else:
            self.sendLine(self.said)

    def lineReceived(self, line):
        print(line.decode(), flush=True)
        if (self.said, line) == (b"TLS", b"OK"):
            self.transport.startTLS(self.factory.options)
        self.next()

    def connectionLost(self, reason):
        clean = self.said is None and reason.check(ConnectionDone)
        self.factory.done.callback(None) if clean else self.factory.done.errback(reason)


class Flood(protocol.Protocol):
    def connectionMade(self):
        self.missing = self.factory.size
        self.transport.write(b"x" * self.missing)

    def dataReceived(self, data):
        assert data.count(b"x") == len(data)
        self.missing -= len(data)
        if self.missing == 0:
            self.transport.loseConnection()

    def connectionLost(self, reason):
        clean = self.missing == 0 and reason.check(ConnectionDone)
        self.factory.done.callback(None) if clean else self.factory.done.errback(reason)


def factory(kind, **attributes):
    made = protocol.Factory.forProtocol(kind)
    vars(made).update(attributes)
    return made


@defer.inlineCallbacks
def serve(endpoint, kind, options):
    port = yield endpoint.listen(factory(kind, options=options))
    print(f"listening on 127.0.0.1:{port.getHost().port}", flush=True)
    yield defer.Deferred()


@defer.inlineCallbacks
def dial(reactor, port, kind, wrap=lambda endpoint: endpoint, **attributes):
    done = defer.Deferred()
    endpoint = wrap(endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)))
    yield endpoint.connect(factory(kind, done=done, **attributes))
    yield done


def main(reactor, what, *rest):
    if what == "serve":
        endpoint = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        return serve(endpoint, Lines, certificate(rest[0]))
    if what == "serve-tls":
        options = certificate(rest[0])
        endpoint = endpoints.SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")
        return serve(endpoint, Echo, options)
    if what == "talk":
        port, ca, *lines = rest
        lines = iter([line.encode() for line in lines])
        return dial(reactor, port, Talk, options=trusting(ca), lines=lines)
    if what == "talk-tls":
        port, ca, size = rest
        wrap = lambda endpoint: endpoints.wrapClientTLS(trusting(ca), endpoint)
        return dial(reactor, port, Flood, wrap, size=int(size))
    if what == "mail":
        port, ca, sender, recipient, text = rest
        done = defer.Deferred()
        made = ESMTPSenderFactory(
            *(None, None, sender, recipient, io.BytesIO(text.encode()), done),
            contextFactory=trusting(ca),
            requireTransportSecurity=True,
            requireAuthentication=False,
        )
        reactor.connectTCP("127.0.0.1", int(port), made)
        return done
    raise SystemExit(__doc__)


task.react(main, sys.argv[1:])
