"""The example `imap` with Python's imaplib, curl, neomutt in a terminal and openssl, and with mail that other programs store."""

import base64
import email
import email.message
import email.policy
import hashlib
import hmac
import imaplib
import mailbox
import os
import re
import smtplib
import time

from common import PATIENCE, Server, main, needs, run, talk
from imap_common import PASSWORD, TEXT, USER, ImapTestCase, ok


def message_of_parts():
    """A message of many kinds of parts."""
    message = email.message.EmailMessage()
    message["From"] = 'Jürgen "J." Müller <j@example.org>, other@example.org'
    message["To"] = "alice@localhost"
    message["Subject"] = "Grüße (with parts)"
    message["Date"] = "Thu, 12 Feb 2026 10:00:00 +0100"
    message["In-Reply-To"] = "<0@example.org>"
    message.set_content("Plain text, with an ümlaut.\n")
    message.add_alternative("<p>Rich text</p>\n", subtype="html")
    message.add_attachment(bytes(range(256)) * 400, maintype="application", subtype="x-bytes", filename="all kinds.bin")
    inner = email.message.EmailMessage()
    inner["Subject"] = "inside"
    inner["From"] = "inner@example.org"
    inner.set_content("The inner text.\n")
    inner.add_attachment("An attachment of the inner message.\n", filename="note.txt")
    message.add_attachment(inner)
    return message.as_bytes(policy=email.policy.SMTP)


def numbers(answer):
    return [int(number) for number in ok(answer)[0].split()]


def scram(client):
    """What imaplib is to answer for SCRAM-SHA-256 (RFC 7677)."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    bare = f"n={USER},r={nonce}"
    proofs = []

    def answer(challenge):
        challenge = challenge.decode()
        if not challenge:
            return f"n,,{bare}"
        if challenge.startswith("v="):
            assert base64.b64decode(challenge[2:]) == proofs[0]
            return ""
        fields = dict(field.split("=", 1) for field in challenge.split(","))
        assert fields["r"].startswith(nonce)
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(fields["s"]), int(fields["i"]))

        def mac(key, text):
            return hmac.digest(key, text, "sha256")

        last = f"c=biws,r={fields['r']}"
        covered = f"{bare},{challenge},{last}".encode()
        key = mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), covered)))
        proofs.append(mac(mac(salted, b"Server Key"), covered))
        return f"{last},p={base64.b64encode(proof).decode()}"

    return client.authenticate("SCRAM-SHA-256", answer)


class Login(ImapTestCase):
    def test_no_password_in_clear(self):
        with self.serve() as server, imaplib.IMAP4("localhost", server.port) as client:
            assert "LOGINDISABLED" in client.capabilities and "STARTTLS" in client.capabilities
            assert not [name for name in client.capabilities if name.startswith("AUTH=")]
            for attempt in [lambda: client.login(USER, PASSWORD), lambda: client.authenticate("PLAIN", lambda _: b"\0a\0b")]:
                with self.assertRaisesRegex(imaplib.IMAP4.error, "PRIVACYREQUIRED"):
                    attempt()
            client.starttls(self.trusting())
            assert "LOGINDISABLED" not in client.capabilities and "STARTTLS" not in client.capabilities
            assert {"AUTH=PLAIN", "AUTH=SCRAM-SHA-256"} <= set(client.capabilities)

    def test_every_mechanism(self):
        with self.serve() as server:
            for login in [
                lambda client: client.login(USER, PASSWORD),
                lambda client: client.login(USER.upper(), PASSWORD),
                lambda client: client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}"),
                scram,
            ]:
                with imaplib.IMAP4("localhost", server.port) as client:
                    client.starttls(self.trusting())
                    ok(login(client))
                    ok(client.select())

    def test_wrong_passwords(self):
        with self.serve() as server, imaplib.IMAP4("localhost", server.port) as client:
            client.starttls(self.trusting())
            for name, password in [(USER, "wrong"), ("nosuch", PASSWORD)]:
                with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
                    client.login(name, password)
            with self.assertRaises((imaplib.IMAP4.error, imaplib.IMAP4.abort)):
                client.authenticate("PLAIN", lambda _: f"\0{USER}\0wrong")
            # The third was the last.
            with self.assertRaises((imaplib.IMAP4.abort, OSError)):
                client.noop()


class Messages(ImapTestCase):
    def test_what_imaplib_does_in_a_day(self):
        with self.serve() as server, self.client(server) as client:
            ok(client.append("INBOX", r"(\Flagged)", '"01-Feb-2026 10:00:00 +0100"', TEXT))
            appended = ok(client.append("INBOX", None, None, message_of_parts()))
            assert re.fullmatch(rb"\[APPENDUID \d+ 2\] stored", appended[0]), appended
            assert ok(client.search(None, "ALL")) == [b"1 2"]
            about = ok(client.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE)"))[0].decode()
            assert r"UID 1 FLAGS (\Flagged)" in about and f"RFC822.SIZE {len(TEXT)}" in about, about
            assert 'INTERNALDATE " 1-Feb-2026 09:00:00 +0000"' in about, about
            assert ok(client.fetch("1", "(RFC822)"))[0][1] == TEXT
            assert b"\\Seen" in ok(client.fetch("1", "(FLAGS)"))[0]
            assert ok(client.fetch("1", "(BODY.PEEK[TEXT]<2.3>)"))[0][1] == b"llo"
            assert ok(client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (subject to)])"))[0][1] == (
                b"To: alice@localhost\r\nSubject: plain\r\n\r\n"
            )
            assert ok(client.store("2", "+FLAGS", r"(\Deleted)")) == [rb"2 (FLAGS (\Deleted \Recent))"]
            assert numbers(client.expunge()) == [2]
            assert ok(client.uid("FETCH", "1:*", "(FLAGS)")) == [rb"1 (UID 1 FLAGS (\Flagged \Seen))"]
            ok(client.create("Lists.Rust"))
            ok(client.subscribe("Lists.Rust"))
            assert ok(client.list()) == [b'() "." "INBOX"', b'() "." "Lists"', b'() "." "Lists.Rust"']
            assert ok(client.list('""', "%")) == [b'() "." "INBOX"', b'() "." "Lists"']
            assert ok(client.lsub('""', "%")) == [b'(\\Noselect) "." "Lists"']
            assert ok(client.list('""', '""')) == [b'(\\Noselect) "." ""']
            assert b"[COPYUID " in ok(client.copy("1", "Lists.Rust"))[0]
            assert client.copy("1", "nosuch")[1][0].startswith(b"[TRYCREATE]")
            ok(client.rename("Lists", "Old"))
            status = ok(client.status("Old.Rust", "(MESSAGES UNSEEN UIDNEXT RECENT)"))
            assert status == [b'"Old.Rust" (MESSAGES 1 UNSEEN 0 UIDNEXT 2 RECENT 0)'], status
            ok(client.uid("MOVE", "1", "Old.Rust"))
            assert client.response("EXPUNGE")[1] == [b"1"]
            assert ok(client.namespace()) == [b'(("" ".")) NIL NIL']
            ok(client.xatom("ID", '("name" "imaplib")'))
            ok(client.unselect())
            ok(client.select("Old.Rust", readonly=True))
            assert client.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
            ok(client.close())
            ok(client.delete("Old.Rust"))
            assert client.delete("INBOX")[0] == "NO" and client.create("inbox")[0] == "NO"
            for name in ["../escape", "a/b", ".", "a..b", "a\\0"]:
                assert client.create(imaplib.IMAP4._quote(client, name))[0] == "NO", name
        assert sorted(os.listdir(self.mail)) == [USER]

    def test_parts_are_what_python_finds(self):
        """Each part, its header and its size, against the parser of another project."""
        raw = message_of_parts()
        parsed = email.message_from_bytes(raw, policy=email.policy.SMTP)
        with self.serve() as server, self.client(server) as client:
            ok(client.append("INBOX", None, None, raw))

            def section(name):
                return ok(client.fetch("1", f"(BODY.PEEK[{name}])"))[0][1]

            def look(part, path):
                if part.get_content_type() == "message/rfc822":
                    (inner,) = part.iter_parts()
                    assert section(f"{path}.HEADER") + section(f"{path}.TEXT") == section(path)
                    assert b"Subject: inside\r\n" in section(f"{path}.HEADER")
                    for index, child in enumerate(inner.iter_parts(), 1):
                        look(child, f"{path}.{index}")
                elif part.is_multipart():
                    for index, child in enumerate(part.iter_parts(), 1):
                        look(child, f"{path}.{index}" if path else str(index))
                else:
                    body, header = section(path), section(f"{path}.MIME")
                    assert header in raw and header + body in raw, (path, header)
                    again = email.message_from_bytes(header + body, policy=email.policy.SMTP)
                    assert again.get_content() == part.get_content() and again.items() == part.items(), path
                    assert f" {len(body)}" in structure, (path, structure)

            structure = ok(client.fetch("1", "(BODYSTRUCTURE)"))[0].decode()
            look(parsed, "")
            assert section("") == raw == section("HEADER") + section("TEXT")
            assert ok(client.fetch("1", "(BODY.PEEK[9])")) == [b"1 (BODY[9] NIL)"]
            envelope = ok(client.fetch("1", "(ENVELOPE)"))[0].decode()
            name, rest = re.search(r'\(\("=\?UTF-8\?B\?(.*?)\?=" NIL (.*?)\)', envelope).groups()
            assert base64.b64decode(name).decode() == 'Jürgen "J." Müller' and rest == '"j" "example.org"', envelope
            assert '"Thu, 12 Feb 2026 10:00:00 +0100" "=?utf-8?' in envelope and '"<0@example.org>" NIL)' in envelope, envelope

    def test_search(self):
        with self.serve() as server, self.client(server) as client:
            ok(client.append("INBOX", r"(\Seen)", '"01-Feb-2026 10:00:00 +0000"', TEXT))
            ok(client.append("INBOX", r"(\Answered)", '"03-Feb-2026 10:00:00 +0000"', message_of_parts()))
            ok(client.noop())
            for key, found in [
                ("ALL", [1, 2]),
                ("SEEN", [1]),
                ("UNSEEN", [2]),
                ("NOT ANSWERED", [1]),
                ("OR SEEN ANSWERED", [1, 2]),
                ("FROM bob", [1]),
                ('FROM "MÜLLER"', [2]),
                ('SUBJECT "grüße"', [2]),
                ('BODY "hello"', [1]),
                ('BODY "ümlaut"', [2]),
                ('BODY "inner text"', [2]),
                ('TEXT "plain"', [1, 2]),
                ("HEADER Message-ID 1@example", [1]),
                ('HEADER In-Reply-To ""', [2]),
                ("BEFORE 02-Feb-2026", [1]),
                ("ON 03-Feb-2026", [2]),
                ("SINCE 01-Feb-2026", [1, 2]),
                ("SENTON 12-Feb-2026", [2]),
                ("SENTBEFORE 12-Feb-2026", []),
                ("LARGER 1000", [2]),
                ("SMALLER 1000", [1]),
                ("1:* UID 2", [2]),
                ("UID 7:9", []),
                ("KEYWORD $Junk", []),
                ("RECENT", []),
            ]:
                literal = key.encode().decode("latin-1") if not key.isascii() else None
                if literal:
                    head, word = key.split(" ", 1)
                    client.literal = word.strip('"').encode()
                    assert numbers(client.search("UTF-8", head)) == found, key
                else:
                    assert numbers(client.search(None, key)) == found, key
            answer = client.search("KOI8-R", "ALL")
            assert answer[0] == "NO" and answer[1][0].startswith(b"[BADCHARSET"), answer

    def test_a_large_message_takes_no_memory(self):
        line = b"x" * 76 + b"\r\n"
        large = b"Subject: large\r\n\r\n" + line * 500_000
        with self.serve() as server, self.client(server) as client:
            ok(client.append("INBOX", None, None, large))
            assert ok(client.fetch("1", "(RFC822)"))[0][1] == large
            assert ok(client.fetch("1", "(BODY.PEEK[TEXT]<38999000.1000>)"))[0][1] == (line * 500_000)[38999000:]
            with open(f"/proc/{server.process.pid}/status") as status:
                peak = int(re.search(r"VmHWM:\s*(\d+)", status.read())[1])
            assert peak < 36_000, f"{peak} kB"


class Others(ImapTestCase):
    """Mail that other programs store, remove and mark."""

    def test_mail_that_another_program_stores_is_seen_at_once(self):
        with self.serve() as server, self.wire(server) as wire:
            wire.says(b"a SELECT INBOX", b"a OK")
            wire.says(b"b IDLE", b"+ ")
            maildir = mailbox.Maildir(self.mail / USER)
            for count in [1, 2, 3]:
                maildir.add(TEXT)
                assert b"* %d RECENT" % count in wire.until(b"* %d RECENT" % count)
            cur = self.mail / USER / "cur"
            names = self.files("cur")
            (cur / names[0]).rename(cur / f"{names[0]}S")
            assert b"\\Seen" in wire.until(b"* ")
            wire.says(b"DONE", b"b OK")
            for name in names[1:]:
                (cur / name).unlink()
            assert wire.says(b"c NOOP", b"c OK").count(b" EXPUNGE\r\n") == 2

    def test_mail_that_arrives_by_smtp_is_seen_at_once(self):
        to = f"{USER}@localhost"
        own = ["--mail-dir", self.mail, "--user", USER, "--password", PASSWORD]
        with self.serve() as server, Server("smtp", *own, "--ca-out", self.path / "other.pem") as smtp:
            with self.wire(server) as wire, smtplib.SMTP("localhost", smtp.port) as sender:
                wire.says(b"a SELECT INBOX", b"a OK")
                wire.says(b"b IDLE", b"+ ")
                for count in [1, 2]:
                    sender.sendmail("bob@example.org", [to], TEXT)
                    wire.until(b"* %d EXISTS" % count)
                wire.says(b"DONE", b"b OK")
                assert b"Hello.\r\n" in wire.says(b"c FETCH 2 BODY[TEXT]", b"c OK")

    def test_a_system_without_watches(self):
        """Then the server looks for itself."""
        needs("strace")
        without = ["strace", "-D", "-f", "-o", self.path / "trace", "-e", "signal=none", "-e", "inject=inotify_init1:error=EMFILE"]
        with self.serve(under=without) as server, self.wire(server) as wire:
            wire.says(b"a SELECT INBOX", b"a OK")
            wire.says(b"b IDLE", b"+ ")
            server.says("no inotify, so directories are polled")
            for count in [1, 2]:
                mailbox.Maildir(self.mail / USER).add(TEXT)
                wire.until(b"* %d EXISTS" % count)

    def test_numbers_change_only_when_the_client_is_told(self):
        with self.serve() as server, self.client(server) as one, self.client(server) as other:
            for _ in range(3):
                ok(one.append("INBOX", None, None, TEXT))
            ok(other.noop())
            ok(one.store("1", "+FLAGS.SILENT", r"(\Deleted)"))
            ok(one.expunge())
            answer = other.fetch("1:3", "(RFC822)")
            assert answer[0] == "NO" and b"EXPUNGEISSUED" in answer[1][0], answer
            assert other.response("EXPUNGE")[1] == [None]
            assert ok(other.fetch("3", "(UID)"))[-1] == b"3 (UID 3)"
            ok(other.noop())
            assert other.response("EXPUNGE")[1] == [b"1"]
            with self.assertRaisesRegex(imaplib.IMAP4.error, "no such message"):
                other.fetch("3", "(UID)")
            ok(one.store("2", "FLAGS", r"(\Flagged)"))
            ok(other.noop())
            assert other.response("FETCH")[1] == [rb"2 (FLAGS (\Flagged) UID 3)"]

    def test_the_mailbox_of_a_client_is_deleted(self):
        with self.serve() as server, self.client(server) as one, self.wire(server) as wire:
            ok(one.create("gone"))
            wire.says(b"a SELECT gone", b"a OK")
            ok(one.delete("gone"))
            wire.send(b"b NOOP\r\n")
            assert b"* BYE the mailbox has been deleted" in wire.rest()


class Programs(ImapTestCase):
    def test_curl(self):
        needs("curl")
        own = ["--cacert", self.ca, "--ssl-reqd", "--user", f"{USER}:{PASSWORD}"]
        with self.serve() as server:
            at = f"imap://localhost:{server.port}"

            def curl(*words, **how):
                return run("curl", "-sS", *own, *words, **how)

            file = self.path / "message"
            file.write_bytes(TEXT)
            curl("-T", file, f"{at}/INBOX")
            assert curl(f"{at}/INBOX;MAILINDEX=1").encode().replace(b"\r\n", b"\n") == TEXT.replace(b"\r\n", b"\n")
            assert "Subject: plain" in curl(f"{at}/INBOX;UID=1;SECTION=HEADER")
            assert '() "." "INBOX"' in curl(at)
            assert "* SEARCH 1" in curl(f"{at}/INBOX?ALL")
            curl("-X", r"STORE 1 +FLAGS (\Deleted)", f"{at}/INBOX")
            curl("-X", "EXPUNGE", f"{at}/INBOX")
            assert "(MESSAGES 0)" in curl("-X", "STATUS INBOX (MESSAGES)", at)
            # In clear, curl has no way to log in.
            run("curl", "-sS", "--user", f"{USER}:{PASSWORD}", f"{at}/INBOX", expect=67)

    def test_openssl(self):
        with self.serve() as server:
            command = ["openssl", "s_client", "-connect", server.at, "-starttls", "imap", "-quiet", "-crlf"]
            command += ["-CAfile", self.ca, "-verify_return_error"]
            talk(command, (f'a LOGIN {USER} "{PASSWORD}"\n', "a OK [CAPABILITY"), ("b LOGOUT\n", "b OK goodbye"), expect=None)

    def test_neomutt_in_a_terminal(self):
        needs("neomutt", "tmux")
        home = self.path / "home"
        home.mkdir()
        with self.serve() as server:
            with self.client(server) as client:
                ok(client.append("INBOX", None, None, TEXT))
                ok(client.append("INBOX", None, None, message_of_parts()))
            (home / "rc").write_text(f"""
set folder = "imap://{USER}@localhost:{server.port}/"
set spoolfile = "+INBOX"
set imap_pass = "{PASSWORD}"
set ssl_force_tls = yes
set ssl_starttls = yes
set certificate_file = "{self.ca}"
set ssl_ca_certificates_file = "{self.ca}"
set header_cache = ""
set sort = date-received
set timeout = 1
set mail_check = 1
set quit = yes
set wait_key = no
""")
            terminal = ["tmux", "-L", f"imap-{os.getpid()}"]
            start = f"TERM=xterm LC_ALL=C.UTF-8 HOME={home} neomutt -n -F {home}/rc 2>{home}/err"
            run(*terminal, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", start)
            try:

                def shows(*words):
                    end = time.monotonic() + PATIENCE
                    while not all(word in (screen := run(*terminal, "capture-pane", "-p", expect=None)) for word in words):
                        assert time.monotonic() < end, f"{words} never come:\n{screen}\n{server.text()}"
                        time.sleep(0.1)
                    return screen

                def key(*keys):
                    run(*terminal, "send-keys", *keys)

                shows("plain", "Grüße (with parts)")
                key("Enter")
                shows("Grüße (with parts)", "Plain text, with an ümlaut.")
                key("v")
                shows("multipa/alternativ", "applica/x-bytes", "all kinds.bin", "message/rfc822", "note.txt")
                key("q")
                shows("Plain text, with an ümlaut.")
                key("i")
                shows("plain", "Grüße (with parts)")
                # Another program stores a message, and neomutt shows it.
                mailbox.Maildir(self.mail / USER).add(TEXT.replace(b"Subject: plain", b"Subject: brand new"))
                shows("brand new")
                key("q")
            finally:
                run(*terminal, "kill-server", expect=None)
            with self.client(server) as client:
                assert ok(client.search(None, "SEEN")) == [b"2"]


if __name__ == "__main__":
    main()
