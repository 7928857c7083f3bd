"""Has another program count the words of a text; then asks two programs how they end."""

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutput, getProcessValue

TEXT = b"Once, upon a midnight dreary\n" * 3


class Counter(ProcessProtocol):
    def __init__(self):
        self.counted = b""

    def connectionMade(self):
        print("made", flush=True)
        self.transport.write(TEXT)
        self.transport.closeStdin()

    def outReceived(self, data):
        self.counted += data

    def outConnectionLost(self):
        print("words:", self.counted.decode().strip(), flush=True)

    def processEnded(self, reason):
        print("ended:", reason.value.exitCode, flush=True)
        values = [getProcessValue("/bin/sh", ["-c", f"exit {code}"]) for code in (0, 1)]
        output = getProcessOutput("/bin/echo", ["a quote"])
        gatherResults(values + [output]).addCallback(done)


def done(results):
    print("true, false:", results[0], results[1], flush=True)
    print("quote:", results[2].decode().strip(), flush=True)
    reactor.stop()


if __name__ == "__main__":
    reactor.spawnProcess(Counter(), "wc", ["wc", "-w"], env=None)
    reactor.run()
