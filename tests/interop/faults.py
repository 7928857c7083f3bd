"""The examples `echo`, `tls_echo` and `forward` on a system that fails them: strace makes their system calls fail.

Not with EAGAIN, and without short transfers: from those one concludes that a new event will come, and no such event would.
"""

import contextlib
import errno
import os
import re
import socket
import threading

from common import EXAMPLES, Server, TestCase, main, needs, run

# Not a multiple of anything: what is lost, doubled or out of order shows.
LARGE = os.urandom(1_000_003)


class Faulty(Server):
    """An example whose system calls fail as `faults` say, in the words of strace: "recvfrom:error=EINTR:when=1+2"."""

    def __init__(self, name, trace, *faults, arguments=(), **options):
        self.trace = trace
        super().__init__(name, *arguments, under=strace(trace, *faults), **options)

    def calls(self, pattern):
        """The system calls so far, in lines that match."""
        return [line for line in self.trace.read_text().splitlines() if re.search(pattern, line)]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def refuses(self):
        """Whether a connection ends before it is of any use. The end may come so early that it is `connect` which fails."""
        try:
            with self.connect() as connection:
                return not asks(connection)
        except ConnectionError:
            return True


def strace(trace, *faults):
    needs("strace")
    injected = [word for fault in faults for word in ("-e", f"inject={fault}")]
    # As a grandchild: what is started, signalled and waited for is the example itself.
    return ["strace", "-D", "-f", "-ttt", "-o", trace, "-e", "signal=none", *injected]


def interrupted(call, step):
    """Not to the end: the handler of the signal that stops the example sends something, too, which no system interrupts."""
    return f"{call}:error=EINTR:when=1..40+{step}"


def number(error):
    return getattr(errno, error)


def asks(connection, question=b"one question"):
    """Whether a server is there, and sends back what it is sent."""
    try:
        connection.sendall(question)
        answer = b""
        while len(answer) < len(question) and (data := connection.recv(len(question) - len(answer))):
            answer += data
    except ConnectionError:
        return False
    assert question.startswith(answer), answer
    return answer == question


def there_and_back(connection):
    """Sends a lot, while what comes back is read."""

    def send():
        connection.sendall(LARGE)
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    received = bytearray()
    while data := connection.recv(65536):
        received += data
    sender.join()
    assert received == LARGE, f"{len(received)} bytes came back of {len(LARGE)}, or other ones"


class Faults(TestCase):
    def setUp(self):
        super().setUp()
        self.trace = self.path / "trace"

    def serve(self, *faults):
        return Faulty("echo", self.trace, *faults)

    def count(self, call, name="echo", *arguments):
        """How often an example makes this call before its first connection."""
        with Faulty(name, self.trace, f"{call}:error=EINVAL:when=60000", arguments=arguments) as server:
            server.until(lambda: server.calls("epoll_wait"))
            return len(server.calls(rf"\b{call}\("))

    def test_a_call_that_is_interrupted_is_made_again(self):
        calls = {"recvfrom": 2, "sendto": 3, "epoll_wait": 5, "accept4": 7}
        each_alone = [[interrupted(call, 2)] for call in calls]
        all_together = [interrupted(call, step) for call, step in calls.items()]
        for faults in [*each_alone, all_together]:
            with self.subTest(faults=faults), self.serve(*faults) as server:
                with contextlib.ExitStack() as open_now:
                    connections = [open_now.enter_context(server.connect()) for _ in range(5)]
                    for connection in connections:
                        there_and_back(connection)
                assert server.calls("INJECTED"), "nothing was interrupted"

    def test_a_call_that_is_interrupted_is_made_again_under_tls(self):
        faults = [interrupted("recvfrom", 2), interrupted("sendto", 2)]
        arguments = ["--ca-out", self.ca]
        with Faulty("tls_echo", self.trace, *faults, arguments=arguments) as server:
            for _ in range(3):
                with self.trusting().wrap_socket(server.connect(), server_hostname="localhost") as connection:
                    # One after the other: Python's TLS does not send while it receives.
                    assert all(asks(connection, LARGE[at : at + 50_000]) for at in range(0, len(LARGE), 50_000))
            assert server.calls("sendto.*INJECTED")

    def test_without_descriptors_one_client_is_refused_and_no_other(self):
        for error in ["EMFILE", "ENFILE"]:
            with self.subTest(error=error), self.serve(f"accept4:error={error}:when=1") as server:
                before = server.descriptors()
                assert server.refuses()
                with server.connect() as served:
                    assert asks(served)
                server.until(lambda: server.descriptors() == before)

    def test_a_system_that_cannot_accept_is_asked_again_later_and_not_all_the_time(self):
        for error in ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]:
            with self.subTest(error=error), self.serve(f"accept4:error={error}:when=1..12") as server:
                before = server.descriptors()
                with contextlib.ExitStack() as open_now:
                    # Each tells of itself, and that does not wake it.
                    connections = [open_now.enter_context(server.connect()) for _ in range(20)]
                    assert all(asks(connection) for connection in connections)
                server.until(lambda: server.descriptors() == before)
                failed = [float(line.split()[1]) for line in server.calls("accept4.*INJECTED")]
                assert len(failed) == 12
                # A second look is for the connection that is refused, and then it rests for 100 ms.
                rests = sum(later - earlier > 0.09 for earlier, later in zip(failed, failed[1:]))
                assert rests >= 5, failed
                # Nor does anything else go on meanwhile, but that each connection comes, and its question.
                between = [float(line.split()[1]) for line in server.calls("epoll_wait")]
                between = [at for at in between if failed[0] < at < failed[-1]]
                assert len(between) <= 3 * len(failed) + 2 * len(connections), len(between)

    def test_a_connection_that_goes_before_it_is_accepted_is_nothing(self):
        for error in ["ECONNABORTED", "EPERM", "EPROTO", "EINTR"]:
            with self.subTest(error=error), self.serve(f"accept4:error={error}:when=1+2") as server:
                with contextlib.ExitStack() as open_now:
                    connections = [open_now.enter_context(server.connect()) for _ in range(5)]
                    assert all(asks(connection) for connection in connections)
                assert server.calls("accept4.*INJECTED")

    def test_a_connection_that_breaks_is_the_only_one(self):
        broken = ["ECONNRESET", "ETIMEDOUT", "ENOBUFS", "ENOMEM", "EHOSTUNREACH"]
        cases = [("recvfrom", error) for error in broken] + [("sendto", error) for error in [*broken, "EPIPE"]]
        for call, error in cases:
            with self.subTest(call=call, error=error), self.serve(f"{call}:error={error}:when=7") as server:
                before = server.descriptors()
                with contextlib.ExitStack() as open_now:
                    connections = [open_now.enter_context(server.connect()) for _ in range(5)]
                    alive = [[asks(connection) for connection in connections] for _ in range(3)]
                    assert alive[0] == [True] * 5
                    assert alive[1].count(False) == 1 and alive[2] == alive[1], alive
                    server.says(f"(os error {number(error)})")
                server.until(lambda: server.descriptors() == before)
                assert len(server.calls("INJECTED")) == 1

    def test_what_came_before_a_send_failed_is_heard(self):
        # The echo of the first piece cannot be sent; what was said behind it is still read, to the end.
        with self.serve("sendto:error=EPIPE:when=1") as server:
            with server.connect() as connection:
                connection.sendall(b"first")
                connection.sendall(b"second")
                connection.shutdown(socket.SHUT_WR)
                server.says("Broken pipe")
            assert len(server.calls("sendto")) == 1

    def test_a_connection_that_cannot_be_watched_is_closed(self):
        watched = self.count("epoll_ctl")
        for error in ["ENOSPC", "ENOMEM"]:
            with self.subTest(error=error), self.serve(f"epoll_ctl:error={error}:when={watched + 1}") as server:
                before = server.descriptors()
                assert server.refuses()
                server.until(lambda: server.descriptors() == before)
                with server.connect() as served:
                    assert asks(served)
                server.says("cannot be watched")

    def test_a_connection_that_cannot_be_watched_until_it_takes_more_is_ended(self):
        # One call for the port and what else there is, one for the connection, and the next when its peer does not read.
        watched = self.count("epoll_ctl")
        with self.serve(f"epoll_ctl:error=ENOMEM:when={watched + 2}") as server:
            before = server.descriptors()
            with server.connect() as connection:
                # Until nothing more is taken, or it is closed.
                connection.settimeout(1)
                with contextlib.suppress(OSError):
                    while True:
                        connection.sendall(LARGE)
                assert server.calls("EPOLL_CTL_MOD.*INJECTED")
                server.until(lambda: server.descriptors() == before)
            with server.connect() as served:
                assert asks(served)

    def test_a_port_that_cannot_be_set_up_is_one_sentence(self):
        command = [*strace(self.trace, "setsockopt:error=EINVAL:when=1"), EXAMPLES / "echo", "tcp:0:interface=127.0.0.1"]
        output = run(*command, expect=2)
        assert output == "echo: cannot listen on 127.0.0.1:0: Invalid argument (os error 22)\n", output

    def test_a_connection_that_cannot_be_made_ends_the_one_that_wanted_it(self):
        with Server("echo") as echo:
            target = f"tcp:127.0.0.1:{echo.port}"
            once = self.count("setsockopt", "forward", target)
            cases = [
                f"setsockopt:error=EINVAL:when={once + 1}",
                *[f"connect:error={error}:when=1" for error in ["ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL", "ENOBUFS"]],
            ]
            for fault in cases:
                with self.subTest(fault=fault), Faulty("forward", self.trace, fault, arguments=[target]) as server:
                    before = server.descriptors()
                    assert server.refuses()
                    server.until(lambda: server.descriptors() == before)
                    with server.connect() as served:
                        there_and_back(served)


if __name__ == "__main__":
    main()
