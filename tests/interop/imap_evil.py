"""The example `imap` with clients that keep to no rule, with messages made to do harm, and on a disk that fails."""

import contextlib
import re
import socket
import threading

from common import PATIENCE, main, needs
from imap_common import PASSWORD, TEXT, USER, ImapTestCase


class StartTls(ImapTestCase):
    def test_what_is_pipelined_behind_starttls_is_never_a_command(self):
        command = b"a STARTTLS\r\n"
        injected = f'b LOGIN {USER} "{PASSWORD}"\r\nc CREATE injected\r\n'.encode()
        both = command + injected
        with self.serve() as server:
            for cut in range(1, len(both) + 1):
                with self.wire(server, protect=False) as wire:
                    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    with contextlib.suppress(ConnectionError):
                        wire.send(both[:cut])
                        wire.send(both[cut:])
                    answer = wire.rest()
                    assert answer.startswith(b"a OK"), (cut, answer)
                    assert b"b " not in answer.partition(b"\n")[2] and b"c " not in answer.partition(b"\n")[2], (cut, answer)
        assert not (self.mail / USER).exists()

    def test_half_a_command_behind_starttls_is_forgotten(self):
        with self.serve() as server, self.wire(server, protect=False) as wire:
            wire.says(b"a STARTTLS", b"a OK")
            wire.protect(self.trusting())
            assert wire.says(b"b NOOP", b"b ") == b"b OK nothing done\r\n"

    def test_starttls_twice(self):
        with self.serve() as server, self.wire(server) as wire:
            assert wire.says(b"a STARTTLS", b"a BAD")
            assert b"STARTTLS" not in wire.says(b"b CAPABILITY", b"b OK")
            wire.says(b"c NOOP", b"c OK")

    def test_a_client_hello_in_front(self):
        with self.serve() as server, socket.create_connection(("localhost", server.port)) as connection:
            with self.assertRaises(OSError):
                self.trusting().wrap_socket(connection, server_hostname="localhost")

    def test_what_comes_without_a_login(self):
        commands = [b"SELECT INBOX", b"LIST \"\" *", b"IDLE", b"FETCH 1 ALL", b"STATUS INBOX (MESSAGES)", b"CREATE a", b"NAMESPACE"]
        with self.serve() as server, self.wire(server, login=False) as wire:
            for command in commands:
                wire.says(b"a " + command, b"a BAD")
            assert b"a BAD say who" in wire.says(b"a APPEND INBOX {10}", b"a ")
            wire.says(b"b NOOP", b"b OK")


class Literals(ImapTestCase):
    def test_lengths_that_no_literal_has(self):
        with self.serve() as server, self.wire(server) as wire:
            for length in [2**16 + 1, 2**31, 2**32, 2**63, 2**64, 10**100]:
                for command in ["SELECT", "SEARCH TEXT", "APPEND INBOX", "LOGIN"]:
                    answer = wire.says(f"a {command} {{{length}}}".encode(), (b"a ", b"+ "))
                    big = answer.startswith(b"+ ")
                    # A message may be large.
                    assert not big or (command == "APPEND INBOX" and length < 2**26), (command, length, answer)
                    if big:
                        wire.send(b"x" * length + b"\r\n")
                        wire.until(b"a OK")
            wire.says(b"b NOOP", b"b OK")
            for line in [b"a SELECT {-1}", b"a SELECT {x}", b"a SELECT {}", b"a SELECT {1", b"a SELECT {1}}"]:
                assert wire.says(line, b"a BAD"), line

    def test_a_client_that_does_not_wait_for_the_answer(self):
        for command in [b"a SELECT {9223372036854775808+}", b"a APPEND INBOX {4294967295+}", b"a APPEND INBOX {67108865+}"]:
            with self.serve() as server, self.wire(server) as wire:
                wire.send(command + b"\r\n")
                assert b"* BYE" in wire.rest()
        with self.serve() as server, self.wire(server) as wire:
            wire.says(b"a SELECT {5+}\r\ninbox", b"a OK")
            wire.says(b"b APPEND INBOX {%d+}\r\n%s" % (len(TEXT), TEXT), b"b OK")
            wire.says(b"c APPEND nosuch {%d+}\r\n%s" % (len(TEXT), TEXT), b"c NO [TRYCREATE]")
            wire.says(b"d APPEND {5+}\r\nINBOX {0+}\r\n", b"d OK")

    def test_a_command_of_literals_that_never_ends(self):
        with self.serve() as server, self.wire(server) as wire:
            wire.send(b"a SEARCH OR TEXT {60000}\r\n")
            wire.until(b"+ ")
            wire.send(b"x" * 60000 + b" TEXT {60000}\r\n")
            wire.until(b"a BAD")
            wire.says(b"b NOOP", b"b OK")

    def test_input_that_is_cut_anywhere(self):
        script = b'a SELECT {5}\r\nINBOX\r\nb APPEND INBOX (\\Seen) {%d+}\r\n%s\r\nc SEARCH TEXT {5+}\r\nhello\r\nd LOGOUT\r\n'
        script %= (len(TEXT), TEXT)
        with self.serve() as server:
            for size in [1, 2, 3, 7, 64, 1000]:
                with self.wire(server) as wire:
                    for at in range(0, len(script), size):
                        wire.send(script[at : at + size])
                    answer = wire.rest()
                    for said in [b"+ go on\r\n", b"a OK", b"b OK [APPENDUID", b"* SEARCH 1", b"c OK", b"d OK"]:
                        assert said in answer, (size, said, answer)

    def test_nul_and_bare_ends_of_lines(self):
        with self.serve() as server, self.wire(server) as wire:
            wire.says(b"a APPEND INBOX {5+}\r\na\0b\r\n\r\n", b"a BAD a message has no NUL")
            wire.says(b"b SELECT IN\0BOX", b"b BAD")
            wire.says(b"c SELECT {5+}\r\nIN\0BO", b"c BAD")
            # Neither of these ends a line: the rest is a part of it.
            wire.says(b"d NOOP\nx LOGOUT", b"d BAD")
            wire.says(b"e NOOP\rx LOGOUT", b"e BAD")
            wire.says(b"f NOOP", b"f OK")
            assert self.files("tmp") == [] == self.files("new")

    def test_a_message_that_is_cut_off_is_none(self):
        with self.serve() as server:
            with self.wire(server) as wire:
                wire.says(b"a APPEND INBOX {1000000}", b"+ ")
                wire.send(b"x" * 500_000)
                server.until(lambda: self.files("tmp"))
            server.until(lambda: not self.files("tmp"))
            assert self.files("new") == []


class Floods(ImapTestCase):
    def test_lines_that_are_too_long(self):
        with self.serve() as server:
            with self.wire(server) as wire:
                wire.send(b"a NOOP" + b" " * 20_000)
                assert b"* BYE the line is too long" in wire.rest()
            with self.wire(server, login=False) as wire:
                wire.send(b"GET / HTTP/1.1\r\n" * 50)
                assert b"* BYE too many mistakes" in wire.rest()

    def test_a_hundred_thousand_commands_at_once(self):
        """A client that does not read the answers is read no further, and gets all of them when it reads."""
        count = 100_000
        # In clear: Python's TLS cannot be written and read by two threads at a time.
        with self.serve() as server, self.wire(server, protect=False) as wire:
            commands = b"".join(b"%d NOOP\r\n" % number for number in range(count))
            sender = threading.Thread(target=wire.send, args=[commands])
            sender.start()
            wire.until(b"%d OK" % (count - 1))
            sender.join()
            with open(f"/proc/{server.process.pid}/status") as status:
                assert int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) < 40_000

    def test_a_long_answer_waits_for_its_reader(self):
        with self.serve() as server, self.wire(server) as slow, self.wire(server) as quick:
            slow.says(b"a APPEND INBOX {30000000+}\r\n" + b"Subject: a\r\n\r\n" + b"x" * (30_000_000 - 14), b"a OK")
            slow.says(b"b SELECT INBOX", b"b OK")
            slow.send(b"c FETCH 1 BODY.PEEK[]\r\nd NOOP\r\n" * 3)
            # Meanwhile others are served, and the sleeping answer takes no memory.
            for _ in range(100):
                quick.says(b"e NOOP", b"e OK")
            with open(f"/proc/{server.process.pid}/status") as status:
                assert int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) < 40_000
            for _ in range(3):
                slow.until(b"c OK")
                slow.until(b"d OK")

    def test_sets_of_large_numbers(self):
        with self.serve() as server, self.wire(server) as wire:
            wire.says(b"a APPEND INBOX {%d+}\r\n%s" % (len(TEXT), TEXT), b"a OK")
            wire.says(b"b SELECT INBOX", b"b OK")
            assert b"UID 1" in wire.says(b"c UID FETCH 1:4294967295,*:1,%s FLAGS" % b",".join([b"1:4000000000"] * 1000), b"c OK")
            wire.says(b"x EXAMINE empty", b"x NO [NONEXISTENT]")
            wire.says(b"x CREATE empty", b"x OK")
            wire.says(b"x SELECT empty", b"x OK")
            for nothing in [b"1:*", b"*", b"*:3"]:
                assert wire.says(b"y FETCH " + nothing + b" FLAGS", b"y ") == b"y OK done\r\n"
            wire.says(b"z FETCH 1 FLAGS", b"z BAD")
            wire.says(b"b SELECT INBOX", b"b OK")
            wire.says(b"d FETCH 1:4294967295 FLAGS", b"d BAD")
            wire.says(b"e FETCH 0 FLAGS", b"e BAD")
            wire.says(b"f SEARCH " + b"(" * 2000 + b"ALL" + b")" * 2000, b"f BAD")
            wire.says(b'g LIST "" "%s"' % (b"*%" * 2000), b"g OK")


class Messages(ImapTestCase):
    def test_messages_made_to_do_harm(self):
        deep = b"Content-Type: message/rfc822\r\n\r\n" * 100_000 + TEXT
        boundaries = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(20_000)
        )
        many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 50_000 + b"--b--\r\n"
        digest = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" + TEXT + b"\r\n--b--\r\n"
        odd = [b"", b"\r\n", b"\n\n", b"\r\n\r\nbody", b"no header at all", b":\r\n", b"Subject", b"Subject: =?x?q?=\xff?=\r\n\r\n"]
        odd += [b"Content-Type: multipart/mixed\r\n\r\nno boundary", b"Content-Type: /\r\n\r\n", b"From: <<>>, :;\r\nTo: a:b:;\r\n\r\n"]
        odd += [b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ0KDQphDQo=\r\n", b"\xff" * 1000]
        with self.serve() as server, self.wire(server) as wire:
            for message in [deep, boundaries, many, digest, *odd]:
                wire.says(b"a APPEND INBOX {%d+}\r\n%s" % (len(message), message), b"a OK")
            wire.says(b"b SELECT INBOX", b"b OK")
            answer = wire.says(b"c FETCH 1:* (ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[1.1.1.MIME] BODY.PEEK[HEADER.FIELDS (SUBJECT)])", b"c OK")
            assert answer.count(b" FETCH (ENVELOPE (") == 4 + len(odd)
            assert wire.says(b"d SEARCH BODY nothing", b"d OK").startswith(b"* SEARCH\r\n")
            wire.says(b"e FETCH 1:* (RFC822.TEXT RFC822.HEADER)", b"e OK")

    def test_a_disk_that_is_full(self):
        needs("strace")
        trace = self.path / "trace"
        full = ["strace", "-D", "-f", "-o", trace, "-e", "signal=none", "-e", "inject=fsync:error=ENOSPC:when=20+"]
        with self.serve(under=full) as server, self.wire(server) as wire:
            stored = 0
            for _ in range(20):
                wire.send(b"a APPEND INBOX {%d+}\r\n%s\r\n" % (len(TEXT), TEXT))
                answer = wire.until(b"a ")
                if b"a NO [OVERQUOTA]" in answer:
                    break
                stored += 1
                assert b"a OK" in answer, answer
            assert 0 < stored < 20
            assert self.files("tmp") == []
            assert len(self.files("new")) >= stored

    def test_the_server_stops(self):
        with self.serve() as server:
            with self.wire(server) as idle, self.wire(server) as busy, self.wire(server, protect=False) as clear:
                idle.says(b"a SELECT INBOX", b"a OK")
                idle.says(b"b IDLE", b"+ ")
                busy.says(b"c APPEND INBOX {3000000+}\r\n" + b"x" * 3_000_000, b"c OK")
                busy.says(b"d SELECT INBOX", b"d OK")
                busy.send(b"e FETCH 1 BODY.PEEK[]\r\n")
                busy.until(b"* 1 FETCH")
                server.process.terminate()
                assert b"* BYE the server stops" in idle.rest() and b"* BYE the server stops" in clear.rest()
                rest = busy.rest()
                assert len(rest) > 3_000_000 - 10 and b"e OK" in rest and b"* BYE the server stops" in rest, rest[-200:]

    def test_the_server_drains(self):
        """A message that is on its way is taken; what is idle ends at once."""
        with self.serve("--drain", str(PATIENCE)) as server:
            with self.wire(server) as idle, self.wire(server) as quiet, self.wire(server) as busy:
                idle.says(b"a IDLE", b"+ ")
                busy.says(b"b APPEND INBOX {%d}" % len(TEXT), b"+ ")
                busy.send(TEXT[:10])
                server.until(lambda: self.files("tmp"))
                server.process.terminate()
                assert b"* BYE the server stops" in idle.rest() and b"* BYE the server stops" in quiet.rest()
                busy.send(TEXT[10:] + b"\r\nc NOOP\r\n")
                rest = busy.rest()
                assert b"b OK [APPENDUID " in rest and rest.endswith(b"* BYE the server stops\r\n"), rest
        assert len(self.files("new")) == 1


if __name__ == "__main__":
    main()
