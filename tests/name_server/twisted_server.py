"""A name server of Twisted's, with the zones that the tests ask NSD for, as far as Twisted knows their records."""

import sys

from twisted.internet import reactor
from twisted.names import authority, dns, server


class Zone(authority.FileAuthority):
    """A zone that is made here."""

    def __init__(self, name, records):
        self.name, self.given = name, records
        super().__init__(None)

    def loadFile(self, _):
        soa = dns.Record_SOA(b"ns.example", b"root.example", 1, 3600, 600, 86400, 60, ttl=300)
        self.soa = (self.name, soa)
        self.records = {self.name: [soa]}
        for owner, record in self.given:
            self.records.setdefault(owner, []).append(record)


def a(address):
    return dns.Record_A(address, ttl=300)


example = [
    (b"example", dns.Record_NS("ns.example", ttl=300)),
    (b"example", dns.Record_MX(20, "mail2.example", ttl=300)),
    (b"example", dns.Record_MX(10, "mail.example", ttl=300)),
    (b"www.example", dns.Record_CNAME("web.example", ttl=300)),
    (b"web.example", dns.Record_CNAME("host.example", ttl=300)),
    (b"host.example", a("192.0.2.1")),
    (b"host.example", a("192.0.2.2")),
    (b"host.example", dns.Record_AAAA("2001:db8::1", ttl=300)),
    (b"_imap._tcp.example", dns.Record_SRV(1, 60, 143, "mail.example", ttl=300)),
    (b"_imap._tcp.example", dns.Record_SRV(1, 40, 143, "mail2.example", ttl=300)),
]
example += [(b"many.example", a(f"10.0.{n % 3}.{n}")) for n in range(200)]
example += [
    (b"long.example", dns.Record_TXT(str(n).encode(), b"x" * 240, ttl=300)) for n in range(20)
]
reverse = [
    (b"7.2.0.192.in-addr.arpa", dns.Record_CNAME("7.part.2.0.192.in-addr.arpa", ttl=300)),
    (b"7.part.2.0.192.in-addr.arpa", dns.Record_PTR("seven.example", ttl=300)),
]

zones = [Zone(b"example", example), Zone(b"2.0.192.in-addr.arpa", reverse)]
factory = server.DNSServerFactory(authorities=zones)
port = int(sys.argv[1])
reactor.listenTCP(port, factory, interface="127.0.0.1")
reactor.listenUDP(port, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
reactor.run()
