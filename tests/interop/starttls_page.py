"""The commands on the page "TLS before an old server", as they stand there: each proxy, and the client that tries it."""

import re
import shlex
import shutil

from common import EXAMPLES, HERE, Server, main, needs, run
from proxied import DIALECTS, GREETINGS, Plain, ProxyCase

PAGE = HERE.parent.parent / "src" / "guide" / "starttls_proxy.md"


def blocks(language):
    """The blocks of the page in this language, each as its lines. A line that ends with a backslash goes on in the next one."""
    return [re.sub(r"\\\n *", "", block).strip().split("\n") for block in re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)]


class Page(ProxyCase):
    def setUp(self):
        super().setUp()
        shutil.copy(self.path / "server.pem", self.path / "server.crt")
        shutil.copy(self.ca, self.path / "ca.crt")

    def here(self, words):
        """Files of the page are those of the test."""
        return [self.path / word if re.fullmatch(r"\w+\.(crt|key|toml)", word) else word for word in words]

    def start(self, line, backend):
        """The proxy of a line, on some other port and before `backend`, and the port that the page has."""
        program, mode, dialect, listen, connect, *options = shlex.split(line)
        assert program == "starttls_proxy", line
        port = listen.split(":")[1]
        # What cannot be had here is the server of the page, so its name and its authority are those of the test.
        ends = ["tcp:0:interface=127.0.0.1", f"tcp:localhost:{backend.port}"]
        if mode == "strip" and "--trust-roots" not in options:
            options += ["--trust-roots", "ca.crt"]
        return Server(program, mode, dialect, *ends, *self.here(options), endpoint=None), port

    def serve(self, dialect):
        def page(backend, wire):
            if wire.makefile("rb").readline():
                wire.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")

        return Plain(GREETINGS.get(dialect, b""), page if dialect == "socks" else None)

    def test_each_proxy_and_what_tries_it(self):
        needs("openssl", "curl")
        tried = set()
        for first, *others in blocks("sh"):
            if not first.startswith("starttls_proxy add"):
                continue
            (line,) = others
            dialect = first.split()[2]
            with self.serve(dialect) as backend:
                proxy, port = self.start(first, backend)
                with proxy:
                    words = shlex.split(line.replace(f"localhost:{port}", f"localhost:{proxy.port}"))
                    said = run(*self.here(words))
                    if words[0] == "openssl":
                        assert "Verification: OK" in said, (line, said)
            tried.add(dialect)
        assert tried == {*DIALECTS, "tls", "http", "socks"}, tried

    def test_each_proxy_for_a_client_without_tls(self):
        tried = set()
        for lines in blocks("sh"):
            for line in lines:
                if line.startswith("starttls_proxy strip"):
                    with self.serve("tls") as backend:
                        with self.start(line, backend)[0]:
                            tried.add(line.split()[2])
        assert {"imap", "smtp", "ldap", "postgres", "mysql", "tls", "http"} == tried, tried

    def test_the_file(self):
        ((*lines,),) = blocks("toml")
        file = self.path / "mail.toml"
        text = "\n".join(lines)
        # Ports of its own, and the files of the test.
        text = re.sub(r'listen = "tcp:\d+"', 'listen = "tcp:0:interface=127.0.0.1"', text)
        file.write_text(re.sub(r'"(server\.\w+)"', lambda name: f'"{self.path}/{name[1]}"', text))
        assert ["starttls_proxy mail.toml"] in blocks("sh")
        with Server("starttls_proxy", file, endpoint=None) as proxy:
            proxy.until(lambda: proxy.text().count("listening on ") == 2)

    def test_the_program_is_where_the_page_says(self):
        build, copy = blocks("sh")[0]
        assert build == f"cargo build --release --example {EXAMPLES.joinpath('starttls_proxy').name}"
        assert copy.startswith("cp target/release/examples/starttls_proxy ")


if __name__ == "__main__":
    main()
