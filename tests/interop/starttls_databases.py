"""Databases behind and before `starttls_proxy`, each with clients of its own: MariaDB, PostgreSQL."""

import contextlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess

from common import PATIENCE, Process, installed, main, needs, run
from proxied import GREETINGS, Plain, ProxyCase, mysql_login, mysql_packet, receive

# One login in clear, and what it is answered.
CHECK = """
import pymysql, sys
port, ca = int(sys.argv[1]), sys.argv[2]
tls = {"ssl_ca": ca, "ssl_verify_cert": True, "ssl_verify_identity": True} if ca else {"ssl_disabled": True}
with pymysql.connect(host="localhost", port=port, user="me", password=sys.argv[3], connect_timeout=60, **tls) as database:
    with database.cursor() as cursor:
        cursor.execute("SELECT REPEAT('x', 70000), 6 * 7")
        text, number = cursor.fetchone()
        print(len(text), number)
"""


@contextlib.contextmanager
def mariadb(path, *options):
    """MariaDB with a database of its own, and the user `me`, whose password is `secret`."""
    needs("mariadbd", "mariadb-install-db", "mariadb")
    home, at = path / "mariadb", path / "socket"
    if not home.exists():
        run("mariadb-install-db", "--no-defaults", f"--datadir={home}", "--auth-root-authentication-method=normal", "--skip-test-db",
            "--user=root")
    command = ["mariadbd", "--no-defaults", "--user=root", f"--datadir={home}", f"--socket={at}", "--bind-address=127.0.0.1", "--port=0"]
    command += ["--innodb-buffer-pool-size=8M", "--skip-name-resolve", *options]
    with Process(*command, ready="ready for connections") as server:
        said = run("mariadb", "--no-defaults", f"--socket={at}", "--user=root", "--batch", "--skip-column-names",
                   "--execute=CREATE OR REPLACE USER me IDENTIFIED BY 'secret'; SELECT 'made'")
        assert "made" in said, said
        server.port = server.listens_on()
        yield server


class MySql(ProxyCase):
    def check(self, port, ca="", password="secret", expect=0):
        return run(installed("python", "pymysql"), "-c", CHECK, port, ca, password, expect=expect)

    def shell(self, port, *options, expect=0):
        command = ["mariadb", "--no-defaults", "--protocol=tcp", "--host=localhost", f"--port={port}", "--user=me", "--password=secret"]
        return run(*command, "--batch", "--skip-column-names", "--execute=SELECT 6 * 7", *options, expect=expect)

    def test_tls_is_added_to_a_server(self):
        with mariadb(self.path, "--skip-ssl") as backend, self.add("mysql", backend) as proxy:
            assert self.check(proxy.port, self.ca) == "70000 42\n"
            # A wrong password is still one.
            assert "1045" in self.check(proxy.port, self.ca, "wrong", expect=1)
            assert self.shell(proxy.port, f"--ssl-ca={self.ca}", "--ssl-verify-server-cert") == "42\n"
            # The commands are as they are, compressed too.
            assert self.shell(proxy.port, f"--ssl-ca={self.ca}", "--ssl-verify-server-cert", "--compress") == "42\n"
            # In clear, it is told why not.
            assert "this server wants TLS: connect with --ssl" in self.shell(proxy.port, "--skip-ssl", expect=1)

    def test_tls_is_taken_off_a_server(self):
        identity = [f"--ssl-cert={self.path}/server.pem", f"--ssl-key={self.path}/server.key"]
        with mariadb(self.path, *identity, "--require-secure-transport=ON") as backend:
            with self.strip("mysql", backend) as proxy:
                assert self.check(proxy.port) == "70000 42\n"
                assert "1045" in self.check(proxy.port, password="wrong", expect=1)
                assert self.shell(proxy.port) == "42\n"
            # Of some other authority.
            with self.proxy("strip", "mysql", backend.port) as proxy:
                assert "42" not in self.check(proxy.port, expect=1)

    def test_a_server_that_offers_no_tls_hears_no_login(self):
        offers = bytearray(GREETINGS["mysql"])
        offers[42] |= 0x08
        for greeting, serve in [
            # It does not offer TLS, cannot take more clients, speaks another protocol.
            (GREETINGS["mysql"], None),
            (mysql_packet(0, b"\xff" + struct.pack("<H", 1040) + b"Too many connections"), None),
            (b"220 plain ESMTP\r\n", None),
            # It speaks on before it is asked for TLS, and after.
            (bytes(offers) + mysql_packet(2, b"\0\0\0\x02\0\0\0"), None),
            (bytes(offers), lambda backend, wire: (backend.heard.append(wire.recv(1000)), wire.sendall(mysql_packet(2, b"\0\0\0\x02\0\0\0")))),
            # It says nothing, and the proxy waits for a second.
            (b"", None),
        ]:
            with Plain(greeting, serve) as backend, self.strip("mysql", backend, "--start", "1") as proxy:
                with self.connect(proxy) as client:
                    client.sendall(mysql_login(1, 0xA6))
                    said = receive(client)
                    assert b"\0\0\0\x02" not in said, said
                heard = b"".join(backend.heard)
                assert b"me\0" not in heard, heard

    def test_a_login_in_clear_reaches_no_server(self):
        ask = mysql_login(1, 0xAE)[4:36]
        for evil in [
            mysql_login(1, 0xA6),
            mysql_login(1, 0xAE),
            # Behind the request for TLS, in the same segment.
            mysql_packet(1, ask) + mysql_login(2, 0xAE),
            mysql_packet(0, b"\x03SELECT 1"),
            b"EHLO me\r\n",
        ]:
            for cut in [1, 7, 1000]:
                with Plain(GREETINGS["mysql"]) as backend, self.add("mysql", backend) as proxy:
                    with self.connect(proxy) as client:
                        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        for start in range(0, len(evil), cut):
                            # The proxy may have ended it before all is said.
                            with contextlib.suppress(OSError):
                                client.sendall(evil[start : start + cut])
                        with contextlib.suppress(OSError):
                            client.shutdown(socket.SHUT_WR)
                        receive(client)
                    assert backend.heard == [], (evil, backend.heard)

    def test_neither_side_is_kept_without_the_other(self):
        # A client that says nothing ends, and its server with it.
        ended = []

        def waits(backend, wire):
            ended.append(receive(wire))

        with Plain(GREETINGS["mysql"], waits) as backend, self.add("mysql", backend, "--start", "1") as proxy:
            with self.connect(proxy) as client:
                assert receive(client)[4:5] == b"\x0a"
            with self.connect(proxy) as client:
                receive(client, len(GREETINGS["mysql"]))
            proxy.until(lambda: len(ended) == 2)
        # No server: its client ends.
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nowhere = taken.getsockname()[1]
        with self.proxy("add", "mysql", nowhere, *self.identity) as proxy, self.connect(proxy) as client:
            assert receive(client) == b""
            proxy.says("connecting to")


@contextlib.contextmanager
def postgres(path, *settings):
    """PostgreSQL with a database of its own, and the user `me`, whose password is `secret`."""
    folder = pathlib.Path("/usr/lib/postgresql")
    programs = max(folder.glob("*/bin"), default=pathlib.Path("/usr/bin"), key=lambda bin: int(bin.parent.name))
    needs(str(programs / "postgres"), "psql")
    # It does not run as root.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    home = path / "postgres"
    home.mkdir()
    if user:
        path.chmod(0o755)
        shutil.chown(home, "postgres")
    password = home / "password"
    password.write_text("secret")
    password.chmod(0o644)
    data = home / "data"
    run(*user, programs / "initdb", "--no-sync", "--auth=scram-sha-256", "--username=me", f"--pwfile={password}", "--no-locale", data)
    # A key that only its owner reads.
    shutil.copy(path / "server.pem", home / "server.pem")
    (home / "server.pem").chmod(0o600)
    if user:
        shutil.chown(home / "server.pem", "postgres")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [*user, programs / "postgres", "-D", data, "-k", home, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    for setting in settings:
        command += ["-c", setting]
    with Process(*command, ready="ready to accept connections") as server:
        server.port = port
        yield server


class Postgres(ProxyCase):
    def psql(self, port, mode, *options, password="secret", expect=0):
        where = f"host=localhost port={port} user=me dbname=postgres sslmode={mode} sslrootcert={self.ca} connect_timeout=60"
        command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command=SELECT length(repeat('x', 70000)), 6 * 7", *options]
        return run(*command, where, env={"PGPASSWORD": password}, expect=expect)

    def test_tls_is_added_to_a_server(self):
        with postgres(self.path, "ssl=off") as backend, self.add("postgres", backend) as proxy:
            for mode in ["require", "verify-full"]:
                assert self.psql(proxy.port, mode) == "70000|42\n"
            assert "password authentication failed" in self.psql(proxy.port, "require", password="wrong", expect=2)
            # In clear, it is told why not.
            assert "set sslmode=require" in self.psql(proxy.port, "disable", expect=2)

    def test_tls_is_taken_off_a_server(self):
        with postgres(self.path, "ssl=on", f"ssl_cert_file={self.path}/postgres/server.pem", f"ssl_key_file={self.path}/postgres/server.pem") as backend:
            with self.strip("postgres", backend) as proxy:
                for mode in ["disable", "prefer"]:
                    assert self.psql(proxy.port, mode) == "70000|42\n"
                assert "does not support SSL" in self.psql(proxy.port, "require", expect=2)


if __name__ == "__main__":
    main()
