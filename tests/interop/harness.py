"""What the other files rely on: that `talk` waits for an answer, and that a program which cannot start is a failure at once."""

import time

from common import PATIENCE, Process, TestCase, main, talk


class Harness(TestCase):
    def shell(self, script):
        return ["sh", "-c", script]

    def test_an_answer_is_a_line_that_begins_so(self):
        """Digits in an address, in a fingerprint or in half a line are no answer."""
        client = 'echo "Connecting to 127.0.0.1:43310, sha1:0331"; printf 33; sleep 0.3; echo 10 is half a line'
        client += '; echo " 331"; read user; echo "331 go on"; read quit; echo "$user, $quit"; test "$quit" = QUIT'
        output = talk(self.shell(client), ("USER\n", "331 "), ("QUIT\n", "USER, "))
        assert output.endswith("\n331 go on\nUSER, QUIT\n"), output

    def test_words_are_said_when_the_answer_before_them_has_come(self):
        """The second word is still on its way while the program asks for no more than the first."""
        client = 'read first; echo "not yet 250 OK"; if read -t 0.3 second; then echo early; else echo 250 OK; read second; fi'
        output = talk(["bash", "-c", client], ("one\n", "250 "), ("two\n", ""))
        assert "early" not in output, output

    def test_a_program_that_ends_is_never_ready(self):
        began = time.monotonic()
        with self.assertRaisesRegex(AssertionError, "never ready:\nno port"):
            Process(*self.shell("echo no port; exit 1"), ready="listening on ")
        assert time.monotonic() - began < PATIENCE

    def test_the_port_of_a_program_is_asked_of_the_system(self):
        serve = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        serve += f"print(f'at:{{s.getsockname()[1]}}', flush=True); time.sleep({PATIENCE})"
        with Process("python3", "-c", serve, ready="at:") as server, Process("python3", "-c", serve, ready="at:") as other:
            assert server.listens_on() == server.port != other.port == other.listens_on()


if __name__ == "__main__":
    main()
