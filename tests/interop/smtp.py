"""The example `smtp` with programs that deliver mail (swaks, msmtp, curl, Python's smtplib, stunnel, Twisted), and with a scanner of TLS."""

import json
import os
import re
import smtplib
import socket
import ssl
import struct

from common import Server, TestCase, authority, by_arrival, installed, main, needs, run, stunnel_client, talk, twisted

FROM, TO = "me@example.org", "you@example.org"
MESSAGE = f"From: {FROM}\r\nTo: {TO}\r\nSubject: dots\r\n\r\n.\r\n..\r\n.dot\r\nend.\r\n"
# What sslyze looks at.
SCANS = ["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3"]
SCANS += ["--reneg", "--heartbleed", "--openssl_ccs", "--robot", "--early_data", "--fallback"]


def receive_line(wire, beginning):
    """Receives up to a line that begins so, whatever the pieces in which it comes."""
    received = b""
    while not re.search(b"^" + re.escape(beginning) + b".*\\n", received, re.MULTILINE):
        data = wire.recv(1000)
        assert data, received
        received += data


class Smtp(TestCase):
    def setUp(self):
        super().setUp()
        self.mail = self.path / "mail"

    def serve(self, *options):
        return Server("smtp", "--mail-dir", self.mail, "--ca-out", self.ca, *options)

    def pieces(self):
        """Messages that have not arrived yet, or never will."""
        return list(self.mail.glob("*/tmp/*"))

    def messages(self):
        """The messages that have arrived, with what the server puts in front; there must be nothing else."""
        assert self.pieces() == []
        files = by_arrival(self.mail.glob("everyone/new/*"))
        texts = [file.read_bytes().decode() for file in files]
        assert all(text.startswith(f"Return-Path: <{FROM}>\r\nDelivered-To: {TO}\r\nReceived: ") for text in texts)
        return texts

    def received(self, text):
        (message,) = self.messages()
        assert message.endswith(text), message
        return message

    # smtplib

    def test_smtplib_in_clear_and_under_tls(self):
        with self.serve() as server:
            with smtplib.SMTP("localhost", server.port) as client:
                client.sendmail(FROM, [TO], MESSAGE)
                client.starttls(context=self.trusting())
                assert not client.has_extn("starttls")
                client.sendmail(FROM, [TO], MESSAGE)
        clear, protected = self.messages()
        assert " with ESMTP;" in clear and clear.endswith("\r\n\r\n" + MESSAGE.split("\r\n\r\n")[1]), clear
        assert " with ESMTPS;" in protected and protected.endswith(MESSAGE), protected

    def test_smtplib_large_and_too_large(self):
        line = "x" * 998 + "\r\n"
        with self.serve("--max-size", "2000000") as server:
            for protect in [False, True]:
                with smtplib.SMTP("localhost", server.port) as client:
                    if protect:
                        client.starttls(context=self.trusting())
                    client.sendmail(FROM, [TO], "Subject: large\r\n\r\n" + line * 1900)
                    with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                        client.sendmail(FROM, [TO], line * 2001)
                    assert refused.exception.smtp_code == 552
                    # The same, of a client that does not say it beforehand.
                    client.mail(FROM)
                    client.rcpt(TO)
                    assert client.data(line * 2001)[0] == 552
                    assert client.noop()[0] == 250
        assert len(self.messages()) == 2

    def test_commands_in_the_wrong_order(self):
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            for command, code in [
                ("MAIL FROM:<a@b>", 503),
                ("RCPT TO:<a@b>", 503),
                ("DATA", 503),
                ("NONSENSE", 500),
                ("EHLO", 501),
                ("EHLO me", 250),
                ("MAIL FROM:<a@b> SIZE=99999999999", 552),
                ("MAIL FROM:<a@b>", 250),
                ("DATA", 503),
                ("MAIL FROM:<a@b>", 503),
                ("RSET", 250),
                ("RCPT TO:<a@b>", 503),
                ("STARTTLS please", 501),
            ]:
                assert client.docmd(command)[0] == code, command

    def test_what_was_said_before_tls_is_forgotten(self):
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            client.ehlo("me")
            client.mail(FROM)
            client.rcpt(TO)
            client.starttls(context=self.trusting())
            assert client.docmd("DATA")[0] == 503
            assert client.docmd("MAIL FROM:<a@b>")[0] == 503
            assert client.docmd("STARTTLS")[0] == 503
            client.ehlo("me")
            assert client.docmd("STARTTLS")[0] == 503

    def test_tls_required(self):
        with self.serve("--require-tls") as server:
            with smtplib.SMTP("localhost", server.port) as client:
                for command in ["MAIL FROM:<a@b>", "RCPT TO:<a@b>", "DATA", "RSET", "VRFY a", "NONSENSE", "AUTH PLAIN"]:
                    assert client.docmd(command)[0] == 530, command
                client.ehlo()
                assert client.docmd("MAIL FROM:<a@b>")[0] == 530
                client.starttls(context=self.trusting())
                client.sendmail(FROM, [TO], MESSAGE)
        self.received(MESSAGE)

    def test_a_stranger_is_not_trusted(self):
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            with self.assertRaises(ssl.SSLCertVerificationError):
                client.starttls(context=ssl.create_default_context())

    # What no client does

    def talk(self, server, *pieces):
        """What the server says to bytes from the wire, to its end."""
        with socket.create_connection(("localhost", server.port)) as wire:
            for piece in pieces:
                wire.sendall(piece)
            wire.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while piece := wire.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass
            return answer

    def test_commands_behind_starttls_never_run(self):
        evil = b"MAIL FROM:<evil@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n"
        with self.serve() as server:
            answer = self.talk(server, b"EHLO a\r\nSTARTTLS\r\n" + evil)
        before, _, after = answer.partition(b"220 2.0.0 go ahead\r\n")
        # An alert, and nothing else.
        assert before.count(b"\r\n") == 10 and after[:1] == b"\x15" and len(after) == 7, answer
        assert self.messages() == []

    def test_pipelining_is_answered_in_order(self):
        with self.serve() as server:
            answer = self.talk(
                server,
                f"EHLO a\r\nMAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nDATA\r\none\r\n.\r\n".encode()
                + f"MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n".encode(),
            )
            codes = [line[:4] for line in answer.decode().splitlines() if line[3] == " "]
            wanted = "220 250 250 250 354 250 250 250 354 250 221"
            assert "".join(codes).split() == wanted.split(), codes
        one, two = self.messages()
        assert one.endswith("\r\none\r\n") and two.endswith("\r\ntwo\r\n")

    def test_half_a_message_is_none(self):
        with self.serve() as server:
            half = f"EHLO a\r\nMAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nDATA\r\none\r\ntwo\r\n.".encode()
            self.talk(server, half)
            self.talk(server, half + b"\n.\n.\r\r\n")
            self.talk(server, b"x" * 100_000)
        assert self.messages() == []

    def test_a_message_that_is_reset_or_cut_off_is_none(self):
        begin = f"EHLO a\r\nMAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nDATA\r\nhalf\r\n.\r".encode()
        with self.serve() as server:
            for protect in [False, True]:
                wire = socket.create_connection(("localhost", server.port))
                if protect:
                    wire.sendall(b"STARTTLS\r\n")
                    receive_line(wire, b"220 2.0.0")
                    wire = self.trusting().wrap_socket(wire, server_hostname="localhost")
                wire.sendall(begin)
                receive_line(wire, b"354")
                assert len(self.pieces()) == 1
                if not protect:
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(wire.detach())
                # The server hears of the loss in a later pass, and serves others meanwhile and afterwards.
                server.until(lambda: self.pieces() == [])
                with smtplib.SMTP("localhost", server.port) as client:
                    assert client.noop()[0] == 250
        assert self.messages() == []

    def test_text_is_stored_as_it_comes(self):
        """With the highest bit (RFC 6152), without an end of line for a megabyte, and with a line that does not end."""
        text = bytes(range(1, 10)) + bytes(range(128, 256)) + b"\0\n.\n\r." + b"x" * 1_000_000 + b"\r\n"
        with self.serve() as server, smtplib.SMTP("localhost", server.port) as client:
            client.ehlo()
            assert client.has_extn("8bitmime")
            client.mail(FROM, ["BODY=8BITMIME"])
            client.rcpt(TO)
            assert client.docmd("DATA")[0] == 354
            client.send(text + b".\r\n")
            assert client.getreply()[0] == 250
            # As a command it is too long.
            client.send(b"x" * 1_000_000)
            assert client.getreply()[0] == 500
        (file,) = self.mail.glob("everyone/new/*")
        assert file.read_bytes().endswith(b"\r\n" + text)

    # Others

    def test_swaks(self):
        needs("swaks")
        with self.serve() as server:
            common = ["swaks", "--server", server.at, "--from", FROM, "--to", TO, "--body", "one\n.\n..two"]
            tls = ["--tls", "--tls-ca-path", self.ca, "--tls-verify", "--tls-sni", "localhost"]
            run(*common)
            for version in ["tlsv1_2", "tlsv1_3"]:
                output = run(*common, *tls, "--tls-protocol", version)
                assert "=== TLS started" in output, output
            run(*common, *tls, "--pipeline")
        texts = self.messages()
        assert len(texts) == 4
        assert all("\r\none\r\n.\r\n..two\r\n" in text for text in texts), texts

    def test_curl(self):
        needs("curl")
        message = self.path / "message"
        message.write_bytes(MESSAGE.encode())
        with self.serve("--require-tls") as server:
            common = ["curl", "-sS", f"smtp://{server.at}/me", "--mail-from", FROM, "--mail-rcpt", TO, "-T", message]
            for version in ["--tls-max", "1.2"], ["--tlsv1.3"]:
                run(*common, "--ssl-reqd", "--cacert", self.ca, *version)
            # 55 is a send that failed, 60 a certificate that is not trusted, 56 an answer of 530.
            run(*common, expect=(55, 56))
            run(*common, "--ssl-reqd", expect=60)
        texts = self.messages()
        assert len(texts) == 2 and all(text.endswith(MESSAGE) for text in texts), texts

    def test_msmtp(self):
        needs("msmtp")
        with self.serve("--require-tls") as server:
            common = ["msmtp", "--host=localhost", f"--port={server.port}", f"--from={FROM}", "--tls=on", "--tls-starttls=on"]
            run(*common, f"--tls-trust-file={self.ca}", TO, input=MESSAGE.replace("\r\n", "\n"))
            # 69: it does not trust the server.
            run(*common, f"--tls-trust-file={authority(self.path)}", TO, input=MESSAGE, expect=69)
        self.received(MESSAGE.partition("Subject:")[2])

    def test_stunnel(self):
        """Speaks STARTTLS for a client that knows nothing of it."""
        with self.serve("--require-tls") as server:
            with stunnel_client(self.path, server, self.ca, "protocol = smtp") as tunnel:
                with smtplib.SMTP("localhost", tunnel.port) as client:
                    client.sendmail(FROM, [TO], MESSAGE)
        assert " with ESMTPS;" in self.received(MESSAGE)

    def test_twisted(self):
        python = twisted()
        with self.serve("--require-tls") as server:
            python("mail", server.port, self.ca, FROM, TO, MESSAGE.replace("\r\n", "\n"))
        self.received(MESSAGE)

    def test_s_client(self):
        needs("openssl")
        with self.serve("--require-tls") as server:
            base = ["openssl", "s_client", "-connect", server.at, "-starttls", "smtp", "-CAfile", self.ca]
            for version in ["-tls1_2", "-tls1_3"]:
                output = run(*base, version, "-verify_return_error", "-verify_hostname", "localhost", input="QUIT\r\n")
                assert "Verify return code: 0 (ok)" in output, output

    def test_gnutls(self):
        needs("gnutls-cli")
        with self.serve() as server:
            client = ["gnutls-cli", "--crlf", "--starttls-proto=smtp", "--x509cafile", self.ca, "-p", server.port, "localhost"]
            output = talk(client, ("EHLO me\n", "250 "), ("QUIT\n", "221"))
            assert "certificate is trusted" in output and "250-SIZE" in output, output

    def test_sslyze(self):
        """A scanner finds no known fault in the TLS behind STARTTLS."""
        result = self.path / "result"
        with self.serve() as server:
            run(installed("sslyze"), "--starttls=smtp", "--mozilla_config=disable", *SCANS, f"--json_out={result}", server.at)
        (scanned,) = json.loads(result.read_text())["server_scan_results"]
        results = {name: scan["result"] for name, scan in scanned["scan_result"].items() if scan["result"]}
        for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3"]:
            accepted = results.pop(f"{version}_cipher_suites")["accepted_cipher_suites"]
            assert bool(accepted) == (version in ["tls_1_2", "tls_1_3"]), (version, accepted)
        for scan, found, expected in [
            ("heartbleed", "is_vulnerable_to_heartbleed", False),
            ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", False),
            ("robot", "robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED"),
            ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", False),
            ("session_renegotiation", "supports_secure_renegotiation", True),
            ("tls_1_3_early_data", "supports_early_data", False),
            ("tls_fallback_scsv", "supports_fallback_scsv", True),
        ]:
            assert results[scan][found] == expected, (scan, results[scan])


if __name__ == "__main__":
    main()
