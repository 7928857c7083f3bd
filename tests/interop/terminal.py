"""A program in a terminal: what it shows, and keys that are pressed."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from common import PATIENCE

# What moves the cursor, sets colours and so on.
CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78M]|\x1b\][^\x07]*\x07|[\x00-\x09\x0b-\x1f]")


class Terminal:
    """A program on a pseudo-terminal of 80 columns."""

    def __init__(self, *command, home):
        own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        environment = {**os.environ, "TERM": "vt100", "HOME": str(home), "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            start_new_session=True,
        )
        os.close(other)
        self.own = own
        self.output = b""
        # Where the output begins in which no words were looked for yet.
        self.seen = 0

    def _read(self, end):
        """More of the output. Returns False at its end."""
        ready, _, _ = select.select([self.own], [], [], max(0, end - time.monotonic()))
        assert ready, f"nothing comes:\n{self.text()}"
        data = b""
        # At the end of the program Linux says so with an error.
        with contextlib.suppress(OSError):
            data = os.read(self.own, 65536)
        self.output += data
        return bool(data)

    def text(self):
        return CONTROLS.sub(b"", self.output).decode(errors="replace")

    def shows(self, words):
        """Waits until the program has written these words since the last keys."""
        end = time.monotonic() + PATIENCE
        while words not in CONTROLS.sub(b"", self.output[self.seen :]).decode(errors="replace"):
            assert self._read(end), f"it ends before it shows {words!r}:\n{self.text()}"

    def types(self, keys):
        self.seen = len(self.output)
        os.write(self.own, keys.encode())

    def ends(self, code=0):
        """Waits until the program has ended."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        assert self.process.wait(PATIENCE) == code, self.text()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.kill()
        self.process.wait()
        os.close(self.own)
