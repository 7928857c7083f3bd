"""What the tests against other programs share: the examples as servers, other programs within a time limit, and authorities.

Each test file is run as `python3 FILE DIRECTORY`, where the directory has the examples, as `tests/interop/main.rs` does.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

EXAMPLES = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path("target/debug/examples")
HERE = pathlib.Path(__file__).resolve().parent

# How long any one program may take, in seconds: on a machine that is busy with other things, too.
PATIENCE = 120
socket.setdefaulttimeout(PATIENCE)


def main():
    unittest.main(verbosity=2)


def needs(*tools):
    """Skips a test without these programs; with CI=true, that is a failure."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing and not os.environ.get("CI"):
        raise unittest.SkipTest(f"{missing} not installed: tests/interop/install.sh installs it")
    assert not missing, f"{missing} not installed: tests/interop/install.sh installs it"


def run(*command, input=b"", expect=0, env=None):
    """Runs a program to its end, and returns all that it printed."""
    if isinstance(input, str):
        input = input.encode()
    ended = subprocess.run(
        [str(word) for word in command],
        input=input,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        env={**os.environ, **(env or {})},
    )
    output = ended.stdout.decode(errors="replace")
    wanted = expect if isinstance(expect, (tuple, list)) else (expect,)
    assert expect is None or ended.returncode in wanted, f"{command} ended with {ended.returncode}:\n{output}"
    return output


def by_arrival(files):
    """Messages of a maildir in the order in which the server took them.

    Files that are written within one tick of the system's clock have the same times. Their names say more: the second, its
    microseconds, and the process's own count.
    """

    def arrival(file):
        return [int(number) for number in re.match(r"(\d+)\.M(\d+)P\d+Q(\d+)", file.name).groups()]

    return sorted(files, key=arrival)


def talk(command, *exchanges, expect=0):
    """Says things to a program, and ends its input; the program must then end too.

    Each exchange is what to say, and how a line of the answer begins, or a pattern. A reply such as "331" is looked for at the beginning of a line
    alone: the same digits stand in ports and fingerprints, which clients print as well.

    For clients that leave at the end of their input, although more is to come.
    """
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    limit = threading.Timer(PATIENCE, process.kill)
    limit.start()
    output = b""
    with process:
        for said, answer in exchanges:
            heard = len(output)
            if isinstance(answer, re.Pattern):
                answered = answer
            else:
                answered = re.compile(b"^" + re.escape(answer.encode()) + b".*\n", re.MULTILINE)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(said.encode())
                process.stdin.flush()
            while not answered.search(output, heard) and (data := os.read(process.stdout.fileno(), 65536)):
                output += data
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        output += process.stdout.read()
    limit.cancel()
    output = output.decode(errors="replace")
    assert expect is None or process.returncode == expect, f"{command} ended with {process.returncode}:\n{output}"
    return output


def example(name, *arguments, **options):
    """Runs an example that ends by itself."""
    return run(EXAMPLES / name, *arguments, **options)


class Process:
    """A program that runs until it is told to stop. It is ready when it has printed a line with `ready` in it.

    `output` has all lines so far, `ready` the line that said so, and `port` the number at the end of that line, where it ends with one.
    """

    def __init__(self, *command, ready, env=None):
        self.output = []
        self.ready = None
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )
        self.is_ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self.reader.start()
        if not self.is_ready.wait(PATIENCE):
            self.kill()
            raise AssertionError(f"{command} is not ready:\n{self.text()}")
        if self.ready is None:
            self.kill()
            raise AssertionError(f"{command} has ended and was never ready:\n{self.text()}")
        number = re.search(r":(\d+)$", self.ready)
        self.port = int(number[1]) if number else None

    def _read(self, ready):
        for line in self.process.stdout:
            line = line.decode(errors="replace").rstrip()
            self.output.append(line)
            if ready in line and self.ready is None:
                self.ready = line
                self.is_ready.set()
        self.process.stdout.close()
        self.is_ready.set()

    def listens_on(self):
        """The port of IPv4 on which this program listens, as the system knows it: for programs that do not say which one they got."""
        own = set()
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(OSError):
                own.add(os.readlink(f"/proc/{self.process.pid}/fd/{name}"))
        with open("/proc/net/tcp") as table:
            sockets = [line.split() for line in table][1:]
        # Of each socket: its address and port in hexadecimal, its state (0A: it listens), its inode.
        (port,) = [int(line[1].rpartition(":")[2], 16) for line in sockets if line[3] == "0A" and f"socket:[{line[9]}]" in own]
        return port

    def text(self):
        return "\n".join(self.output)

    def says(self, words):
        """Waits until the program has printed these words."""
        self.until(lambda: words in self.text())

    def until(self, what):
        """Waits until this is true, of something that no peer can see."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < end, f"it never comes to that:\n{self.text()}"
            time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.kill()


class Server(Process):
    """An example that serves on a port of its own, `under` another program perhaps. It must end in order when it is told to."""

    def __init__(self, name, *arguments, endpoint="tcp:0:interface=127.0.0.1", under=(), env=None):
        command = [*under, EXAMPLES / name, *([endpoint] if endpoint else []), *arguments]
        super().__init__(*command, ready="listening on ", env={"RUST_LOG": "info", **(env or {})})
        self.at = f"localhost:{self.port}"

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"does not end:\n{self.text()}") from None
        self.reader.join(PATIENCE)
        if kind is not None:
            print(f"--- the server said:\n{self.text()}\n---", file=sys.stderr)
        assert code == 0, f"ended with {code}:\n{self.text()}"
        assert "panicked" not in self.text(), self.text()


class TestCase(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)
        self.ca = self.path / "ca.pem"

    def trusting(self):
        """A client's context that trusts the authority of the server and no other."""
        return ssl.create_default_context(cafile=self.ca)


def installed(program, environment=None):
    """A program in Python from where `tests/interop/install.sh` puts it."""
    path = HERE.parent.parent / "target" / (environment or program) / "bin" / program
    needs(str(path))
    return path


def twisted():
    """Twisted: to be called with the arguments of `twisted_peer.py`."""
    command = [installed("python", "twisted"), HERE / "twisted_peer.py"]

    def call(*arguments):
        return run(*command, *arguments)

    call.command = command
    return call


def stunnel(directory, *options):
    """stunnel with these options, on a port of its own: `port`."""
    needs("stunnel")
    settings = directory / "stunnel.conf"
    general = ["foreground = yes", "pid =", "syslog = no", "debug = 7"]
    settings.write_text("\n".join([*general, "[tls]", "accept = 127.0.0.1:0", *options, ""]))
    return Process("stunnel", settings, ready=" bound to ")


def stunnel_client(directory, server, ca, *options):
    """stunnel that speaks TLS to a server for clients that do not."""
    trust = [f"CAfile = {ca}", "verifyChain = yes", "checkHost = localhost"]
    return stunnel(directory, "client = yes", f"connect = 127.0.0.1:{server.port}", *trust, *options)


def authority(directory):
    """Makes an authority and certificates of it: `ca.pem`; `server.pem` and `client.pem`, each with its key."""

    def openssl(*words):
        run("openssl", *words)

    ca, key = directory / "ca.pem", directory / "ca.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", key, "-out", ca, "-subj", "/CN=authority", "-days", "2")
    for name in ["server", "client"]:
        request, both = directory / f"{name}.csr", directory / f"{name}.pem"
        names = directory / f"{name}.names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        own = directory / f"{name}.key"
        openssl("req", *curve, "-keyout", own, "-out", request, "-subj", f"/CN={name}")
        openssl(
            *["x509", "-req", "-in", request, "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "2"],
            *["-extfile", names, "-out", both],
        )
        both.write_text(both.read_text() + own.read_text())
    return ca
