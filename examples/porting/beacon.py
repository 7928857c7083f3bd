"""Blinks to a broadcast address or a multicast group, and says which others do."""

import ipaddress
import sys

from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol


class Beacon(DatagramProtocol):
    def __init__(self, name, address, port):
        self.name = name
        self.everyone = (address, port)
        self.seen = {name}

    def startProtocol(self):
        address = self.everyone[0]
        if ipaddress.ip_address(address).is_multicast:
            self.transport.joinGroup(address, interface="127.0.0.1")
            self.transport.setOutgoingInterface("127.0.0.1")
        else:
            self.transport.setBroadcastAllowed(True)
        self.blink()

    def blink(self):
        self.transport.write(self.name.encode(), self.everyone)
        reactor.callLater(0.1, self.blink)

    def datagramReceived(self, data, sender):
        name = data.decode()
        if name not in self.seen:
            self.seen.add(name)
            print(f"{name} blinks", flush=True)


if __name__ == "__main__":
    name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    reactor.listenMulticast(port, Beacon(name, address, port), listenMultiple=True)
    reactor.run()
