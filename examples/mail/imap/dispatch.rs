//! Which command is whose.

use imap_codec::imap_types::command::CommandBody;
use retwist::protocols::LineTransport;
use retwist::tls::start_tls;

use crate::answer::Answer;
use crate::session::Session;
use crate::support::tls::or_abort;
use crate::text;

impl Session {
    pub(crate) fn dispatch(
        &mut self,
        transport: &LineTransport,
        tag: &str,
        command: CommandBody<'_>,
        out: &mut Vec<u8>,
    ) -> Answer {
        match command {
            CommandBody::Capability => {
                let capabilities = self.capabilities(transport);
                text::write(out, format_args!("* CAPABILITY {capabilities}\r\n"));
                Answer::ok("that is all")
            }
            CommandBody::Noop => Answer::ok("nothing done"),
            CommandBody::Id { .. } => {
                out.extend_from_slice(b"* ID (\"name\" \"retwist\")\r\n");
                Answer::ok("noted")
            }
            CommandBody::Logout => {
                transport.send_line("* BYE goodbye");
                transport.send_line(format!("{tag} OK goodbye"));
                transport.lose_connection();
                Answer::Later
            }
            CommandBody::StartTLS => self.start_tls(transport, tag),
            CommandBody::Authenticate {
                mechanism,
                initial_response,
            } => {
                let initial = initial_response
                    .as_ref()
                    .map(|initial| &**initial.declassify());
                self.authenticate(transport, tag, mechanism.as_ref(), initial)
            }
            CommandBody::Login { username, password } => {
                let password = password.declassify();
                self.login(transport, username.as_ref(), password.as_ref())
            }
            _ if self.user.is_none() => Answer::bad("say who you are first"),
            CommandBody::Idle => self.idle(transport, tag, out),
            command => self.authenticated(command, out),
        }
    }

    /// Commands of a client that has said who it is.
    fn authenticated(&mut self, command: CommandBody<'_>, out: &mut Vec<u8>) -> Answer {
        match command {
            CommandBody::Select { mailbox } => self.select(&mailbox, false, out),
            CommandBody::Examine { mailbox } => self.select(&mailbox, true, out),
            CommandBody::Create { mailbox } => self.create(&mailbox),
            CommandBody::Delete { mailbox } => self.delete(&mailbox),
            CommandBody::Rename { from, to } => self.rename(&from, &to),
            CommandBody::Subscribe { mailbox } => self.subscribe(&mailbox, true),
            CommandBody::Unsubscribe { mailbox } => self.subscribe(&mailbox, false),
            CommandBody::List {
                reference,
                mailbox_wildcard,
            } => self.list("LIST", &reference, &mailbox_wildcard, out),
            CommandBody::Lsub {
                reference,
                mailbox_wildcard,
            } => self.list("LSUB", &reference, &mailbox_wildcard, out),
            CommandBody::Status {
                mailbox,
                item_names,
            } => self.status(&mailbox, &item_names, out),
            CommandBody::Namespace => {
                // One namespace, the user's own (RFC 2342).
                out.extend_from_slice(b"* NAMESPACE ((\"\" \".\")) NIL NIL\r\n");
                Answer::ok("that is all")
            }
            command if self.selected.is_none() => match command {
                CommandBody::Check
                | CommandBody::Close
                | CommandBody::Unselect
                | CommandBody::Expunge
                | CommandBody::ExpungeUid { .. }
                | CommandBody::Search { .. }
                | CommandBody::Fetch { .. }
                | CommandBody::Store { .. }
                | CommandBody::Copy { .. }
                | CommandBody::Move { .. } => Answer::bad("select a mailbox first"),
                _ => Answer::bad("this server does not know that"),
            },
            command => self.in_mailbox(command, out),
        }
    }

    /// Commands on the messages of the selected mailbox.
    fn in_mailbox(&mut self, command: CommandBody<'_>, out: &mut Vec<u8>) -> Answer {
        match command {
            CommandBody::Check => Answer::ok("all is on the disk"),
            CommandBody::Close => self.close(),
            CommandBody::Unselect => {
                self.selected = None;
                Answer::ok("no mailbox is selected")
            }
            CommandBody::Expunge => self.expunge(None),
            CommandBody::ExpungeUid { sequence_set } => self.expunge(Some(&sequence_set)),
            CommandBody::Search {
                charset,
                criteria,
                uid,
            } => self.search(charset.as_ref(), &criteria, uid),
            CommandBody::Fetch {
                sequence_set,
                macro_or_item_names,
                uid,
            } => self.fetch(&sequence_set, &macro_or_item_names, uid),
            CommandBody::Store {
                sequence_set,
                kind,
                response,
                flags,
                uid,
            } => self.store(&sequence_set, &kind, &response, &flags, uid),
            CommandBody::Copy {
                sequence_set,
                mailbox,
                uid,
            } => self.copy(&sequence_set, &mailbox, uid),
            CommandBody::Move {
                sequence_set,
                mailbox,
                uid,
            } => self.move_messages(&sequence_set, &mailbox, uid, out),
            _ => Answer::bad("this server does not know that"),
        }
    }

    fn start_tls(&mut self, transport: &LineTransport, tag: &str) -> Answer {
        if Self::is_protected(transport) {
            return Answer::bad("TLS has been started already");
        }
        transport.send_line(format!("{tag} OK go ahead"));
        let started = start_tls(transport, self.service.tls.clone());
        or_abort(transport, started.map(drop));
        Answer::Later
    }

    /// What this server can do at this moment. In clear it takes no password.
    pub(crate) fn capabilities(&self, transport: &LineTransport) -> String {
        let mut all = String::from("IMAP4rev1 LITERAL+ ID IDLE UIDPLUS MOVE NAMESPACE UNSELECT");
        if !Self::is_protected(transport) {
            all += " STARTTLS LOGINDISABLED";
        } else if self.user.is_none() {
            all += " SASL-IR";
            for mechanism in self.service.logins.offered(transport) {
                all += " AUTH=";
                all += mechanism;
            }
        }
        all
    }
}
