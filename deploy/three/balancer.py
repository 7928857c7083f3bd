"""What stands before the instances: HAProxy, which asks for their health, or nginx, which is told."""

import csv
import io
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import ports
from instance import until

HERE = pathlib.Path(__file__).parent
SBIN = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"


def program(name):
    path = shutil.which(name, path=SBIN)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Balancer:
    """Its ports: `web` and `lines`."""

    def __init__(self, folder, instances):
        self.folder, self.instances = folder, instances
        self.web, self.lines = ports.free(), ports.free()

    def values(self):
        """What its configuration has to be told."""
        values = {"FOLDER": self.folder, "WEB": self.web, "LINES": self.lines}
        for instance in self.instances:
            name = instance.name.upper()
            values[f"{name}_WEB"], values[f"{name}_WEB_HEALTH"] = instance.web.port, instance.web.health
            values[f"{name}_LINES"], values[f"{name}_LINES_HEALTH"] = instance.lines.port, instance.lines.health
        return {name: str(value) for name, value in values.items()}

    def wait_until_up(self, _):
        """Until it sends clients to this instance."""

    def wait_until_down(self, _):
        """Until it sends no new client to this instance."""

    def take_out(self, _):
        """Sends no new client to this instance from now on, if it has to be told."""

    def take_in(self, _):
        """Sends clients to it again."""

    def until(self, what, happens):
        """Waits for it as long as the balancer runs."""
        until(f"{self.name}: {what}", lambda: self.child.poll() is not None or happens())
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} has ended, with {self.child.returncode}")

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class HaProxy(Balancer):
    name = "haproxy"

    def start(self):
        self.users = ports.free()
        environment = {**os.environ, **self.values(), "USERS": str(self.users)}
        command = [program("haproxy"), "-db", "-q", "-f", HERE / "haproxy.cfg"]
        self.child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        for instance in self.instances:
            self.wait_until_up(instance)

    def states(self):
        """What it thinks of each server: UP, DOWN, and on the way there `DOWN 1/2`."""
        with socket.socket(socket.AF_UNIX) as console:
            try:
                console.connect(f"{self.folder}/haproxy.sock")
            except OSError:
                return {}
            console.sendall(b"show stat\n")
            told = b"".join(iter(lambda: console.recv(65536), b"")).decode()
        rows = csv.DictReader(io.StringIO(told.lstrip("# ")))
        return {(row["pxname"], row["svname"]): row["status"] for row in rows}

    def are(self, instance, begins):
        states = [state for (_, server), state in self.states().items() if server == instance.name]
        return bool(states) and all(state.startswith(begins) for state in states)

    def wait_until_up(self, instance):
        self.until(f"{instance.name} is up", lambda: self.are(instance, "UP"))

    def wait_until_down(self, instance):
        self.until(f"{instance.name} is down", lambda: self.are(instance, "DOWN"))


class Nginx(Balancer):
    name = "nginx"
    users = None

    def start(self):
        self.out = set()
        self.configure()
        self.child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL)
        self.until("it listens", lambda: accepts(self.web) and accepts(self.lines))

    def command(self):
        config = f"{self.folder}/nginx.conf"
        return [program("nginx"), "-e", "stderr", "-p", self.folder, "-c", config, "-g", "daemon off;"]

    def configure(self):
        module = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        values = self.values()
        values["MODULE"] = f"load_module {module};" if module.exists() else ""
        for instance in self.instances:
            values[f"{instance.name.upper()}_DOWN"] = " down" if instance in self.out else ""
        text = (HERE / "nginx.conf").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        pathlib.Path(self.folder, "nginx.conf").write_text(text)

    def workers(self):
        told = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text()
        return set(told.split())

    def reload(self):
        """Those workers that had the configuration before accept nothing more when there are others."""
        before = self.workers()
        self.configure()
        self.child.send_signal(signal.SIGHUP)
        self.until("it has read its configuration", lambda: self.workers() - before)

    def take_out(self, instance):
        self.out.add(instance)
        self.reload()

    def take_in(self, instance):
        self.out.discard(instance)
        self.reload()
