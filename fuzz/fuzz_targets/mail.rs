//! What the clients of mail make of the replies of a server.
#![no_main]

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use retwist::ProtocolRef;
use retwist::mail::imap::{Imap, ImapOptions};
use retwist::mail::pop3::{Pop3, Pop3Options};
use retwist::mail::smtp::{Mail, Smtp, SmtpOptions};
use retwist_fuzz::{at_any_cut, receive};

/// What the program hears, in order, and the text that it is handed.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<(Vec<String>, Vec<u8>)>>);

impl Heard {
    fn outcome<T: Debug>(&self) -> impl FnOnce(T) + 'static {
        let heard = self.0.clone();
        move |outcome| heard.borrow_mut().0.push(format!("{outcome:?}"))
    }

    fn text(&self) -> impl FnMut(&[u8]) + 'static {
        let heard = self.0.clone();
        move |piece: &[u8]| heard.borrow_mut().1.extend_from_slice(piece)
    }
}

fn smtp(heard: &Heard, options: SmtpOptions) -> ProtocolRef {
    let (protocol, smtp) = Smtp::new(options);
    for text in ["one\n.two", "three"] {
        smtp.send(Mail::new("", ["a@x", "b@x"], text), heard.outcome());
    }
    smtp.extensions(heard.outcome());
    smtp.quit(heard.outcome());
    protocol
}

fn pop3(heard: &Heard) -> ProtocolRef {
    let (protocol, pop3) = Pop3::new(Pop3Options::new());
    pop3.stat(heard.outcome());
    pop3.uidl(heard.outcome());
    pop3.retrieve(1, heard.text(), heard.outcome());
    pop3.list(heard.outcome());
    pop3.quit(heard.outcome());
    protocol
}

fn imap(heard: &Heard) -> ProtocolRef {
    let (protocol, imap) = Imap::new(ImapOptions::new());
    let updates = heard.clone();
    imap.on_update(move |update| updates.outcome()(update));
    imap.list("*", heard.outcome());
    imap.select("INBOX", heard.outcome());
    imap.search("ALL", heard.outcome());
    imap.fetch(1, heard.text(), heard.outcome());
    imap.fetch_info("1:*", heard.outcome());
    imap.idle(heard.outcome());
    imap.logout(heard.outcome());
    protocol
}

fuzz_target!(|input: (u8, &[u8])| {
    let (client, bytes) = input;
    at_any_cut(bytes, |cut| {
        let heard = Heard::default();
        let protocol = match client % 4 {
            0 => smtp(&heard, SmtpOptions::new()),
            1 => smtp(&heard, SmtpOptions::new().lmtp()),
            2 => pop3(&heard),
            _ => imap(&heard),
        };
        (receive(protocol, bytes, cut), heard.0.take())
    });
});
