"""The mail clients of the library, as the example `mail_client`, with Postfix and Dovecot: private instances, each in a temporary folder."""

import contextlib
import grp
import os
import pwd
import re
import shutil
import socket
import subprocess

from common import PATIENCE, Process, Server, TestCase, authority, example, main, needs, run

os.environ["PATH"] += ":/usr/sbin"

MESSAGE = "From: me@example.org\nTo: ann@localhost\nSubject: dots\n\n.\n..\n.dot\nend.\n"
AS_MAIL = MESSAGE.replace("\n", "\r\n")

MASTER = """
{smtp} inet n - n - - smtpd
{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = /dev/stdout
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
alias_maps =
message_size_limit = 100000
virtual_mailbox_domains = localhost
virtual_mailbox_base = {mail}
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_security_level = {level}
smtpd_tls_chain_files = {home}/chain.pem
smtpd_sasl_auth_enable = {sasl}
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_tls_auth_only = yes
"""

DOVECOT = """
base_dir = {home}/run
state_dir = {home}/state
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap pop3
ssl = {ssl}
ssl_cert = <{both}
ssl_key = <{both}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
first_valid_uid = 1
mail_location = maildir:{mail}/inbox
passdb {{
  driver = static
  args = password=pencil
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service auth {{
  inet_listener {{
    port = {auth}
  }}
}}
"""


def free_ports(count):
    """Ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [wire.getsockname()[1] for wire in sockets]


class Stopped(Process):
    """A server of others, which ends all of its own processes when it is told to: by a signal, or by the command `stop`."""

    stop = None

    def __exit__(self, kind, *_):
        if self.stop:
            run(*self.stop)
        else:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        if kind is not None:
            print(self.text())


class MailClients(TestCase):
    def setUp(self):
        super().setUp()
        needs("postfix", "dovecot")
        if os.geteuid() != 0:
            self.skipTest("Postfix and Dovecot change users, which takes root")
        # Both are served by other users than root.
        self.path.chmod(0o755)
        authority(self.path)
        names = ["smtp", "smtps", "imap", "imaps", "pop3", "pop3s", "auth"]
        self.port = dict(zip(names, free_ports(len(names))))
        self.mail = self.path / "mail"
        self.facts = {
            **self.port,
            "mail": self.mail,
            "both": self.path / "server.pem",
            "uid": pwd.getpwnam("postfix").pw_uid,
            "gid": grp.getgrnam("postfix").gr_gid,
        }
        self.mail.mkdir()
        shutil.chown(self.mail, "postfix", "postfix")

    def dovecot(self, ssl="yes", mechanisms="plain login scram-sha-256"):
        home = self.path / "dovecot"
        home.mkdir()
        shutil.chown(home, "postfix", "postfix")
        settings = home / "dovecot.conf"
        settings.write_text(DOVECOT.format(home=home, ssl=ssl, mechanisms=mechanisms, **self.facts))
        return Stopped("dovecot", "-F", "-c", settings, ready="starting up")

    def postfix(self, level="may", sasl="no"):
        home = self.path / "postfix"
        for name in ["queue", "data"]:
            (home / name).mkdir(parents=True)
        shutil.chown(home / "data", "postfix", "postfix")
        (home / "main.cf").write_text(MAIN.format(home=home, level=level, sasl=sasl, **self.facts))
        # The key comes first there.
        key = (self.path / "server.key").read_text()
        certificate = (self.path / "server.pem").read_text().replace(key, "")
        (home / "chain.pem").write_text(key + certificate)
        (home / "master.cf").write_text(MASTER.format(**self.facts))
        server = Stopped("postfix", "-c", home, "start-fg", ready="daemon started")
        # A signal would end the script around it alone.
        server.stop = ["postfix", "-c", home, "stop"]
        return server

    def client(self, service, port, *options, input="", expect=0, endpoint="tcp:127.0.0.1:{}"):
        place = endpoint.format(self.port[port])
        return example("mail_client", service, place, *options, input=input, expect=expect)

    def send(self, *options, port="smtp", expect=0, to="ann@localhost", input=MESSAGE, **more):
        return self.client("smtp", port, *options, "--from", "me@example.org", "--to", to, input=input, expect=expect, **more)

    def trusting(self):
        return ["--trust-roots", self.ca, "--name", "localhost"]

    def login(self):
        return ["--user", "ann", "--password", "pencil"]

    def delivered(self, server, count):
        """The messages in the mailbox, once there are this many."""
        folders = [self.mail / "inbox" / name for name in ["new", "cur"]]

        def files():
            return [file for folder in folders if folder.exists() for file in folder.iterdir()]

        server.until(lambda: len(files()) == count)
        return sorted(file.read_text() for file in files())

    # SMTP, with Postfix

    def test_postfix_in_clear_and_under_tls(self):
        with self.postfix() as server:
            self.assertRegex(self.send("--starttls", "off"), r"ann@localhost: sent \(250 2\.0\.0 Ok: queued as")
            self.send("--starttls", "opportunistic", *self.trusting())
            self.send("--starttls", "require", *self.trusting())
            self.send(*self.trusting(), port="smtps", endpoint="tls:127.0.0.1:{}")
            for message in self.delivered(server, 4):
                assert message.endswith("\n\n.\n..\n.dot\nend.\n"), message

    def test_postfix_refuses_a_recipient_and_takes_another(self):
        with self.postfix() as server:
            said = self.send("--starttls", "off", "--to", "eve@elsewhere.example", expect=1)
            self.assertRegex(said, r"^ann@localhost: sent \(250 ")
            self.assertRegex(said, r"mail_client: the message was not sent to all: eve@elsewhere\.example: refused \(554 5\.7\.1 .*Relay access denied\)\n$")
            self.delivered(server, 1)

    def test_postfix_refuses_a_message_that_is_too_large(self):
        with self.postfix():
            said = self.send("--starttls", "off", input="x" * 200_000, expect=1)
            assert "the server takes messages of at most 100000 bytes" in said, said

    def test_postfix_with_authentication(self):
        with self.dovecot(), self.postfix(sasl="yes") as server:
            relayed = ["--to", "eve@elsewhere.example", *self.login()]
            said = self.send(*relayed, *self.trusting())
            assert "eve@elsewhere.example: sent (250" in said, said
            wrong = ["--user", "ann", "--password", "wrong"]
            said = self.send(*wrong, *self.trusting(), expect=1)
            self.assertRegex(said, r"the server refuses \(AUTH\): 535 5\.7\.8")
            self.delivered(server, 1)

    def test_postfix_without_tls(self):
        with self.postfix(level="none") as server:
            said = self.send("--starttls", "require", *self.trusting(), expect=1)
            assert "the server does not offer STARTTLS" in said, said
            self.send("--starttls", "opportunistic", *self.trusting())
            self.delivered(server, 1)

    def test_certificates(self):
        with self.postfix():
            said = self.send("--trust-roots", self.ca, "--name", "other.example", expect=1)
            assert "certificate is for another name" in said, said
            said = self.send("--trust-roots", self.other_authority(), "--name", "localhost", expect=1)
            assert "the TLS that the server agreed to start failed" in said, said

    def other_authority(self):
        other = self.path / "other"
        other.mkdir()
        return authority(other)

    # Our own servers

    def own(self, name):
        """An example that serves the mail of ann."""
        folder = ["--mail-dir", self.path / "own", "--user", "ann", "--password", "pencil"]
        return Server(name, *folder, "--cert", self.path / "server.pem")

    def test_the_example_smtp(self):
        with self.own("smtp") as server:
            self.port["own"] = server.port
            said = self.send("--to", "eve@elsewhere.example", *self.trusting(), port="own", expect=1)
            self.assertRegex(said, r"ann@localhost: sent \(250 ")
            self.assertRegex(said, r"eve@elsewhere\.example: refused \(55")
            self.send(*self.trusting(), *self.login(), port="own")
            wrong = ["--user", "ann", "--password", "wrong"]
            said = self.send(*self.trusting(), *wrong, port="own", expect=1)
            self.assertRegex(said, r"the server refuses \(AUTH\): 535")

    def test_the_examples_pop3_and_imap_show_what_smtp_took(self):
        with self.own("smtp") as server:
            self.port["own"] = server.port
            for _ in range(2):
                self.send(*self.trusting(), port="own")
        for name in ["pop3", "imap"]:
            with self.own(name) as server:
                self.port["own"] = server.port
                said = self.client(name, "own", *self.login(), *self.trusting())
                self.assertRegex(said, r"^1 \d+ \S+\n2 \d+ \S+\n$")
                wrong = ["--user", "ann", "--password", "wrong"]
                said = self.client(name, "own", *wrong, *self.trusting(), expect=1)
                self.assertRegex(said, r"mail_client: the server refuses \(AUTH")
                said = self.client(name, "own", "--starttls", "off", *self.login(), expect=1)
                self.assertRegex(said, r"mail_client: ")

    # POP3 and IMAP, with Dovecot

    def mailbox(self):
        """Two messages, as another server has delivered them."""
        for name in ["new", "cur", "tmp"]:
            (self.mail / "inbox" / name).mkdir(parents=True)
        for number in [1, 2]:
            (self.mail / "inbox" / "new" / f"{number}.x.host").write_text(MESSAGE * number)
        for path in [self.mail / "inbox", *(self.mail / "inbox").rglob("*")]:
            shutil.chown(path, "postfix", "postfix")

    def lists(self, service, name):
        self.mailbox()
        sizes = [len(AS_MAIL), 2 * len(AS_MAIL)]
        expected = re.compile(rf"1 {sizes[0]} {name}\n2 {sizes[1]} {name}\n")
        with self.dovecot():
            for said in [
                self.client(service, service, "--starttls", "off", *self.login()),
                self.client(service, service, "--starttls", "opportunistic", *self.login(), *self.trusting()),
                self.client(service, service, *self.login(), *self.trusting()),
                self.client(service, f"{service}s", *self.login(), *self.trusting(), endpoint="tls:127.0.0.1:{}"),
            ]:
                assert expected.fullmatch(said), said
            wrong = ["--user", "ann", "--password", "wrong"]
            said = self.client(service, service, *wrong, *self.trusting(), expect=1)
            assert "the server refuses (" in said, said

    def test_dovecot_pop3(self):
        self.lists("pop3", r"\S+")

    def test_dovecot_imap(self):
        self.lists("imap", r"\d+")

    def test_dovecot_without_tls(self):
        """A password stays out of clear text. SCRAM sends none, and so it may be used there."""
        self.mailbox()
        for mechanisms in ["plain login", "plain login scram-sha-256"]:
            with self.dovecot(ssl="no", mechanisms=mechanisms):
                for service in ["pop3", "imap"]:
                    said = self.client(service, service, *self.login(), *self.trusting(), expect=1)
                    assert "the server does not offer STARTTLS" in said, said
                    has_scram = "scram" in mechanisms
                    opportunistic = ["--starttls", "opportunistic", *self.login(), *self.trusting()]
                    said = self.client(service, service, *opportunistic, expect=0 if has_scram else 1)
                    if has_scram:
                        assert len(said.splitlines()) == 2, said
                    else:
                        assert "a password is not sent or accepted in clear" in said, said
            shutil.rmtree(self.path / "dovecot")


if __name__ == "__main__":
    main()
