"""Asks the catalogue of a library where its books stand."""

import sys
from collections import deque

from twisted.internet import defer, endpoints, task
from twisted.protocols.basic import LineReceiver


class NotFound(Exception):
    pass


class Catalogue(LineReceiver):
    """Questions are answered in order: with a place, or with an empty line."""

    def __init__(self):
        self.asked = deque()

    def find(self, title):
        self.sendLine(b"FIND " + title.encode())
        answer = defer.Deferred()
        self.asked.append(answer)
        return answer

    def lineReceived(self, line):
        if not self.asked:
            self.transport.abortConnection()
        elif line:
            self.asked.popleft().callback(line.decode())
        else:
            self.asked.popleft().errback(NotFound("not here"))

    def connectionLost(self, reason):
        while self.asked:
            self.asked.popleft().errback(reason)


@defer.inlineCallbacks
def main(reactor, endpoint, *titles):
    library = endpoints.clientFromString(reactor, endpoint)
    catalogue = yield endpoints.connectProtocol(library, Catalogue())
    answers = [catalogue.find(title) for title in titles]
    answers = yield defer.DeferredList(answers, consumeErrors=True)
    for title, (found, answer) in zip(titles, answers):
        if found:
            print(f"{title}: {answer}")
        else:
            print(f"{title}: {'not here' if answer.check(NotFound) else 'no answer'}")
    catalogue.transport.loseConnection()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
