"""The programs that take part: how they are built, which of them are there, and how a server is started."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target"))
RELEASE = TARGET / "release"
LIBUV = TARGET / "libuv-echo"
TWISTED = ROOT / "target" / "twisted" / "bin" / "python"
CERTIFICATE = TARGET / "certificate"
TLS = ("--tls", str(CERTIFICATE))


def build_own():
    """This project's servers and the load, and the certificate for all."""
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=HERE, check=True)
    if not CERTIFICATE.joinpath("cert.pem").exists():
        subprocess.run([RELEASE / "certificate", CERTIFICATE], check=True)


def build_all():
    """The peers too."""
    command = ["cargo", "build", "--release", "--quiet", "--workspace"]
    subprocess.run(command, cwd=HERE, check=True)
    build_own()
    source = HERE / "peers" / "libuv.c"
    LIBUV.unlink(missing_ok=True)
    compile_it = ["cc", "-O2", "-o", LIBUV, source, "-luv"]
    try:
        built = subprocess.run(compile_it, stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        built = False
    if not built:
        note("libuv is left out: it needs a C compiler and libuv1-dev (benches/install.sh --peers)")
    if not TWISTED.exists():
        note("Twisted is left out: tests/interop/install.sh installs it")


def present(peers):
    """Those that this machine has."""
    absent = set()
    if not LIBUV.exists():
        absent.add("libuv")
    if not TWISTED.exists():
        absent |= {"twisted", "twisted-tls"}
    return [peer for peer in peers if peer not in absent]


def server_command(peer, arguments=(), counted=False):
    """The command line of a server. Behind `-again` is the same one under another name."""
    peer = peer.removesuffix("-again")
    arguments = [str(argument) for argument in arguments]
    if peer == "libuv":
        return [str(LIBUV)]
    if peer.startswith("twisted"):
        return [str(TWISTED), str(HERE / "peers" / "twisted_echo.py"), *arguments]
    program = "serve" if peer.startswith("retwist") else "peer"
    if counted:
        program += "_counted"
    return [str(RELEASE / program), "--peer", peer, *arguments]


def note(message):
    print(message, file=sys.stderr)


def die(message):
    note(message)
    sys.exit(1)
