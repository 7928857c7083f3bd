"""The programs that take part: how they are built, which of them are there, and how a server is started."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target"))
RELEASE = TARGET / "release"
EXAMPLES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples"
LIBUV = TARGET / "libuv-echo"
GO = TARGET / "go-echo"
NETTY = TARGET / "netty"
TWISTED = ROOT / "target" / "twisted" / "bin" / "python"
CERTIFICATE = TARGET / "certificate"
TLS = ("--tls", str(CERTIFICATE))

# Where Debian has what it calls libnetty-java.
NETTY_PARTS = [f"/usr/share/java/netty-{part}.jar" for part in ("buffer", "codec", "common", "handler", "resolver", "transport")]
NGINX_STREAM = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")

# Programs upon libraries of HTTP and WebSockets.
LIBRARIES = {"hyper-tokio", "ntex", "retwist-websocket", "tokio-websocket"}

# What a machine may lack: how it is told, and what brings it.
FOREIGN = {
    "libuv": (LIBUV.exists, "a C compiler and libuv1-dev"),
    "go": (GO.exists, "golang-go"),
    "netty": ((NETTY / "NettyEcho.class").exists, "default-jdk-headless and libnetty-java"),
    "twisted": (TWISTED.exists, "Twisted in an environment of its own"),
    "twisted-tls": (TWISTED.exists, ""),
    "haproxy": (lambda: shutil.which("haproxy"), "haproxy"),
    "nginx": (lambda: shutil.which("nginx"), "nginx and libnginx-mod-stream"),
    "stunnel": (lambda: shutil.which("stunnel"), "stunnel4"),
}

# The examples that are measured as they are, and the package of each.
OWN = {"echo": "retwist", "frames": "retwist", "forward": "retwist", "http": "retwist-example-http"}


def build_own():
    """This project's servers and the load, and the certificate for all."""
    _cargo()
    if not CERTIFICATE.joinpath("cert.pem").exists():
        subprocess.run([RELEASE / "certificate", CERTIFICATE], check=True)


def build_peers():
    """Beside this project's, the servers that are counted too."""
    # Not all packages at once: each would get the features that the others ask for.
    _cargo("--package", "retwist-bench-peers")
    build_own()
    _compile(LIBUV, ["cc", "-O2", "-o", LIBUV, HERE / "peers" / "libuv.c", "-luv"])


def build_all():
    """All that `run` starts; says what this machine has no tools for."""
    build_peers()
    _cargo("--package", "retwist-bench-libraries")
    for name, package in OWN.items():
        _cargo("--package", package, "--example", name, folder=ROOT)
    _compile(GO, ["go", "build", "-o", GO, HERE / "peers" / "echo.go"])
    NETTY.mkdir(exist_ok=True)
    source = HERE / "peers" / "NettyEcho.java"
    _compile(NETTY / "NettyEcho.class", ["javac", "-cp", ":".join(NETTY_PARTS), "-d", NETTY, source])
    for peer, (is_there, needs) in FOREIGN.items():
        if needs and not is_there():
            note(f"{peer} is left out: it needs {needs} (benches/install.sh --peers)")


def _cargo(*words, folder=HERE):
    subprocess.run(["cargo", "build", "--release", "--quiet", *words], cwd=folder, check=True)


def _compile(result, command):
    """A program that not every machine can compile: if it fails, there is no result."""
    result.unlink(missing_ok=True)
    try:
        subprocess.run(command, stderr=subprocess.DEVNULL, env={**os.environ, "GO111MODULE": "off"})
    except FileNotFoundError:
        pass


def present(peers):
    """Those that this machine has. A proxy with other buffers is the same program."""
    found = []
    for peer in peers:
        is_there, _ = FOREIGN.get(peer.removesuffix("-64k"), (lambda: True, ""))
        if is_there():
            found.append(peer)
    return found


def server_command(peer, arguments=(), counted=False):
    """The command line of a server. Behind `-again` is the same one under another name."""
    peer = peer.removesuffix("-again")
    arguments = [str(argument) for argument in arguments]
    match peer:
        case "libuv":
            return [str(LIBUV)]
        case "go":
            return [str(GO)]
        case "netty":
            return ["java", "-cp", ":".join([str(NETTY), *NETTY_PARTS]), "NettyEcho"]
        case "asyncio":
            return [sys.executable, str(HERE / "peers" / "asyncio_echo.py")]
        case "twisted" | "twisted-tls":
            return [str(TWISTED), str(HERE / "peers" / "twisted_echo.py"), *arguments]
    if peer in LIBRARIES:
        program = "library"
    else:
        program = "serve" if peer.startswith("retwist") else "peer"
        if counted:
            program += "_counted"
    return [str(RELEASE / program), "--peer", peer, *arguments]


def note(message):
    print(message, file=sys.stderr, flush=True)


def die(message):
    note(message)
    sys.exit(1)
