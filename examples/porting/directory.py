"""Says what a domain has in DNS: where its mail goes, where its services are, and what it says of itself."""

import sys

from twisted.internet import defer, task
from twisted.names import client, dns, error


def mail(record):
    return f"{record.preference} {record.name}"


def service(record):
    return f"{record.priority} {record.weight} {record.target}:{record.port}"


def text(record):
    return b"".join(record.data).decode()


def address(record):
    return record.dottedQuad()


@defer.inlineCallbacks
def main(reactor, server, port, domain):
    resolver = client.Resolver(servers=[(server, int(port))])
    questions = [
        ("mail", resolver.lookupMailExchange(domain), dns.MX, mail),
        ("imap", resolver.lookupService(f"_imap._tcp.{domain}"), dns.SRV, service),
        ("text", resolver.lookupText(domain), dns.TXT, text),
        ("web", resolver.lookupAddress(f"www.{domain}"), dns.A, address),
        ("host", resolver.getHostByName(f"host.{domain}"), None, None),
    ]
    for what, answer, kind, show in questions:
        try:
            found = yield answer
        except error.DNSNameError:
            print(f"{what}: no such name")
            continue
        if kind is None:
            print(f"{what}: {found}")
            continue
        records = [show(each.payload) for each in found[0] if each.type == kind]
        for line in sorted(records):
            print(f"{what}: {line}")


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
