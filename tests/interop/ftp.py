"""The example `ftp` with clients that fetch and store files: curl, lftp, Python's ftplib, openssl s_client, gnutls-cli."""

import ftplib
import io
import os
import re
import socket
import ssl
import struct

from common import PATIENCE, Server, TestCase, main, needs, run, talk

SMALL = b"a small file\r\n"
LARGE = os.urandom(3_000_001)


class ReusingTls(ftplib.FTP_TLS):
    """A client that resumes the session of its control connection on data connections."""

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
            connection = self.context.wrap_socket(connection, server_hostname=self.host, session=session)
        return connection, size


class Ftp(TestCase):
    def setUp(self):
        super().setUp()
        self.root = self.path / "root"
        (self.root / "sub" / "deep").mkdir(parents=True)
        (self.root / "small").write_bytes(SMALL)
        (self.root / "large").write_bytes(LARGE)
        (self.root / "sub" / "two words").write_bytes(b"two")
        (self.path / "secret").write_bytes(b"not for clients")

    def serve(self, *options, **more):
        return Server("ftp", "--root", self.root, "--ca-out", self.ca, *options, **more)

    def client(self, server, kind=ftplib.FTP, login=()):
        tls = {"context": self.trusting()} if issubclass(kind, ftplib.FTP_TLS) else {}
        client = kind(**tls)
        client.connect("localhost", server.port)
        self.addCleanup(client.close)
        client.login(*login)
        if tls:
            client.prot_p()
        return client

    def fetch(self, client, name, **options):
        content = io.BytesIO()
        assert client.retrbinary(f"RETR {name}", content.write, **options).startswith("226")
        return content.getvalue()

    def use(self, client):
        """All that a client does."""
        assert client.nlst() == ["large", "small", "sub"]
        lines = []
        client.retrlines("LIST", lines.append)
        assert re.fullmatch(r"-rw-r--r-- 1 ftp ftp +3000001 \w{3} [ \d]\d \d\d:\d\d large", lines[0]), lines
        facts = dict(client.mlsd("sub"))
        assert facts["two words"]["type"] == "file" and facts["two words"]["size"] == "3", facts
        assert client.size("large") == len(LARGE)
        assert self.fetch(client, "small") == SMALL
        assert self.fetch(client, "large") == LARGE
        assert self.fetch(client, "large", rest=2_999_000) == LARGE[2_999_000:]
        client.cwd("sub")
        assert client.pwd() == "/sub"
        assert self.fetch(client, "two words") == b"two"
        assert client.storbinary("STOR deep/stored", io.BytesIO(LARGE)).startswith("226")
        assert (self.root / "sub/deep/stored").read_bytes() == LARGE
        client.storbinary("STOR /empty", io.BytesIO(b""))
        assert (self.root / "empty").read_bytes() == b""
        (self.root / "empty").unlink()
        client.cwd("/")

    def refused(self, code, call, *arguments):
        with self.assertRaises(ftplib.Error) as refused:
            call(*arguments)
        assert str(refused.exception).startswith(str(code)), refused.exception

    def nothing_left(self):
        assert sorted(os.listdir(self.root)) == ["large", "small", "sub"], os.listdir(self.root)

    # ftplib

    def test_ftplib_in_clear(self):
        with self.serve("--writable") as server:
            client = self.client(server)
            self.use(client)
            client.set_pasv(True)
            client.quit()

    def test_ftplib_protected(self):
        with self.serve("--writable", "--require-tls") as server:
            for kind in [ftplib.FTP_TLS, ReusingTls]:
                client = self.client(server, kind)
                self.use(client)
                client.quit()

    def test_ftplib_ccc(self):
        """TLS ends, the connection goes on, and data stays protected."""
        with self.serve("--writable", "--require-tls") as server:
            client = self.client(server, ftplib.FTP_TLS)
            client.ccc()
            assert client.sock.version() is None
            self.use(client)
            assert client.sendcmd("NOOP") == "200 nothing done"
            self.refused(533, client.sendcmd, "PROT C")
            self.refused(503, client.sendcmd, "AUTH TLS")
            client.quit()

    def test_ftplib_over_ipv6(self):
        with self.serve("--writable", endpoint=r"tcp6:0:interface=\:\:1") as server:
            client = ftplib.FTP_TLS(context=self.trusting())
            client.connect("::1", server.port)
            client.login()
            client.prot_p()
            self.use(client)
            self.refused(522, client.sendcmd, "PASV")
            client.quit()

    def test_user_and_password(self):
        with self.serve("--user", "me", "--password", "secret word") as server:
            for wrong in [(), ("me", "secret"), ("you", "secret word")]:
                with self.assertRaises(ftplib.error_perm):
                    self.client(server, login=wrong)
            for kind in [ftplib.FTP, ftplib.FTP_TLS]:
                client = self.client(server, kind, login=("me", "secret word"))
                assert self.fetch(client, "small") == SMALL
                self.refused(550, client.storbinary, "STOR new", io.BytesIO(b"x"))
        self.nothing_left()

    def test_nothing_before_tls(self):
        with self.serve("--require-tls") as server:
            client = ftplib.FTP_TLS(context=self.trusting())
            client.connect("localhost", server.port)
            for command in ["USER ftp", "PASS x", "PBSZ 0", "PROT P", "CCC", "PWD", "SYST", "NOOP", "NONSENSE", "LIST", "EPSV"]:
                self.refused(530, client.sendcmd, command)
            assert "AUTH TLS" in client.sendcmd("FEAT")
            self.refused(504, client.sendcmd, "AUTH SSL")
            client.auth()
            self.refused(503, client.sendcmd, "AUTH TLS")
            self.refused(530, client.sendcmd, "PWD")
            client.login()
            # Files do not travel in clear either.
            self.refused(521, client.nlst)
            client.prot_p()
            assert client.nlst() == ["large", "small", "sub"]
            client.quit()

    def test_nothing_outside(self):
        (self.root / "file").symlink_to(self.path / "secret")
        (self.root / "up").symlink_to("..")
        (self.root / "etc").symlink_to("/etc")
        (self.root / "inside").symlink_to("sub/deep")
        os.mkfifo(self.root / "pipe")
        with self.serve("--writable") as server:
            client = self.client(server)
            assert self.fetch(client, "/../../../../small") == SMALL
            for path in ["file", "up/secret", "etc/passwd", "../secret", "/etc/passwd", "sub/../../secret", "pipe", "sub"]:
                self.refused(550, self.fetch, client, path)
            for path in ["up/new", "etc/new", "sub", "no/where", "/"]:
                self.refused(550, client.storbinary, f"STOR {path}", io.BytesIO(b"x"))
            for path in ["up", "etc", "up/root", "small"]:
                self.refused(550, client.cwd, path)
            client.cwd("inside")
            assert client.nlst("/") == ["inside", "large", "pipe", "small", "sub"], client.nlst("/")
            # What is stored where a link is takes the place of the link.
            client.storbinary("STOR /file", io.BytesIO(b"mine"))
        assert (self.path / "secret").read_bytes() == b"not for clients"
        assert (self.root / "file").read_bytes() == b"mine"

    # Uploads that are cut short

    def begin_upload(self, client, name="new"):
        client.voidcmd("TYPE I")
        connection = client.transfercmd(f"STOR {name}")
        connection.sendall(LARGE)
        return connection

    def test_an_upload_without_close_notify_is_none(self):
        with self.serve("--writable") as server:
            client = self.client(server, ftplib.FTP_TLS)
            connection = self.begin_upload(client)
            # The end of TCP and not of TLS.
            os.close(connection.detach())
            self.refused(426, client.voidresp)
            self.nothing_left()
            # The connection is as good as before.
            self.use(client)

    def test_an_upload_that_is_reset_is_none(self):
        with self.serve("--writable") as server:
            for kind in [ftplib.FTP, ftplib.FTP_TLS]:
                client = self.client(server, kind)
                connection = self.begin_upload(client, "small")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(connection.detach())
                self.refused(426, client.voidresp)
                self.nothing_left()
        assert (self.root / "small").read_bytes() == SMALL

    def test_an_upload_is_not_there_before_it_is_whole(self):
        with self.serve("--writable") as server:
            client = self.client(server, ftplib.FTP_TLS)
            connection = self.begin_upload(client)
            other = self.client(server, ftplib.FTP_TLS)
            assert other.nlst() == ["large", "small", "sub"]
            # The whole of it, close_notify included.
            connection.unwrap().close()
            assert client.voidresp().startswith("226")
            assert other.nlst() == ["large", "new", "small", "sub"]
            assert self.fetch(other, "new") == LARGE

    def test_an_upload_that_the_end_cuts_short_is_none(self):
        with self.serve("--writable") as server:
            client = self.client(server)
            connection = self.begin_upload(client)
        self.nothing_left()
        connection.close()

    def test_a_download_is_finished_when_the_server_is_to_end(self):
        (self.root / "large").write_bytes(LARGE * 10)
        with self.serve() as server:
            client = self.client(server, ftplib.FTP_TLS)
            client.voidcmd("TYPE I")
            connection = client.transfercmd("RETR large")
            server.process.terminate()
            received = bytearray()
            while data := connection.recv(65536):
                received += data
            connection.unwrap().close()
        assert received == LARGE * 10

    def test_a_download_that_is_dropped(self):
        (self.root / "large").write_bytes(LARGE * 20)
        with self.serve() as server:
            for kind in [ftplib.FTP, ftplib.FTP_TLS]:
                client = self.client(server, kind)
                client.voidcmd("TYPE I")
                connection = client.transfercmd("RETR large")
                assert connection.recv(10)
                os.close(connection.detach())
                self.refused(426, client.voidresp)
                assert self.fetch(client, "small") == SMALL

    def test_abor(self):
        """It is obeyed while a transfer runs. Other commands wait until that is over."""
        (self.root / "large").write_bytes(LARGE * 10)
        with self.serve("--writable") as server:
            for kind in [ftplib.FTP, ftplib.FTP_TLS]:
                # As Telnet would have it, too.
                for abor in [b"ABOR\r\n", b"\xff\xf4\xff\xf2abor\r\n"]:
                    client = self.client(server, kind)
                    client.voidcmd("TYPE I")
                    for begin in [lambda: client.transfercmd("RETR large"), lambda: self.begin_upload(client)]:
                        connection = begin()
                        client.sock.sendall(abor + b"PWD\r\n")
                        self.refused(426, client.voidresp)
                        assert client.voidresp().startswith("226")
                        assert client.getresp().startswith("257")
                        os.close(connection.detach())
                        assert sorted(os.listdir(self.root)) == ["large", "small", "sub"]
                    client.sock.sendall(abor)
                    assert client.voidresp() == "226 nothing is under way"
                    # Before a data connection is open.
                    assert client.sendcmd("EPSV").startswith("229")
                    assert client.sendcmd("RETR small").startswith("150")
                    client.sock.sendall(abor)
                    self.refused(426, client.voidresp)
                    assert client.voidresp().startswith("226")
                    with client.transfercmd("RETR small") as connection:
                        client.putcmd("PWD")
                        assert connection.recv(100) == SMALL
                        assert connection.recv(100) == b""
                    assert client.voidresp().startswith("226") and client.getresp().startswith("257")

    def test_a_transfer_outlives_the_end_of_input(self):
        with self.serve("--writable") as server:
            client = self.client(server)
            connection = self.begin_upload(client)
            client.sock.shutdown(socket.SHUT_WR)
            connection.close()
            assert client.voidresp().startswith("226")
            assert client.file.read() == ""
        assert (self.root / "new").read_bytes() == LARGE

    # What no client does

    def test_commands_behind_auth_never_run(self):
        with self.serve() as server:
            with socket.create_connection(("localhost", server.port)) as wire:
                wire.sendall(b"AUTH TLS\r\nUSER ftp\r\nPASS x\r\nPWD\r\n")
                wire.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := wire.recv(65536):
                    answer += piece
        greeting, go_ahead, alert = answer.split(b"\r\n", 2)
        assert go_ahead == b"234 go ahead" and alert[:1] == b"\x15" and len(alert) == 7, answer

    def test_a_command_in_clear_right_behind_close_notify(self):
        """CCC, close_notify and the next commands in one segment: none is lost."""
        with self.serve() as server:
            with socket.create_connection(("localhost", server.port)) as wire:
                wire.sendall(b"AUTH TLS\r\n")
                greeting = b""
                while not greeting.endswith(b"234 go ahead\r\n"):
                    greeting += wire.recv(1)
                into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = self.trusting().wrap_bio(into, out, server_hostname="localhost")

                def until_done(call, *arguments):
                    while True:
                        try:
                            return call(*arguments)
                        except ssl.SSLWantReadError:
                            wire.sendall(out.read())
                            into.write(wire.recv(65536))

                until_done(tls.do_handshake)
                tls.write(b"USER ftp\r\nPASS x\r\nCCC\r\n")
                answers = b""
                while b"in clear" not in answers:
                    answers += until_done(tls.read)
                try:
                    tls.unwrap()
                except ssl.SSLWantReadError:
                    pass
                wire.sendall(out.read() + b"PWD\r\nNOOP\r\nQUIT\r\n")
                rest = into.read()
                while piece := wire.recv(65536):
                    rest += piece
                clear = b'257 "/" is where you are\r\n200 nothing done\r\n221 goodbye\r\n'
                assert rest.endswith(clear), rest

    def test_a_data_connection_from_elsewhere_is_refused(self):
        with self.serve() as server:
            client = self.client(server)
            port = int(re.search(r"\|(\d+)\|", client.sendcmd("EPSV"))[1])
            with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as thief:
                client.putcmd("NLST")
                with socket.create_connection(("127.0.0.1", port)) as mine:
                    assert client.getresp().startswith("150")
                    assert mine.makefile("rb").read() == b"large\r\nsmall\r\nsub\r\n"
                try:
                    assert thief.recv(100) == b""
                except ConnectionResetError:
                    pass
                assert client.getresp().startswith("226")

    # curl

    def test_curl(self):
        needs("curl")
        new = self.path / "new"
        new.write_bytes(LARGE)
        with self.serve("--writable", "--user", "me", "--password", "secret") as server:
            at = f"ftp://{server.at}/"
            tls = ["--ssl-reqd", "--cacert", self.ca]
            for how in [
                [],
                ["--disable-epsv"],
                tls,
                [*tls, "--tls-max", "1.2"],
                [*tls, "--disable-epsv"],
                [*tls, "--ftp-ssl-control"],
                [*tls, "--ftp-ssl-ccc"],
                [*tls, "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", "active"],
                [*tls, "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", "passive", "--tls-max", "1.2"],
                [*tls, "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", "active", "--tls-max", "1.2"],
            ]:
                curl = ["curl", "-sS", "-u", "me:secret", "--max-time", PATIENCE, *how]
                assert run(*curl, "-l", at).split() == ["large", "small", "sub"], how
                assert " large\n" in run(*curl, at).replace("\r", "")
                got = self.path / "got"
                run(*curl, f"{at}large", "-o", got)
                assert got.read_bytes() == LARGE, how
                run(*curl, "-C", "2999000", f"{at}large", "-o", got, expect=None)
                # Two transfers on one control connection.
                output = run(*curl, f"{at}small", f"{at}sub/two%20words")
                assert output == SMALL.decode() + "two", output
                run(*curl, "-T", new, f"{at}sub/deep/new")
                assert (self.root / "sub/deep/new").read_bytes() == LARGE, how
                (self.root / "sub/deep/new").unlink()
            # 9 is a directory that is not there, 67 a login that was refused, 60 a certificate that is not trusted, 78 no such file.
            run("curl", "-sS", "-u", "me:wrong", at, expect=67)
            run("curl", "-sS", "-u", "me:secret", f"{at}nowhere/", expect=9)
            run("curl", "-sS", "-u", "me:secret", f"{at}nothing", expect=78)
            run("curl", "-sS", "-u", "me:secret", "--ssl-reqd", at, expect=60)

    def test_curl_and_tls_required(self):
        needs("curl")
        with self.serve("--require-tls") as server:
            at = f"ftp://{server.at}/small"
            tls = ["--ssl-reqd", "--cacert", self.ca]
            run("curl", "-sS", at, expect=67)
            for how in [], ["--ftp-ssl-ccc"]:
                assert run("curl", "-sS", *tls, *how, at) == SMALL.decode()
            run("curl", "-sS", *tls, "--ftp-ssl-control", at, expect=None)

    # lftp

    def test_lftp(self):
        needs("lftp")
        new = self.path / "new"
        new.write_bytes(LARGE)
        with self.serve("--writable", "--user", "me", "--password", "secret") as server:
            common = f"set net:max-retries 1; set net:timeout {PATIENCE}; set cmd:fail-exit true; set ssl:ca-file {self.ca};"
            protected = "set ftp:ssl-force true; set ftp:ssl-protect-data true;"
            for how in [
                "set ftp:ssl-allow false;",
                protected,
                protected + "set ftp:ssl-auth TLS; set ftp:prefer-epsv true;",
                protected + "set ftp:use-mlsd true;",
                "set ftp:ssl-force true; set ftp:ssl-protect-data false;",
            ]:
                script = f"""{common} {how} open -u me,secret ftp://{server.at}; cls -1; ls sub; cat small;
                    get large -o {self.path}/got; put {new} -o sub/deep/new; mirror sub {self.path}/mirror; bye"""
                output = run("lftp", "-c", script)
                for text in ["large", "two words", SMALL.decode().strip()]:
                    assert text in output, (how, output)
                assert (self.path / "got").read_bytes() == LARGE, how
                assert (self.root / "sub/deep/new").read_bytes() == LARGE, how
                assert (self.path / "mirror/two words").read_bytes() == b"two", how
                (self.root / "sub/deep/new").unlink()
                run("rm", "-r", self.path / "got", self.path / "mirror")

    # Others

    def test_s_client(self):
        needs("openssl")
        with self.serve("--require-tls") as server:
            base = ["openssl", "s_client", "-connect", server.at, "-starttls", "ftp", "-CAfile", self.ca]
            for version in ["-tls1_2", "-tls1_3"]:
                output = run(*base, version, "-verify_return_error", "-verify_hostname", "localhost", input="QUIT\r\n")
                assert "Verify return code: 0 (ok)" in output, output

    def test_gnutls(self):
        needs("gnutls-cli")
        with self.serve() as server:
            client = ["gnutls-cli", "--crlf", "--starttls-proto=ftp", "--x509cafile", self.ca, "-p", server.port, "localhost"]
            output = talk(client, ("USER ftp\n", "331"), ("PASS x\n", "230"), ("PWD\n", "257"), ("QUIT\n", "221"))
            assert "certificate is trusted" in output and '257 "/"' in output, output


if __name__ == "__main__":
    main()
