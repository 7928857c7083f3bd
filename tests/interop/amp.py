"""AMP with Twisted, both ways: the examples `amp_server` and `amp_client`, all types of arguments, StartTLS, and what follows a switch."""

import re
import socket
import struct

from common import HERE, Process, Server, TestCase, authority, example, installed, main, run


class Amp(TestCase):
    def twisted(self, *words, **options):
        return run(installed("python", "twisted"), HERE / "amp_peer.py", *words, **options)

    def serve(self, *options):
        return Server("amp_server", "--ca-out", self.ca, *options)

    def test_both_sides_are_ours(self):
        expected = ["13 + 81 = 94", "1234 / 2 = 617.0", "1234 / 0: division by zero", "hello", "slow: done"]
        with self.serve() as server:
            for options in [[], ["--starttls", "--trust-roots", self.ca]]:
                assert example("amp_client", f"tcp:localhost:{server.port}", *options).splitlines() == expected

    def test_a_client_of_twisted(self):
        with self.serve() as server:
            for how in ["plain", "starttls"]:
                said = self.twisted("client", server.port, how, self.ca)
                assert said.splitlines() == ["94", "617.0", "ZeroDivisionError", "b'\\x00\\xff'", "UnhandledCommand", "{}", "closed"], said

    def test_a_server_of_twisted(self):
        authority(self.path)
        python = installed("python", "twisted")
        with Process(python, HERE / "amp_peer.py", "server", self.path / "server.pem", ready="listening on ") as server:
            for options in [[], ["--starttls", "--trust-roots", self.ca]]:
                said = example("amp_client", f"tcp:localhost:{server.port}", *options)
                assert said.splitlines()[0] == "13 + 81 = 94" and "1234 / 0: division by zero" in said, said
                assert said.splitlines()[-1] == "slow: done", said
            # Another authority: nothing is called.
            said = example("amp_client", f"tcp:localhost:{server.port}", "--starttls", expect=1)
            assert "=" not in said, said

    def test_commands_behind_starttls_in_clear_are_not_answered(self):
        def box(**pairs):
            out = b""
            for key, value in pairs.items():
                out += struct.pack("!H", len(key)) + key.encode() + struct.pack("!H", len(value)) + value
            return out + b"\0\0"

        start = box(_ask=b"1", _command=b"StartTLS")
        injected = box(_ask=b"2", _command=b"Echo", data=b"injected")
        with self.serve() as server:
            for cut in [1, 7, 1000]:
                with socket.create_connection(("127.0.0.1", server.port)) as wire:
                    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    both = start + injected
                    try:
                        for at in range(0, len(both), cut):
                            wire.sendall(both[at : at + cut])
                    except OSError:
                        pass
                    said = b""
                    try:
                        while data := wire.recv(1000):
                            said += data
                    except ConnectionResetError:
                        pass
                    assert b"injected" not in said and said.startswith(b"\0\x07_answer"), said

    def test_mistakes(self):
        said = example("amp_client", "tcp:localhost:1", expect=1)
        assert re.search(r"cannot connect", said), said
        said = example("amp_client", "--name", "x", expect=2)
        assert said.count("\n") == 1 and "--starttls" in said, said


if __name__ == "__main__":
    main()
