"""What `run` and `counts` share: building, starting a server and a load on it, and reading what the system counts."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target"))
RELEASE = TARGET / "release"
LIBUV = TARGET / "libuv-echo"
CERTIFICATE = TARGET / "certificate"
TLS = ("--tls", str(CERTIFICATE))


def build():
    """Builds everything; libuv's server only where its library is."""
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=HERE, check=True)
    source = HERE / "peers" / "libuv.c"
    made = subprocess.run(
        ["cc", "-O2", "-o", LIBUV, source, "-luv"], stderr=subprocess.DEVNULL
    )
    if not CERTIFICATE.joinpath("cert.pem").exists():
        subprocess.run([RELEASE / "certificate", CERTIFICATE], check=True)
    return made.returncode == 0


def server_command(peer, arguments=(), counted=False):
    if peer == "libuv":
        return [str(LIBUV), *arguments]
    name = "serve_counted" if counted else "serve"
    return [str(RELEASE / name), "--peer", peer, *arguments]


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

    def ask(self):
        """Of a counted server: allocations so far, bytes held."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(int(word) for word in self.process.stdout.readline().split())

    def stop(self, pid=None):
        if self.process.poll() is None:
            os.kill(pid or self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Load:
    """A load that runs. `go` has been said when this returns: everyone is connected and has talked once."""

    def __init__(self, port, arguments, core=None):
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        command = [*pinned, str(RELEASE / "load"), "--port", str(port)]
        command += [str(argument) for argument in arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline().strip() != "go":
            self.process.kill()
            raise RuntimeError("the load failed: " + " ".join(command))

    def result(self):
        words = self.process.stdout.readline().split()
        if len(words) != 2:
            self.process.kill()
            raise RuntimeError("the load failed")
        return int(words[0]), float(words[1])

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def run_load(port, arguments, core=None):
    load = Load(port, arguments, core)
    result = load.result()
    load.stop()
    return result


def child_of(pid):
    """The server under strace."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def instructions(peer, server, load):
    """User instructions of a server from its start to its end, by callgrind."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        under = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        with Server(peer, server, under) as running:
            run_load(running.port, load)
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)[1])


def instructions_a_message(peer, load, server=(), short=1000, long=4000):
    """The difference of a long and a short run, so that the start cancels."""
    runs = [instructions(peer, server, [*load, "--messages", n]) for n in (short, long)]
    return (runs[1] - runs[0]) / (long - short)


def system_calls(peer, server, load):
    """System calls of a server from its start to its end, by name."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        running = Server(peer, server, ["strace", "-c", "-f", "-o", str(out)])
        run_load(running.port, load)
        running.stop(child_of(running.process.pid))
        calls = {}
        for line in out.read_text().splitlines():
            words = line.split()
            if len(words) >= 5 and words[0].replace(".", "").isdigit():
                calls[words[-1]] = int(words[3])
        calls.pop("total", None)
        return calls


def system_calls_a_message(peer, load, server=(), short=1000, long=6000):
    """The difference of two runs, by name, and in all."""
    before = system_calls(peer, server, [*load, "--messages", short])
    after = system_calls(peer, server, [*load, "--messages", long])
    each = {
        name: (count - before.get(name, 0)) / (long - short)
        for name, count in after.items()
    }
    return sum(each.values()), {k: v for k, v in each.items() if abs(v) > 0.0005}


def allocations_a_message(peer, load, server=(), messages=20000):
    with Server(peer, server, counted=True) as running:
        busy = Load(running.port, [*load, "--messages", messages])
        before, _ = running.ask()
        busy.result()
        after, _ = running.ask()
        busy.stop()
        return (after - before) / messages


def heap_a_connection(peer, server=(), connections=4000, load=()):
    """Bytes held for each of many idle connections, by the allocator's own count."""
    held = []
    with Server(peer, server, counted=True) as running:
        for count in (connections, connections):
            load_running = Load(
                running.port, ["--workload", "idle", "--connections", count, *load]
            )
            held.append((running.ask()[1], load_running))
        first, second = held[0][0], held[1][0]
        for _, load_running in held:
            load_running.stop()
    return (second - first) / connections


def die(message):
    print(message, file=sys.stderr)
    sys.exit(1)
