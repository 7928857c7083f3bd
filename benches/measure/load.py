import subprocess

from .programs import RELEASE


class Load:
    """A load that is connected: every one of its connections has talked once when this has been made."""

    def __init__(self, port, arguments, core=None):
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        command = [*pinned, str(RELEASE / "load"), "--port", str(port)]
        command += [str(argument) for argument in arguments]
        self.command = " ".join(command)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._expect(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def window(self):
        """Makes one window of load: messages that came back, and seconds."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        count, seconds = self._expect(2)
        return int(count), float(seconds)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _expect(self, words):
        line = self.process.stdout.readline().split()
        if len(line) != words:
            self.process.kill()
            raise RuntimeError(f"the load failed: {self.command}")
        return line
