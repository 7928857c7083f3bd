"""AMP as Twisted speaks it: `amp_peer.py client PORT plain|starttls CA`, `amp_peer.py server PEM`."""

import sys

from twisted.internet import defer, endpoints, reactor, ssl, task
from twisted.protocols import amp


class Sum(amp.Command):
    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"total", amp.Integer())]


class Divide(amp.Command):
    arguments = [(b"numerator", amp.Integer()), (b"denominator", amp.Integer())]
    response = [(b"result", amp.Float())]
    errors = {ZeroDivisionError: b"ZERO_DIVISION"}


class Echo(amp.Command):
    arguments = [(b"data", amp.String())]
    response = [(b"data", amp.String())]


class Slow(amp.Command):
    arguments = [(b"ms", amp.Integer())]
    response = []


class Unknown(amp.Command):
    response = []


class Calculator(amp.AMP):
    certificate = None

    @Sum.responder
    def sum(self, a, b):
        return {"total": a + b}

    @Divide.responder
    def divide(self, numerator, denominator):
        return {"result": numerator / denominator}

    @Echo.responder
    def echo(self, data):
        return {"data": data}

    @Slow.responder
    def slow(self, ms):
        return task.deferLater(reactor, ms / 1000, dict)

    @amp.StartTLS.responder
    def start(self):
        return {"tls_localCertificate": self.certificate}


@defer.inlineCallbacks
def client(port, how, ca):
    lost = defer.Deferred()

    class Client(amp.AMP):
        def connectionLost(self, reason):
            super().connectionLost(reason)
            lost.callback(None)

    endpoint = endpoints.clientFromString(reactor, f"tcp:localhost:{port}")
    peer = yield endpoints.connectProtocol(endpoint, Client())
    if how == "starttls":
        with open(ca) as file:
            authority = ssl.Certificate.loadPEM(file.read())
        yield peer.callRemote(amp.StartTLS, tls_verifyAuthorities=[authority])
    slow = peer.callRemote(Slow, ms=50)
    print((yield peer.callRemote(Sum, a=13, b=81))["total"])
    print((yield peer.callRemote(Divide, numerator=1234, denominator=2))["result"])
    for command, arguments in [(Divide, {"numerator": 1, "denominator": 0}), (Echo, {"data": b"\0\xff"}), (Unknown, {})]:
        try:
            print((yield peer.callRemote(command, **arguments))["data"])
        except Exception as error:
            print(type(error).__name__)
    print((yield slow))
    peer.transport.loseConnection()
    yield lost
    print("closed")


def server(pem):
    with open(pem) as file:
        Calculator.certificate = ssl.PrivateCertificate.loadPEM(file.read())
    from twisted.internet.protocol import Factory

    listening = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(Factory.forProtocol(Calculator))
    listening.addCallback(lambda port: print(f"listening on 127.0.0.1:{port.getHost().port}", flush=True))
    reactor.run()


if sys.argv[1] == "client":
    task.react(lambda _, *words: client(*words), sys.argv[2:])
else:
    server(sys.argv[2])
