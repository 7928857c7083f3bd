"""The example `starttls`, each side with Python's ssl and with Twisted."""

import contextlib
import socket
import ssl
import threading

from common import Process, Server, TestCase, authority, example, main, twisted
from layers import Lines


class StartTls(TestCase):
    @contextlib.contextmanager
    def talk(self, end=b"\r\n"):
        """A conversation with the server."""
        with Server("starttls", "--serve", "tcp:0:interface=127.0.0.1", "--ca-out", self.ca, endpoint=None) as server:
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                yield Lines(connection, end)

    def start(self, lines):
        assert lines.ask("TLS") == "OK"
        lines.start(self.trusting(), server_hostname="localhost")

    def stop(self, lines):
        assert lines.ask("OFF") == "OK"
        lines.stop()

    def test_the_main_job(self):
        output = example("starttls")
        listening, *lines = output.splitlines()
        assert listening.startswith("listening on 127.0.0.1:"), output
        (begins,) = [line for line in lines if "-- TLS begins" in line]
        negotiated = begins.partition(": ")[2].partition(", for localhost, peer signs ")[0]
        assert negotiated.startswith("TLSv1_3, TLS13_"), output
        pad, last = " " * 12, "connection closed cleanly"
        said = [("in clear", "hello"), ("in clear", "TLS", "OK"), None, ("TLS", "WHO", f"{negotiated}, for localhost")]
        said += [("TLS", "the key is under the third flowerpot"), ("TLS", "OFF", "OK")]
        expected = []
        for place, line, *answer in filter(None, said):
            expected += [f"{place:<12}client: {line}", f"{place:<12}server: {(answer or [line])[0]}"]
            if (line, answer) == ("TLS", ["OK"]):
                expected.append(begins)
        expected.append(f"{pad}-- TLS has ended on both sides, and the connection goes on")
        for line in ["nice weather today", "goodbye"]:
            expected += [f"in clear    client: {line}", f"in clear    server: {line}"]
        assert lines == [*expected, f"{pad}-- {last}"], output

    def test_as_deep_as_it_gets(self):
        output = example("starttls", *["TLS"] * 9, "WHO", *["OFF"] * 9, "goodbye")
        assert output.count("-- TLS begins") == output.count("-- TLS has ended") == 8, output
        assert "server: NO, that is enough" in output and "server: NO, this is in clear" in output, output

    # The server

    def test_in_and_out_again(self):
        for end in [b"\r\n", b"\n"]:
            with self.talk(end) as lines:
                assert lines.ask("hello") == "hello"
                assert "clear" in lines.ask("WHO")
                for _ in range(3):
                    self.start(lines)
                    assert lines.ask("WHO").startswith("TLSv1_3, ")
                    assert lines.ask("") == ""
                    self.stop(lines)
                    assert lines.ask("in clear") == "in clear"

    def test_every_version(self):
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            with self.talk() as lines:
                context = self.trusting()
                context.minimum_version = context.maximum_version = version
                assert lines.ask("TLS") == "OK"
                lines.start(context, server_hostname="localhost")
                assert lines.ask("WHO").startswith(version.name)
                self.stop(lines)
                assert lines.ask("in clear") == "in clear"

    def test_eight_layers_and_back(self):
        with self.talk() as lines:
            for depth in range(8):
                self.start(lines)
                assert lines.ask(f"in {depth}") == f"in {depth}"
            assert lines.ask("TLS").startswith("NO")
            for depth in range(8):
                self.stop(lines)
                assert lines.ask(f"out {depth}") == f"out {depth}"
            assert lines.ask("OFF").startswith("NO")

    def test_lines_right_behind_an_end(self):
        """What is sent behind one's own close_notify, without waiting for the other side's, arrives all the same, two layers deep."""
        with self.talk() as lines:
            self.start(lines)
            self.start(lines)
            inner = lines.at
            lines.send("OFF")
            with contextlib.suppress(ssl.SSLWantReadError):
                inner.tls.unwrap()
            inner.flush()
            lines.at = inner.below
            lines.send("one", "OFF")
            # Now for what has been answered.
            assert inner.read() == b"OK\r\n"
            inner.end()
            assert lines.receive() == "one" and lines.receive() == "OK"
            lines.stop()
            assert lines.ask("two") == "two"

    def test_what_is_in_clear_behind_the_request_is_never_a_line(self):
        with self.talk() as lines:
            lines.send("TLS", "evil", "evil")
            assert lines.receive() == "OK"
            rest = b""
            while data := lines.at.read():
                rest += data
            assert rest[:1] == b"\x15" and b"evil" not in rest, rest

    def test_twisted_as_client(self):
        python = twisted()
        with Server("starttls", "--serve", "tcp:0:interface=127.0.0.1", "--ca-out", self.ca, endpoint=None) as server:
            output = python("talk", server.port, self.ca, "hello", "TLS", "WHO", "goodbye")
        hello, ok, who, goodbye = output.splitlines()
        assert (hello, ok, goodbye) == ("hello", "OK", "goodbye") and who.startswith("TLSv1_3"), output

    # The client

    def connect(self, port, *lines, **options):
        return example("starttls", "--connect", f"tcp:127.0.0.1:{port}", "--ca", self.ca, *lines, **options)

    @contextlib.contextmanager
    def served(self, converse):
        """A server for one conversation. It must end as it is meant to."""
        authority(self.path)
        failures = []

        def serve():
            try:
                connection, _ = listener.accept()
                with connection:
                    converse(Lines(connection))
            except Exception as failure:
                failures.append(failure)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            yield listener.getsockname()[1]
            thread.join()
        assert not failures, failures

    def context(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.path / "server.pem")
        return context

    def test_python_as_server(self):
        def converse(lines):
            depth = 0
            while line := lines.receive():
                if line == "TLS":
                    lines.send("OK")
                    lines.start(self.context(), server_side=True)
                    depth += 1
                elif line == "OFF":
                    lines.send("OK")
                    lines.stop()
                    depth -= 1
                else:
                    lines.send(f"{line} {depth}")
            assert depth == 0

        with self.served(converse) as port:
            output = self.connect(port, "a", "TLS", "b", "TLS", "c", "OFF", "d", "OFF", "e")
        for said in ["in clear    server: a 0", "TLS         server: b 1", "TLS in TLS  server: c 2"]:
            assert said in output, output
        for said in ["TLS         server: d 1", "in clear    server: e 0", "-- connection closed cleanly"]:
            assert said in output, output

    def test_a_server_that_is_not_trusted(self):
        def converse(lines):
            assert lines.receive() == "TLS"
            lines.send("OK")
            with contextlib.suppress(ssl.SSLError):
                lines.start(self.context(), server_side=True)

        with self.served(converse) as port:
            other = self.path / "other"
            other.mkdir()
            self.ca = authority(other)
            output = self.connect(port, "TLS", "secret", expect=1)
        assert "client: secret" not in output, output

    def test_a_server_without_tls_hears_no_more(self):
        def converse(lines):
            assert lines.receive() == "TLS"
            lines.send("NO")
            assert lines.receive() == ""

        with self.served(converse) as port:
            output = self.connect(port, "TLS", "secret", expect=1)
        assert "client: secret" not in output, output

    def test_an_end_of_what_has_not_begun(self):
        def converse(lines):
            for answer in ["OK", "hello"]:
                lines.receive()
                lines.send(answer)

        with self.served(converse) as port:
            output = self.connect(port, "OFF", "hello")
        assert "server: hello" in output and "has ended" not in output, output

    def test_an_answer_behind_the_answer_is_never_heard(self):
        def converse(lines):
            assert lines.receive() == "TLS"
            lines.send("OK", "evil")
            while lines.at.read():
                pass

        with self.served(converse) as port:
            output = self.connect(port, "TLS", "secret", expect=1)
        assert "evil" not in output and "client: secret" not in output, output

    def test_twisted_as_server(self):
        python = twisted()
        authority(self.path)
        with Process(*python.command, "serve", self.path / "server.pem", ready="listening on ") as server:
            output = self.connect(server.port, "hello", "TLS", "under TLS", "goodbye")
        assert "in clear    server: hello" in output and "TLS         server: under TLS" in output, output


if __name__ == "__main__":
    main()
