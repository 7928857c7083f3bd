"""A server that people run: it is told its port and prints none, and is ready when it accepts."""

import contextlib
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from .programs import CERTIFICATE

PATIENCE = 20


class Outside:
    """`command` is given the port, and a folder with `both.pem` for what else the program needs."""

    def __init__(self, command, core):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        parts = [(CERTIFICATE / name).read_text() for name in ("cert.pem", "key.pem")]
        (folder / "both.pem").write_text("".join(parts))
        (folder / "both.pem").chmod(0o600)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        words = ["taskset", "-c", str(core), *(str(word) for word in command(self.port, folder))]
        null = subprocess.DEVNULL
        with open(folder / "errors", "w") as errors:
            self.process = subprocess.Popen(words, stdout=null, stderr=errors)
        self._wait(folder / "errors")

    def _wait(self, errors):
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.01)
        said = errors.read_text().strip()
        self.__exit__()
        raise RuntimeError(f"{self.process.args} did not start: {said}")

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()
