import os
import pathlib
import signal
import subprocess

from .programs import server_command


class Server:
    """A server that runs, perhaps under a tool that watches it."""

    def __init__(self, peer, arguments=(), under=(), core=None, counted=False):
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        command = [*pinned, *under, *server_command(peer, arguments, counted)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line.strip():
            self.process.kill()
            raise RuntimeError(f"{peer} did not start: {' '.join(command)}")
        self.port = int(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def ask(self):
        """Of a counted server: allocations so far, bytes held."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(int(word) for word in self.process.stdout.readline().split())

    def stop(self):
        if self.process.poll() is None:
            os.kill(self._watched(), signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _watched(self):
        """The server itself: under strace it is a child."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        pids = children.read_text().split()
        return int(pids[0]) if pids else self.pid
