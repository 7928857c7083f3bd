"""One of three instances: what stands for a machine. It runs a web server and a server of lines."""

import os
import pathlib
import signal
import subprocess
import threading
import time

import ports

# How long anything here may take, on a busy machine too, before it counts as hung.
PATIENCE = 300


def until(what, happens, pause=0.02):
    """Waits for something to happen, and returns what it is."""
    begun = time.monotonic()
    while not (outcome := happens()):
        if time.monotonic() - begun > PATIENCE:
            raise TimeoutError(f"{what}: not within {PATIENCE} s")
        time.sleep(pause)
    return outcome


class Program:
    """A server with its port, and that of its health. After a restart it is another process."""

    def __init__(self, path, what, settings):
        self.path, self.what, self.settings = path, what, settings
        self.port, self.health = ports.free(), ports.free()
        self.pid, self.group = None, None

    def start(self):
        here = "interface=127.0.0.1"
        command = [self.path, f"haproxy:tcp:{self.port}:{here}", "--health", f"tcp:{self.health}:{here}"]
        command += ["--drain-notice", str(self.settings.notice), "--drain", str(self.settings.drain)]
        # A group of its own: a process that it has started anew ends with it.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.child, self.pid, self.group = child, child.pid, child.pid
        self.lines = []
        threading.Thread(target=self.listen, args=(child.stdout,), daemon=True).start()
        until(f"{self.what} listens", lambda: self.listening() == 1 or child.poll() is not None)
        if child.poll() is not None:
            raise RuntimeError(f"{self.what} has not started: {' '.join(command)}")

    def listen(self, output):
        for line in output:
            self.lines.append(line)

    def listening(self):
        """How many of its processes, one after the other, have said that they listen."""
        return sum(line.startswith("listening on ") for line in list(self.lines))

    def signal(self, number):
        os.kill(self.pid, number)

    def lives(self):
        return lives(self.pid)

    def wait(self):
        """Until the process that serves has ended. Its exit code, if it is a child of this one."""
        until(f"{self.what} ends", lambda: not self.lives())
        if self.pid == self.child.pid:
            return self.child.wait()
        return 0

    def restart(self):
        """Has it start its new version. Returns what the one before is, which drains."""
        before, pid = self.listening(), self.pid
        self.signal(signal.SIGUSR2)
        until(f"{self.what} is there anew", lambda: self.listening() > before)
        self.pid = until("the process of the new one", lambda: successor(pid))
        return pid

    def kill_all(self):
        if self.group is not None:
            try:
                os.killpg(self.group, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.child.wait()


class Instance:
    def __init__(self, name, settings):
        self.name = name
        examples = pathlib.Path(settings.examples)
        self.web = Program(examples / "http", f"the web server of {name}", settings)
        self.lines = Program(examples / "echo", f"the server of lines of {name}", settings)
        self.programs = [self.web, self.lines]

    def start(self):
        for program in self.programs:
            program.start()

    def drain(self):
        for program in self.programs:
            program.signal(signal.SIGTERM)

    def wait(self):
        return [program.wait() for program in self.programs]

    def restart(self):
        before = [program.restart() for program in self.programs]
        for pid in before:
            until(f"process {pid} has drained", lambda: not lives(pid))

    def kill(self):
        for program in self.programs:
            program.signal(signal.SIGKILL)
        self.wait()

    def lives(self):
        return all(program.lives() for program in self.programs)

    def has_exited(self):
        return not any(program.lives() for program in self.programs)

    def kill_all(self):
        for program in self.programs:
            program.kill_all()


def lives(pid):
    """Whether a process runs: it may have ended, and wait for its parent to notice."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def successor(pid):
    """The process that this one has started."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(child) for child in children if lives(int(child))), None)
